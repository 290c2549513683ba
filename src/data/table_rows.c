/* table_rows.c: the table of bottom-up-attention: read once for an index and a hash, then row by row. */
#define _GNU_SOURCE
#include "base/file.h"
#include "data/name_map.h"
#include "data/row_source.h"
#include "format/region_row.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 20, LONGEST_ROW = 64 << 20, LONGEST_NAME = 4096 };

/* Where a row lies. */
typedef struct place {
    uint64_t offset;
    uint32_t length, line;
    int32_t num_rows; /* as its beginning says; 0: only the whole row tells */
} place;

typedef struct table_rows {
    lbk__row_source base;
    char *path, hash[LBK__HASH_SIZE];
    FILE *file;
    lbk__name_map ids; /* → index of its place */
    place *places;
    size_t capacity, count;
    lbk__text where, line, features; /* of the row that was read last */
    size_t loaded;                   /* its index + 1; 0: none */
    int32_t num_rows;
} table_rows;

/* ---- the index ---- */

/* Adds the row whose beginning is `head`, unless it names the columns. An image that comes again, as in
 * merged tables, keeps its first row. */
static lbk_status add_row(table_rows *source, const char *head, size_t head_length, place where) {
    lbk__region_row row;
    int32_t *index;
    bool added;
    lbk__region_row_part(head, head_length, &row);
    if (row.length[0] == 0 || row.length[0] >= LONGEST_NAME)
        return lbk__fail(source->base.context, LBK_BAD_DATA,
                         "%s, line %u: has no image_id; is this a table of region features?", source->path,
                         where.line);
    if (where.line == 1 && row.length[0] == strlen("image_id") &&
        memcmp(row.column[0], "image_id", row.length[0]) == 0)
        return LBK_OK;
    LBK_TRY(lbk__name_map_place(&source->ids, row.column[0], row.length[0], &index, &added));
    if (!added) return LBK_OK;
    *index = (int32_t)source->count;
    LBK_TRY(LBK_GROW(source->base.context, source->places, source->capacity, source->count + 1));
    where.num_rows = row.num_boxes;
    source->places[source->count++] = where;
    return LBK_OK;
}

/* Lines, of each only the first LONGEST_NAME bytes kept. */
static lbk_status index_piece(table_rows *source, const char *piece, size_t size, place *now) {
    for (const char *at = piece, *end = piece + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((newline ? newline : end) - at);
        if (source->line.length < LONGEST_NAME)
            LBK_TRY(lbk__text_append(source->base.context, &source->line, at,
                                     LBK_MIN(length, LONGEST_NAME - source->line.length)));
        if (now->length + length > LONGEST_ROW)
            return lbk__fail(source->base.context, LBK_BAD_DATA,
                             "%s, line %u: is longer than %d MiB; is this a table of region features?",
                             source->path, now->line, LONGEST_ROW >> 20);
        now->length += (uint32_t)length;
        if (!newline) break;
        if (now->length) LBK_TRY(add_row(source, source->line.data, source->line.length, *now));
        *now = (place){.offset = now->offset + now->length + 1, .line = now->line + 1};
        source->line.length = 0;
        at = newline + 1;
    }
    return LBK_OK;
}

static lbk_status index_rows(table_rows *source) {
    lbk_context *context = source->base.context;
    char *piece;
    lbk__hasher *hasher = NULL;
    place now = {.line = 1};
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(context, piece, PIECE));
    LBK_GO(lbk__hasher_create(context, &hasher));
    size_t got;
    while (status == LBK_OK && (got = fread(piece, 1, PIECE, source->file)) > 0) {
        lbk__hasher_update(hasher, piece, got);
        status = index_piece(source, piece, got, &now);
        if (lbk__interrupted(context)) status = lbk__fail(context, LBK_INTERRUPTED, "stopped on request");
    }
    lbk__hasher_finish(context, hasher, source->hash);
    LBK_GO(status);
    if (ferror(source->file)) LBK_GO(lbk__fail_errno(context, "%s: cannot read", source->path));
    if (now.length) LBK_GO(add_row(source, source->line.data, source->line.length, now));
    if (!source->count) LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: has no row", source->path));
done:
    lbk_free(context, piece);
    return status;
}

/* ---- rows ---- */

/* Reads a row whole; its features are then in `source->features`. */
static lbk_status load(table_rows *source, size_t index) {
    lbk_context *context = source->base.context;
    const place *at = source->places + index;
    lbk__region_row row;
    if (source->loaded == index + 1) return LBK_OK;
    source->loaded = 0;
    source->where.length = 0;
    LBK_TRY(lbk__text_printf(context, &source->where, "%s, line %u", source->path, at->line));
    LBK_TRY(LBK_GROW(context, source->line.data, source->line.capacity, (size_t)at->length + 1));
    LBK_TRY(
        lbk__read_at(context, source->path, fileno(source->file), source->line.data, at->length, at->offset));
    size_t length = at->length;
    if (source->line.data[length - 1] == '\r') length--;
    lbk__region_row_part(source->line.data, length, &row);
    LBK_TRY(lbk__region_row_decode(context, source->where.data, &row, &source->base.dim, &source->features));
    source->num_rows = row.num_boxes;
    source->loaded = index + 1;
    return LBK_OK;
}

static lbk_status find_row(const table_rows *source, const char *image, int32_t *index) {
    char name[LONGEST_NAME];
    *index = -1;
    for (int which = 0; *index < 0 && lbk__feature_name(image, which, name, sizeof name); which++)
        *index = lbk__name_map_find(&source->ids, name, strlen(name), -1);
    if (*index >= 0) return LBK_OK;
    return lbk__fail(source->base.context, LBK_BAD_DATA, "%s: has no features of the image \"%s\"",
                     source->path, image);
}

/* A row is read, and its 400 kB decoded, once: when its features are wanted. */
static lbk_status count_of(table_rows *source, int32_t index, int32_t *num_rows) {
    place *at = source->places + index;
    if (!at->num_rows) {
        LBK_TRY(load(source, (size_t)index));
        at->num_rows = source->num_rows;
    }
    *num_rows = at->num_rows;
    return LBK_OK;
}

static lbk_status count_rows(lbk__row_source *base, const char *image, int32_t *num_rows) {
    table_rows *source = (table_rows *)base;
    int32_t index;
    LBK_TRY(find_row(source, image, &index));
    return count_of(source, index, num_rows);
}

static lbk_status read_rows(lbk__row_source *base, const char *image, uint16_t *rows) {
    table_rows *source = (table_rows *)base;
    int32_t index, num_rows;
    LBK_TRY(find_row(source, image, &index));
    LBK_TRY(count_of(source, index, &num_rows)); /* there is room for so many */
    LBK_TRY(load(source, (size_t)index));
    if (source->num_rows != num_rows)
        return lbk__fail(base->context, LBK_IO, "%s: has changed while it was read", source->path);
    base->last = source->where.data;
    return lbk__rows_from_file(base->context, source->where.data,
                               (const float *)(const void *)source->features.data, num_rows, base->dim, rows);
}

static json_t *describe(const lbk__row_source *base) {
    const table_rows *source = (const table_rows *)base;
    return json_pack("{s:s, s:i, s:{s:s, s:s}}", "kind", "tsv", "dim", base->dim, "features", "name",
                     lbk__base_name(source->path), "sha256", source->hash);
}

static void close_table_rows(lbk__row_source *base) {
    table_rows *source = (table_rows *)base;
    if (source->file) fclose(source->file);
    lbk__name_map_free(&source->ids);
    lbk__text_free(base->context, &source->where);
    lbk__text_free(base->context, &source->line);
    lbk__text_free(base->context, &source->features);
    lbk_free(base->context, source->places);
    lbk_free(base->context, source->path);
    lbk_free(base->context, source);
}

/* The first row that is as it should be says how wide all are. */
static lbk_status find_width(table_rows *source) {
    lbk_status status = LBK_BAD_DATA;
    for (size_t i = 0; i < source->count && status == LBK_BAD_DATA; i++) status = load(source, i);
    return status;
}

lbk_status lbk__table_rows_open(lbk_context *context, const char *path, lbk__row_source **out) {
    *out = NULL;
    table_rows *source;
    LBK_TRY(LBK_ALLOC(context, source, 1));
    source->base = (lbk__row_source){.context = context,
                                     .count = count_rows,
                                     .read = read_rows,
                                     .describe = describe,
                                     .close = close_table_rows};
    lbk__name_map_start(context, &source->ids);
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, path, &source->path));
    LBK_GO(lbk__open_regular(context, path, &source->file));
    LBK_GO(index_rows(source));
    LBK_GO(find_width(source));
    source->base.num_images = (int64_t)source->count;
    *out = &source->base;
done:
    if (status != LBK_OK) close_table_rows(&source->base);
    return status;
}
