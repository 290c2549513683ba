/* region_row.c: columns and base64. */
#include "format/region_row.h"

#include <nettle/base64.h>
#include <string.h>

enum { IMAGE_ID, WIDTH, HEIGHT, NUM_BOXES, BOXES, FEATURES, MOST_WIDTH = 1 << 16 };

static int32_t number(const char *text, size_t length) {
    int32_t value = 0;
    if (length == 0 || length > 6) return 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        value = 10 * value + (text[i] - '0');
    }
    return value <= LBK__MOST_REGIONS ? value : 0;
}

void lbk__region_row_part(const char *line, size_t length, lbk__region_row *out) {
    *out = (lbk__region_row){0};
    const char *at = line, *end = line + length;
    for (int c = 0; c < LBK__REGION_COLUMNS; c++) {
        const char *tab = memchr(at, '\t', (size_t)(end - at));
        const char *stop = tab && c + 1 < LBK__REGION_COLUMNS ? tab : end;
        out->column[c] = at;
        out->length[c] = (size_t)(stop - at);
        if (stop == end) break;
        at = stop + 1;
    }
    if (out->column[NUM_BOXES]) out->num_boxes = number(out->column[NUM_BOXES], out->length[NUM_BOXES]);
}

/* Decodes a column; LBK_BAD_DATA unless it is whole. */
static lbk_status decode(lbk_context *context, const char *where, const char *name, const char *text,
                         size_t length, lbk__text *out) {
    struct base64_decode_ctx state;
    size_t size = 0;
    out->length = 0;
    LBK_TRY(LBK_GROW(context, out->data, out->capacity, BASE64_DECODE_LENGTH(length) + 1));
    base64_decode_init(&state);
    if (!base64_decode_update(&state, &size, (uint8_t *)out->data, length, text) ||
        !base64_decode_final(&state))
        return lbk__fail(context, LBK_BAD_DATA, "%s: its %s are no base64; is the row whole?", where, name);
    out->length = size;
    return LBK_OK;
}

static lbk_status check_columns(lbk_context *context, const char *where, const lbk__region_row *row) {
    int columns = 0;
    while (columns < LBK__REGION_COLUMNS && row->column[columns]) columns++;
    if (columns < LBK__REGION_COLUMNS || memchr(row->column[FEATURES], '\t', row->length[FEATURES]))
        return lbk__fail(
            context, LBK_BAD_DATA,
            "%s: has %s%d columns, must have image_id, image_w, image_h, num_boxes, boxes, features", where,
            columns < LBK__REGION_COLUMNS ? "" : "more than ", columns);
    if (row->num_boxes == 0)
        return lbk__fail(context, LBK_BAD_DATA, "%s: num_boxes is no number from 1 to %d", where,
                         LBK__MOST_REGIONS);
    return LBK_OK;
}

lbk_status lbk__region_row_decode(lbk_context *context, const char *where, const lbk__region_row *row,
                                  int32_t *width, lbk__text *out) {
    const size_t boxes = (size_t)row->num_boxes;
    LBK_TRY(check_columns(context, where, row));
    LBK_TRY(decode(context, where, "boxes", row->column[BOXES], row->length[BOXES], out));
    if (out->length != boxes * 4 * sizeof(float))
        return lbk__fail(context, LBK_BAD_DATA, "%s: has %zu bytes of boxes, but num_boxes is %zu", where,
                         out->length, boxes);
    LBK_TRY(decode(context, where, "features", row->column[FEATURES], row->length[FEATURES], out));
    const size_t floats = out->length / sizeof(float);
    if (out->length % sizeof(float) || floats == 0 || floats % boxes || floats / boxes > MOST_WIDTH)
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s: has %zu bytes of features, which %zu regions cannot have", where, out->length,
                         boxes);
    if (*width && floats / boxes != (size_t)*width)
        return lbk__fail(context, LBK_BAD_DATA, "%s: has %zu numbers a region, but other rows have %d", where,
                         floats / boxes, *width);
    *width = (int32_t)(floats / boxes);
    return LBK_OK;
}
