/* patches.c: pixels to rows of patches, and the perceptual hash of pixels. */
#include "base/half.h"
#include "base/sorted.h"
#include "data/image.h"

#include <math.h>
#include <string.h>

enum { GREY_SIDE = 32, LOW = 8 };

lbk_status lbk__image_check_sizes(lbk_context *context, int32_t size, int32_t patch) {
    if (patch < 1 || size < patch || size > LBK__IMAGE_MAX_SIDE || size % patch != 0)
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "image_size %d and patch_size %d: the first must be a multiple of the second, at most %d", size,
            patch, LBK__IMAGE_MAX_SIDE);
    return LBK_OK;
}

void lbk__image_patches(const uint8_t *pixels, int32_t size, int32_t patch, uint16_t *rows) {
    uint16_t half[256];
    for (int v = 0; v < 256; v++) half[v] = lbk__float_to_half((float)v / 127.5f - 1);
    const int32_t width = patch * 3;
    for (int32_t top = 0; top < size; top += patch)
        for (int32_t left = 0; left < size; left += patch)
            for (int32_t y = 0; y < patch; y++) {
                const uint8_t *from = pixels + ((size_t)(top + y) * (size_t)size + (size_t)left) * 3;
                for (int32_t x = 0; x < width; x++) *rows++ = half[from[x]];
            }
}

/* Mean luma (Rec. 601) of the cells of a 32 × 32 grid. */
static void grey_cells(const uint8_t *pixels, int32_t size, double cells[GREY_SIDE][GREY_SIDE]) {
    for (int32_t row = 0; row < GREY_SIDE; row++)
        for (int32_t column = 0; column < GREY_SIDE; column++) {
            int32_t top = row * size / GREY_SIDE, bottom = LBK_MAX((row + 1) * size / GREY_SIDE, top + 1);
            int32_t left = column * size / GREY_SIDE,
                    right = LBK_MAX((column + 1) * size / GREY_SIDE, left + 1);
            double sum = 0;
            for (int32_t y = top; y < bottom; y++)
                for (int32_t x = left; x < right; x++) {
                    const uint8_t *p = pixels + ((size_t)y * (size_t)size + (size_t)x) * 3;
                    sum += 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
                }
            cells[row][column] = sum / ((bottom - top) * (right - left));
        }
}

uint64_t lbk__image_fingerprint(const uint8_t *pixels, int32_t size) {
    double cells[GREY_SIDE][GREY_SIDE], wave[LOW][GREY_SIDE], rows[LOW][GREY_SIDE], low[LOW * LOW],
        sorted[LOW * LOW];
    grey_cells(pixels, size, cells);
    for (int k = 0; k < LOW; k++)
        for (int i = 0; i < GREY_SIDE; i++) wave[k][i] = cos(M_PI * k * (2 * i + 1) / (2.0 * GREY_SIDE));
    for (int k = 0; k < LOW; k++)
        for (int x = 0; x < GREY_SIDE; x++) {
            rows[k][x] = 0;
            for (int y = 0; y < GREY_SIDE; y++) rows[k][x] += wave[k][y] * cells[y][x];
        }
    for (int k = 0; k < LOW; k++)
        for (int l = 0; l < LOW; l++) {
            low[k * LOW + l] = 0;
            for (int x = 0; x < GREY_SIDE; x++) low[k * LOW + l] += rows[k][x] * wave[l][x];
        }
    memcpy(sorted, low, sizeof sorted);
    lbk__sort(sorted, LOW * LOW);
    const double median = lbk__percentile(sorted, LOW * LOW, 50);
    uint64_t bits = 0;
    for (int i = 0; i < LOW * LOW; i++) bits |= (uint64_t)(low[i] > median) << i;
    return bits;
}
