/* visual.c: the batch's visual rows, float16 in the pack, as numbers of the tape: y [R, D]. A leaf: no
 * derivatives. */
#include "base/half.h"
#include "tape/ops/op.h"

static void forward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const uint16_t *visual = tape->layout.visual;
    float *y = op->output->value.data;
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t i = 0; i < n; i++) tape->vector->half_to_float(y + i * cols, visual + i * cols, cols);
}

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    const int64_t count = (int64_t)lbk__rows(tape, op->output) * op->output->cols;
    double *y = op->output->value.data;
    for (int64_t i = 0; i < count; i++) y[i] = (double)lbk__half_to_float(tape->layout.visual[i]);
}

static void nothing(lbk__tape *tape, lbk__op *op) {
    (void)tape;
    (void)op;
}

static const lbk__op_class visual_class = {
    .name = "visual",
    .forward = forward,
    .backward = nothing,
    .tangent = nothing,
    .reference_forward = reference_forward,
    .reference_backward = nothing,
    .reference_tangent = nothing,
};

lbk_status lbk__op_visual(lbk__tape *tape, int32_t visual_dim, lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, LBK__VISUAL_ROWS, visual_dim, out));
    (*out)->leaf = true;
    return lbk__tape_record(tape, &visual_class, *out, &op);
}
