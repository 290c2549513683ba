/* dropout.c: y = m ⊙ x / keep, m the op's mask of this step; without dropout y = x.
 *
 *   backward  dx = m ⊙ dy / keep        tangent  ẏ = m ⊙ ẋ / keep
 *
 * x, y [n, cols]; row i's mask is that of elements i · round_up(cols, 8) …, recomputed in every pass. */
#include "tape/ops/op.h"

#include <string.h>

/* y (+)= mask ⊙ x: the op is linear, so this is all of it. */
static void apply(lbk__tape *tape, lbk__op *op, const float *x, float *y, bool accumulate) {
    enum { CHUNK = 1024 };
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols, padded = LBK_ROUND_UP(cols, 8);
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c += CHUNK) {
            const int64_t width = LBK_MIN((int64_t)CHUNK, cols - c);
            uint16_t bits[CHUNK]; /* a multiple of LBK__LANES */
            float kept[CHUNK];
            const float *row = x + i * cols + c;
            if (dropout.threshold) {
                tape->vector->dropout_bits(&dropout, (uint64_t)(i * padded + c), LBK_ROUND_UP(width, 8),
                                           bits);
                tape->vector->dropout_row(kept, row, &dropout, bits, width);
                row = kept;
            }
            if (accumulate)
                tape->vector->add(y + i * cols + c, row, width);
            else
                memcpy(y + i * cols + c, row, (size_t)width * sizeof *y);
        }
}

static void forward(lbk__tape *tape, lbk__op *op) {
    apply(tape, op, op->input[0]->value.data, op->output->value.data, false);
}

static void backward(lbk__tape *tape, lbk__op *op) {
    apply(tape, op, op->output->gradient.data, op->input[0]->gradient.data, op->accumulate[0]);
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    apply(tape, op, op->input[0]->tangent.data, op->output->tangent.data, false);
}

/* ---- reference ---- */

static void reference_apply(lbk__tape *tape, lbk__op *op, const double *x, double *y, bool accumulate) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols, padded = LBK_ROUND_UP(cols, 8);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < cols; c++)
            reference_put(&y[i * cols + c], accumulate,
                          x[i * cols + c] * kept_scale(&dropout, (uint64_t)(i * padded + c)));
}

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    reference_apply(tape, op, op->input[0]->value.data, op->output->value.data, false);
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    reference_apply(tape, op, op->output->gradient.data, op->input[0]->gradient.data, op->accumulate[0]);
}

static void reference_tangent(lbk__tape *tape, lbk__op *op) {
    reference_apply(tape, op, op->input[0]->tangent.data, op->output->tangent.data, false);
}

static const lbk__op_class dropout_class = {
    .name = "dropout",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
};

lbk_status lbk__op_dropout_of(lbk__tape *tape, lbk__tensor *x, float probability, lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, x->extent, x->cols, out));
    LBK_TRY(lbk__tape_record(tape, &dropout_class, *out, &op));
    op->input[0] = x;
    op->probability = probability;
    return LBK_OK;
}
