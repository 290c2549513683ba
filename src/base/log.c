/* log.c: log lines, progress and interruption through the context's callbacks; fit for a terminal, as
 * sentences are. */
#define _POSIX_C_SOURCE 200809L
#include "base/guest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void lbk__log(lbk_context *context, lbk_log_level level, const char *format, ...) {
    if (!context->options.log) return;
    char line[2048], shown[2 * sizeof line];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lbk__printable(shown, sizeof shown, line, strlen(line));
    const lbk__host own = lbk__guest_out(context);
    context->options.log(context->options.user, level, shown);
    lbk__guest_back(&own);
}

void lbk__report(lbk_context *context, const char *stage, const char *unit, uint64_t done, uint64_t total,
                 const char *note) {
    if (!context->options.progress) return;
    char shown[256];
    if (note) note = lbk__printable(shown, sizeof shown, note, strlen(note));
    lbk_progress progress = {
        .stage = stage, .unit = unit, .done = done, .total = total, .note = note ? note : ""};
    const lbk__host own = lbk__guest_out(context);
    context->options.progress(context->options.user, &progress);
    lbk__guest_back(&own);
}

bool lbk__interrupted(lbk_context *context) {
    if (!context->options.interrupted) return false;
    const lbk__host own = lbk__guest_out(context);
    const bool stop = context->options.interrupted(context->options.user) != 0;
    lbk__guest_back(&own);
    return stop;
}

double lbk__seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
