/* distill.c: `limbeck distill`: a student from a teacher's cache, by loss (3), (4) or (5). */
#include "cli.h"

#include <string.h>

typedef struct arguments {
    cli_run run;
    const char *cache, *logits, *method, *weights, *meta_split;
    bool softened; /* alpha or temperature was given */
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"cache", 'k', "FILE", 0, "The teacher's cache, made by `limbeck probe`", 1},
    {"teacher-logits", 'L', "FILE", 0,
     "Or a teacher's own logits, made by any model (docs/teacher-logits.md)", 1},
    {"method", 'm', "NAME", 0, "alone (3), kd (4) or msd (5): --set distill.method=NAME", 3},
    {"weights", 'w', "NAME", 0,
     "uniform (7), fixed (8), population (9), instance (10), learned or learned-population (11): --set "
     "distill.weights=NAME",
     3},
    {"meta-split", 'M', "NAME", 0,
     "Learn weights on this split of the pack, not on a part of the training split: --set "
     "distill.meta_split=NAME",
     3},
    {"alpha", 'a', "X", 0, "Share of the divergence in the loss, 0 to 1: --set distill.alpha=X", 3},
    {"temperature", 'T', "X", 0, "Softens both predictions: --set distill.temperature=X", 3},
    {"json", 'j', 0, 0, "Print the summary as JSON", 4},
    {0}};

/* What the command line itself says would not be used. */
static void check(const arguments *given, struct argp_state *state) {
    const bool may_be_set = given->run.config || cli_run_sets(&given->run, "distill.weights");
    const char *method = given->method ? given->method : "msd", *weights = given->weights ? given->weights
                                                                           : may_be_set
                                                                               ? "learned"
                                                                               : "instance"; /* the default */
    if (given->cache && given->logits) argp_error(state, "--cache or --teacher-logits, not both");
    if (given->weights && strcmp(method, "msd") != 0) argp_error(state, "--weights goes with --method msd");
    if (given->meta_split && (strcmp(method, "msd") != 0 || strncmp(weights, "learned", 7) != 0))
        argp_error(state, "--meta-split goes with --method msd and --weights learned or learned-population");
    if (given->softened && strcmp(method, "alone") == 0)
        argp_error(state, "--alpha and --temperature go with --method kd or msd");
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->run;
        state->child_inputs[1] = &given->num_threads;
        return 0;
    case 'k':
        given->cache = argument;
        return 0;
    case 'L':
        given->logits = argument;
        return 0;
    case 'm':
        given->method = argument;
        cli_run_set(&given->run, "distill.method", argument);
        return 0;
    case 'w':
        given->weights = argument;
        cli_run_set(&given->run, "distill.weights", argument);
        return 0;
    case 'M':
        given->meta_split = argument;
        cli_run_set(&given->run, "distill.meta_split", argument);
        return 0;
    case 'a':
        given->softened = true;
        cli_run_set(&given->run, "distill.alpha", argument);
        return 0;
    case 'T':
        given->softened = true;
        cli_run_set(&given->run, "distill.temperature", argument);
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
    {&cli_run_argp, 0, NULL, 0}, {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 NULL,
                                 "Trains a student from a teacher's cache. FOLDER becomes a run folder, "
                                 "whose best/ is a Hugging Face model.\v"
                                 "Equation numbers are those of docs/method.md, our reading of the method. "
                                 "Ctrl-C saves; the same command with "
                                 "--resume goes on to the same result.",
                                 children,
                                 NULL,
                                 NULL};

static lbk_status distill(lbk_context *context, const lbk_config *config, const char *cache,
                          const cli_run *run, char **summary) {
    return lbk_distill(context, config, cache, run->out, run->resume, summary);
}

int cli_distill(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    int code = cli_run_start(&given.run, given.num_threads, given.json, distill,
                             given.cache ? given.cache : given.logits);
    cli_run_free(&given.run);
    return code;
}
