/* absorb_keys.c: u_h = Wk_hᵀ·q_h: what a head's query asks of tokens themselves, since q_h·(Wk_h·x) = u_h·x.
 *
 *   backward  dq_h = Wk_h·du_h;  dWk_h += q_h·du_hᵀ        tangent  u̇_h = Wk_hᵀ·q̇_h + Ẇk_hᵀ·q_h
 *
 * q [S, H], Wk [H, H], u [S, heads, H]; W_h are the rows of W that make head h. */
#include "tape/ops/heads.h"

#include <string.h>

static void forward(lbk__tape *tape, lbk__op *op) {
    lbk__heads_widen(tape, op, LBK__FORWARD, op->input[0]->value.data, weights_of(tape, op->slot[0]), false,
                     op->output->value.data, op->input[0]->cols);
}

static void backward(lbk__tape *tape, lbk__op *op) {
    const float *du = op->output->gradient.data;
    const int64_t hidden = op->input[0]->cols;
    lbk__heads_narrow(tape, op, LBK__BACKWARD, du, hidden, weights_of(tape, op->slot[0]), op->accumulate[0],
                      op->input[0]->gradient.data);
    lbk__heads_outer(tape, op, op->input[0]->value.data, du, hidden, gradients_of(tape, op->slot[0]));
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    float *du = op->output->tangent.data;
    const int64_t hidden = op->input[0]->cols;
    lbk__heads_widen(tape, op, LBK__TANGENT, op->input[0]->tangent.data, weights_of(tape, op->slot[0]), false,
                     du, hidden);
    lbk__heads_widen(tape, op, LBK__TANGENT, op->input[0]->value.data, direction_of(tape, op->slot[0]), true,
                     du, hidden);
}

/* ---- reference: row i of q and of u, row r of Wk and of its gradient or direction ---- */

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), hidden = op->input[0]->cols, all = op->output->cols;
    const double *q = op->input[0]->value.data, *w = reference_weights(tape, op->slot[0]);
    double *u = op->output->value.data;
    memset(u, 0, (size_t)(n * all) * sizeof *u);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < hidden; r++)
            for (int64_t c = 0; c < hidden; c++)
                u[i * all + r / op->head_size * hidden + c] += q[i * hidden + r] * w[r * hidden + c];
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), hidden = op->input[0]->cols, all = op->output->cols;
    const double *q = op->input[0]->value.data, *w = reference_weights(tape, op->slot[0]);
    const double *du = op->output->gradient.data;
    double *dq = op->input[0]->gradient.data, *dw = reference_gradients(tape, op->slot[0]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < hidden; r++) {
            const double *row = du + i * all + r / op->head_size * hidden;
            double sum = 0.0;
            for (int64_t c = 0; c < hidden; c++) {
                sum += row[c] * w[r * hidden + c];
                dw[r * hidden + c] += q[i * hidden + r] * row[c];
            }
            reference_put(&dq[i * hidden + r], op->accumulate[0], sum);
        }
}

static void reference_tangent(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), hidden = op->input[0]->cols, all = op->output->cols;
    const double *q = op->input[0]->value.data, *dq = op->input[0]->tangent.data;
    const double *w = reference_weights(tape, op->slot[0]), *dw = reference_direction(tape, op->slot[0]);
    double *du = op->output->tangent.data;
    memset(du, 0, (size_t)(n * all) * sizeof *du);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < hidden; r++)
            for (int64_t c = 0; c < hidden; c++)
                du[i * all + r / op->head_size * hidden + c] +=
                    dq[i * hidden + r] * w[r * hidden + c] + q[i * hidden + r] * dw[r * hidden + c];
}

static const lbk__op_class absorb_keys_class = {
    .name = "absorb keys",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
    .saves_input = {true},
};

lbk_status lbk__op_absorb_keys(lbk__tape *tape, lbk__tensor *query, lbk__slot key_weight, int32_t num_heads,
                               lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, query->extent, num_heads * query->cols, out));
    LBK_TRY(lbk__tape_record(tape, &absorb_keys_class, *out, &op));
    op->input[0] = query;
    op->slot[0] = key_weight;
    op->num_heads = num_heads;
    op->head_size = query->cols / num_heads;
    tape->multiplications[query->extent] += (int64_t)key_weight.rows * key_weight.cols;
    return LBK_OK;
}
