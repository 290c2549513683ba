/* packed.h: y = x·Wᵀ in float32 for few rows of x, with W packed once. sgemm packs W at each call, which
 * takes as long as the product when x has the rows of one sample. */
#ifndef LBK_KERNEL_PACKED_H
#define LBK_KERNEL_PACKED_H

#include "kernel/kernel.h"

/* From that many rows on sgemm is as fast. */
enum { LBK__PACKED_MAX_ROWS = 512 };

typedef struct lbk__packed lbk__packed;

/* For W [out, in] and 1 … max_rows ≤ LBK__PACKED_MAX_ROWS rows. *packed is NULL where oneDNN has no kernel
 * for it on this processor: call lbk__gemm. */
lbk_status lbk__packed_create(lbk_context *context, int64_t out, int64_t in, int64_t max_rows,
                              lbk__packed **packed);
void lbk__packed_free(lbk__packed *packed); /* NULL is allowed */
/* Bytes of a packed W, and W into that memory (64-byte aligned); false: not done, for want of memory. */
size_t lbk__packed_bytes(const lbk__packed *packed);
bool lbk__packed_weights(const lbk__packed *packed, void *to, const float *weights);
/* x [m, in], y [m, out]; both have room for max_rows, rows beyond m may be written. False: not done, for want
 * of a primitive, which is made when a number of rows, rounded up to 16, comes for the first time. */
bool lbk__packed_run(lbk__packed *packed, int64_t m, const float *x, const void *weights, float *y);

#endif
