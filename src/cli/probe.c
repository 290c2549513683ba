/* probe.c: `limbeck probe`: a teacher's logits under each view, and the saliencies, into a cache. */
#include "cli.h"

#include <stdlib.h>

enum { PRECISION = 256 };

typedef struct arguments {
    lbk_probe_options probe;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"teacher", 'T', "FOLDER", 0, "The teacher: a model or run folder", 1},
    {"pack", 'p', "FILE", 0, "The pack", 1},
    {"out", 'o', "FILE", 0, "Write the cache to FILE", 2},
    {"force", 'f', 0, 0, "Probe again although a cache is there", 2},
    {"folds", 'K', "K", 0,
     "Take the logits of training samples from K teachers, each trained as this one was on the other folds",
     2},
    {"batch", 'b', "N", 0, "Samples a batch (default 32)", 2},
    {"precision", PRECISION, "NAME", 0, "Of matrix products: fp32 (default), bf16, auto", 2},
    {"json", 'j', 0, 0, "Print the summary as JSON", 3},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case 'T':
        given->probe.teacher = argument;
        return 0;
    case 'p':
        given->probe.pack = argument;
        return 0;
    case 'o':
        given->probe.out = argument;
        return 0;
    case 'f':
        given->probe.force = 1;
        return 0;
    case 'K':
        given->probe.folds = cli_int(state, "folds", argument, 2, LBK_MAX_FOLDS);
        return 0;
    case 'b':
        given->probe.batch_size = cli_int(state, "batch", argument, 1, 65536);
        return 0;
    case PRECISION:
        given->probe.precision = argument;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "--teacher FOLDER", given->probe.teacher);
        cli_require(state, "--pack FILE", given->probe.pack);
        cli_require(state, "--out FILE", given->probe.out);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cli_threads_argp, 0, NULL, 0}, {&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 NULL,
                                 "Runs a teacher over every sample of a pack with both modalities, the text "
                                 "only and the image only, and keeps "
                                 "its logits and the saliency (6) of each modality, in all four kinds.",
                                 children,
                                 NULL,
                                 NULL};

/* A metric by split and view. */
static void print_scores(json_t *root, const char *metric) {
    const char *split;
    json_t *views;
    cli_table *table = cli_table_create();
    cli_table_key(table, metric);
    for (int v = 0; v < LBK_NUM_VIEWS; v++) cli_table_cell(table, cli_view_names[v]);
    cli_table_cell(table, "samples");
    json_object_foreach(json_object_get(root, "splits"), split, views) {
        cli_table_row(table);
        cli_table_cell(table, split);
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            cli_table_value(table, json_object_get(json_object_get(views, cli_view_names[v]), metric));
        cli_table_value(table, json_object_get(json_object_get(views, cli_view_names[0]), "num_samples"));
    }
    cli_table_print(table, true);
    cli_table_free(table);
    putchar('\n');
}

/* Cells of one class: {"kl": {"text", "image"}, …, "num_samples"}. */
static void add_saliency(cli_table *table, const char *name, json_t *saliency) {
    const char *kind;
    json_t *value;
    cli_table_row(table);
    cli_table_cell(table, name);
    json_object_foreach(saliency, kind, value) {
        if (json_is_object(value)) {
            cli_table_value(table, json_object_get(value, "text"));
            cli_table_value(table, json_object_get(value, "image"));
        } else {
            cli_table_value(table, value);
        }
    }
}

/* Mean saliency of each modality, overall and by class. */
static void print_saliency(json_t *root) {
    json_t *all = json_object_get(root, "saliency"), *value;
    const char *key;
    cli_table *table = cli_table_create();
    cli_table_cell(table, "saliency");
    json_object_foreach(all, key, value) {
        static const char *const modalities[] = {"text", "image"};
        for (int m = 0; m < 2 && json_is_object(value); m++) {
            char *title = cli_format("%s %s", key, modalities[m]);
            cli_table_cell(table, title);
            free(title);
        }
        if (!json_is_object(value)) cli_table_cell(table, "samples");
    }
    add_saliency(table, "all", all);
    json_object_foreach(json_object_get(root, "saliency_by_class"), key, value)
        add_saliency(table, key, value);
    cli_table_print(table, true);
    cli_table_free(table);
}

static void print_summary(json_t *root) {
    print_scores(root, json_string_value(json_object_get(root, "metric")));
    print_scores(root, "entropy");
    print_saliency(root);
}

int cli_probe(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    cli_catch_signals();
    char *summary = NULL;
    int code = cli_finish(context, lbk_probe(context, &given.probe, &summary));
    if (code == CLI_OK) code = cli_report(summary, given.json, print_summary);
    lbk_free(context, summary);
    cli_close(context);
    return code;
}
