/* resample.c: separable resampling with antialiasing. Numbers of pixel o of `to` that are made from `from`:
 *
 *   step = from / to,  scale = max(step, 1),  centre = (o + ½) · step,  reach = support · scale
 *   weight of pixel x ∝ f((x + ½ − centre) / scale),  x from ⌊centre − reach + ½⌋ to below ⌊centre + reach +
 * ½⌋
 *
 * Weights sum to 1 and are rounded to 2⁻²²; pixels are rounded to bytes across first, then down. */
#include "data/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* sinc(x) · sinc(x / 3) for |x| < 3, by sin 3a = sin a · (3 − 4 sin² a). */
static double lanczos(double x) {
    if (x == 0) return 1;
    if (fabs(x) >= 3) return 0;
    const double a = M_PI * x / 3, s = sin(a);
    return s * s * (3 - 4 * s * s) / (3 * a * a);
}

static double bicubic(double x) {
    x = fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* The weights of one pixel, from their unscaled values. */
static void to_units(const double *value, int32_t length, int32_t *weight) {
    double sum = 0;
    for (int32_t t = 0; t < length; t++) sum += value[t];
    for (int32_t t = 0; t < length; t++) {
        const double units = value[t] / sum * (1 << LBK__WEIGHT_BITS);
        weight[t] = (int32_t)(units < 0 ? units - 0.5 : units + 0.5);
    }
}

static bool make_taps(lbk__image_filter filter, int32_t from, int32_t to, lbk__taps *taps) {
    const double step = (double)from / to, scale = LBK_MAX(step, 1.0),
                 reach = (filter == LBK__IMAGE_SHARP ? 3 : 2) * scale;
    *taps = (lbk__taps){.size = to, .count = LBK_ROUND_UP(2 * (int32_t)ceil(reach) + 1, 4)};
    taps->first = calloc((size_t)to, sizeof *taps->first);
    taps->length = calloc((size_t)to, sizeof *taps->length);
    taps->weight = calloc((size_t)to * (size_t)taps->count + LBK__LANES, sizeof *taps->weight);
    double *value = calloc((size_t)taps->count, sizeof *value);
    const bool made = taps->first && taps->length && taps->weight && value;
    for (int32_t o = 0; made && o < to; o++) {
        const double centre = (o + 0.5) * step;
        const int32_t first = (int32_t)LBK_MAX(centre - reach + 0.5, 0.0),
                      end = LBK_MIN((int32_t)(centre + reach + 0.5), from);
        for (int32_t x = first; x < end; x++) {
            const double at = (x - centre + 0.5) / scale;
            value[x - first] = filter == LBK__IMAGE_SHARP ? lanczos(at) : bicubic(at);
        }
        taps->first[o] = first;
        taps->length[o] = end - first;
        to_units(value, end - first, taps->weight + (size_t)o * (size_t)taps->count);
    }
    free(value);
    return made;
}

static void free_taps(lbk__taps *taps) {
    free(taps->first);
    free(taps->length);
    free(taps->weight);
}

bool lbk__resample_start(lbk__resampler *r, lbk__image_filter filter, int32_t width, int32_t height,
                         int32_t size, uint8_t *pixels) {
    *r = (lbk__resampler){.vector = lbk__vector_choose(),
                          .width = width,
                          .pixels = pixels,
                          .stride = LBK_ROUND_UP(3 * (size_t)size + 1, LBK__LANES)};
    if (!make_taps(filter, width, size, &r->across) || !make_taps(filter, height, size, &r->down))
        return false;
    const size_t rows = (size_t)r->down.count;
    r->line = calloc((size_t)width + (size_t)r->across.count + LBK__LANES, 3);
    r->kept = calloc(rows, r->stride);
    r->asked = calloc(rows, sizeof *r->asked);
    return r->line && r->kept && r->asked;
}

void lbk__resample_end(lbk__resampler *r) {
    free_taps(&r->across);
    free_taps(&r->down);
    free(r->line);
    free(r->kept);
    free(r->asked);
    *r = (lbk__resampler){0};
}

/* Row `next_out` of the result, all of whose rows have come. */
static void put_row(lbk__resampler *r) {
    const int32_t o = r->next_out++, length = r->down.length[o];
    for (int32_t t = 0; t < length; t++)
        r->asked[t] = r->kept + (size_t)((r->down.first[o] + t) % r->down.count) * r->stride;
    const size_t bytes = 3 * (size_t)r->across.size;
    r->vector->sum_rows(r->pixels + (size_t)o * bytes, r->asked,
                        r->down.weight + (size_t)o * (size_t)r->down.count, length, (int64_t)bytes);
}

void lbk__resample_row(lbk__resampler *r, const uint8_t *rgb) {
    memcpy(r->line, rgb, 3 * (size_t)r->width);
    r->vector->resample_row(r->kept + (size_t)(r->next_in % r->down.count) * r->stride, r->line, &r->across);
    r->next_in++;
    while (r->next_out < r->down.size &&
           r->down.first[r->next_out] + r->down.length[r->next_out] <= r->next_in)
        put_row(r);
}
