/* narrow.c: bfloat16 and int8 products: roundings on all threads, products by oneDNN. */
#include "kernel/narrow.h"

#include "kernel/matmul.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that a thread rounds at a time. */
enum { BLOCK = 8192 };

const char *const lbk__precision_names[] = {"auto", "fp32", "bf16", "int8", NULL};

struct lbk__narrow {
    lbk_context *context;
    const lbk__vector *vector;
    bool native;               /* bfloat16 is kept in 16 bits */
    int32_t levels;            /* of int8's x */
    lbk__matmul bf16[2][2][2]; /* [transpose a][transpose b][accumulate] */
    lbk__matmul int8;
};

/* The vector kernels' choice counts too: LIMBECK_KERNELS narrows both. */
static bool multiplies_bf16(void) {
    return strcmp(lbk__vector_choose()->name, "avx512") == 0 && lbk__dnnl_has_bf16();
}

lbk__precision lbk__precision_resolve(lbk__precision precision) {
    if (precision != LBK__PRECISION_AUTO) return precision;
    return multiplies_bf16() ? LBK__PRECISION_BF16 : LBK__PRECISION_FP32;
}

lbk_status lbk__precision_of(lbk_context *context, const char *name, size_t count, lbk__precision *out) {
    if (!name) *out = LBK__PRECISION_FP32;
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(name, lbk__precision_names[i]) == 0) {
            *out = lbk__precision_resolve((lbk__precision)i);
            return LBK_OK;
        }
    if (!name) return LBK_OK;
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "precision \"%s\" is none of auto, fp32, bf16%s", name,
                     count > LBK__PRECISION_INT8 ? ", int8" : "");
}

static lbk_status create_bf16(lbk__narrow *narrow) {
    const char *forced = getenv("LIMBECK_KERNELS");
    narrow->native = multiplies_bf16() || (forced && strcmp(forced, "bf16") == 0 && lbk__dnnl_has_avx512());
    for (int i = 0; narrow->native && i < 8; i++) {
        lbk__matmul *matmul = &narrow->bf16[i & 1][i >> 1 & 1][i >> 2];
        *matmul = (lbk__matmul){.a = dnnl_bf16,
                                .b = dnnl_bf16,
                                .c = dnnl_f32,
                                .transpose_a = i & 1,
                                .transpose_b = i >> 1 & 1,
                                .accumulate = i >> 2};
        LBK_TRY(lbk__matmul_create(narrow->context, matmul));
    }
    return LBK_OK;
}

static lbk_status create_int8(lbk__narrow *narrow) {
    narrow->levels = lbk__dnnl_has_vnni() ? 127 : 63;
    narrow->int8 = (lbk__matmul){.a = dnnl_u8, .b = dnnl_s8, .c = dnnl_s32, .transpose_b = true};
    return lbk__matmul_create(narrow->context, &narrow->int8);
}

lbk_status lbk__narrow_create(lbk_context *context, lbk__precision precision, lbk__narrow **out) {
    lbk__narrow *narrow;
    LBK_TRY(LBK_ALLOC(context, narrow, 1));
    narrow->context = context;
    narrow->vector = lbk__vector_choose();
    const lbk_status status = precision == LBK__PRECISION_BF16 ? create_bf16(narrow) : create_int8(narrow);
    *out = narrow;
    if (status != LBK_OK) {
        lbk__narrow_free(narrow);
        *out = NULL;
    }
    return status;
}

void lbk__narrow_free(lbk__narrow *narrow) {
    if (!narrow) return;
    for (int i = 0; i < 8; i++) lbk__matmul_free(&narrow->bf16[i & 1][i >> 1 & 1][i >> 2]);
    lbk__matmul_free(&narrow->int8);
    lbk_free(narrow->context, narrow);
}

/* ---- bfloat16 ---- */

size_t lbk__bf16_size(const lbk__narrow *narrow) {
    return narrow->native ? sizeof(uint16_t) : sizeof(float);
}

void lbk__bf16_from(const lbk__narrow *narrow, void *to, const float *from, int64_t count) {
#pragma omp parallel for schedule(static) if (count > BLOCK)
    for (int64_t first = 0; first < count; first += BLOCK) {
        const int64_t n = LBK_MIN((int64_t)BLOCK, count - first);
        if (narrow->native)
            narrow->vector->float_to_bf16((uint16_t *)to + first, from + first, n);
        else
            narrow->vector->round_to_bf16((float *)to + first, from + first, n);
    }
}

void lbk__bf16_gemm(const lbk__narrow *narrow, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                    int64_t k, const void *a, const void *b, bool accumulate, float *c) {
    const bool done = narrow->native ? lbk__matmul_run(&narrow->bf16[transpose_a][transpose_b][accumulate], m,
                                                       n, k, a, b, c)
                                     : lbk__gemm(transpose_a, transpose_b, m, n, k, a, transpose_a ? m : k, b,
                                                 transpose_b ? k : n, accumulate ? 1.0f : 0.0f, c, n);
    if (!done) narrow->context->starved = true;
}

/* ---- int8 ---- */

void lbk__int8_weights_from(const lbk__narrow *narrow, const lbk__int8_weights *to, const float *weights,
                            int64_t out, int64_t in) {
#pragma omp parallel for schedule(static) if (out * in > BLOCK)
    for (int64_t o = 0; o < out; o++) {
        const float *row = weights + o * in;
        float most = 0;
        int32_t sum = 0;
        for (int64_t k = 0; k < in; k++) most = fmaxf(most, fabsf(row[k]));
        const float inverse = most > 0 ? 127.0f / most : 0.0f;
        for (int64_t k = 0; k < in; k++) {
            const long q = lrintf(row[k] * inverse);
            to->values[o * in + k] = (int8_t)q;
            sum += (int32_t)q;
        }
        to->scale[o] = most / 127.0f;
        to->offset[o] = sum * (narrow->levels + 1);
    }
}

void lbk__int8_from(const lbk__narrow *narrow, uint8_t *q, float *scale, const float *x, int64_t m,
                    int64_t in) {
#pragma omp parallel for schedule(static) if (m * in > BLOCK)
    for (int64_t i = 0; i < m; i++)
        scale[i] = narrow->vector->quantize_row(q + i * in, x + i * in, narrow->levels, in);
}

void lbk__int8_gemm(const lbk__narrow *narrow, int64_t m, int64_t out, int64_t in, const uint8_t *q,
                    const float *scale, const lbk__int8_weights *weights, float *y) {
    int32_t *sum = (int32_t *)(void *)y; /* in y's place */
    if (!lbk__matmul_run(&narrow->int8, m, out, in, q, weights->values, sum)) {
        narrow->context->starved = true;
        return; /* y is not the sums that follow would read */
    }
#pragma omp parallel for schedule(static) if (m * out > BLOCK)
    for (int64_t i = 0; i < m; i++)
        narrow->vector->dequantize_row(y + i * out, sum + i * out, weights->offset, weights->scale, scale[i],
                                       out);
}
