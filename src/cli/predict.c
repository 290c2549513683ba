/* predict.c: `limbeck predict`: labels with probabilities for one text and picture, under each view. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *model;
    lbk_input input;
    int32_t top;
    int num_threads;
    bool json;
} arguments;

static const struct argp_option options[] = {
    {"model", 'm', "FOLDER", 0, "The model: a model or run folder", 1},
    {"text", 'x', "TEXT", 0, "The text", 2},
    {"image", 'i', "FILE", 0, "The picture, for models whose visual rows are patches", 2},
    {"top", 'n', "N", 0, "Print the N likeliest labels (default 5; 0: all)", 3},
    {"json", 'j', 0, 0, "Print all probabilities as JSON", 3},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &given->num_threads;
        return 0;
    case 'm':
        given->model = argument;
        return 0;
    case 'x':
        given->input.text = argument;
        return 0;
    case 'i':
        given->input.image = argument;
        return 0;
    case 'n':
        given->top = cli_int(state, "top", argument, 0, INT32_MAX);
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "--model FOLDER", given->model);
        if (!given->input.text && !given->input.image)
            argp_error(state, "--text TEXT or --image FILE is missing");
        if (!given->input.text) given->input.text = "";
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_threads_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 NULL,
                                 "Prints the labels of one text and picture with their probabilities when "
                                 "the model sees both (joint), the text "
                                 "only and the image only.",
                                 children,
                                 NULL,
                                 NULL};

static const char *const view_names[LBK_NUM_VIEWS] = {"joint", "text", "image"};

static void print_json(const lbk_model *model, const float *probabilities) {
    int32_t num_classes = lbk_model_num_classes(model);
    json_t *root = json_object();
    for (int view = 0; view < LBK_NUM_VIEWS; view++) {
        json_t *row = json_object();
        for (int32_t c = 0; c < num_classes; c++)
            json_object_set_new(row, lbk_model_class_name(model, c),
                                json_real((double)probabilities[view * num_classes + c]));
        json_object_set_new(root, view_names[view], row);
    }
    json_dumpf(root, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

/* The classes by falling joint probability. */
static int32_t *ranked(const float *joint, int32_t num_classes) {
    int32_t *order = cli_alloc((size_t)num_classes * sizeof *order);
    for (int32_t c = 0; c < num_classes; c++) {
        int32_t at = c;
        for (; at > 0 && joint[order[at - 1]] < joint[c]; at--) order[at] = order[at - 1];
        order[at] = c;
    }
    return order;
}

static void print_table(const lbk_model *model, const float *probabilities, int32_t top) {
    int32_t num_classes = lbk_model_num_classes(model), *order = ranked(probabilities, num_classes);
    cli_table *table = cli_table_create();
    cli_table_cell(table, "label");
    for (int view = 0; view < LBK_NUM_VIEWS; view++) cli_table_cell(table, view_names[view]);
    for (int32_t i = 0; i < num_classes && (top == 0 || i < top); i++) {
        cli_table_row(table);
        cli_table_cell(table, lbk_model_class_name(model, order[i]));
        for (int view = 0; view < LBK_NUM_VIEWS; view++) {
            char text[16];
            snprintf(text, sizeof text, "%.4f", (double)probabilities[view * num_classes + order[i]]);
            cli_table_cell(table, text);
        }
    }
    cli_table_print(table, true);
    cli_table_free(table);
    free(order);
}

int cli_predict(int argc, char **argv) {
    arguments given = {.top = 5};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(given.num_threads);
    lbk_model *model = NULL;
    float *probabilities = NULL;
    int code = cli_finish(context, lbk_model_open(context, given.model, &model));
    if (code == CLI_OK) {
        probabilities =
            cli_alloc((size_t)lbk_model_num_classes(model) * LBK_NUM_VIEWS * sizeof *probabilities);
        code = cli_finish(context, lbk_model_predict(model, &given.input, NULL, probabilities));
    }
    if (code == CLI_OK && given.json) print_json(model, probabilities);
    if (code == CLI_OK && !given.json) print_table(model, probabilities, given.top);
    free(probabilities);
    lbk_model_close(model);
    cli_close(context);
    return code;
}
