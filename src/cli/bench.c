/* bench.c: `limbeck bench`: times synthetic training and serving steps. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 256,
    LENGTHS,
    REGIONS,
    VISUAL_DIM,
    CLASSES,
    DROPOUT,
    STEPS,
    WARMUP,
    SIZE,
    LAYERS,
    HIDDEN,
    PRECISION,
    PROFILE,
    JSON
};

typedef struct arguments {
    lbk_bench_options bench;
    int num_threads;
    bool json;
} arguments;

static const char *const works[] = {"kd", "msd", "meta", "probe", "infer", NULL};
static const char *const sizes[] = {"mini", "small", "tiny312", "minilm6", "minilm12", "base", NULL};
static const char *const precisions[] = {"fp32", "bf16", "int8", "auto", NULL};

static const struct argp_option options[] = {
    {"size", SIZE, "NAME", 0, "mini, small, tiny312 (default), minilm6, minilm12, base", 1},
    {"layers", LAYERS, "N", 0, "Layers in place of the size's", 1},
    {"hidden", HIDDEN, "N", 0,
     "Hidden size in place of the size's, a multiple of 32: heads of 32, 4 N inside", 1},
    {"batch", BATCH, "N", 0, "Samples a step (default 32)", 1},
    {"lengths", LENGTHS, "LO,HI", 0, "Shortest and longest text in tokens, uniform (default 8,48)", 1},
    {"regions", REGIONS, "N", 0, "Visual rows a sample (default 36)", 1},
    {"visual-dim", VISUAL_DIM, "N", 0, "Numbers a visual row (default 2048)", 1},
    {"classes", CLASSES, "N", 0, "Classes (default 23)", 1},
    {"dropout", DROPOUT, "P", 0, "Dropout of the training steps (default 0.1)", 1},
    {"precision", PRECISION, "NAME", 0, "fp32 (default), bf16, auto; probe and infer also int8", 1},
    {"steps", STEPS, "N", 0, "Steps timed (default 20); the median is printed", 2},
    {"warmup", WARMUP, "N", 0, "Steps before that (default 4)", 2},
    {"profile", PROFILE, NULL, 0, "Also where the time goes, as tables", 2},
    {"json", JSON, NULL, 0, "That as JSON, too", 2},
    {0}};

static void parse_lengths(struct argp_state *state, lbk_bench_options *bench, char *text) {
    char *comma = strchr(text, ',');
    if (!comma) argp_error(state, "--lengths %s: LO,HI is wanted", text);
    *comma = 0;
    bench->shortest = cli_int(state, "lengths", text, 2, 512);
    bench->longest = cli_int(state, "lengths", comma + 1, bench->shortest, 512);
    *comma = ',';
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    lbk_bench_options *bench = &given->bench;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case SIZE:
        bench->size = sizes[cli_choice(state, "--size", argument, sizes)];
        return 0;
    case LAYERS:
        bench->layers = cli_int(state, "layers", argument, 1, 1000);
        return 0;
    case HIDDEN:
        bench->hidden = cli_int(state, "hidden", argument, 32, 65536);
        return 0;
    case BATCH:
        bench->batch = cli_int(state, "batch", argument, 1, 65536);
        return 0;
    case LENGTHS:
        parse_lengths(state, bench, argument);
        return 0;
    case REGIONS:
        bench->regions = cli_int(state, "regions", argument, 0, 4096);
        return 0;
    case VISUAL_DIM:
        bench->visual_dim = cli_int(state, "visual-dim", argument, 1, 65536);
        return 0;
    case CLASSES:
        bench->classes = cli_int(state, "classes", argument, 1, 1 << 20);
        return 0;
    case DROPOUT:
        bench->dropout = (float)cli_real(state, "dropout", argument, 0, 0.99);
        return 0;
    case PRECISION:
        bench->precision = precisions[cli_choice(state, "--precision", argument, precisions)];
        return 0;
    case STEPS:
        bench->steps = cli_int(state, "steps", argument, 1, 1 << 24);
        return 0;
    case WARMUP:
        bench->warmup = cli_int(state, "warmup", argument, 0, 1 << 24);
        return 0;
    case JSON:
        given->json = true;
        return 0;
    case PROFILE:
        bench->profile = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (bench->work) argp_error(state, "%s: one WORK at a time", argument);
        bench->work = works[cli_choice(state, "WORK", argument, works)];
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "WORK (kd, msd, meta, probe or infer)", bench->work);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_threads_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "WORK",
    "Times one kind of work on synthetic batches and prints one JSON line: the median step.\v"
    "WORK: kd, a distillation step on the joint view; msd, one on all three views; meta, one that also "
    "learns "
    "the views' weights; probe, the teacher's logits under three views; infer, the joint view, no gradient.",
    children,
    NULL,
    NULL};

int cli_bench(int argc, char **argv) {
    arguments given = {.bench = {.size = "tiny312",
                                 .batch = 32,
                                 .shortest = 8,
                                 .longest = 48,
                                 .regions = 36,
                                 .visual_dim = 2048,
                                 .classes = 23,
                                 .dropout = 0.1f,
                                 .steps = 20,
                                 .warmup = 4,
                                 .precision = "fp32"}};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    char *line = NULL;
    int code = cli_finish(context, lbk_bench(context, &given.bench, &line));
    if (code == CLI_OK) code = cli_report(line, given.json || !given.bench.profile, cli_print_contents);
    lbk_free(context, line);
    cli_close(context);
    return code;
}
