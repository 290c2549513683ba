/* row_source.c: what files of visual rows share. */
#include "data/row_source.h"

#include "base/file.h"
#include "data/batch.h"

#include <stdio.h>
#include <string.h>

bool lbk__feature_name(const char *image, int which, char *out, size_t size) {
    if (which < 0 || which > 4) return false;
    const bool base = which >= 2, stem = which == 1 || which >= 3;
    snprintf(out, size, "%s", base ? lbk__base_name(image) : image);
    char *dot = strrchr(lbk__base_name(out), '.');
    if (stem && dot) *dot = 0;
    if (which < 4) return true;
    size_t end = strlen(out), start = end; /* the number at the end, without leading zeros */
    while (start > 0 && out[start - 1] >= '0' && out[start - 1] <= '9') start--;
    while (start + 1 < end && out[start] == '0') start++;
    if (start == end) return false;
    memmove(out, out + start, end - start + 1);
    return true;
}

lbk_status lbk__rows_from_file(lbk_context *context, const char *where, const float *values, int32_t num_rows,
                               int32_t dim, uint16_t *out) {
    const lbk_status status = lbk__rows_to_half(context, values, num_rows, dim, out);
    return status == LBK_NUMERIC ? lbk__fail_at(context, LBK_BAD_DATA, "%s", where) : status;
}
