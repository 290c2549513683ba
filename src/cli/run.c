/* run.c: the options of commands that make a run folder: --config --set --out --resume. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct argp_option run_options[] = {
    {"config", 'c', "FILE", 0, "Read the configuration from a YAML file", 1},
    {"pack", 'p', "FILE", 0, "The pack: --set pack=FILE", 1},
    {"set", 's', "KEY=VALUE", 0, "Override one key of the configuration; may be repeated", 1},
    {"out", 'o', "FOLDER", 0, "Write the run to FOLDER", 2},
    {"resume", 'r', 0, 0, "Go on from the checkpoint in the run folder", 2},
    {0}};

static error_t run_parser(int key, char *argument, struct argp_state *state) {
    cli_run *run = state->input;
    switch (key) {
    case 'c':
        run->config = argument;
        return 0;
    case 'p':
        cli_run_set(run, "pack", argument);
        return 0;
    case 's':
        if (!strchr(argument, '=')) argp_error(state, "--set %s: KEY=VALUE is wanted", argument);
        cli_list_add(&run->overrides, argument);
        return 0;
    case 'o':
        run->out = argument;
        return 0;
    case 'r':
        run->resume = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: a configuration is given by --config, a pack by --pack", argument);
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "--out FOLDER", run->out);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_run_argp = {.options = run_options, .parser = run_parser};

void cli_run_set(cli_run *run, const char *key, const char *value) {
    char *text = cli_format("%s=%s", key, value);
    cli_list_add(&run->overrides, text);
    free(text);
}

bool cli_run_sets(const cli_run *run, const char *key) {
    const size_t length = strlen(key);
    for (size_t i = 0; i < run->overrides.count; i++)
        if (strncmp(run->overrides.items[i], key, length) == 0 && run->overrides.items[i][length] == '=')
            return true;
    return false;
}

/* The run's own config.yaml would be written over the one that was given. */
static bool overwrites_config(const cli_run *run) {
    struct stat ours, theirs;
    char *path = cli_format("%s/config.yaml", run->out);
    const bool same = run->config && !run->resume && stat(run->config, &ours) == 0 &&
                      stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
                      ours.st_ino == theirs.st_ino;
    free(path);
    if (same)
        cli_say("%s: is where the run in %s keeps its own configuration: name another --out, or --resume "
                "that run",
                run->config, run->out);
    return same;
}

int cli_run_start(const cli_run *run, int num_threads, bool as_json, cli_run_call *call, const char *cache) {
    if (overwrites_config(run)) return CLI_USAGE;
    const char *const *overrides = (const char *const *)run->overrides.items;
    lbk_context *context = cli_open(num_threads);
    lbk_config *config = NULL;
    char *summary = NULL;
    cli_catch_signals();
    int code =
        cli_finish(context, lbk_config_load(context, run->config, overrides, run->overrides.count, &config));
    if (code == CLI_OK) code = cli_finish(context, call(context, config, cache, run, &summary));
    if (code == CLI_OK) code = cli_report(summary, as_json, cli_print_json);
    lbk_free(context, summary);
    lbk_config_close(config);
    cli_close(context);
    return code;
}

void cli_run_free(cli_run *run) {
    cli_list_free(&run->overrides);
}
