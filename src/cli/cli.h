/* cli.h: what the commands share. The command line knows the library by its public header only. */
#ifndef LBK_CLI_CLI_H
#define LBK_CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <limbeck/limbeck.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CLI_FORMAT(f, a) __attribute__((format(printf, f, a)))

/* ---- commands: argv[0] is "limbeck NAME"; the result is the process's exit code ---- */

int cli_bench(int argc, char **argv);
int cli_compare(int argc, char **argv);
int cli_distill(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_features(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_pack(int argc, char **argv);
int cli_predict(int argc, char **argv);
int cli_probe(int argc, char **argv);
int cli_report_study(int argc, char **argv);
int cli_study(int argc, char **argv);
int cli_tokenize(int argc, char **argv);
int cli_train(int argc, char **argv);

/* ---- error.c: sentences on standard error ---- */

/* Exit codes are those of lbk_status. */
enum { CLI_OK = 0, CLI_USAGE = 2 };

/* "limbeck: sentence". */
void cli_say(const char *format, ...) CLI_FORMAT(1, 2);
/* Prints the context's sentence unless status is LBK_OK; the exit code of the status. */
int cli_finish(lbk_context *context, lbk_status status);
/* malloc and strdup that end the process, with its exit code, when memory is out. */
void *cli_alloc(size_t size);
char *cli_format(const char *format, ...) CLI_FORMAT(1, 2);

/* ---- session.c: one context with log and progress; Ctrl-C ---- */

/* Ends the process when there is no memory. `num_threads` 0: that of the OpenMP runtime. */
lbk_context *cli_open(int num_threads);
void cli_close(lbk_context *context);
/* For commands that save their state: SIGINT and SIGTERM make the library stop at the next step. */
void cli_catch_signals(void);

/* ---- progress.c: one line redrawn on a terminal, a line every ten seconds elsewhere ---- */

void cli_progress_show(const lbk_progress *progress);
/* Prints a line of its own above the bar. */
void cli_progress_line(const char *line);
/* Ends the bar's line. */
void cli_progress_end(void);

/* ---- options.c: argp pieces ---- */

/* `--threads N`; its input is an int. */
extern const struct argp cli_threads_argp;
/* --allow-outside, for contexts that are opened after it; no input. */
extern const struct argp cli_outside_argp;
extern bool cli_allow_outside;
/* `--weights --projection --grid`; its input is an lbk_encoder_options. */
extern const struct argp cli_encoder_argp;

/* Texts that were given one option at a time. */
typedef struct cli_list {
    char **items;
    size_t count;
} cli_list;
void cli_list_add(cli_list *list, const char *text);
void cli_list_free(cli_list *list);

/* A whole number within [low, high], or a usage error that names the option. */
int32_t cli_int(struct argp_state *state, const char *option, const char *text, long low, long high);
double cli_real(struct argp_state *state, const char *option, const char *text, double low, double high);
/* The index in `names` (ended by NULL), or a usage error that lists them; `option` as the user writes it. */
int cli_choice(struct argp_state *state, const char *option, const char *text, const char *const *names);
/* A usage error unless `value` was given. */
void cli_require(struct argp_state *state, const char *option, const char *value);

/* ---- run.c: `--config --set --out --resume`: what train and distill have in common ---- */

typedef struct cli_run {
    const char *config, *out;
    cli_list overrides;
    bool resume;
} cli_run;
extern const struct argp cli_run_argp;
/* Keeps "key=value" as if written with --set. */
void cli_run_set(cli_run *run, const char *key, const char *value);
/* Whether an override of that key was given. */
bool cli_run_sets(const cli_run *run, const char *key);
/* What the command calls the library with; `cache` is NULL for commands without one. */
typedef lbk_status cli_run_call(lbk_context *context, const lbk_config *config, const char *cache,
                                const cli_run *run, char **summary);
/* Loads the configuration that the options describe, makes the call, prints its summary; the exit code. */
int cli_run_start(const cli_run *run, int num_threads, bool as_json, cli_run_call *call, const char *cache);
void cli_run_free(cli_run *run);

/* ---- table.c: aligned columns ---- */

typedef struct cli_table cli_table;
/* `text` from data as a terminal may see it: control characters as \xNN. The caller frees it. */
char *cli_printable(const char *text);
cli_table *cli_table_create(void);
void cli_table_free(cli_table *table);
/* Appends a cell to the last row. */
void cli_table_cell(cli_table *table, const char *text);
void cli_table_row(cli_table *table);
/* `head`: the first row names the columns, and columns of numbers align to the right. */
void cli_table_print(const cli_table *table, bool head);
/* Columns that a text takes on a terminal, and the bytes of it that fit into `columns`. */
size_t cli_width(const char *text);
size_t cli_fit(const char *text, size_t columns);

/* ---- report.c: what the library returns as JSON, as tables ---- */

extern const char *const cli_view_names[LBK_NUM_VIEWS];

/* "12,345", "0.1234", "yes", "-" for null, "a, b" for an array. Free it. */
char *cli_value_text(const json_t *value);
/* Cells: a key with its underscores as spaces; a value (NULL: empty). */
void cli_table_key(cli_table *table, const char *key);
void cli_table_value(cli_table *table, const json_t *value);
/* An object or array of objects: a row for each, a column for each key. `name` heads the first column. */
void cli_print_rows(json_t *items, const char *name);
/* Any object, as lists and tables. */
void cli_print_json(json_t *object);
/* splits.c: the same, and "splits" {NAME: {"samples", "labelled", "labels": {class: samples}}} as one table.
 */
void cli_print_contents(json_t *root);
/* Writes `text` (JSON) to standard output as it is, or through `print`. The exit code. */
int cli_report(const char *text, bool as_json, void (*print)(json_t *root));

#endif
