/* json_parse.h: what json.c and json_lines.c share. */
#ifndef LBK_FORMAT_JSON_PARSE_H
#define LBK_FORMAT_JSON_PARSE_H

#include "format/json.h"

/* `flags` with JSON_DECODE_ANY: any value, and `where` already holds the line. */
lbk_status lbk__json_parse(lbk_context *context, const char *where, const char *data, size_t size,
                           size_t flags, json_t **out);
/* Bytes of a byte order mark at the start: 3 or 0. */
size_t lbk__json_mark(const char *data, size_t size);

#endif
