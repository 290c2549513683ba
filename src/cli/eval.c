/* eval.c: `limbeck eval`: a model's scores under each view, its size and its speed. */
#include "cli.h"

#include <stdlib.h>

enum { TIMING = 256, PRECISION };

typedef struct arguments {
    lbk_evaluate_options evaluate;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"model", 'm', "FOLDER", 0, "The model: a model or run folder", 1},
    {"pack", 'p', "FILE", 0, "The pack", 1},
    {"split", 's', "NAME", 0, "Which samples (default: test)", 1},
    {"cache", 'k', "FILE", 0, "The teacher's cache, for the KL from teacher to student", 2},
    {"teacher", 'T', "FOLDER", 0, "The teacher, to show beside the model", 2},
    {"batch", 'b', "N", 0, "Samples a batch (default 32)", 3},
    {"precision", PRECISION, "NAME", 0,
     "Of the model's matrix products: fp32 (default), bf16, int8, auto; shows float32 beside it", 3},
    {"timing", TIMING, 0, 0, "Also measure latency at batch 1 and throughput", 3},
    {"json", 'j', 0, 0, "Print the report as JSON", 4},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    lbk_evaluate_options *evaluate = &given->evaluate;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case 'm':
        evaluate->model = argument;
        return 0;
    case 'p':
        evaluate->pack = argument;
        return 0;
    case 's':
        evaluate->split = argument;
        return 0;
    case 'k':
        evaluate->cache = argument;
        return 0;
    case 'T':
        evaluate->teacher = argument;
        return 0;
    case 'b':
        evaluate->batch_size = cli_int(state, "batch", argument, 1, 65536);
        return 0;
    case PRECISION:
        evaluate->precision = argument;
        return 0;
    case TIMING:
        evaluate->timing = 1;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "--model FOLDER", evaluate->model);
        cli_require(state, "--pack FILE", evaluate->pack);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,  parse,
    NULL,     "Scores a model on a split of a pack, with both modalities, the text only and the image only.",
    children, NULL,
    NULL};

/* A row for each metric, a column for each model and view; then the models. */
static void print_report(json_t *root) {
    json_t *models = json_object_get(root, "models"), *views = json_object_get(root, "views"), *model, *value;
    const char *name, *metric;
    cli_table *table = cli_table_create();
    cli_table_cell(table, json_string_value(json_object_get(root, "split")));
    json_object_foreach(models, name, model) for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        char *title = cli_format("%s %s", name, cli_view_names[v]);
        cli_table_cell(table, title);
        free(title);
    }
    json_t *metrics = json_object_get(json_object_get(views, cli_view_names[LBK_VIEW_JOINT]), "model");
    json_object_foreach(metrics, metric, value) {
        cli_table_row(table);
        cli_table_key(table, metric);
        json_object_foreach(models, name, model) for (int v = 0; v < LBK_NUM_VIEWS; v++) {
            json_t *row = json_object_get(json_object_get(views, cli_view_names[v]), name);
            cli_table_value(table, json_object_get(row, metric));
        }
    }
    cli_table_print(table, true);
    cli_table_free(table);
    putchar('\n');
    cli_print_rows(models, "");
}

int cli_eval(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    char *report = NULL;
    int code = cli_finish(context, lbk_evaluate(context, &given.evaluate, &report));
    if (code == CLI_OK) code = cli_report(report, given.json, print_report);
    lbk_free(context, report);
    cli_close(context);
    return code;
}
