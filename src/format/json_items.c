/* json_items.c: an array of a large document, item by item. The scanner knows only strings and brackets; what
 * lies between them is Jansson's to judge. */
#define _GNU_SOURCE
#include "format/json_items.h"

#include "base/file.h"
#include "format/json_parse.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

struct lbk__json_items {
    lbk_context *context;
    FILE *file;
    char *path;
    char *where; /* "PATH, item N" */
    size_t where_size;
    char buffer[CHUNK]; /* bytes begin … used − 1 are yet to be read */
    size_t begin, used;
    uint64_t offset; /* in the file, of buffer[begin] */
    lbk__text text;  /* the value that was scanned last */
    json_t *value;
    lbk__json_place place;
    uint64_t number;
};

static lbk_status broken_at(lbk__json_items *items, const char *what) {
    return lbk__fail(items->context, LBK_BAD_DATA, "%s, byte %llu: %s", items->path,
                     (unsigned long long)items->offset, what);
}

/* ---- bytes ---- */

/* The next byte without taking it; −1 at the end of the file. */
static lbk_status peek(lbk__json_items *items, int *byte) {
    if (items->begin == items->used) {
        items->begin = 0;
        items->used = fread(items->buffer, 1, CHUNK, items->file);
        if (!items->used && ferror(items->file))
            return lbk__fail_errno(items->context, "%s: cannot read", items->path);
    }
    *byte = items->used ? (unsigned char)items->buffer[items->begin] : -1;
    return LBK_OK;
}

static void take(lbk__json_items *items, size_t count) {
    items->begin += count;
    items->offset += count;
}

/* Skips white space; the next byte is not taken. */
static lbk_status peek_token(lbk__json_items *items, int *byte) {
    LBK_TRY(peek(items, byte));
    while (*byte == ' ' || *byte == '\t' || *byte == '\n' || *byte == '\r') {
        take(items, 1);
        LBK_TRY(peek(items, byte));
    }
    return LBK_OK;
}

static lbk_status expect(lbk__json_items *items, int wanted) {
    int byte;
    char what[32];
    LBK_TRY(peek_token(items, &byte));
    snprintf(what, sizeof what, "\"%c\" is missing", wanted);
    if (byte != wanted) return broken_at(items, what);
    take(items, 1);
    return LBK_OK;
}

/* ---- values ---- */

typedef struct scan {
    int depth;
    bool in_string, escaped, ended;
} scan;

/* How many of the bytes belong to the value; sets `ended` when it ends among them or before the first that
 * does not. */
static size_t scan_bytes(scan *s, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char c = bytes[i];
        if (s->in_string) {
            s->in_string = s->escaped || c != '"';
            s->escaped = !s->escaped && c == '\\';
            s->ended = !s->in_string && s->depth == 0;
        } else if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if (s->depth > 0) {
            if (c == '}' || c == ']') s->ended = --s->depth == 0;
        } else if (strchr(",:]} \t\r\n", c)) {
            s->ended = true;
            return i;
        }
        if (s->ended) return i + 1;
    }
    return count;
}

/* The text of the value that comes next, balanced but unjudged. */
static lbk_status scan_value(lbk__json_items *items) {
    int byte;
    scan s = {0};
    items->text.length = 0;
    LBK_TRY(peek_token(items, &byte));
    while (!s.ended) {
        LBK_TRY(peek(items, &byte));
        if (byte < 0) return broken_at(items, "the file ends within a value; is it whole?");
        const size_t count = scan_bytes(&s, items->buffer + items->begin, items->used - items->begin);
        LBK_TRY(lbk__text_append(items->context, &items->text, items->buffer + items->begin, count));
        take(items, count);
        if (items->text.length > LBK__LONGEST_LINE)
            return broken_at(items, "a value is longer than 64 MiB; is this the right file?");
    }
    return LBK_OK;
}

static lbk_status parse(lbk__json_items *items, lbk__json_in *out) {
    json_decref(items->value);
    items->value = NULL;
    LBK_TRY(lbk__json_parse(items->context, items->where, items->text.data, items->text.length,
                            JSON_DECODE_ANY, &items->value));
    *out = (lbk__json_in){items->context, items->where, items->value};
    return LBK_OK;
}

/* ---- the document ---- */

/* A key and its colon; whether it is `wanted`. */
static lbk_status read_key(lbk__json_items *items, const char *wanted, bool *found) {
    lbk__json_in key;
    LBK_TRY(scan_value(items));
    LBK_TRY(parse(items, &key));
    if (!json_is_string(key.object)) return broken_at(items, "a key of the object must be a string");
    *found = wanted && strcmp(json_string_value(key.object), wanted) == 0;
    return expect(items, ':');
}

static lbk_status find_array(lbk__json_items *items, const char *key) {
    int byte;
    bool found;
    char *start;
    LBK_TRY(peek(items, &byte));
    start = items->buffer + items->begin;
    take(items, lbk__json_mark(start, items->used - items->begin));
    LBK_TRY(expect(items, '{'));
    for (;;) {
        LBK_TRY(read_key(items, key, &found));
        if (found) return expect(items, '[');
        LBK_TRY(scan_value(items));
        LBK_TRY(peek_token(items, &byte));
        if (byte == '}')
            return lbk__fail(items->context, LBK_BAD_DATA, "%s: has no key \"%s\"", items->path, key);
        LBK_TRY(expect(items, ','));
    }
}

lbk_status lbk__json_items_open(lbk_context *context, const char *path, const char *key,
                                lbk__json_items **out) {
    *out = NULL;
    lbk__json_items *items;
    LBK_TRY(LBK_ALLOC(context, items, 1));
    lbk_status status = LBK_OK;
    items->context = context;
    items->where_size = strlen(path) + 40;
    LBK_GO(lbk__copy_string(context, path, &items->path));
    LBK_GO(LBK_ALLOC(context, items->where, items->where_size));
    LBK_GO(lbk__open_regular(context, path, &items->file));
    snprintf(items->where, items->where_size, "%s", path);
    LBK_GO(find_array(items, key));
    *out = items;
done:
    if (status != LBK_OK) lbk__json_items_close(items);
    return status;
}

void lbk__json_items_close(lbk__json_items *items) {
    if (!items) return;
    if (items->file) fclose(items->file);
    json_decref(items->value);
    lbk__text_free(items->context, &items->text);
    lbk_free(items->context, items->where);
    lbk_free(items->context, items->path);
    lbk_free(items->context, items);
}

/* What follows the array, to the end of the file. */
static lbk_status read_rest(lbk__json_items *items) {
    int byte;
    bool found;
    LBK_TRY(expect(items, ']'));
    LBK_TRY(peek_token(items, &byte));
    while (byte == ',') {
        take(items, 1);
        LBK_TRY(read_key(items, NULL, &found));
        LBK_TRY(scan_value(items));
        LBK_TRY(peek_token(items, &byte));
    }
    LBK_TRY(expect(items, '}'));
    LBK_TRY(peek_token(items, &byte));
    return byte < 0 ? LBK_OK : broken_at(items, "the file goes on after the object");
}

/* The text of the next item; *end: there is none. */
static lbk_status next_item(lbk__json_items *items, bool *end) {
    int byte;
    LBK_TRY(peek_token(items, &byte));
    *end = byte == ']';
    if (*end) return read_rest(items);
    if (items->number > 0) LBK_TRY(expect(items, ','));
    LBK_TRY(peek_token(items, &byte));
    items->place.offset = items->offset;
    LBK_TRY(scan_value(items));
    items->place.length = (uint32_t)items->text.length;
    items->number++;
    return LBK_OK;
}

lbk_status lbk__json_items_next(lbk__json_items *items, lbk__json_in *out) {
    bool end;
    *out = (lbk__json_in){items->context, items->where, NULL};
    LBK_TRY(next_item(items, &end));
    if (end) return LBK_OK;
    snprintf(items->where, items->where_size, "%s, item %llu", items->path,
             (unsigned long long)items->number);
    return parse(items, out);
}

lbk_status lbk__json_items_count(lbk_context *context, const char *path, const char *key, uint64_t *count) {
    lbk__json_items *items;
    LBK_TRY(lbk__json_items_open(context, path, key, &items));
    bool end = false;
    lbk_status status = LBK_OK;
    while (status == LBK_OK && !end) status = next_item(items, &end);
    *count = items->number;
    lbk__json_items_close(items);
    return status;
}

lbk__json_place lbk__json_items_place(const lbk__json_items *items) {
    return items->place;
}

lbk_status lbk__json_items_at(lbk__json_items *items, lbk__json_place place, lbk__json_in *out) {
    items->text.length = 0;
    LBK_TRY(LBK_GROW(items->context, items->text.data, items->text.capacity, (size_t)place.length + 1));
    LBK_TRY(lbk__read_at(items->context, items->path, fileno(items->file), items->text.data, place.length,
                         place.offset));
    items->text.length = place.length;
    snprintf(items->where, items->where_size, "%s, byte %llu", items->path, (unsigned long long)place.offset);
    return parse(items, out);
}
