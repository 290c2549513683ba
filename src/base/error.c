/* error.c: the status table and the context's sentence, which is fit for a terminal whatever data it quotes.
 */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int exit_code;
} status_table[] = {
#define STATUS_ROW(name, exit_code, text) {#name, text, exit_code},
    LBK_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static size_t status_index(lbk_status status) {
    return (size_t)status < LBK_COUNT(status_table) ? (size_t)status : (size_t)LBK_INTERNAL;
}

const char *lbk_status_name(lbk_status status) {
    return status_table[status_index(status)].name;
}
const char *lbk_status_text(lbk_status status) {
    return status_table[status_index(status)].text;
}
int lbk_status_exit_code(lbk_status status) {
    return status_table[status_index(status)].exit_code;
}

const char *lbk_error(const lbk_context *context) {
    return context ? context->error : "no context";
}

lbk_status lbk__fail(lbk_context *context, lbk_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char sentence[sizeof context->error]; /* arguments may point into the old sentence */
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    lbk__printable(context->error, sizeof context->error, sentence, strlen(sentence));
    return status;
}

lbk_status lbk__fail_errno(lbk_context *context, const char *format, ...) {
    int error = errno;
    va_list arguments;
    char sentence[sizeof context->error - 128], text[128];
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
    lbk__fail(context, LBK_IO, "%s: %s", sentence, text);
    return error == ENOMEM ? LBK_NO_MEMORY : LBK_IO;
}

lbk_status lbk__fail_at(lbk_context *context, lbk_status status, const char *format, ...) {
    char where[sizeof context->error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof where, format, arguments);
    va_end(arguments);
    return lbk__fail(context, status, "%s: %s", where, context->error);
}
