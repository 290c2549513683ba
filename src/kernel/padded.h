/* padded.h: weights whose rows are padded to whole cache lines. Where B [k, n] of a product has few columns,
 * is no trifle and many rows of A meet it, oneDNN's sgemm is up to a quarter faster with B not transposed and
 * padded (docs/speed.md): so much that a copy of B pays. */
#ifndef LBK_KERNEL_PADDED_H
#define LBK_KERNEL_PADDED_H

#include "kernel/kernel.h"

/* Floats from row to row of the copy. */
static inline int64_t lbk__padded_stride(int64_t n) {
    return LBK_ROUND_UP(n, (int64_t)LBK__LANES);
}
/* Bytes of a copy for A [m, k] · B [k, n], where it pays; else 0. `transposed`: there is Bᵀ [n, k]. Grows
 * with m. */
size_t lbk__padded_bytes(bool transposed, int64_t m, int64_t n, int64_t k);
/* out [k, stride] = B, which has no gaps; the columns from n on have no meaning. `out` is aligned to a cache
 * line. */
void lbk__padded_copy(const lbk__vector *vector, bool transposed, const float *b, int64_t n, int64_t k,
                      float *out);

#endif
