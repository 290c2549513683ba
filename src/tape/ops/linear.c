/* linear.c: y = act(x·Wᵀ + b), act ∈ {identity, gelu, tanh}.
 *
 *   backward  z = x·Wᵀ + b;  dz = dy ⊙ act'(z);  dx = dz·W;  dW += dzᵀ·x;  db += Σ_rows dz
 *   tangent   ẏ = act'(z) ⊙ (ẋ·Wᵀ + x·Ẇᵀ + ḃ)
 *
 * x [n, in], W [out, in], b [out], y [n, out]; act'(z) is kept when act is gelu (tanh needs y only). dz takes
 * dy's place. */
#include "tape/ops/products.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static void forward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), out = op->output->cols;
    float *y = op->output->value.data, *slope = op->saved[0].data; /* [n, out] */
    const float *bias = weights_of(tape, op->slot[1]);             /* [out] */
    lbk__products_forward(tape, op, slope ? slope : y);
#pragma omp parallel for schedule(static) if (n * out >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++) {
        if (slope)
            tape->vector->bias_gelu_slope(y + i * out, slope + i * out, bias, out);
        else if (op->activation == LBK__GELU)
            tape->vector->bias_gelu(y + i * out, bias, out);
        else if (op->activation == LBK__TANH)
            tape->vector->bias_tanh(y + i * out, bias, out);
        else
            tape->vector->add(y + i * out, bias, out);
    }
}

/* d ⊙= act'(z) for row i, in place: dy → dz, and ż → ẏ. */
static void multiply_by_slope(const lbk__tape *tape, const lbk__op *op, int64_t i, float *d) {
    const int64_t out = op->output->cols;
    const float *y = op->output->value.data, *slope = op->saved[0].data;
    if (op->activation == LBK__GELU) tape->vector->multiply(d, slope + i * out, out);
    if (op->activation == LBK__TANH) tape->vector->tanh_gradient(d, d, y + i * out, out);
}

/* dy → dz, and db += Σ_rows dz: every thread sums its rows apart, then the parts are added in the order of
 * the threads. */
static void slopes_and_sums(const lbk__tape *tape, const lbk__op *op, float *dz, float *db) {
    const int64_t n = lbk__rows(tape, op->output), out = op->output->cols;
    const int threads = tape->context->num_threads;
    float *parts = op->scratch.data; /* [threads, out] */
    memset(parts, 0, (size_t)threads * (size_t)out * sizeof *parts);
#pragma omp parallel num_threads(threads) if (n * out >= PARALLEL_FROM)
    {
        float *sum = parts + omp_get_thread_num() * out;
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n; i++) {
            multiply_by_slope(tape, op, i, dz + i * out);
            tape->vector->add(sum, dz + i * out, out);
        }
    }
    for (int thread = 0; thread < threads; thread++) tape->vector->add(db, parts + thread * out, out);
}

static void backward(lbk__tape *tape, lbk__op *op) {
    float *dz = op->output->gradient.data; /* [n, out] */
    slopes_and_sums(tape, op, dz, gradients_of(tape, op->slot[1]));
    lbk__products_backward(tape, op, dz);
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), out = op->output->cols;
    float *dy = op->output->tangent.data; /* [n, out] */
    const float *d_bias = direction_of(tape, op->slot[1]);
    lbk__products_tangent(tape, op, dy);
#pragma omp parallel for schedule(static) if (n * out >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++) {
        tape->vector->add(dy + i * out, d_bias, out);
        multiply_by_slope(tape, op, i, dy + i * out);
    }
}

/* ---- reference ---- */

static double activate(lbk__activation activation, double z) {
    if (activation == LBK__GELU) return 0.5 * z * (1.0 + erf(z * M_SQRT1_2));
    return activation == LBK__TANH ? tanh(z) : z;
}

static double slope(lbk__activation activation, double z) {
    if (activation == LBK__GELU)
        return 0.5 * (1.0 + erf(z * M_SQRT1_2)) + z * exp(-0.5 * z * z) * 0.5 * M_2_SQRTPI * M_SQRT1_2;
    return activation == LBK__TANH ? 1.0 - tanh(z) * tanh(z) : 1.0;
}

static double reference_z(const lbk__tape *tape, const lbk__op *op, int64_t i, int64_t o) {
    const int64_t in = op->input[0]->cols;
    const double *x = (const double *)op->input[0]->value.data + i * in;
    const double *w = reference_weights(tape, op->slot[0]) + o * in;
    double z = reference_weights(tape, op->slot[1])[o];
    for (int64_t k = 0; k < in; k++) z += x[k] * w[k];
    return z;
}

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), out = op->output->cols;
    double *y = op->output->value.data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t o = 0; o < out; o++)
            y[i * out + o] = activate(op->activation, reference_z(tape, op, i, o));
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), in = op->input[0]->cols, out = op->output->cols;
    const double *x = op->input[0]->value.data, *w = reference_weights(tape, op->slot[0]);
    const double *dy = op->output->gradient.data;
    double *dx = op->input[0]->gradient.data, *dw = reference_gradients(tape, op->slot[0]);
    double *db = reference_gradients(tape, op->slot[1]);
    if (dx && !op->accumulate[0]) memset(dx, 0, (size_t)(n * in) * sizeof *dx);
    for (int64_t i = 0; i < n; i++)
        for (int64_t o = 0; o < out; o++) {
            const double dz = dy[i * out + o] * slope(op->activation, reference_z(tape, op, i, o));
            for (int64_t k = 0; k < in; k++) {
                if (dx) dx[i * in + k] += dz * w[o * in + k];
                dw[o * in + k] += dz * x[i * in + k];
            }
            db[o] += dz;
        }
}

static void reference_tangent(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), in = op->input[0]->cols, out = op->output->cols;
    const double *x = op->input[0]->value.data, *dx = op->input[0]->tangent.data;
    const double *w = reference_weights(tape, op->slot[0]), *dw = reference_direction(tape, op->slot[0]);
    double *dy = op->output->tangent.data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t o = 0; o < out; o++) {
            double dz = reference_direction(tape, op->slot[1])[o];
            for (int64_t k = 0; k < in; k++)
                dz += x[i * in + k] * dw[o * in + k] + (dx ? dx[i * in + k] * w[o * in + k] : 0.0);
            dy[i * out + o] = slope(op->activation, reference_z(tape, op, i, o)) * dz;
        }
}

static const lbk__op_class gelu_class = {
    .name = "linear",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
    .saves_input = {true},
    .gradient_in_place = true,
};
static const lbk__op_class tanh_class = {
    .name = "linear",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
    .saves_input = {true},
    .gradient_in_place = true,
    .saves_output = true,
};

lbk_status lbk__op_linear(lbk__tape *tape, lbk__tensor *x, lbk__slot weight, lbk__slot bias,
                          lbk__activation activation, lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, x->extent, weight.rows, out));
    LBK_TRY(lbk__tape_record(tape, activation == LBK__TANH ? &tanh_class : &gelu_class, *out, &op));
    op->input[0] = x;
    op->slot[0] = weight;
    op->slot[1] = bias;
    op->activation = activation;
    if (!tape->reference) LBK_TRY(lbk__products_ask(tape, op));
    const size_t sums = (size_t)tape->context->num_threads * (size_t)weight.rows * sizeof(float);
    if (keeps(tape)) op->scratch.bytes = LBK_MAX(op->scratch.bytes, sums);
    tape->multiplications[x->extent] += (int64_t)weight.rows * weight.cols;
    if (activation == LBK__GELU && keeps(tape) && !tape->reference)
        lbk__tape_ask(tape, &op->saved[0], (size_t)tape->max_rows[x->extent] * (size_t)weight.rows);
    return LBK_OK;
}
