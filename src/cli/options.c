/* options.c: the options that commands share, and values checked while they are read. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int32_t cli_int(struct argp_state *state, const char *option, const char *text, long low, long high) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < low || value > high)
        argp_error(state, "--%s %s: a whole number from %ld to %ld is wanted", option, text, low, high);
    return (int32_t)value;
}

double cli_real(struct argp_state *state, const char *option, const char *text, double low, double high) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high))
        argp_error(state, "--%s %s: a number from %g to %g is wanted", option, text, low, high);
    return value;
}

int cli_choice(struct argp_state *state, const char *option, const char *text, const char *const *names) {
    char list[256] = "";
    for (int i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) return i;
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", names[i]);
    }
    argp_error(state, "%s %s: one of %s is wanted", option, text, list);
    return 0;
}

void cli_require(struct argp_state *state, const char *option, const char *value) {
    if (!value) argp_error(state, "%s is missing", option);
}

void cli_list_add(cli_list *list, const char *text) {
    char **items = cli_alloc((list->count + 1) * sizeof *items);
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    free(list->items);
    list->items = items;
    list->items[list->count++] = cli_format("%s", text);
}

void cli_list_free(cli_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = (cli_list){0};
}

bool cli_allow_outside;
enum { OUTSIDE = 0x2000 };

static const struct argp_option threads_options[] = {
    {"threads", 't', "N", 0, "Use N threads (default: one per core, or OMP_NUM_THREADS)", 8}, {0}};

static error_t threads_parser(int key, char *argument, struct argp_state *state) {
    if (key != 't') return ARGP_ERR_UNKNOWN;
    *(int *)state->input = cli_int(state, "threads", argument, 1, 4096);
    return 0;
}

static const struct argp_option outside_options[] = {
    {"allow-outside", OUTSIDE, 0, 0,
     "Let paths in data and model files lead out of their folder: absolute, by .. or by links", 7},
    {0}};

static error_t outside_parser(int key, char *argument, struct argp_state *state) {
    (void)argument, (void)state;
    if (key != OUTSIDE) return ARGP_ERR_UNKNOWN;
    cli_allow_outside = true;
    return 0;
}

const struct argp cli_outside_argp = {.options = outside_options, .parser = outside_parser};
const struct argp cli_threads_argp = {.options = threads_options, .parser = threads_parser};

enum { WEIGHTS = 0x1000, PROJECTION, GRID };

static const struct argp_option encoder_options[] = {
    {"weights", WEIGHTS, "FILE", 0, "The image encoder's weights: .pth or .safetensors", 0},
    {"projection", PROJECTION, "FILE", 0, "Project its features: HDF5 with mean, components, scale", 0},
    {"grid", GRID, "N", 0, "Regions a side (default 3)", 0},
    {0}};

static error_t encoder_parser(int key, char *argument, struct argp_state *state) {
    lbk_encoder_options *encoder = state->input;
    switch (key) {
    case WEIGHTS:
        encoder->weights = argument;
        return 0;
    case PROJECTION:
        encoder->projection = argument;
        return 0;
    case GRID:
        encoder->grid = cli_int(state, "grid", argument, 1, 16);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_encoder_argp = {.options = encoder_options, .parser = encoder_parser};
