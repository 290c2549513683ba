/* predict.c: `limbeck predict`: what a model says to one text and picture, or to a stream of them. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { FEATURES = 256, WEIGHTS, PROJECTION, IMAGE_ROOT, PRECISION };

typedef struct arguments {
    const char *model, *lines, *features, *weights, *projection, *image_root, *precision;
    lbk_input input;
    int32_t top;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"model", 'm', "FOLDER", 0, "The model: a model or run folder", 1},
    {"text", 'x', "TEXT", 0, "The text", 2},
    {"image", 'i', "FILE", 0, "The picture, or the name of an image in the file of features", 2},
    {"lines", 'l', "FILE", 0,
     "Instead: JSON lines with \"id\", \"text\", \"image\"; - is standard input. Prints a line for each", 2},
    {"features", FEATURES, "FILE", 0, "Region features (HDF5), for models that were trained on such", 3},
    {"weights", WEIGHTS, "FILE", 0,
     "Weights of the image encoder, for models that were trained on its features", 3},
    {"projection", PROJECTION, "FILE", 0, "The projection of its features, where there was one", 3},
    {"image-root", IMAGE_ROOT, "FOLDER", 0, "Where paths of images start (default: beside the lines)", 3},
    {"precision", PRECISION, "NAME", 0, "Of matrix products: fp32 (default), bf16, int8, auto", 3},
    {"top", 'n', "N", 0, "Print the N likeliest labels (default 5; 0: all)", 4},
    {"json", 'j', 0, 0, "Print the answer as JSON", 4},
    {0}};

static void check(const arguments *given, struct argp_state *state) {
    const bool one = given->input.text || given->input.image;
    cli_require(state, "MODEL", given->model);
    if (!one && !given->lines) argp_error(state, "--text TEXT, --image FILE or --lines FILE is missing");
    if (given->weights && given->features)
        argp_error(state, "--weights FILE does not go with --features FILE");
    if (given->projection && !given->weights) argp_error(state, "--projection FILE goes with --weights FILE");
    if (one && given->lines) argp_error(state, "--lines FILE does not go with --text or --image");
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case ARGP_KEY_ARG:
    case 'm':
        if (given->model) argp_error(state, "%s: one model at a time", argument);
        given->model = argument;
        return 0;
    case 'x':
        given->input.text = argument;
        return 0;
    case 'i':
        given->input.image = argument;
        return 0;
    case 'l':
        given->lines = argument;
        return 0;
    case FEATURES:
        given->features = argument;
        return 0;
    case WEIGHTS:
        given->weights = argument;
        return 0;
    case PROJECTION:
        given->projection = argument;
        return 0;
    case IMAGE_ROOT:
        given->image_root = argument;
        return 0;
    case PRECISION:
        given->precision = argument;
        return 0;
    case 'n':
        given->top = cli_int(state, "top", argument, 0, INT32_MAX);
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_END:
        check(given, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "[MODEL]",
    "Prints the labels of a text and picture with their probabilities when the model sees both (joint), the "
    "text only and the image only, and which of the two decides.",
    children,
    NULL,
    NULL};

/* "food" or "Drama, Comedy" of one view. */
static void add_decision(cli_table *table, const json_t *view) {
    const json_t *label = json_object_get(view, "label");
    cli_table_value(table, label ? label : json_object_get(view, "labels"));
}

/* A row for each class by falling joint probability, then each view's decision, then the sentence. */
static void print_answer(json_t *root) {
    json_t *joint = json_object_get(json_object_get(root, cli_view_names[LBK_VIEW_JOINT]), "probabilities");
    cli_table *table = cli_table_create();
    const char *name;
    json_t *unused;
    cli_table_cell(table, "label");
    for (int view = 0; view < LBK_NUM_VIEWS; view++) cli_table_cell(table, cli_view_names[view]);
    json_object_foreach(joint, name, unused) {
        cli_table_row(table);
        cli_table_cell(table, name);
        for (int view = 0; view < LBK_NUM_VIEWS; view++) {
            json_t *of_view = json_object_get(root, cli_view_names[view]);
            cli_table_value(table, json_object_get(json_object_get(of_view, "probabilities"), name));
        }
    }
    cli_table_print(table, true);
    cli_table_free(table);
    table = cli_table_create();
    for (int view = 0; view < LBK_NUM_VIEWS; view++) {
        if (view) cli_table_row(table);
        cli_table_cell(table, cli_view_names[view]);
        add_decision(table, json_object_get(root, cli_view_names[view]));
    }
    putchar('\n');
    cli_table_print(table, false);
    cli_table_free(table);
    printf("\n%s\n", json_string_value(json_object_get(root, "sentence")));
}

/* Whoever waits for the answer gets it now. */
static int print_line(void *user, const char *line) {
    (void)user;
    return puts(line) < 0 || fflush(stdout) != 0;
}

/* The folder of the file of lines, as for packs; the caller frees it. */
static char *folder_of(const char *lines) {
    const char *slash = strrchr(lines, '/');
    return cli_format("%.*s", slash ? (int)(slash - lines + 1) : 0, lines);
}

static int answer_lines(lbk_context *context, lbk_model *model, const arguments *given) {
    int64_t num_failed = 0;
    int code = cli_finish(
        context, lbk_model_answer_lines(model, given->lines, given->top, print_line, NULL, &num_failed));
    if (code != CLI_OK || num_failed == 0) return code;
    if (num_failed == 1)
        cli_say("1 record could not be answered; its line says why");
    else
        cli_say("%lld records could not be answered; their lines say why", (long long)num_failed);
    return lbk_status_exit_code(LBK_BAD_DATA);
}

static int answer_one(lbk_context *context, lbk_model *model, const arguments *given) {
    char *answer = NULL;
    int code = cli_finish(context, lbk_model_answer(model, &given->input, given->top, &answer));
    if (code == CLI_OK) code = cli_report(answer, given->json, print_answer);
    lbk_free(context, answer);
    return code;
}

int cli_predict(int argc, char **argv) {
    arguments given = {.top = 5};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    lbk_model *model = NULL;
    char *root =
        given.image_root ? cli_format("%s", given.image_root) : folder_of(given.lines ? given.lines : "");
    int code = cli_finish(context, lbk_model_open(context, given.model, &model));
    if (code == CLI_OK) code = cli_finish(context, lbk_model_set_precision(model, given.precision));
    if (code == CLI_OK)
        code = cli_finish(context, given.weights
                                       ? lbk_model_set_encoder(model, root, given.weights, given.projection)
                                       : lbk_model_set_images(model, root, given.features));
    if (code == CLI_OK)
        code = given.lines ? answer_lines(context, model, &given) : answer_one(context, model, &given);
    free(root);
    lbk_model_close(model);
    cli_close(context);
    return code;
}
