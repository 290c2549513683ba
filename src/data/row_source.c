/* row_source.c: what files of visual rows share. */
#include "data/row_source.h"

#include "base/file.h"
#include "base/half.h"

#include <math.h>
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

lbk_status lbk__rows_to_half(lbk_context *context, const char *where, const float *values, size_t count,
                             int32_t dim, uint16_t *out) {
    for (size_t i = 0; i < count; i++) {
        out[i] = lbk__float_to_half(values[i]);
        if ((out[i] & 0x7C00u) == 0x7C00u)
            return lbk__fail(context, LBK_BAD_DATA,
                             "%s: region %zu, number %zu is %g: it must be finite and within 65504", where,
                             i / (size_t)dim, i % (size_t)dim, (double)values[i]);
    }
    return LBK_OK;
}
