/* features.c: `limbeck features`: region features of a folder of pictures, by a frozen image encoder. */
#include "cli.h"

#include <stdlib.h>

enum { SKIP_BAD = 256, IMAGE_SIZE };

typedef struct arguments {
    lbk_features_options features;
    const char *out;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"encoder", 'e', "NAME", 0, "The image encoder: efficientnet-lite0 to efficientnet-lite4", 1},
    {"image-size", IMAGE_SIZE, "N", 0,
     "Side in pixels that pictures are resized to (default: the encoder's own, 224 to 300)", 1},
    {"skip-bad", SKIP_BAD, 0, 0, "Report pictures that cannot be read and go on without them", 3},
    {"json", 'j', 0, 0, "Print the summary as JSON", 4},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->features.encoder;
        state->child_inputs[1] = &given->num_threads;
        return 0;
    case 'e':
        given->features.encoder.name = argument;
        return 0;
    case IMAGE_SIZE:
        given->features.encoder.image_size = cli_int(state, "image-size", argument, 32, 1024);
        return 0;
    case SKIP_BAD:
        given->features.skip_bad = 1;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->out) argp_error(state, "%s: one FOLDER and one OUT.h5", argument);
        *(given->features.path ? &given->out : &given->features.path) = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "FOLDER", given->features.path);
        cli_require(state, "OUT.h5", given->out);
        cli_require(state, "--encoder NAME", given->features.encoder.name);
        cli_require(state, "--weights FILE", given->features.encoder.weights);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_encoder_argp, 0, NULL, 0}, {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "FOLDER OUT.h5",
    "Writes the features of a grid of regions of every picture in a folder, as an image encoder sees them, "
    "into a "
    "file for `limbeck pack --visual hdf5`. A run that was stopped goes on where it was.",
    children,
    NULL,
    NULL};

int cli_features(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    cli_catch_signals();
    char *summary = NULL;
    int code = cli_finish(context, lbk_features_build(context, &given.features, given.out, &summary));
    if (code == CLI_OK) code = cli_report(summary, given.json, cli_print_json);
    lbk_free(context, summary);
    cli_close(context);
    return code;
}
