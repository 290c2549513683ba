/* layernorm.c: y = γ ⊙ x̂ + β,  x̂ = (u − mean(u)) / sqrt(var(u) + ε),  u = r + m ⊙ x / keep.
 *
 *   backward  d = dy ⊙ γ;  du = (d − mean(d) − x̂ · mean(d ⊙ x̂)) / σ;  dr = du;  dx = m ⊙ du / keep
 *             dγ += Σ_rows dy ⊙ x̂;  dβ += Σ_rows dy
 *   tangent   u̇ = ṙ + m ⊙ ẋ / keep;  x̂̇ = (u̇ − mean(u̇) − x̂ · mean(u̇ ⊙ x̂)) / σ;  ẏ = γ ⊙ x̂̇ + γ̇ ⊙ x̂ + β̇
 *
 * x, r, y, x̂ [n, H]; γ, β [H]; 1/σ [n]. r may be missing; m is the op's dropout mask. x̂ and 1/σ are kept. */
#include "tape/ops/op.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    WIDEST = 4096
}; /* hidden_size that a row buffer on the stack holds; the model's configuration is checked */

/* row ← m ⊙ x / keep, and the residual's row added when there is one. */
static void drop_and_add(const lbk__tape *tape, const lbk__dropout *dropout, int64_t i, int64_t cols,
                         const float *x, const float *residual, float *row) {
    if (dropout->threshold) {
        uint16_t bits[WIDEST];
        const int64_t padded = LBK_ROUND_UP(cols, 8);
        tape->vector->dropout_bits(dropout, (uint64_t)(i * padded), padded, bits);
        tape->vector->dropout_row(row, x, dropout, bits, cols);
    } else if (row != x) {
        memcpy(row, x, (size_t)cols * sizeof *row);
    }
    if (residual) tape->vector->add(row, residual, cols);
}

static void forward(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const float *x = op->input[0]->value.data, *residual = op->input[1] ? op->input[1]->value.data : NULL;
    const float *gamma = weights_of(tape, op->slot[0]), *beta = weights_of(tape, op->slot[1]);
    float *y = op->output->value.data, *normal = op->saved[0].data, *rstd = op->saved[1].data;
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++) {
        float row[WIDEST], unkept[WIDEST];
        drop_and_add(tape, &dropout, i, cols, x + i * cols, residual ? residual + i * cols : NULL, row);
        float inverse = tape->vector->layernorm_row(y + i * cols, normal ? normal + i * cols : unkept, row,
                                                    gamma, beta, op->epsilon, cols);
        if (rstd) rstd[i] = inverse;
    }
}

/* dγ and dβ: every thread sums its rows apart, then the parts are added in the order of the threads. */
static void backward(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const float *gamma = weights_of(tape, op->slot[0]), *normal = op->saved[0].data,
                *rstd = op->saved[1].data;
    const float *dy = op->output->gradient.data;
    float *dx = op->input[0]->gradient.data, *dr = op->input[1] ? op->input[1]->gradient.data : NULL;
    float *parts = op->scratch.data; /* [threads, 2, cols]: dγ, dβ */
    const int threads = tape->context->num_threads;
    memset(parts, 0, (size_t)threads * 2 * (size_t)cols * sizeof *parts);
#pragma omp parallel num_threads(threads) if (n * cols >= PARALLEL_FROM)
    {
        float *d_gamma = parts + (int64_t)omp_get_thread_num() * 2 * cols, *d_beta = d_gamma + cols;
        float du[WIDEST], dropped[WIDEST];
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n; i++) {
            tape->vector->add_product(d_gamma, dy + i * cols, normal + i * cols, cols);
            tape->vector->add(d_beta, dy + i * cols, cols);
            tape->vector->layernorm_project(du, dy + i * cols, gamma, normal + i * cols, rstd[i], cols);
            drop_and_add(tape, &dropout, i, cols, du, op->accumulate[0] ? dx + i * cols : NULL, dropped);
            memcpy(dx + i * cols, dropped, (size_t)cols * sizeof *dx);
            if (dr && op->accumulate[1])
                tape->vector->add(dr + i * cols, du, cols);
            else if (dr)
                memcpy(dr + i * cols, du, (size_t)cols * sizeof *dr);
        }
    }
    for (int thread = 0; thread < threads; thread++) {
        tape->vector->add(gradients_of(tape, op->slot[0]), parts + (int64_t)thread * 2 * cols, cols);
        tape->vector->add(gradients_of(tape, op->slot[1]), parts + ((int64_t)thread * 2 + 1) * cols, cols);
    }
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const float *x = op->input[0]->tangent.data, *residual = op->input[1] ? op->input[1]->tangent.data : NULL;
    const float *gamma = weights_of(tape, op->slot[0]), *normal = op->saved[0].data,
                *rstd = op->saved[1].data;
    const float *d_gamma = direction_of(tape, op->slot[0]), *d_beta = direction_of(tape, op->slot[1]);
    float *dy = op->output->tangent.data;
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++) {
        float row[WIDEST], *out = dy + i * cols;
        drop_and_add(tape, &dropout, i, cols, x + i * cols, residual ? residual + i * cols : NULL, row);
        tape->vector->layernorm_project(row, row, NULL, normal + i * cols, rstd[i], cols);
        memcpy(out, d_beta, (size_t)cols * sizeof *out);
        tape->vector->add_product(out, row, gamma, cols);
        tape->vector->add_product(out, d_gamma, normal + i * cols, cols);
    }
}

/* ---- reference ---- */

static void reference_sum(const lbk__op *op, const lbk__dropout *dropout, int64_t i, const double *x,
                          const double *residual, double *row) {
    const int64_t cols = op->output->cols, padded = LBK_ROUND_UP(cols, 8);
    for (int64_t c = 0; c < cols; c++)
        row[c] = x[i * cols + c] * kept_scale(dropout, (uint64_t)(i * padded + c)) +
                 (residual ? residual[i * cols + c] : 0.0);
}

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const double *gamma = reference_weights(tape, op->slot[0]), *beta = reference_weights(tape, op->slot[1]);
    double *normal = op->saved[0].data, *rstd = op->saved[1].data, *y = op->output->value.data;
    for (int64_t i = 0; i < n; i++) {
        double row[WIDEST], mean = 0.0, variance = 0.0;
        reference_sum(op, &dropout, i, op->input[0]->value.data,
                      op->input[1] ? op->input[1]->value.data : NULL, row);
        for (int64_t c = 0; c < cols; c++) mean += row[c] / (double)cols;
        for (int64_t c = 0; c < cols; c++) variance += (row[c] - mean) * (row[c] - mean) / (double)cols;
        const double inverse = 1.0 / sqrt(variance + (double)op->epsilon);
        for (int64_t c = 0; c < cols; c++) {
            const double hat = (row[c] - mean) * inverse;
            if (normal) normal[i * cols + c] = hat;
            y[i * cols + c] = gamma[c] * hat + beta[c];
        }
        if (rstd) rstd[i] = inverse;
    }
}

/* out = (d − mean(d) − x̂ · mean(d ⊙ x̂)) / σ; out may be d. */
static void reference_project(const double *d, const double *normal, double rstd, int64_t cols, double *out) {
    double mean = 0.0, dot = 0.0;
    for (int64_t c = 0; c < cols; c++) {
        mean += d[c] / (double)cols;
        dot += d[c] * normal[c] / (double)cols;
    }
    for (int64_t c = 0; c < cols; c++) out[c] = (d[c] - mean - normal[c] * dot) * rstd;
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols, padded = LBK_ROUND_UP(cols, 8);
    const double *gamma = reference_weights(tape, op->slot[0]), *normal = op->saved[0].data,
                 *rstd = op->saved[1].data;
    const double *dy = op->output->gradient.data;
    double *dx = op->input[0]->gradient.data, *dr = op->input[1] ? op->input[1]->gradient.data : NULL;
    double *d_gamma = reference_gradients(tape, op->slot[0]),
           *d_beta = reference_gradients(tape, op->slot[1]);
    for (int64_t i = 0; i < n; i++) {
        double d[WIDEST];
        for (int64_t c = 0; c < cols; c++) {
            d_gamma[c] += dy[i * cols + c] * normal[i * cols + c];
            d_beta[c] += dy[i * cols + c];
            d[c] = dy[i * cols + c] * gamma[c];
        }
        reference_project(d, normal + i * cols, rstd[i], cols, d);
        for (int64_t c = 0; c < cols; c++) {
            reference_put(&dx[i * cols + c], op->accumulate[0],
                          d[c] * kept_scale(&dropout, (uint64_t)(i * padded + c)));
            if (dr) reference_put(&dr[i * cols + c], op->accumulate[1], d[c]);
        }
    }
}

static void reference_tangent(lbk__tape *tape, lbk__op *op) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const double *gamma = reference_weights(tape, op->slot[0]), *normal = op->saved[0].data,
                 *rstd = op->saved[1].data;
    double *dy = op->output->tangent.data;
    for (int64_t i = 0; i < n; i++) {
        double row[WIDEST];
        reference_sum(op, &dropout, i, op->input[0]->tangent.data,
                      op->input[1] ? op->input[1]->tangent.data : NULL, row);
        reference_project(row, normal + i * cols, rstd[i], cols, row);
        for (int64_t c = 0; c < cols; c++)
            dy[i * cols + c] = gamma[c] * row[c] +
                               reference_direction(tape, op->slot[0])[c] * normal[i * cols + c] +
                               reference_direction(tape, op->slot[1])[c];
    }
}

static const lbk__op_class layernorm_class = {
    .name = "layernorm",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
};

lbk_status lbk__op_layernorm(lbk__tape *tape, lbk__tensor *x, lbk__tensor *residual, lbk__slot gamma,
                             lbk__slot beta, float epsilon, float probability, lbk__tensor **out) {
    lbk__op *op;
    if (x->cols > WIDEST)
        return lbk__fail(tape->context, LBK_INVALID_ARGUMENT, "hidden_size is above %d", WIDEST);
    LBK_TRY(lbk__tape_tensor(tape, x->extent, x->cols, out));
    LBK_TRY(lbk__tape_record(tape, &layernorm_class, *out, &op));
    op->input[0] = x;
    op->input[1] = residual;
    op->slot[0] = gamma;
    op->slot[1] = beta;
    op->epsilon = epsilon;
    op->probability = probability;
    if (!keeps(tape)) return LBK_OK;
    const size_t rows = (size_t)tape->max_rows[x->extent], cols = (size_t)x->cols;
    lbk__tape_ask(tape, &op->saved[0], rows * cols);
    lbk__tape_ask(tape, &op->saved[1], rows);
    lbk__tape_ask(tape, &op->scratch, (size_t)tape->context->num_threads * 2 * cols);
    return LBK_OK;
}
