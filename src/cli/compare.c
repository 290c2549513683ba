/* compare.c: `limbeck compare`: reports of `limbeck eval --json` in one table; runs of one name are averaged.
 */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct arguments {
    cli_list reports;
    bool json;
} arguments;

static const struct argp_option options[] = {{"json", 'j', 0, 0, "Print the table as JSON", 0}, {0}};

static bool is_utf8(const char *text, size_t length) {
    json_t *string = json_stringn(text, length);
    json_decref(string);
    return string != NULL;
}

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* Whether the file of NAME=FILE was given under the same NAME: one run would count as two. */
static bool given_before(const cli_list *reports, const char *report) {
    const size_t length = (size_t)(strchr(report, '=') + 1 - report); /* of "NAME=" */
    for (size_t i = 0; i < reports->count; i++)
        if (strncmp(reports->items[i], report, length) == 0 &&
            same_file(reports->items[i] + length, report + length))
            return true;
    return false;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case 'j':
        given->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!strchr(argument, '=') || *argument == '=' || !strchr(argument, '=')[1])
            argp_error(state, "%s: NAME=FILE is wanted", argument);
        if (!is_utf8(argument, (size_t)(strchr(argument, '=') - argument)))
            argp_error(state, "a NAME is not UTF-8");
        if (given_before(&given->reports, argument))
            argp_error(state, "%s: the same file twice under one NAME would count as two runs", argument);
        cli_list_add(&given->reports, argument);
        return 0;
    case ARGP_KEY_END:
        if (given->reports.count == 0) argp_error(state, "NAME=FILE is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char note[] =
    "Formulas (docs/method.md) are limbeck's own reading of the paper's abstract; no number here "
    "is the paper's.";
static const struct argp argp = {options,
                                 parse,
                                 "NAME=FILE...",
                                 "Puts reports of `limbeck eval --json` into one table. Files given under "
                                 "the same NAME, runs with different seeds, "
                                 "become one row: mean ± standard deviation.",
                                 NULL,
                                 NULL,
                                 NULL};

/* ---- statistics ---- */

/* Runs of one name: values by where they stand in the report. */
static const struct quantity {
    const char *title, *view, *key; /* key NULL: the report's main metric; view NULL: of the model itself */
    double scale;
    int decimals;
    const char *unit;
} quantities[] = {
    {"joint", "joint", NULL, 1, 3, ""},
    {"text", "text", NULL, 1, 3, ""},
    {"image", "image", NULL, 1, 3, ""},
    {"KL joint", "joint", "kl", 1, 3, ""},
    {"KL text", "text", "kl", 1, 3, ""},
    {"KL image", "image", "kl", 1, 3, ""},
    {"parameters", NULL, "parameters", 1e-6, 2, "M"},
    {"size", NULL, "file_bytes", 1.0 / (1 << 20), 1, " MiB"},
    {"latency", NULL, "latency_ms", 1, 2, " ms"},
};
enum { NUM_QUANTITIES = sizeof quantities / sizeof *quantities };

static const json_t *find(const json_t *report, const struct quantity *q) {
    if (!q->view) return json_object_get(json_object_get(json_object_get(report, "models"), "model"), q->key);
    const char *key = q->key ? q->key : json_string_value(json_object_get(report, "metric"));
    const json_t *view = json_object_get(json_object_get(report, "views"), q->view);
    return key ? json_object_get(json_object_get(view, "model"), key) : NULL;
}

/* {"mean", "sd", "runs"} over the reports that have the quantity (sd: null for one run); NULL when none has.
 */
static json_t *statistics(const json_t *reports, const struct quantity *q) {
    size_t i, n = 0;
    const json_t *report;
    double mean = 0, squares = 0; /* Welford's recurrence */
    json_array_foreach(reports, i, report) {
        const json_t *value = find(report, q);
        if (!json_is_number(value)) continue;
        double x = json_number_value(value), before = mean;
        mean += (x - mean) / (double)++n;
        squares += (x - before) * (x - mean);
    }
    if (n == 0) return NULL;
    json_t *sd = n > 1 ? json_real(sqrt(squares / (double)(n - 1))) : json_null();
    return json_pack("{s:f, s:o, s:I}", "mean", mean, "sd", sd, "runs", (json_int_t)n);
}

/* ---- reading ---- */

/* What a report of `limbeck eval --json` lacks; NULL: nothing. */
static const char *missing_in(const json_t *report) {
    if (!json_is_object(json_object_get(report, "views"))) return "views";
    if (!json_is_string(json_object_get(report, "metric"))) return "metric";
    return json_is_string(json_object_get(report, "split")) ? NULL : "split";
}

/* NULL after an error, with the code that the program then ends with. */
static json_t *read_report(const char *path, int *code) {
    json_error_t error;
    json_t *report = json_load_file(path, 0, &error);
    *code = lbk_status_exit_code(LBK_BAD_DATA);
    if (!report && json_error_code(&error) == json_error_cannot_open_file) {
        cli_say("%s: cannot open: %s", path, strerror(errno));
        *code = lbk_status_exit_code(LBK_IO);
    } else if (!report) {
        cli_say("%s: is no JSON of `limbeck eval --json`: line %d: %s", path, error.line, error.text);
    } else if (missing_in(report)) {
        cli_say("%s: is no report of `limbeck eval --json`: it has no \"%s\"", path, missing_in(report));
        json_decref(report);
        report = NULL;
    }
    return report;
}

/* The reports by name, in the order of first mention: {name: [report, …]}. NULL after an error. */
static json_t *read_reports(const cli_list *files, int *code) {
    json_t *groups = json_object(), *first = NULL;
    for (size_t i = 0; i < files->count; i++) {
        const char *file = files->items[i], *path = strchr(file, '=') + 1;
        char *name = cli_format("%.*s", (int)(path - file - 1), file);
        json_t *report = read_report(path, code);
        static const char *const same[] = {"pack_sha256", "split", "metric"};
        for (size_t k = 0; report && first && k < sizeof same / sizeof *same; k++)
            if (!json_equal(json_object_get(report, same[k]), json_object_get(first, same[k]))) {
                cli_say("%s: its %s is not that of the first report: they cannot be compared", path, same[k]);
                json_decref(report);
                report = NULL;
            }
        if (report) {
            if (!first) first = report;
            if (!json_object_get(groups, name)) json_object_set_new(groups, name, json_array());
            json_array_append_new(json_object_get(groups, name), report);
        }
        free(name);
        if (!report) {
            json_decref(groups);
            return NULL;
        }
    }
    return groups;
}

/* {"metric", "split", "note", "rows": {name: {title: statistics}}}. */
static json_t *summarise(json_t *groups) {
    json_t *rows = json_object(), *reports, *first = NULL;
    const char *name;
    json_object_foreach(groups, name, reports) {
        json_t *row = json_object();
        if (!first) first = json_array_get(reports, 0);
        for (int q = 0; q < NUM_QUANTITIES; q++) {
            json_t *value = statistics(reports, &quantities[q]);
            if (value) json_object_set_new(row, quantities[q].title, value);
        }
        json_object_set_new(rows, name, row);
    }
    return json_pack("{s:O?, s:O?, s:O?, s:s, s:o}", "metric", json_object_get(first, "metric"), "split",
                     json_object_get(first, "split"), "pack_sha256", json_object_get(first, "pack_sha256"),
                     "note", note, "rows", rows);
}

/* ---- printing ---- */

static void add_statistics(cli_table *table, const json_t *value, const struct quantity *q) {
    char text[64] = "";
    const json_t *mean = json_object_get(value, "mean"), *sd = json_object_get(value, "sd");
    if (mean) {
        snprintf(text, sizeof text, "%.*f%s", q->decimals, q->scale * json_number_value(mean), q->unit);
        const size_t at = strlen(text); /* a number of another's report may be long */
        if (json_is_real(sd) && q->view)
            snprintf(text + at, sizeof text - at, " ± %.*f", q->decimals, json_number_value(sd));
    }
    cli_table_cell(table, text);
}

static bool some_row_has(json_t *rows, const char *title) {
    const char *name;
    json_t *row;
    json_object_foreach(rows, name, row) if (json_object_get(row, title)) return true;
    return false;
}

static void print_table(json_t *summary) {
    json_t *rows = json_object_get(summary, "rows"), *row;
    const char *name;
    cli_table *table = cli_table_create();
    cli_table_cell(table, json_string_value(json_object_get(summary, "metric")));
    for (int q = 0; q < NUM_QUANTITIES; q++)
        if (some_row_has(rows, quantities[q].title)) cli_table_cell(table, quantities[q].title);
    json_object_foreach(rows, name, row) {
        cli_table_row(table);
        cli_table_cell(table, name);
        for (int q = 0; q < NUM_QUANTITIES; q++)
            if (some_row_has(rows, quantities[q].title))
                add_statistics(table, json_object_get(row, quantities[q].title), &quantities[q]);
    }
    cli_table_print(table, true);
    cli_table_free(table);
    char *split = cli_printable(json_string_value(json_object_get(summary, "split")));
    printf("\nScores on split %s. %s\n", split, note);
    free(split);
}

int cli_compare(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    int code = CLI_OK;
    json_t *groups = read_reports(&given.reports, &code), *summary = groups ? summarise(groups) : NULL;
    if (summary && given.json) {
        json_dumpf(summary, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6) | JSON_ENSURE_ASCII);
        putchar('\n');
    }
    if (summary && !given.json) print_table(summary);
    if (summary) code = CLI_OK;
    json_decref(summary);
    json_decref(groups);
    cli_list_free(&given.reports);
    return code;
}
