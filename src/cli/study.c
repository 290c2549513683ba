/* study.c: `limbeck study` and `limbeck report`: methods against each other over seeds, and a page about it.
 */
#include "cli.h"

typedef struct arguments {
    lbk_study_options study;
    int num_threads;
    bool json;
} arguments;

enum { IMAGES = 256, TEACHER };

static const struct argp_option study_options[] = {
    {"out", 'o', "FOLDER", 0, "The study's folder", 1},
    {"pack", 'p', "FILE", 0, "The pack, in place of the recipe's", 2},
    {"init", 'i', "FOLDER", 0, "The model that the teacher starts from: its model.init_from", 2},
    {"teacher", TEACHER, "FOLDER", 0, "A trained model, in place of the recipe's teacher", 2},
    {"images", IMAGES, "FOLDER", 0, "What image paths are relative to, for pictures in the report", 2},
    {"json", 'j', 0, 0, "Print the summary as JSON", 3},
    {0}};

static error_t parse_study(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case 'o':
        given->study.out = argument;
        return 0;
    case 'p':
        given->study.pack = argument;
        return 0;
    case 'i':
        given->study.init = argument;
        return 0;
    case TEACHER:
        given->study.teacher = argument;
        return 0;
    case IMAGES:
        given->study.images = argument;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->study.recipe) argp_error(state, "%s: one RECIPE is wanted", argument);
        given->study.recipe = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "RECIPE", given->study.recipe);
        cli_require(state, "--out FOLDER", given->study.out);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp study_argp = {
    study_options,
    parse_study,
    "RECIPE",
    "Trains a teacher and students by every method and seed of a recipe (docs/study.md), chooses "
    "hyper-parameters on dev, scores each chosen student once on test, and writes FOLDER/report.html, "
    "results.csv and results.json.\v"
    "Students are trained side by side, as many as there are threads, one thread each. What is done is kept: "
    "after Ctrl-C or a crash the same command goes on to the same tables.",
    children,
    NULL,
    NULL};

static int finish(lbk_context *context, lbk_status status, char *summary, bool json) {
    int code = cli_finish(context, status);
    if (code == CLI_OK) code = cli_report(summary, json, cli_print_json);
    lbk_free(context, summary);
    cli_close(context);
    return code;
}

int cli_study(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&study_argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    cli_catch_signals();
    char *summary = NULL;
    const lbk_status status = lbk_study(context, &given.study, &summary);
    return finish(context, status, summary, given.json);
}

/* ---- report ---- */

typedef struct report_arguments {
    lbk_report_options report;
    bool json;
} report_arguments;

static const struct argp_option report_options[] = {
    {"pack", 'p', "FILE", 0, "Where the study's pack is now, if it was moved", 1},
    {"images", IMAGES, "FOLDER", 0, "What image paths are relative to now", 1},
    {"json", 'j', 0, 0, "Print the summary as JSON", 2},
    {0}};

static error_t parse_report(int key, char *argument, struct argp_state *state) {
    report_arguments *given = state->input;
    switch (key) {
    case 'p':
        given->report.pack = argument;
        return 0;
    case IMAGES:
        given->report.images = argument;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->report.study) argp_error(state, "%s: one STUDY is wanted", argument);
        given->report.study = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "STUDY", given->report.study);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child report_children[] = {{&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp report_argp = {
    report_options,
    parse_report,
    "STUDY",
    "Writes report.html, results.csv and results.json of a finished study, the "
    "folder of `limbeck study`, anew.",
    report_children,
    NULL,
    NULL};

int cli_report_study(int argc, char **argv) {
    report_arguments given = {0};
    argp_parse(&report_argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(0);
    char *summary = NULL;
    const lbk_status status = lbk_report(context, &given.report, &summary);
    return finish(context, status, summary, given.json);
}
