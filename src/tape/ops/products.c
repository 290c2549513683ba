/* products.c: linear's products in float32, bfloat16 (inputs rounded, sums float32) and int8 (forward only).
 *
 * W is rounded, packed or padded into op->constant, once as long as it does not change; the rest into
 * scratch. */
#include "tape/ops/products.h"

#include "kernel/narrow.h"
#include "kernel/padded.h"

typedef struct sizes {
    int64_t n, in, out;
} sizes;

static sizes sizes_of(const lbk__tape *tape, const lbk__op *op) {
    return (sizes){lbk__rows(tape, op->output), op->input[0]->cols, op->output->cols};
}

static size_t larger(size_t a, size_t b) {
    return LBK_MAX(a, b);
}

/* ---- memory ---- */

/* In op->constant: values, scale, offset. */
static lbk__int8_weights int8_weights(const lbk__op *op) {
    const size_t in = (size_t)op->input[0]->cols, out = (size_t)op->output->cols;
    char *data = op->constant.data;
    const size_t values = LBK_ROUND_UP(out * in, 64), scale = values + out * sizeof(float);
    return (lbk__int8_weights){(int8_t *)data, (float *)(void *)(data + values),
                               (int32_t *)(void *)(data + scale)};
}

static void ask_int8(lbk__tape *tape, lbk__op *op) {
    const size_t in = (size_t)op->input[0]->cols, out = (size_t)op->output->cols,
                 n = (size_t)tape->max_rows[op->output->extent];
    op->constant.bytes = LBK_ROUND_UP(out * in, 64) + out * (sizeof(float) + sizeof(int32_t));
    op->scratch.bytes = n * sizeof(float) + n * in; /* scale and q of x */
}

static void ask_bf16(lbk__tape *tape, lbk__op *op) {
    const size_t in = (size_t)op->input[0]->cols, out = (size_t)op->output->cols,
                 n = (size_t)tape->max_rows[op->output->extent], size = lbk__bf16_size(tape->narrow);
    size_t most = n * in;                                                  /* forward: x */
    if (tape->mode != LBK__TAPE_INFER) most = n * (in + out);              /* backward: x, dz */
    if (tape->mode == LBK__TAPE_META) most = larger(most, (n + out) * in); /* tangent: x or ẋ, Ẇ */
    op->constant.bytes = size * out * in;
    op->scratch.bytes = size * most;
}

/* For inference a copy of W is kept: packed where all batches are small, what one prediction at a time needs;
 * Wᵀ padded where that pays. In training W is another at each step. */
static lbk_status ask_fp32(lbk__tape *tape, lbk__op *op) {
    const int32_t rows = tape->max_rows[op->output->extent], in = op->input[0]->cols, out = op->output->cols;
    const size_t forward = lbk__padded_bytes(true, rows, out, in); /* tangent, too */
    if (tape->mode != LBK__TAPE_INFER) {
        op->scratch.bytes = larger(forward, lbk__padded_bytes(false, rows, in, out));
        return LBK_OK;
    }
    op->constant.bytes = forward;
    op->padded = forward > 0;
    if (rows < 1 || rows > LBK__PACKED_MAX_ROWS) return LBK_OK;
    LBK_TRY(lbk__packed_create(tape->context, out, in, rows, &op->packed));
    if (op->packed) {
        op->constant.bytes = lbk__packed_bytes(op->packed);
        op->padded = false;
    }
    return LBK_OK;
}

lbk_status lbk__products_ask(lbk__tape *tape, lbk__op *op) {
    op->precision = tape->precision;
    if (tape->precision == LBK__PRECISION_INT8 &&
        (tape->mode != LBK__TAPE_INFER || op->input[0]->cols > LBK__INT8_MAX_IN))
        op->precision = LBK__PRECISION_FP32;
    if (op->precision == LBK__PRECISION_INT8) ask_int8(tape, op);
    if (op->precision == LBK__PRECISION_BF16) ask_bf16(tape, op);
    return op->precision == LBK__PRECISION_FP32 ? ask_fp32(tape, op) : LBK_OK;
}

/* lbk__gemm without gaps in A and C. Want of memory is told when the pass is over. */
static void gemm(lbk__tape *tape, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                 const float *a, const float *b, int64_t ldb, float beta, float *c) {
    if (!lbk__gemm(transpose_a, transpose_b, m, n, k, a, transpose_a ? m : k, b, ldb, beta, c, n))
        tape->context->starved = true;
}

/* C [m, n] = A · B + beta · C with weights B, or Bᵀ, that are copied into scratch where that pays. */
static void multiply(lbk__tape *tape, lbk__op *op, bool transposed, int64_t m, int64_t n, int64_t k,
                     const float *a, const float *b, float beta, float *c) {
    if (!lbk__padded_bytes(transposed, m, n, k)) {
        gemm(tape, false, transposed, m, n, k, a, b, transposed ? k : n, beta, c);
        return;
    }
    lbk__padded_copy(tape->vector, transposed, b, n, k, op->scratch.data);
    gemm(tape, false, false, m, n, k, a, op->scratch.data, lbk__padded_stride(n), beta, c);
}

/* ---- forward ---- */

static void forward_bf16(lbk__tape *tape, lbk__op *op, float *z) {
    const sizes s = sizes_of(tape, op);
    if (!tape->constants_known)
        lbk__bf16_from(tape->narrow, op->constant.data, weights_of(tape, op->slot[0]), s.out * s.in);
    lbk__bf16_from(tape->narrow, op->scratch.data, op->input[0]->value.data, s.n * s.in);
    lbk__bf16_gemm(tape->narrow, false, true, s.n, s.out, s.in, op->scratch.data, op->constant.data, false,
                   z);
}

static void forward_int8(lbk__tape *tape, lbk__op *op, float *z) {
    const sizes s = sizes_of(tape, op);
    const lbk__int8_weights weights = int8_weights(op);
    float *scale = op->scratch.data;                                      /* [max rows] */
    uint8_t *q = (uint8_t *)(scale + tape->max_rows[op->output->extent]); /* [n, in] */
    if (!tape->constants_known)
        lbk__int8_weights_from(tape->narrow, &weights, weights_of(tape, op->slot[0]), s.out, s.in);
    lbk__int8_from(tape->narrow, q, scale, op->input[0]->value.data, s.n, s.in);
    lbk__int8_gemm(tape->narrow, s.n, s.out, s.in, q, scale, &weights, z);
}

static void forward_fp32(lbk__tape *tape, lbk__op *op, float *z) {
    const sizes s = sizes_of(tape, op);
    const float *x = op->input[0]->value.data, *weights = weights_of(tape, op->slot[0]);
    if (op->packed && !tape->constants_known &&
        !lbk__packed_weights(op->packed, op->constant.data, weights)) {
        lbk__packed_free(op->packed);
        op->packed = NULL;
    }
    if (op->packed && lbk__packed_run(op->packed, s.n, x, op->constant.data, z)) return;
    if (op->padded) {
        if (!tape->constants_known)
            lbk__padded_copy(tape->vector, true, weights, s.out, s.in, op->constant.data);
        gemm(tape, false, false, s.n, s.out, s.in, x, op->constant.data, lbk__padded_stride(s.out), 0.0f, z);
    } else if (tape->mode == LBK__TAPE_INFER) { /* has no scratch */
        gemm(tape, false, true, s.n, s.out, s.in, x, weights, s.in, 0.0f, z);
    } else {
        multiply(tape, op, true, s.n, s.out, s.in, x, weights, 0.0f, z);
    }
}

/* Operations of one product z = x·Wᵀ; dx and dW have as many each. */
static double operations(const lbk__tape *tape, const lbk__op *op) {
    const sizes s = sizes_of(tape, op);
    return 2.0 * (double)s.n * (double)s.in * (double)s.out;
}

void lbk__products_forward(lbk__tape *tape, lbk__op *op, float *z) {
    const double begin = lbk__product_begin(tape);
    if (op->precision == LBK__PRECISION_BF16)
        forward_bf16(tape, op, z);
    else if (op->precision == LBK__PRECISION_INT8)
        forward_int8(tape, op, z);
    else
        forward_fp32(tape, op, z);
    lbk__product_end(tape, &op->time[LBK__FORWARD], begin, operations(tape, op));
}

/* ---- backward ---- */

static void backward_bf16(lbk__tape *tape, lbk__op *op, const float *dz) {
    const sizes s = sizes_of(tape, op);
    char *x = op->scratch.data, *narrow_dz = x + lbk__bf16_size(tape->narrow) * (size_t)(s.n * s.in);
    lbk__bf16_from(tape->narrow, x, op->input[0]->value.data, s.n * s.in);
    lbk__bf16_from(tape->narrow, narrow_dz, dz, s.n * s.out);
    if (op->input[0]->gradient.data)
        lbk__bf16_gemm(tape->narrow, false, false, s.n, s.in, s.out, narrow_dz, op->constant.data,
                       op->accumulate[0], op->input[0]->gradient.data);
    lbk__bf16_gemm(tape->narrow, true, false, s.out, s.in, s.n, narrow_dz, x, true,
                   gradients_of(tape, op->slot[0]));
}

/* dx may lie where x does (linear.c), so it comes last. */
static void backward_fp32(lbk__tape *tape, lbk__op *op, const float *dz) {
    const sizes s = sizes_of(tape, op);
    gemm(tape, true, false, s.out, s.in, s.n, dz, op->input[0]->value.data, s.in, 1.0f,
         gradients_of(tape, op->slot[0]));
    if (op->input[0]->gradient.data)
        multiply(tape, op, false, s.n, s.in, s.out, dz, weights_of(tape, op->slot[0]),
                 op->accumulate[0] ? 1.0f : 0.0f, op->input[0]->gradient.data);
}

void lbk__products_backward(lbk__tape *tape, lbk__op *op, const float *dz) {
    const double begin = lbk__product_begin(tape);
    if (op->precision == LBK__PRECISION_BF16)
        backward_bf16(tape, op, dz);
    else
        backward_fp32(tape, op, dz);
    const int products = op->input[0]->gradient.data ? 2 : 1;
    lbk__product_end(tape, &op->time[LBK__BACKWARD], begin, products * operations(tape, op));
}

/* ---- tangent; ẋ is NULL where x is a leaf ---- */

static void tangent_bf16(lbk__tape *tape, lbk__op *op, float *dz) {
    const sizes s = sizes_of(tape, op);
    char *direction = op->scratch.data,
         *x = direction + lbk__bf16_size(tape->narrow) * (size_t)(s.out * s.in); /* then ẋ */
    lbk__bf16_from(tape->narrow, direction, direction_of(tape, op->slot[0]), s.out * s.in);
    lbk__bf16_from(tape->narrow, x, op->input[0]->value.data, s.n * s.in);
    lbk__bf16_gemm(tape->narrow, false, true, s.n, s.out, s.in, x, direction, false, dz);
    if (!op->input[0]->tangent.data) return;
    lbk__bf16_from(tape->narrow, x, op->input[0]->tangent.data, s.n * s.in);
    lbk__bf16_gemm(tape->narrow, false, true, s.n, s.out, s.in, x, op->constant.data, true, dz);
}

static void tangent_fp32(lbk__tape *tape, lbk__op *op, float *dz) {
    const sizes s = sizes_of(tape, op);
    multiply(tape, op, true, s.n, s.out, s.in, op->input[0]->value.data, direction_of(tape, op->slot[0]),
             0.0f, dz);
    if (op->input[0]->tangent.data)
        multiply(tape, op, true, s.n, s.out, s.in, op->input[0]->tangent.data, weights_of(tape, op->slot[0]),
                 1.0f, dz);
}

void lbk__products_tangent(lbk__tape *tape, lbk__op *op, float *dz) {
    const double begin = lbk__product_begin(tape);
    if (op->precision == LBK__PRECISION_BF16)
        tangent_bf16(tape, op, dz);
    else
        tangent_fp32(tape, op, dz);
    const int products = op->input[0]->tangent.data ? 2 : 1;
    lbk__product_end(tape, &op->time[LBK__TANGENT], begin, products * operations(tape, op));
}
