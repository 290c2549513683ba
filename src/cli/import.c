/* import.c: `limbeck import`: a Hugging Face folder becomes a model of ours. */
#include "cli.h"

#include <stdlib.h>

typedef struct arguments {
    const char *source, *out;
    bool json;
} arguments;

static const struct argp_option options[] = {{"json", 'j', 0, 0, "Print the summary as JSON", 0}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->out) argp_error(state, "%s: only SOURCE and OUT are needed", argument);
        *(given->source ? &given->out : &given->source) = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "SOURCE", given->source);
        cli_require(state, "OUT", given->out);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 "SOURCE OUT",
                                 "Makes a model folder from a Hugging Face folder of BERT, MiniLM, TinyBERT, "
                                 "DistilBERT or VisualBERT, and says what was taken, left and initialised.",
                                 children,
                                 NULL,
                                 NULL};

static void print_names(const char *title, json_t *names) {
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name) {
        char *shown = cli_printable(json_string_value(name));
        printf("%-12s %s\n", title, shown);
        free(shown);
    }
}

static void print_summary(json_t *root) {
    const char *name, *rest[] = {"source", "architecture", "head", "weights", "vocabulary", "parameters"};
    json_t *taken = json_object_get(root, "taken"), *theirs, *about = json_object();
    json_object_foreach(taken, name, theirs) {
        char *shown = cli_printable(json_string_value(theirs));
        printf("%-12s %s <- %s\n", "taken", name, shown);
        free(shown);
    }
    print_names("left", json_object_get(root, "left"));
    print_names("initialised", json_object_get(root, "initialised"));
    putchar('\n');
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        json_object_set(about, rest[i], json_object_get(root, rest[i]));
    cli_print_json(about);
    json_decref(about);
}

int cli_import(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(0);
    char *summary = NULL;
    int code = cli_finish(context, lbk_import(context, given.source, given.out, &summary));
    if (code == CLI_OK) code = cli_report(summary, given.json, print_summary);
    lbk_free(context, summary);
    cli_close(context);
    return code;
}
