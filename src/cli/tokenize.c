/* tokenize.c: `limbeck tokenize`: one JSON array of ids for each line of standard input. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *vocab;
    bool cased;
} arguments;

static const struct argp_option options[] = {
    {"vocab", 'v', "FILE", 0, "The vocabulary: vocab.txt, one token a line", 0},
    {"cased", 'C', 0, 0, "Keep case and accents", 0},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    arguments *given = state->input;
    switch (key) {
    case 'v':
        given->vocab = argument;
        return 0;
    case 'C':
        given->cased = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: the texts are read from standard input", argument);
        return 0;
    case ARGP_KEY_END:
        cli_require(state, "--vocab FILE", given->vocab);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {options,
                                 parse,
                                 NULL,
                                 "Prints the token ids of each line of standard input, [CLS] and [SEP] "
                                 "included, as one JSON array a line.",
                                 NULL,
                                 NULL,
                                 NULL};

/* Writes "[1,2,3]\n" at `to`, which has room for 12 bytes an id and 3 more; returns the length. */
static size_t write_ids(char *to, const int32_t *ids, size_t count) {
    char *at = to;
    *at++ = '[';
    for (size_t i = 0; i < count; i++) {
        char digits[12];
        size_t n = 0;
        uint32_t id = (uint32_t)ids[i];
        do {
            digits[n++] = (char)('0' + id % 10);
            id /= 10;
        } while (id);
        if (i) *at++ = ',';
        while (n) *at++ = digits[--n];
    }
    *at++ = ']';
    *at++ = '\n';
    return (size_t)(at - to);
}

static int tokenize_lines(lbk_context *context, lbk_tokenizer *tokenizer) {
    char *line = NULL, *text = NULL;
    int32_t *ids = NULL;
    size_t line_capacity = 0, text_capacity = 0, ids_capacity = 0, count;
    unsigned long long number = 0;
    lbk_status status = LBK_OK;
    ssize_t length;
    while ((length = getline(&line, &line_capacity, stdin)) >= 0) {
        number++;
        if (length && line[length - 1] == '\n') length--;
        status = lbk_tokenizer_encode(tokenizer, line, (size_t)length, 0, &ids, &ids_capacity, &count);
        if (status != LBK_OK) {
            cli_say("line %llu: %s", number, lbk_error(context));
            break;
        }
        if (text_capacity < count * 12 + 3) {
            free(text);
            text_capacity = 2 * (count * 12 + 3);
            text = cli_alloc(text_capacity);
        }
        if (fwrite(text, write_ids(text, ids, count), 1, stdout) != 1) break; /* main reports it */
    }
    if (status == LBK_OK && ferror(stdin)) {
        cli_say("cannot read standard input: %s", strerror(errno));
        status = LBK_IO;
    }
    free(line);
    free(text);
    lbk_free(context, ids);
    return lbk_status_exit_code(status);
}

int cli_tokenize(int argc, char **argv) {
    arguments given = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &given);
    lbk_context *context = cli_open(1);
    lbk_tokenizer *tokenizer;
    int code = cli_finish(context, lbk_tokenizer_open(context, given.vocab, given.cased, &tokenizer));
    if (code == CLI_OK) code = tokenize_lines(context, tokenizer);
    lbk_tokenizer_close(tokenizer);
    cli_close(context);
    return code;
}
