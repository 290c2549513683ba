/* lines.c: B by whole cache lines, copied on all threads. */
#include "kernel/lines.h"

#include <string.h>

enum { MOST_COLUMNS = 512, FEWEST_ROWS = 256, TRIFLE = 1 << 15 };

size_t lbk__lines_bytes(bool transposed, int64_t m, int64_t n, int64_t k) {
    const bool pays = m >= FEWEST_ROWS && n <= MOST_COLUMNS && n * k >= TRIFLE;
    return pays && (transposed || n % LBK__LINE != 0)
               ? sizeof(float) * (size_t)(k * LBK_ROUND_UP(n, LBK__LINE))
               : 0;
}

/* Rows `row` to `row` + `rows` of B from Bᵀ [n, k]. */
static void transpose_rows(const lbk__vector *vector, const float *b, int64_t n, int64_t k, int64_t row,
                           int64_t rows, float *out) {
    const int64_t width = LBK_ROUND_UP(n, LBK__LINE);
    if (rows == LBK__LINE) {
        vector->transpose(out, width, b + row, k, n, LBK__LINE, 1.0f);
        return;
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < rows; i++) out[i * width + j] = b[j * k + row + i];
}

void lbk__lines_copy(const lbk__vector *vector, bool transposed, const float *b, int64_t n, int64_t k,
                     float *out) {
    const int64_t width = LBK_ROUND_UP(n, LBK__LINE);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < k; row += LBK__LINE) {
        const int64_t rows = LBK_MIN((int64_t)LBK__LINE, k - row);
        if (transposed)
            transpose_rows(vector, b, n, k, row, rows, out + row * width);
        else
            for (int64_t i = row; i < row + rows; i++)
                memcpy(out + i * width, b + i * n, (size_t)n * sizeof *b);
    }
}
