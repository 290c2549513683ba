/* json_lines.c: JSON lines, one line in memory at a time. */
#define _GNU_SOURCE
#include "base/file.h"
#include "format/json_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

struct lbk__json_lines {
    lbk_context *context;
    int file; /* descriptor; −1: none */
    char *path;
    char *where; /* "PATH, line N" */
    size_t where_size;
    char *buffer;                       /* [used] read but not yet returned, from `begin` on */
    size_t capacity, begin, used, seen; /* `seen`: from `begin` on there is no newline in so many bytes */
    json_t *value;
    uint64_t number; /* of the line read last, from 1 */
    bool ended;
};

lbk_status lbk__json_lines_open(lbk_context *context, const char *path, lbk__json_lines **out) {
    *out = NULL;
    lbk__json_lines *lines;
    LBK_TRY(LBK_ALLOC(context, lines, 1));
    lbk_status status = LBK_OK;
    const bool standard_input = strcmp(path, "-") == 0;
    lines->context = context;
    lines->file = -1;
    if (standard_input) path = "standard input";
    lines->where_size = strlen(path) + 40;
    LBK_GO(lbk__copy_string(context, path, &lines->path));
    LBK_GO(LBK_ALLOC(context, lines->where, lines->where_size));
    lines->file = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (lines->file < 0) LBK_GO(lbk__fail_errno(context, "%s: cannot open", path));
    *out = lines;
done:
    if (status != LBK_OK) lbk__json_lines_close(lines);
    return status;
}

void lbk__json_lines_close(lbk__json_lines *lines) {
    if (!lines) return;
    if (lines->file >= 0) close(lines->file);
    json_decref(lines->value);
    lbk_free(lines->context, lines->buffer);
    lbk_free(lines->context, lines->where);
    lbk_free(lines->context, lines->path);
    lbk_free(lines->context, lines);
}

/* For something to read, or for the program that wants to stop. */
static lbk_status wait_for_data(lbk__json_lines *lines) {
    struct pollfd waiting = {.fd = lines->file, .events = POLLIN};
    const int pause = lines->context->options.interrupted ? 100 : -1; /* milliseconds */
    for (;;) {
        const int found = poll(&waiting, 1, pause);
        if (found > 0) return LBK_OK;
        if (found < 0 && errno != EINTR)
            return lbk__fail_errno(lines->context, "%s: cannot wait", lines->path);
        if (lbk__interrupted(lines->context))
            return lbk__fail(lines->context, LBK_INTERRUPTED, "%s: stopped on request", lines->path);
    }
}

static lbk_status fill(lbk__json_lines *lines) {
    if (lines->begin) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->used - lines->begin);
        lines->used -= lines->begin;
        lines->begin = 0;
    }
    LBK_TRY(LBK_GROW(lines->context, lines->buffer, lines->capacity, lines->used + CHUNK));
    ssize_t got;
    do {
        LBK_TRY(wait_for_data(lines));
        got = read(lines->file, lines->buffer + lines->used, CHUNK);
    } while (got < 0 &&
             (errno == EINTR || errno == EAGAIN)); /* EAGAIN: another reader of a pipe was faster */
    if (got < 0) return lbk__fail_errno(lines->context, "%s: cannot read", lines->path);
    lines->used += (size_t)got;
    lines->ended = got == 0;
    return LBK_OK;
}

/* The first newline from `begin` on, or NULL; what was looked through is not looked through again. */
static const char *find_newline(lbk__json_lines *lines) {
    const size_t left = lines->used - lines->begin;
    const char *line = lines->buffer + lines->begin;
    const char *newline = left > lines->seen ? memchr(line + lines->seen, '\n', left - lines->seen) : NULL;
    lines->seen = newline ? (size_t)(newline - line) : left;
    return newline;
}

static void take(lbk__json_lines *lines, size_t bytes) {
    lines->begin += bytes, lines->seen = 0;
}

/* The next line without its newline: *length bytes, or only its end where it is longer than the limit. NULL
 * at the end of the file. */
static lbk_status next_line(lbk__json_lines *lines, const char **out, size_t *length, bool *too_long) {
    *out = NULL;
    *too_long = false;
    for (;;) {
        const size_t left = lines->used - lines->begin;
        const char *line = lines->buffer ? lines->buffer + lines->begin : NULL;
        const char *newline = line ? find_newline(lines) : NULL;
        if (newline || lines->ended) {
            *length = newline ? (size_t)(newline - line) : left;
            *too_long |= *length > LBK__LONGEST_LINE;
            if (newline || left || *too_long) *out = line;
            take(lines, *length + (newline ? 1 : 0));
            return LBK_OK;
        }
        if (left > LBK__LONGEST_LINE) {
            *too_long = true;
            take(lines, left);
        }
        LBK_TRY(fill(lines));
    }
}

static bool is_blank(const char *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r", line[i]) || !line[i]) return false;
    return true;
}

/* Whether the buffer holds a whole line that is not blank; blank ones before it are passed over. */
static bool has_line(lbk__json_lines *lines) {
    const char *newline;
    while (lines->buffer && (newline = find_newline(lines))) {
        const char *line = lines->buffer + lines->begin;
        const size_t length = (size_t)(newline - line);
        if (!is_blank(line, length)) return true;
        take(lines, length + 1);
        lines->number++;
    }
    return false;
}

lbk_status lbk__json_lines_ready(lbk__json_lines *lines, bool *ready) {
    struct pollfd waiting = {.fd = lines->file, .events = POLLIN};
    *ready = true;
    while (!lines->ended && !has_line(lines) && lines->used - lines->begin <= LBK__LONGEST_LINE) {
        *ready = poll(&waiting, 1, 0) > 0;
        if (!*ready) return LBK_OK;
        if (lbk__interrupted(lines->context))
            return lbk__fail(lines->context, LBK_INTERRUPTED, "%s: stopped on request", lines->path);
        LBK_TRY(fill(lines));
    }
    return LBK_OK;
}

lbk_status lbk__json_lines_next(lbk__json_lines *lines, lbk__json_in *out) {
    *out = (lbk__json_in){lines->context, lines->where, NULL};
    json_decref(lines->value);
    lines->value = NULL;
    const char *line;
    size_t length;
    bool too_long;
    do {
        LBK_TRY(next_line(lines, &line, &length, &too_long));
        if (!line) return LBK_OK;
        if (++lines->number == 1 && !too_long) {
            const size_t mark = lbk__json_mark(line, length);
            line += mark, length -= mark;
        }
    } while (!too_long && is_blank(line, length));
    snprintf(lines->where, lines->where_size, "%s, line %llu", lines->path,
             (unsigned long long)lines->number);
    if (too_long)
        return lbk__fail(lines->context, LBK_BAD_DATA, "%s: is longer than %d MiB: is this JSON lines?",
                         lines->where, LBK__LONGEST_LINE >> 20);
    LBK_TRY(lbk__json_parse(lines->context, lines->where, line, length, JSON_DECODE_ANY, &lines->value));
    out->object = lines->value;
    return LBK_OK;
}
