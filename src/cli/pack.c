/* pack.c: `limbeck pack`: raw data into one memory-mapped pack. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    CASED = 256,
    IMAGES,
    VISUAL,
    IMAGE_SIZE,
    PATCH_SIZE,
    FEATURES,
    LABELS,
    CLASSES,
    SKIP_BAD,
    NO_CAPS,
    JSON
};

typedef struct arguments {
    lbk_pack_options pack;
    const char *out, *classes;
    int num_threads;
    bool json, labels; /* labels: their kind was said */
} arguments;

/* In the order of lbk_source, as the two lists after it are in that of their enumerations; encoders come
 * last. */
static const char *const sources[] = {"jsonl",         "mmimdb",   "openclipart", "snli-ve", "vqa-v2",
                                      "hateful-memes", "easy-vqa", "appstream",   NULL};
static const char *const visuals[] = {"none",
                                      "patches",
                                      "hdf5",
                                      "npy",
                                      "tsv",
                                      "efficientnet-lite0",
                                      "efficientnet-lite1",
                                      "efficientnet-lite2",
                                      "efficientnet-lite3",
                                      "efficientnet-lite4",
                                      NULL};
static const char *const label_kinds[] = {"single", "multi", "soft", NULL};

static const struct argp_option options[] = {
    {"source", 's', "KIND", 0,
     "What DATA is: jsonl (default), mmimdb, openclipart, snli-ve, vqa-v2, hateful-memes, easy-vqa, "
     "appstream",
     1},
    {"images", IMAGES, "FOLDER", 0, "What image paths are relative to (default: the folder of DATA)", 1},
    {"labels", LABELS, "KIND", 0, "Labels of JSON lines: single (default), multi, soft", 1},
    {"classes", CLASSES, "FILE", 0, "Legal class names, one a line (default: those that occur)", 1},
    {"skip-bad", SKIP_BAD, 0, 0, "Report bad records and go on without them", 1},
    {"no-caps", NO_CAPS, 0, 0,
     "openclipart: label more than 400 drawings of a class, of a title still 12 at most", 1},
    {"vocab", 'v', "FILE", 0, "The vocabulary: vocab.txt, one token a line", 2},
    {"cased", CASED, 0, 0, "Keep case and accents", 2},
    {"max-text-tokens", 'm', "N", 0, "Longest text, [CLS] and [SEP] included (default 128)", 2},
    {"visual", VISUAL, "KIND", 0,
     "Visual rows: patches (default), hdf5, npy, tsv, efficientnet-lite0 to efficientnet-lite4, none", 3},
    {"image-size", IMAGE_SIZE, "N", 0,
     "Side in pixels that pictures are resized to (default 128, or the encoder's own)", 3},
    {"patch-size", PATCH_SIZE, "N", 0, "Side of a patch in pixels (default 32)", 3},
    {"features", FEATURES, "FILE", 0, "Region features: an HDF5 file, a folder of .npy, or a table", 3},
    {"out", 'o', "FILE", 0, "Write the pack to FILE", 4},
    {"json", JSON, 0, 0, "Print the summary as JSON", 4},
    {0}};

static void set_visual(lbk_pack_options *pack, int choice) {
    pack->visual = choice < LBK_VISUAL_ENCODER ? (lbk_visual)choice : LBK_VISUAL_ENCODER;
    if (pack->visual == LBK_VISUAL_ENCODER) pack->encoder.name = visuals[choice];
}

/* What would be read without being used, the pack being another than was meant. */
static void check_visual(const lbk_pack_options *pack, struct argp_state *state) {
    const lbk_encoder_options *encoder = &pack->encoder;
    const bool encoded = pack->visual == LBK_VISUAL_ENCODER, patches = pack->visual == LBK_VISUAL_PATCHES;
    if (encoded) cli_require(state, "--weights FILE", encoder->weights);
    if (!encoded && (encoder->weights || encoder->projection || encoder->grid))
        argp_error(state, "--weights, --projection and --grid go with --visual efficientnet-lite0 to 4");
    if (pack->features && (encoded || patches || pack->visual == LBK_VISUAL_NONE))
        argp_error(state, "--features goes with --visual hdf5, npy or tsv");
    if (pack->patch_size && !patches) argp_error(state, "--patch-size goes with --visual patches");
    if (pack->image_size && !patches && !encoded)
        argp_error(state, "--image-size goes with --visual patches or efficientnet-lite0 to 4");
}

static lbk_label_kind usual_labels(lbk_source source) {
    if (source == LBK_SOURCE_VQA_V2) return LBK_LABEL_SOFT;
    return source == LBK_SOURCE_MMIMDB || source == LBK_SOURCE_APPSTREAM ? LBK_LABEL_MULTI : LBK_LABEL_SINGLE;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    lbk_pack_options *pack = &given->pack;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &pack->encoder;
        state->child_inputs[1] = &given->num_threads;
        return 0;
    case 's':
        pack->source = (lbk_source)cli_choice(state, "--source", argument, sources);
        return 0;
    case IMAGES:
        pack->image_root = argument;
        return 0;
    case LABELS:
        pack->label_kind = (lbk_label_kind)cli_choice(state, "--labels", argument, label_kinds);
        given->labels = true;
        return 0;
    case CLASSES:
        given->classes = argument;
        return 0;
    case SKIP_BAD:
        pack->skip_bad = 1;
        return 0;
    case NO_CAPS:
        pack->no_caps = 1;
        return 0;
    case 'v':
        pack->vocab = argument;
        return 0;
    case CASED:
        pack->cased = 1;
        return 0;
    case 'm':
        pack->max_text_tokens = cli_int(state, "max-text-tokens", argument, 3, INT32_MAX);
        return 0;
    case VISUAL:
        set_visual(pack, cli_choice(state, "--visual", argument, visuals));
        return 0;
    case IMAGE_SIZE:
        pack->image_size = pack->encoder.image_size = cli_int(state, "image-size", argument, 1, 4096);
        return 0;
    case PATCH_SIZE:
        pack->patch_size = cli_int(state, "patch-size", argument, 1, 4096);
        return 0;
    case FEATURES:
        pack->features = argument;
        return 0;
    case 'o':
        given->out = argument;
        return 0;
    case JSON:
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (pack->path) argp_error(state, "%s: one DATA at a time", argument);
        pack->path = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "DATA", pack->path);
        cli_require(state, "--vocab FILE", pack->vocab);
        cli_require(state, "--out FILE", given->out);
        check_visual(pack, state);
        if (!given->labels) pack->label_kind = usual_labels(pack->source);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_encoder_argp, 0, NULL, 3}, {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "DATA",
    "Turns raw data (a file of JSON lines, or a folder in the layout that --source names) into one pack: "
    "tokenised "
    "texts, visual rows, labels and splits.\v"
    "A JSON line is {\"id\", \"text\", \"image\", \"label\" | \"labels\" | \"scores\", \"split\"}.",
    children,
    NULL,
    NULL};

/* Without a byte-order mark, and blanks and line ends at the end. */
static char *trimmed(char *line, bool first) {
    size_t length = strlen(line);
    while (length && strchr(" \t\r\n", line[length - 1])) line[--length] = 0;
    return first && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? line + 3 : line;
}

/* One class a line; their order is that of a model's logits, so no line but the last may be empty. */
static int read_classes(const char *path, cli_list *lines) {
    FILE *file = fopen(path, "r");
    if (!file) {
        cli_say("%s: cannot open: %s", path, strerror(errno));
        return lbk_status_exit_code(LBK_IO);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    size_t number = 0, empty = 0; /* lines from 1; the first that is empty */
    bool gap = false;
    while ((length = getline(&line, &capacity, file)) >= 0) {
        const char *class = trimmed(line, number++ == 0);
        if (*class) cli_list_add(lines, class);
        gap |= *class && empty;
        if (!*class && !empty) empty = number;
    }
    bool failed = ferror(file);
    if (failed) cli_say("%s: cannot read: %s", path, strerror(errno));
    free(line);
    fclose(file);
    if (failed) return lbk_status_exit_code(LBK_IO);
    if (gap) {
        cli_say("%s, line %zu: is empty; a class needs a name, and without one all that follow would move up",
                path, empty);
        return lbk_status_exit_code(LBK_BAD_DATA);
    }
    if (lines->count) return CLI_OK;
    cli_say("%s: names no class; it must have one a line", path);
    return lbk_status_exit_code(LBK_BAD_DATA);
}

int cli_pack(int argc, char **argv) {
    arguments given = {.pack.visual = LBK_VISUAL_PATCHES};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    cli_list classes = {0};
    int code = given.classes ? read_classes(given.classes, &classes) : CLI_OK;
    if (code != CLI_OK) {
        cli_list_free(&classes);
        return code;
    }
    given.pack.classes = (const char *const *)classes.items;
    given.pack.num_classes = classes.count;

    lbk_context *context = cli_open(given.num_threads);
    cli_catch_signals();
    char *summary = NULL;
    code = cli_finish(context, lbk_pack_build(context, &given.pack, given.out, &summary));
    if (code == CLI_OK) code = cli_report(summary, given.json, cli_print_contents);
    lbk_free(context, summary);
    cli_close(context);
    cli_list_free(&classes);
    return code;
}
