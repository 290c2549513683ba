/* export.c: `limbeck export`: a model for other tools. */
#include "cli.h"

#include <string.h>

typedef struct arguments {
    lbk_export_options export;
    bool format_given, json;
} arguments;

static const char *const formats[] = {"hf", "onnx", NULL}, *const dtypes[] = {"float32", "float16", NULL};

static const struct argp_option options[] = {
    {"format", 'f', "NAME", 0,
     "hf: a folder for transformers; onnx: one ONNX file (default: onnx where OUT ends in .onnx, else hf)",
     0},
    {"dtype", 'd', "NAME", 0, "Weights as float32 (default) or float16", 0},
    {"json", 'j', 0, 0, "Print the summary as JSON", 0},
    {0}};

static bool ends_in(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void choose_format(arguments *given, struct argp_state *state) {
    const char *out = given->export.out;
    if (ends_in(out, ".onnx")) given->export.format = LBK_EXPORT_ONNX;
    if (ends_in(out, ".safetensors") || ends_in(out, ".bin"))
        argp_error(state,
                   "%s: OUT is a folder, in which model.safetensors is; name one, or OUT.onnx for a file",
                   out);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case 'f':
        given->export.format = (lbk_export_format)cli_choice(state, "--format", argument, formats);
        given->format_given = true;
        return 0;
    case 'd':
        given->export.half = cli_choice(state, "--dtype", argument, dtypes);
        return 0;
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (given->export.out) argp_error(state, "%s: only MODEL and OUT are needed", argument);
        *(given->export.model ? &given->export.out : &given->export.model) = argument;
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "MODEL", given->export.model);
        cli_require(state, "OUT", given->export.out);
        if (!given->format_given) choose_format(given, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_outside_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL OUT",
    "Writes a model or the best model of a run as a Hugging Face folder, with labels "
    "and tokenizer, or as one ONNX file.",
    children,
    NULL,
    NULL};

int cli_export(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(0);
    char *summary = NULL;
    int code = cli_finish(context, lbk_export(context, &given.export, &summary));
    if (code == CLI_OK) code = cli_report(summary, given.json, cli_print_json);
    lbk_free(context, summary);
    cli_close(context);
    return code;
}
