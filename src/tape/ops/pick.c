/* pick.c: one token of each sequence, the one that its class is read from: y[s] = x[pooled[s]].
 *
 *   backward  dx = 0;  dx[pooled[s]] += dy[s]        tangent  ẏ[s] = ẋ[pooled[s]]
 *
 * x [T, H], y [S, H] */
#include "tape/ops/op.h"

#include <string.h>

static void copy_picked(const lbk__tape *tape, const void *x, void *y, int64_t cols) {
    const size_t row = (size_t)cols * lbk__element_size(tape);
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++)
        memcpy((char *)y + (size_t)s * row, (const char *)x + (size_t)tape->layout.pooled[s] * row, row);
}

static void forward(lbk__tape *tape, lbk__op *op) {
    copy_picked(tape, op->input[0]->value.data, op->output->value.data, op->output->cols);
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    copy_picked(tape, op->input[0]->tangent.data, op->output->tangent.data, op->output->cols);
}

static void clear_unless_accumulating(const lbk__tape *tape, const lbk__op *op) {
    const size_t count = (size_t)lbk__rows(tape, op->input[0]) * (size_t)op->input[0]->cols;
    if (!op->accumulate[0]) memset(op->input[0]->gradient.data, 0, count * lbk__element_size(tape));
}

static void backward(lbk__tape *tape, lbk__op *op) {
    const int64_t cols = op->output->cols;
    const float *dy = op->output->gradient.data;
    float *dx = op->input[0]->gradient.data;
    clear_unless_accumulating(tape, op);
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++)
        tape->vector->add(dx + tape->layout.pooled[s] * cols, dy + s * cols, cols);
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    const int64_t cols = op->output->cols;
    const double *dy = op->output->gradient.data;
    double *dx = op->input[0]->gradient.data;
    clear_unless_accumulating(tape, op);
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++)
        for (int64_t k = 0; k < cols; k++) dx[tape->layout.pooled[s] * cols + k] += dy[s * cols + k];
}

static const lbk__op_class pick_class = {
    .name = "pick",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = forward,
    .reference_backward = reference_backward,
    .reference_tangent = tangent,
};

lbk_status lbk__op_pick(lbk__tape *tape, lbk__tensor *x, lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, LBK__SEQUENCES, x->cols, out));
    LBK_TRY(lbk__tape_record(tape, &pick_class, *out, &op));
    op->input[0] = x;
    return LBK_OK;
}
