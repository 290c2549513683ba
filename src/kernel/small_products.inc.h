/* small_products.inc.h: products of the matrices of one head, too small for a library; a part of
 * vector.inc.h. */

static void copy_block(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                       float factor, bool accumulate) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < cols; c += LANES) {
            vf v = factor * load(x + i * ldx + c);
            if (accumulate) v += get(y + i * ldy + c, cols - c);
            put(y + i * ldy + c, v, cols - c);
        }
}

/* Step s of a transposition in place: of rows i and i + s, blocks of s lanes change places. */
#define STAY(l, s) ((l) & (s) ? LANES + (l) - (s) : (l))
#define MOVE(l, s) ((l) & (s) ? LANES + (l) : (l) + (s))
#define SWAP_BLOCKS(m, s)                                                                       \
    for (int i = 0; i < LANES; i++)                                                             \
        if (!(i & (s))) {                                                                       \
            const vf upper = m[i], lower = m[i + (s)];                                          \
            m[i] = SHUFFLE(upper, lower, STAY, s), m[i + (s)] = SHUFFLE(upper, lower, MOVE, s); \
        }

INLINE void transpose_square(vf m[LANES]) {
    SWAP_BLOCKS(m, 1)
    SWAP_BLOCKS(m, 2)
#if LANES >= 8
    SWAP_BLOCKS(m, 4)
#endif
#if LANES >= 16
    SWAP_BLOCKS(m, 8)
#endif
}

static void transpose(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                      float factor) {
    for (int64_t i = 0; i < ldy; i += LANES)
        for (int64_t c = 0; c < cols; c += LANES) {
            vf m[LANES];
            for (int k = 0; k < LANES; k++)
                m[k] = i + k < rows ? factor * load(x + (i + k) * ldx + c) : (vf){0};
            transpose_square(m);
            for (int k = 0; k < LANES; k++)
                if (c + k < cols) store(y + (c + k) * ldy + i, m[k]);
        }
}

/* Rows of C at a time: as many as have registers for two vectors of sums each and an address in A. */
enum { MOST_ROWS = LANES == 16 ? 8 : 6 };

/* `rows` rows of C by `wide` vectors; both, and one of `row` and `column`, are constants wherever this is
 * called, so the sums stay in registers. */
INLINE void small_block(int rows, int wide, int64_t k, const float *a, int64_t row, int64_t column,
                        const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    vf sum[MOST_ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) sum[r][w] = accumulate ? load(c + r * ldc + w * LANES) : (vf){0};
    for (int64_t p = 0; p < k; p++) {
        vf right[2];
        for (int w = 0; w < wide; w++) right[w] = load(b + p * ldb + w * LANES);
        for (int r = 0; r < rows; r++) {
            const vf left = splat(a[r * row + p * column]);
            for (int w = 0; w < wide; w++) sum[r][w] += left * right[w];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) store(c + r * ldc + w * LANES, sum[r][w]);
}

INLINE void small_columns(int wide, int64_t m, int64_t k, const float *a, int64_t row, int64_t column,
                          const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    int64_t i = 0;
    for (; i + MOST_ROWS <= m; i += MOST_ROWS)
        small_block(MOST_ROWS, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
    for (; i + 2 <= m; i += 2)
        small_block(2, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
    if (i < m) small_block(1, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
}

INLINE void small_matrix(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t column,
                         const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES)
        small_columns(2, m, k, a, row, column, b + j, ldb, accumulate, c + j, ldc);
    if (j < n) small_columns(1, m, k, a, row, column, b + j, ldb, accumulate, c + j, ldc);
}

static void small_gemm(bool transpose_a, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                       const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    if (transpose_a)
        small_matrix(m, n, k, a, 1, lda, b, ldb, accumulate, c, ldc);
    else
        small_matrix(m, n, k, a, lda, 1, b, ldb, accumulate, c, ldc);
}
