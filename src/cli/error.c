/* error.c: sentences on standard error, and memory that is there or ends the process. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>

void cli_say(const char *format, ...) {
    va_list arguments;
    cli_progress_end();
    fputs("limbeck: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int cli_finish(lbk_context *context, lbk_status status) {
    cli_progress_end();
    if (status != LBK_OK) cli_say("%s", lbk_error(context));
    return lbk_status_exit_code(status);
}

static void out_of_memory(void) {
    cli_say("out of memory");
    exit(lbk_status_exit_code(LBK_NO_MEMORY));
}

void *cli_alloc(size_t size) {
    void *block = calloc(1, size ? size : 1);
    if (!block) out_of_memory();
    return block;
}

char *cli_format(const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) out_of_memory();
    return text;
}
