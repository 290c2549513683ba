/* lines.h: the right side of a product by whole cache lines. Where B [k, n] has few columns, is no trifle and
 * many rows of A meet it, oneDNN's sgemm is up to a quarter faster when B is not transposed and its rows are
 * whole cache lines (docs/speed.md): so much that a copy of B pays. */
#ifndef LBK_KERNEL_LINES_H
#define LBK_KERNEL_LINES_H

#include "kernel/kernel.h"

/* Floats of a line, and so what a row of the copy is padded to. */
enum { LBK__LINE = LBK__LANES };

/* Bytes of a copy for A [m, k] · B [k, n], where it pays; else 0. `transposed`: there is Bᵀ [n, k]. Grows
 * with m. */
size_t lbk__lines_bytes(bool transposed, int64_t m, int64_t n, int64_t k);
/* out [k, n rounded up to LBK__LINE] = B, which has no gaps; the columns from n on have no meaning. `out` is
 * aligned to a line. */
void lbk__lines_copy(const lbk__vector *vector, bool transposed, const float *b, int64_t n, int64_t k,
                     float *out);

#endif
