/* info.c: `limbeck info`: what a file or folder of limbeck's is. */
#include "cli.h"

typedef struct arguments {
    const char *path;
    bool json;
} arguments;

static const struct argp_option options[] = {{"json", 'j', 0, 0, "Print it as JSON", 0}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->path) argp_error(state, "%s: one PATH at a time", argument);
        given->path = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "PATH", given->path);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "PATH",
    "Explains a pack, a teacher cache, a model, a run folder or a study: counts, labels, "
    "lengths, hashes, what made it.",
    NULL,
    NULL,
    NULL};

int cli_info(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(0);
    char *text = NULL;
    int code = cli_finish(context, lbk_info(context, given.path, &text));
    if (code == CLI_OK) code = cli_report(text, given.json, cli_print_contents);
    lbk_free(context, text);
    cli_close(context);
    return code;
}
