/* attention.c: softmax attention within each sequence, head by head, without padding.
 *
 *   S = Q·Kᵀ / √d;  P = softmax(S) by rows;  M = dropout mask / keep;  O = (M ⊙ P)·V
 *   backward  dV = (M ⊙ P)ᵀ·dO;  dP = M ⊙ (dO·Vᵀ);  dS = P ⊙ (dP − Σ_j P ⊙ dP);  dQ = dS·K/√d;  dK = dSᵀ·Q/√d
 *   tangent   Ṡ = (Q̇·Kᵀ + Q·K̇ᵀ)/√d;  Ṗ = P ⊙ (Ṡ − Σ_j P ⊙ Ṡ);  Ȯ = (M ⊙ Ṗ)·V + (M ⊙ P)·V̇
 *
 * For a sequence of n tokens: Q, K, V, O [n, d], S, P, M [n, n]. P is not kept but made again from S and the
 * kept log-sum-exp of its rows [heads, T]. Element (i, j) of head h of sequence s has the mask of element
 * base(s) + (h·n + i)·round_up(n, 8) + j, base(s) = the size of all sequences before. */
#include "tape/ops/op.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* One head of one sequence, whose first token is row `first`; columns of the op's input. */
typedef struct head_view {
    int64_t n, padded, first; /* padded: n rounded up to LBK__LANES */
    int64_t query_column, key_column, value_column;
    uint64_t mask_base;
    float *lse; /* [n] */
} head_view;

/* What one thread works in. */
typedef struct workspace {
    float *key_t, *value_t;  /* [d, padded]; key_t carries the factor 1/√d */
    float *product;          /* [n, wide] */
    float *p, *dropped, *ds; /* [n, padded] */
    uint16_t *bits;          /* [n, round_up(n, 8)], and room to read a vector beyond */
} workspace;

static int64_t wide_of(const lbk__op *op) {
    return LBK_ROUND_UP((int64_t)op->head_size, LBK__LANES);
}

static size_t workspace_size(const lbk__tape *tape, const lbk__op *op) { /* in floats */
    const int64_t n = tape->longest, padded = LBK_ROUND_UP(n, LBK__LANES);
    return (size_t)(2 * op->head_size * padded + padded * wide_of(op) + 3 * n * padded +
                    LBK_ROUND_UP(n * padded / 2 + LBK__LANES, LBK__LANES));
}

static size_t bases_size(const lbk__tape *tape) { /* in floats: one uint64 a sequence, whole cache lines */
    return LBK_ROUND_UP((size_t)tape->max_rows[LBK__SEQUENCES] * 2, 16);
}

static workspace workspace_of(const lbk__tape *tape, const lbk__op *op) {
    const int64_t n = tape->longest, padded = LBK_ROUND_UP(n, LBK__LANES);
    float *next = (float *)op->scratch.data + bases_size(tape) +
                  (size_t)omp_get_thread_num() * workspace_size(tape, op);
    workspace w;
    w.key_t = next, next += op->head_size * padded;
    w.value_t = next, next += op->head_size * padded;
    w.product = next, next += padded * wide_of(op);
    w.p = next, next += n * padded;
    w.dropped = next, next += n * padded;
    w.ds = next, next += n * padded;
    w.bits = (uint16_t *)next;
    return w;
}

/* bases[s]: the mask's first element of sequence s. */
static uint64_t *mask_bases(const lbk__tape *tape, const lbk__op *op) {
    uint64_t *bases = op->scratch.data, total = 0;
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++) {
        const int64_t n = tape->layout.start[s + 1] - tape->layout.start[s];
        bases[s] = total;
        total += (uint64_t)(op->num_heads * n * LBK_ROUND_UP(n, 8));
    }
    return bases;
}

static head_view view_of(const lbk__tape *tape, const lbk__op *op, const uint64_t *bases, int64_t item) {
    const int64_t s = item / op->num_heads, h = item % op->num_heads, hidden = op->output->cols;
    head_view view = {.first = tape->layout.start[s]};
    view.n = tape->layout.start[s + 1] - view.first;
    view.padded = LBK_ROUND_UP(view.n, LBK__LANES);
    view.query_column = h * op->head_size;
    view.key_column = view.query_column + hidden;
    view.value_column = view.key_column + hidden;
    view.mask_base = bases[s] + (uint64_t)(h * view.n * LBK_ROUND_UP(view.n, 8));
    if (op->saved[0].data)
        view.lse = (float *)op->saved[0].data + h * tape->max_rows[LBK__TOKENS] + view.first;
    return view;
}

/* Of one of the input's buffers, the rows of the view's sequence; of the output's, its columns of them. */
static float *rows_of(const lbk__op *op, const lbk__buffer *buffer, const head_view *view) {
    return (float *)buffer->data + view->first * op->input[0]->cols;
}
static float *out_of(const lbk__op *op, const lbk__buffer *buffer, const head_view *view) {
    return (float *)buffer->data + view->first * op->output->cols + view->query_column;
}

static float inverse_root(const lbk__op *op) {
    return 1.0f / sqrtf((float)op->head_size);
}

/* w->bits, for all of the head. */
static void draw_mask(const lbk__tape *tape, const lbk__dropout *dropout, const head_view *view,
                      const workspace *w) {
    if (dropout->threshold)
        tape->vector->dropout_bits(dropout, view->mask_base, view->n * LBK_ROUND_UP(view->n, 8), w->bits);
}

/* out = M ⊙ x for [n, padded] rows, zeros where x's padding is; gives x itself when nothing is dropped. */
static const float *drop(const lbk__tape *tape, const lbk__dropout *dropout, const head_view *view,
                         const workspace *w, const float *x, float *out) {
    if (dropout->threshold == 0) return x;
    const int64_t row = LBK_ROUND_UP(view->n, 8), padded = view->padded;
    for (int64_t i = 0; i < view->n; i++)
        tape->vector->dropout_row(out + i * padded, x + i * padded, dropout, w->bits + i * row, padded);
    return out;
}

/* out [n, padded] (+)= x [n, d]·yᵀ with y_t = yᵀ [d, padded]; x's rows lie ldx apart. */
static void times_transposed(const lbk__tape *tape, const lbk__op *op, const head_view *view, const float *x,
                             int64_t ldx, const float *y_t, bool accumulate, float *out) {
    tape->vector->small_gemm(false, view->n, view->padded, op->head_size, x, ldx, y_t, view->padded,
                             accumulate, out, view->padded);
}

/* out [n, wide] (+)= op(s)·y, s [n, n], y [n, d]; s's rows lie `padded`, y's ldy apart, op is transposition
 * where `transpose`. Columns from d on are others' numbers, which nobody reads. */
static void times_rows(const lbk__tape *tape, const lbk__op *op, const head_view *view, bool transpose,
                       const float *s, const float *y, int64_t ldy, bool accumulate, float *out) {
    const int64_t wide = wide_of(op);
    tape->vector->small_gemm(transpose, view->n, wide, view->n, s, view->padded, y, ldy, accumulate, out,
                             wide);
}

/* w->p = Q·Kᵀ/√d, and w->key_t on the way. */
static void scores(const lbk__tape *tape, const lbk__op *op, const head_view *view, const workspace *w) {
    const int64_t stride = op->input[0]->cols;
    const float *all = rows_of(op, &op->input[0]->value, view);
    tape->vector->transpose(w->key_t, view->padded, all + view->key_column, stride, view->n, op->head_size,
                            inverse_root(op));
    times_transposed(tape, op, view, all + view->query_column, stride, w->key_t, false, w->p);
}

static void probabilities_again(const lbk__tape *tape, const lbk__op *op, const head_view *view,
                                const workspace *w) {
    scores(tape, op, view, w);
    for (int64_t i = 0; i < view->n; i++)
        tape->vector->exp_row(w->p + i * view->padded, view->lse[i], view->n, view->padded);
}

/* ---- forward ---- */

static void forward_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                         const head_view *view, const workspace *w) {
    const float *v = rows_of(op, &op->input[0]->value, view) + view->value_column;
    scores(tape, op, view, w);
    for (int64_t i = 0; i < view->n; i++) {
        float lse = tape->vector->softmax_row(w->p + i * view->padded, view->n, view->padded);
        if (view->lse) view->lse[i] = lse;
    }
    draw_mask(tape, dropout, view, w);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    times_rows(tape, op, view, false, p, v, op->input[0]->cols, false, w->product);
    tape->vector->copy_block(out_of(op, &op->output->value, view), op->output->cols, w->product, wide_of(op),
                             view->n, op->head_size, 1.0f, false);
}

/* ---- backward ---- */

/* The input's gradient from `column` on (+)= factor · w->product. */
static void put_gradient(const lbk__tape *tape, const lbk__op *op, const head_view *view, const workspace *w,
                         int64_t column, float factor) {
    tape->vector->copy_block(rows_of(op, &op->input[0]->gradient, view) + column, op->input[0]->cols,
                             w->product, wide_of(op), view->n, op->head_size, factor, op->accumulate[0]);
}

static void backward_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                          const head_view *view, const workspace *w) {
    const int64_t d = op->head_size, stride = op->input[0]->cols, hidden = op->output->cols,
                  padded = view->padded;
    const float *all = rows_of(op, &op->input[0]->value, view);
    const float *d_out = out_of(op, &op->output->gradient, view);

    probabilities_again(tape, op, view, w);
    draw_mask(tape, dropout, view, w);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    times_rows(tape, op, view, true, p, d_out, hidden, false, w->product);
    put_gradient(tape, op, view, w, view->value_column, 1.0f);

    tape->vector->transpose(w->value_t, padded, all + view->value_column, stride, view->n, d, 1.0f);
    times_transposed(tape, op, view, d_out, hidden, w->value_t, false, w->ds); /* dO·Vᵀ */
    drop(tape, dropout, view, w, w->ds, w->ds);
    for (int64_t i = 0; i < view->n; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    times_rows(tape, op, view, false, w->ds, all + view->key_column, stride, false, w->product);
    put_gradient(tape, op, view, w, view->query_column, inverse_root(op));
    times_rows(tape, op, view, true, w->ds, all + view->query_column, stride, false, w->product);
    put_gradient(tape, op, view, w, view->key_column, inverse_root(op));
}

/* ---- tangent ---- */

static void tangent_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                         const head_view *view, const workspace *w) {
    const int64_t d = op->head_size, stride = op->input[0]->cols, padded = view->padded;
    const float *all = rows_of(op, &op->input[0]->value, view);
    const float *d_all = rows_of(op, &op->input[0]->tangent, view);

    probabilities_again(tape, op, view, w);
    times_transposed(tape, op, view, d_all + view->query_column, stride, w->key_t, false, w->ds);
    tape->vector->transpose(w->key_t, padded, d_all + view->key_column, stride, view->n, d, inverse_root(op));
    times_transposed(tape, op, view, all + view->query_column, stride, w->key_t, true, w->ds);
    for (int64_t i = 0; i < view->n; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    draw_mask(tape, dropout, view, w);
    drop(tape, dropout, view, w, w->ds, w->ds);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    times_rows(tape, op, view, false, w->ds, all + view->value_column, stride, false, w->product);
    times_rows(tape, op, view, false, p, d_all + view->value_column, stride, true, w->product);
    tape->vector->copy_block(out_of(op, &op->output->tangent, view), op->output->cols, w->product,
                             wide_of(op), view->n, d, 1.0f, false);
}

typedef void head_pass(const lbk__tape *, const lbk__op *, const lbk__dropout *, const head_view *,
                       const workspace *);

/* Heads write apart from one another, so any order of the items gives the same numbers. */
static void for_each_head(const lbk__tape *tape, const lbk__op *op, head_pass *pass) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    const uint64_t *bases = mask_bases(tape, op);
    const int64_t items = (int64_t)tape->layout.rows[LBK__SEQUENCES] * op->num_heads;
#pragma omp parallel if ((int64_t)tape->layout.rows[LBK__TOKENS] * op->output->cols >= PARALLEL_FROM)
    {
        const workspace w = workspace_of(tape, op);
#pragma omp for schedule(dynamic, 8)
        for (int64_t item = 0; item < items; item++) {
            const head_view view = view_of(tape, op, bases, item);
            if (view.n > 0) pass(tape, op, &dropout, &view, &w);
        }
    }
}

static void forward(lbk__tape *tape, lbk__op *op) {
    for_each_head(tape, op, forward_head);
}
static void backward(lbk__tape *tape, lbk__op *op) {
    for_each_head(tape, op, backward_head);
}
static void tangent(lbk__tape *tape, lbk__op *op) {
    for_each_head(tape, op, tangent_head);
}

static const lbk__op_class attention_class = {
    .name = "attention",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = lbk__attention_reference_forward,
    .reference_backward = lbk__attention_reference_backward,
    .reference_tangent = lbk__attention_reference_tangent,
    .saves_input = {true},
};

lbk_status lbk__op_attention(lbk__tape *tape, lbk__tensor *all, int32_t num_heads, float probability,
                             lbk__tensor **out) {
    lbk__op *op;
    const int32_t hidden = all->cols / 3;
    LBK_TRY(lbk__tape_tensor(tape, LBK__TOKENS, hidden, out));
    LBK_TRY(lbk__tape_record(tape, &attention_class, *out, &op));
    op->input[0] = all;
    op->num_heads = num_heads;
    op->head_size = hidden / num_heads;
    op->probability = probability;
    if (keeps(tape))
        lbk__tape_ask(tape, &op->saved[0], (size_t)tape->max_rows[LBK__TOKENS] * (size_t)num_heads);
    const size_t own = workspace_size(tape, op) * (size_t)tape->context->num_threads;
    lbk__tape_ask(tape, &op->scratch, bases_size(tape) + own);
    return LBK_OK;
}
