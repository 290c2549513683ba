/* json.h: JSON by Jansson with limbeck's errors: files and texts, typed values by key, JSON lines. What comes
 * from a file is checked: valid UTF-8, no duplicate keys, no \u0000 in texts, numbers in range. A UTF-8 byte
 * order mark at the start of a file is skipped. Jansson's trees live in malloc's memory, since its allocator
 * is global to the process; texts and buffers come from the context. */
#ifndef LBK_FORMAT_JSON_H
#define LBK_FORMAT_JSON_H

#include "base/base.h"

#include <jansson.h>

/* ---- documents; the caller ends with json_decref(*out) ---- */

/* An object or an array. LBK_BAD_DATA names file, line and column; a file above 1 GiB is refused. */
lbk_status lbk__json_load_file(lbk_context *context, const char *path, json_t **out);
/* The same from memory; `where` stands in for the path in sentences. */
lbk_status lbk__json_load_bytes(lbk_context *context, const char *where, const char *data, size_t size,
                                json_t **out);

/* Text of `root`, freed by lbk_free. `flags` are Jansson's: JSON_INDENT(2), JSON_COMPACT,
 * JSON_REAL_PRECISION(n) (default 17: doubles come back exactly), JSON_SORT_KEYS. A NULL root is what
 * Jansson's constructors give for lack of memory, invalid UTF-8 or a number that is not finite: LBK_INTERNAL.
 */
lbk_status lbk__json_dump(lbk_context *context, const json_t *root, size_t flags, char **out);
/* The text and a newline into a file that appears whole or not at all. */
lbk_status lbk__json_write_file(lbk_context *context, const char *path, const json_t *root, size_t flags);

/* ---- typed values of an object ---- */

/* An object and what sentences call it: a path, or "data.jsonl, line 7". */
typedef struct lbk__json_in {
    lbk_context *context;
    const char *where;
    const json_t *object; /* anything that is no object makes each getter fail */
} lbk__json_in;

/* Whether the key is there and not null. The getters below fail with LBK_BAD_DATA where it is not: ask before
 * for what is optional. Strings, arrays and objects belong to the tree. */
bool lbk__json_has(lbk__json_in in, const char *key);
lbk_status lbk__json_get_string(lbk__json_in in, const char *key, const char **out);
lbk_status lbk__json_get_integer(lbk__json_in in, const char *key, int64_t low, int64_t high, int64_t *out);
/* 1 is a real, too. Low and high are included. */
lbk_status lbk__json_get_real(lbk__json_in in, const char *key, double low, double high, double *out);
lbk_status lbk__json_get_bool(lbk__json_in in, const char *key, bool *out);
lbk_status lbk__json_get_array(lbk__json_in in, const char *key, const json_t **out);
/* `out->where` is that of `in`. */
lbk_status lbk__json_get_object(lbk__json_in in, const char *key, lbk__json_in *out);
/* An array of strings: checks that item `index` of an array from lbk__json_get_array is one. */
lbk_status lbk__json_string_at(lbk__json_in in, const char *key, const json_t *array, size_t index,
                               const char **out);

/* ---- JSON lines: one value a line, files of any size ---- */

typedef struct lbk__json_lines lbk__json_lines;

enum { LBK__LONGEST_LINE = 64 << 20 };

/* Reads with one line in memory. Lines end with \n or \r\n, the last one may lack it; blank lines are
 * skipped. `path` may be a pipe; "-" is standard input. */
lbk_status lbk__json_lines_open(lbk_context *context, const char *path, lbk__json_lines **out);
/* The next line's value (of any type), the reader's until the next call; object NULL at the end of the file.
 * LBK_BAD_DATA for a line that is no JSON or longer than LBK__LONGEST_LINE bytes names file, line and column;
 * the next call then goes on with the line after it. LBK_IO does not go on. */
lbk_status lbk__json_lines_next(lbk__json_lines *lines, lbk__json_in *out);
/* Whether the next line (or the end of the file) is there without waiting for the writer of a pipe. */
lbk_status lbk__json_lines_ready(lbk__json_lines *lines, bool *ready);
void lbk__json_lines_close(lbk__json_lines *lines); /* NULL is allowed */

#endif
