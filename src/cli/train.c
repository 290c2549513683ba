/* train.c: `limbeck train`: a model from labels alone, loss (3): the teacher. */
#include "cli.h"

typedef struct arguments {
    cli_run run;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {{"json", 'j', 0, 0, "Print the summary as JSON", 3}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->run;
        state->child_inputs[1] = &given->num_threads;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_run_argp, 0, NULL, 0}, {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 NULL,
                                 "Trains a model on the labels of a pack. FOLDER becomes a run folder, whose "
                                 "best/ is a Hugging Face model.\v"
                                 "Ctrl-C saves; the same command with --resume goes on to the same result.",
                                 children,
                                 NULL,
                                 NULL};

static lbk_status train(lbk_context *context, const lbk_config *config, const char *cache, const cli_run *run,
                        char **summary) {
    (void)cache;
    return lbk_train(context, config, run->out, run->resume, summary);
}

int cli_train(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    int code = cli_run_start(&given.run, given.num_threads, given.json, train, NULL);
    cli_run_free(&given.run);
    return code;
}
