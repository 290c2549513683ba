/* main.c: the program `limbeck`: finds the command and hands over to it. */
#include "cli.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static const command commands[] = {
    {"import", cli_import, "a Hugging Face model into a model folder"},
    {"features", cli_features, "region features of a folder of pictures"},
    {"pack", cli_pack, "raw data into one memory-mapped pack"},
    {"train", cli_train, "a model from labels: the teacher"},
    {"probe", cli_probe, "a teacher's logits and saliencies under each view"},
    {"distill", cli_distill, "a student from a teacher's cache"},
    {"eval", cli_eval, "a model's scores under each view, its size and its speed"},
    {"compare", cli_compare, "reports of several models in one table"},
    {"study", cli_study, "methods against each other over seeds: tables and a page"},
    {"report", cli_report_study, "the tables and the page of a study, written anew"},
    {"predict", cli_predict, "labels of one text and picture"},
    {"export", cli_export, "a model as a Hugging Face folder or an ONNX file"},
    {"info", cli_info, "what a file or folder of limbeck's is"},
    {"tokenize", cli_tokenize, "token ids of the lines of standard input"},
    {"bench", cli_bench, "times synthetic training and serving steps"},
    {0}};

static void print_version(FILE *file, struct argp_state *state) {
    (void)state;
    fprintf(file, "limbeck %d.%d.%d\n", LBK_VERSION_MAJOR, LBK_VERSION_MINOR, LBK_VERSION_PATCH);
}

static void print_help(void) {
    puts("Usage: limbeck COMMAND [OPTION...]\n"
         "Distils large vision-and-language transformers into small ones.\n");
    for (const command *c = commands; c->name; c++) printf("  %-10s %s\n", c->name, c->summary);
    puts("\n`limbeck COMMAND --help` says more about a command, `limbeck --version` which limbeck this is.");
}

/* Levenshtein's distance of two short words; longer ones are far from everything. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 32 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return n + m;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

static int unknown_command(const char *name) {
    const command *nearest = commands;
    for (const command *c = commands; c->name; c++)
        if (edit_distance(name, c->name) < edit_distance(name, nearest->name)) nearest = c;
    if (edit_distance(name, nearest->name) <= strlen(nearest->name) / 2)
        cli_say("there is no command \"%s\"; did you mean \"%s\"?", name, nearest->name);
    else
        cli_say("there is no command \"%s\"; `limbeck --help` lists them", name);
    return CLI_USAGE;
}

/* What was printed must have arrived: a full disk is an error. */
static int close_output(int code) {
    int failed = ferror(stdout);
    if ((fclose(stdout) != 0 || failed) && code == CLI_OK) {
        cli_say("cannot write to standard output: %s", strerror(errno));
        return lbk_status_exit_code(LBK_IO);
    }
    return code;
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, ""); /* widths of characters; numbers keep their point */
    argp_err_exit_status = CLI_USAGE;
    argp_program_version_hook = print_version;
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        print_version(stdout, NULL);
        return close_output(CLI_OK);
    }
    const bool asked = !strcmp(name, "help") && argc > 2; /* help COMMAND and COMMAND -h are COMMAND --help */
    char *about[] = {argv[0], argc > 2 ? argv[asked ? 2 : 1] : NULL, "--help", NULL};
    if (asked || (argc > 2 && !strcmp(argv[2], "-h"))) {
        argc = 3, argv = about, name = argv[1];
    } else if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "-?") ||
               !strcmp(name, "help")) {
        print_help();
        return close_output(CLI_OK);
    }
    if (!*name) {
        cli_say("which command? `limbeck --help` lists them");
        return CLI_USAGE;
    }
    for (const command *c = commands; c->name; c++) {
        if (strcmp(name, c->name) != 0) continue;
        argv[1] = cli_format("limbeck %s", name); /* what usage messages call the program */
        int code = c->run(argc - 1, argv + 1);
        free(argv[1]);
        return close_output(code);
    }
    return unknown_command(name);
}
