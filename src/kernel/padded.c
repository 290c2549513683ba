/* padded.c: copies of B, made on all threads. */
#include "kernel/padded.h"

#include <string.h>

enum { STEP = LBK__LANES, MOST_COLUMNS = 512, FEWEST_ROWS = 256, TRIFLE = 1 << 15 };

size_t lbk__padded_bytes(bool transposed, int64_t m, int64_t n, int64_t k) {
    const bool pays = m >= FEWEST_ROWS && n <= MOST_COLUMNS && n * k >= TRIFLE;
    return pays && (transposed || n % STEP != 0) ? sizeof(float) * (size_t)(k * lbk__padded_stride(n)) : 0;
}

/* Rows `row` to `row` + `rows` of B from Bᵀ [n, k]. */
static void transpose_rows(const lbk__vector *vector, const float *b, int64_t n, int64_t k, int64_t row,
                           int64_t rows, float *out) {
    const int64_t stride = lbk__padded_stride(n);
    if (rows == STEP) {
        vector->transpose(out, stride, b + row, k, n, STEP, 1.0f);
        return;
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < rows; i++) out[i * stride + j] = b[j * k + row + i];
}

void lbk__padded_copy(const lbk__vector *vector, bool transposed, const float *b, int64_t n, int64_t k,
                      float *out) {
    const int64_t stride = lbk__padded_stride(n);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < k; row += STEP) {
        const int64_t rows = LBK_MIN((int64_t)STEP, k - row);
        if (transposed)
            transpose_rows(vector, b, n, k, row, rows, out + row * stride);
        else
            for (int64_t i = row; i < row + rows; i++)
                memcpy(out + i * stride, b + i * n, (size_t)n * sizeof *b);
    }
}
