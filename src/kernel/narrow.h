/* narrow.h: matrix products whose inputs have 16 or 8 bits and whose sums have 32. Memory is the caller's,
 * and all primitives are made at creation; what a product of oneDNN's takes while it runs (three descriptions
 * of memory, buffers of its own) is from malloc and gone when it is done. */
#ifndef LBK_KERNEL_NARROW_H
#define LBK_KERNEL_NARROW_H

#include "kernel/kernel.h"

typedef enum lbk__precision {
    LBK__PRECISION_AUTO, /* BF16 where the processor multiplies bfloat16, else FP32 */
    LBK__PRECISION_FP32,
    LBK__PRECISION_BF16,
    LBK__PRECISION_INT8, /* inference only */
    LBK__NUM_PRECISIONS
} lbk__precision;
extern const char *const lbk__precision_names[]; /* "auto", "fp32", "bf16", "int8", NULL */

/* What `auto` means on this processor; others are themselves. */
lbk__precision lbk__precision_resolve(lbk__precision precision);
/* By name; NULL is fp32. LBK_INVALID_ARGUMENT unless it is one of the first `count` names. Resolved. */
lbk_status lbk__precision_of(lbk_context *context, const char *name, size_t count, lbk__precision *out);

typedef struct lbk__narrow lbk__narrow;

/* For products of one precision, BF16 or INT8. */
lbk_status lbk__narrow_create(lbk_context *context, lbk__precision precision, lbk__narrow **out);
void lbk__narrow_free(lbk__narrow *narrow); /* NULL is allowed */

/* ---- bfloat16 ----
 * Where the processor has no such instructions, a number is rounded to bfloat16 but kept and multiplied as
 * float32: the same products, at float32's speed. LIMBECK_KERNELS=bf16 leaves them to oneDNN where it can. */

/* Bytes of a number: 2, or 4 where it is kept as float32. */
size_t lbk__bf16_size(const lbk__narrow *narrow);
void lbk__bf16_from(const lbk__narrow *narrow, void *to, const float *from, int64_t count);
/* C [m, n] (+)= op(A) · op(B), all rows dense; op is transposition where `transpose_…`. Where it cannot be
 * done, for want of memory, the context is starved (base.h). */
void lbk__bf16_gemm(const lbk__narrow *narrow, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                    int64_t k, const void *a, const void *b, bool accumulate, float *c);

/* ---- int8: y = x·Wᵀ, W [out, in] with a scale for each row, x with a scale for each row of its own ----
 * x is symmetric around a zero of 128 (8 bits, unsigned: what the instructions want), so y = (q_x·q_Wᵀ − 128
 * · Σ q_W) · scale_W · scale_x. Processors without VNNI add pairs of products in 16 bits: there x has 7 bits.
 */

typedef struct lbk__int8_weights {
    int8_t *values;  /* [out, in] */
    float *scale;    /* [out] */
    int32_t *offset; /* [out] */
} lbk__int8_weights;

/* `in` may be at most this, so that sums fit 32 bits. */
enum { LBK__INT8_MAX_IN = 65536 };

void lbk__int8_weights_from(const lbk__narrow *narrow, const lbk__int8_weights *to, const float *weights,
                            int64_t out, int64_t in);
/* q [m, in] and its scale [m]. */
void lbk__int8_from(const lbk__narrow *narrow, uint8_t *q, float *scale, const float *x, int64_t m,
                    int64_t in);
void lbk__int8_gemm(const lbk__narrow *narrow, int64_t m, int64_t out, int64_t in, const uint8_t *q,
                    const float *scale, const lbk__int8_weights *weights, float *y);

#endif
