/* embed.c: what a token is before the first layer.
 *
 *   text    y[t] = word[token] + position[p] + segment[g]
 *   visual  y[t] = x[j] + visual_position[p] + visual_segment[g],  token = −1 − j, x the projected visual
 * rows
 *
 *   backward  every row read gets += dy[t]; a visual row is read by every view that shows it
 *   tangent   ẏ[t] = the same sums over the directions and ẋ
 *
 * x [R, H], y [T, H]. Columns are shared among threads, so that no two add to one number and the order is
 * fixed. */
#include "tape/ops/op.h"

#include <string.h>

enum { WORD, POSITION, SEGMENT, VISUAL_POSITION, VISUAL_SEGMENT };

/* The rows that token t sums: a row of x or of the word table, and two rows of small tables. */
typedef struct row_choice {
    int table[3]; /* slot, or −1: x */
    int64_t row[3];
} row_choice;

static row_choice rows_of(const lbk__tape *tape, int64_t t) {
    const lbk__layout *layout = &tape->layout;
    const int32_t token = layout->tokens[t];
    row_choice choice = {.row = {token, layout->position[t], layout->segment[t]}};
    if (token < 0) {
        choice.row[0] = -1 - token;
        choice.table[0] = -1, choice.table[1] = VISUAL_POSITION, choice.table[2] = VISUAL_SEGMENT;
    } else {
        choice.table[0] = WORD, choice.table[1] = POSITION, choice.table[2] = SEGMENT;
    }
    return choice;
}

static void sum_rows(const lbk__tape *tape, const lbk__op *op, const float *base, const float *x, float *y) {
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t t = 0; t < n; t++) {
        const row_choice choice = rows_of(tape, t);
        for (int k = 0; k < 3; k++) {
            const float *row =
                (choice.table[k] < 0 ? x : base + op->slot[choice.table[k]].offset) + choice.row[k] * cols;
            if (k == 0)
                memcpy(y + t * cols, row, (size_t)cols * sizeof *y);
            else
                tape->vector->add(y + t * cols, row, cols);
        }
    }
}

static void forward(lbk__tape *tape, lbk__op *op) {
    sum_rows(tape, op, tape->weights, op->input[0] ? op->input[0]->value.data : NULL, op->output->value.data);
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    sum_rows(tape, op, tape->direction, op->input[0] ? op->input[0]->tangent.data : NULL,
             op->output->tangent.data);
}

static void clear_visual(const lbk__tape *tape, const lbk__op *op) {
    if (!op->input[0] || op->accumulate[0]) return;
    const size_t count = (size_t)lbk__rows(tape, op->input[0]) * (size_t)op->input[0]->cols;
    memset(op->input[0]->gradient.data, 0, count * lbk__element_size(tape));
}

static void backward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const int64_t share = LBK_ROUND_UP(cols / tape->context->num_threads + 1, LBK__LANES);
    const float *dy = op->output->gradient.data;
    float *dx = op->input[0] ? op->input[0]->gradient.data : NULL;
    clear_visual(tape, op);
#pragma omp parallel for schedule(static) if (n * cols >= PARALLEL_FROM)
    for (int64_t first = 0; first < cols; first += share) {
        const int64_t width = LBK_MIN(share, cols - first);
        for (int64_t t = 0; t < n; t++) {
            const row_choice choice = rows_of(tape, t);
            for (int k = 0; k < 3; k++) {
                float *target = choice.table[k] < 0 ? dx : gradients_of(tape, op->slot[choice.table[k]]);
                tape->vector->add(target + choice.row[k] * cols + first, dy + t * cols + first, width);
            }
        }
    }
}

/* ---- reference ---- */

static void reference_sum(const lbk__tape *tape, const lbk__op *op, const double *base, const double *x,
                          double *y) {
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    for (int64_t t = 0; t < n; t++) {
        const row_choice choice = rows_of(tape, t);
        for (int64_t c = 0; c < cols; c++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++)
                sum +=
                    (choice.table[k] < 0 ? x
                                         : base + op->slot[choice.table[k]].offset)[choice.row[k] * cols + c];
            y[t * cols + c] = sum;
        }
    }
}

static void reference_forward(lbk__tape *tape, lbk__op *op) {
    reference_sum(tape, op, tape->weights, op->input[0] ? op->input[0]->value.data : NULL,
                  op->output->value.data);
}

static void reference_tangent(lbk__tape *tape, lbk__op *op) {
    reference_sum(tape, op, tape->direction, op->input[0] ? op->input[0]->tangent.data : NULL,
                  op->output->tangent.data);
}

static void reference_backward(lbk__tape *tape, lbk__op *op) {
    const int64_t n = lbk__rows(tape, op->output), cols = op->output->cols;
    const double *dy = op->output->gradient.data;
    double *dx = op->input[0] ? op->input[0]->gradient.data : NULL;
    clear_visual(tape, op);
    for (int64_t t = 0; t < n; t++) {
        const row_choice choice = rows_of(tape, t);
        for (int k = 0; k < 3; k++) {
            double *target = choice.table[k] < 0 ? dx : reference_gradients(tape, op->slot[choice.table[k]]);
            for (int64_t c = 0; c < cols; c++) target[choice.row[k] * cols + c] += dy[t * cols + c];
        }
    }
}

static const lbk__op_class embed_class = {
    .name = "embed",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = reference_forward,
    .reference_backward = reference_backward,
    .reference_tangent = reference_tangent,
};

lbk_status lbk__op_embed(lbk__tape *tape, lbk__tensor *visual, const lbk__embed_slots *slots,
                         lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, LBK__TOKENS, slots->word.cols, out));
    LBK_TRY(lbk__tape_record(tape, &embed_class, *out, &op));
    op->input[0] = visual;
    op->slot[WORD] = slots->word;
    op->slot[POSITION] = slots->position;
    op->slot[SEGMENT] = slots->segment;
    op->slot[VISUAL_POSITION] = slots->visual_position;
    op->slot[VISUAL_SEGMENT] = slots->visual_segment;
    return LBK_OK;
}
