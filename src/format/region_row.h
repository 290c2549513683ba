/* region_row.h: a row of region features as bottom-up-attention writes them: columns parted by tabs,
 *
 *   image_id  image_w  image_h  num_boxes  boxes  features
 *
 * the last two base64 of float32, little endian: [num_boxes, 4] and [num_boxes, width]. */
#ifndef LBK_FORMAT_REGION_ROW_H
#define LBK_FORMAT_REGION_ROW_H

#include "base/base.h"

enum { LBK__REGION_COLUMNS = 6, LBK__MOST_REGIONS = 1 << 16 };

typedef struct lbk__region_row {
    const char *column[LBK__REGION_COLUMNS]; /* not 0-terminated; NULL: cut short before it */
    size_t length[LBK__REGION_COLUMNS];
    int32_t num_boxes; /* 0: the column is missing, or no number from 1 to LBK__MOST_REGIONS */
} lbk__region_row;

/* Parts a line, or the beginning of one; `line` stays. */
void lbk__region_row_part(const char *line, size_t length, lbk__region_row *out);
/* The features, appended to nothing else in `out`: num_boxes · *width floats. *width 0: whatever it is.
 * LBK_BAD_DATA with "WHERE: what": too few or too many columns, no number of boxes, base64 that is none or of
 * another length, another width. */
lbk_status lbk__region_row_decode(lbk_context *context, const char *where, const lbk__region_row *row,
                                  int32_t *width, lbk__text *out);

#endif
