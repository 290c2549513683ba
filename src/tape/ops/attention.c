/* attention.c: softmax attention within each sequence, head by head, without padding.
 *
 *   S = Q·Kᵀ / √d;  P = softmax(S) by rows;  M = dropout mask / keep;  O = (M ⊙ P)·V
 *   backward  dV = (M ⊙ P)ᵀ·dO;  dP = M ⊙ (dO·Vᵀ);  dS = P ⊙ (dP − Σ_j P ⊙ dP);  dQ = dS·K/√d;  dK = dSᵀ·Q/√d
 *   tangent   Ṡ = (Q̇·Kᵀ + Q·K̇ᵀ)/√d;  Ṗ = P ⊙ (Ṡ − Σ_j P ⊙ Ṡ);  Ȯ = (M ⊙ Ṗ)·V + (M ⊙ P)·V̇
 *
 * For a sequence of n tokens: Q, O [q, d], K, V [n, d], S, P, M [q, n], where q = n, or 1 when only [CLS]
 * asks. P is not kept but made again from S and the kept log-sum-exp of its rows [heads, queries]. Element
 * (i, j) of head h of sequence s has the mask of element base(s) + (h·q + i)·round_up(n, 8) + j, base(s) =
 * the size of all sequences before. */
#include "tape/ops/op.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* One head of one sequence. Rows of q, k, v lie `stride` apart in the op's inputs. */
typedef struct head_view {
    int64_t n, q, padded; /* keys, queries, keys rounded up to LBK__LANES */
    int64_t first_key, first_query;
    int64_t query_column, key_column, value_column, out_column;
    uint64_t mask_base;
    float *lse; /* [q] */
} head_view;

/* What one thread works in. */
typedef struct workspace {
    float *key_t, *value_t;  /* [d, padded]; key_t carries the factor 1/√d */
    float *product;          /* [max(n, q), wide] */
    float *p, *dropped, *ds; /* [q, padded] */
    uint16_t *bits;          /* [q, round_up(n, 8)], and room to read a vector beyond */
} workspace;

static bool one_query(const lbk__op *op) {
    return op->input[0] && op->input[0]->extent == LBK__SEQUENCES;
}
static int64_t wide_of(const lbk__op *op) {
    return LBK_ROUND_UP((int64_t)op->head_size, LBK__LANES);
}

static size_t bits_size(int64_t queries, int64_t padded) { /* in floats */
    return (size_t)LBK_ROUND_UP(queries * padded / 2 + LBK__LANES, LBK__LANES);
}

static size_t workspace_size(const lbk__tape *tape, const lbk__op *op) {
    const int64_t padded = LBK_ROUND_UP((int64_t)tape->longest, LBK__LANES), wide = wide_of(op);
    const int64_t queries = one_query(op) ? 1 : tape->longest;
    return (size_t)(2 * op->head_size * padded + padded * wide + 3 * queries * padded) +
           bits_size(queries, padded);
}

static size_t bases_size(const lbk__tape *tape) { /* in floats: one uint64 a sequence, whole cache lines */
    return LBK_ROUND_UP((size_t)tape->max_rows[LBK__SEQUENCES] * 2, 16);
}

static workspace workspace_of(const lbk__tape *tape, const lbk__op *op) {
    const int64_t padded = LBK_ROUND_UP((int64_t)tape->longest, LBK__LANES), wide = wide_of(op);
    const int64_t queries = one_query(op) ? 1 : tape->longest;
    float *next = (float *)op->scratch.data + bases_size(tape) +
                  (size_t)omp_get_thread_num() * workspace_size(tape, op);
    workspace w;
    w.key_t = next, next += op->head_size * padded;
    w.value_t = next, next += op->head_size * padded;
    w.product = next, next += padded * wide;
    w.p = next, next += queries * padded;
    w.dropped = next, next += queries * padded;
    w.ds = next, next += queries * padded;
    w.bits = (uint16_t *)next;
    return w;
}

/* bases[s]: the mask's first element of sequence s. */
static uint64_t *mask_bases(const lbk__tape *tape, const lbk__op *op) {
    uint64_t *bases = op->scratch.data, total = 0;
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++) {
        const int64_t n = tape->layout.start[s + 1] - tape->layout.start[s];
        bases[s] = total;
        total += (uint64_t)(op->num_heads * (one_query(op) ? 1 : n) * LBK_ROUND_UP(n, 8));
    }
    return bases;
}

static head_view view_of(const lbk__tape *tape, const lbk__op *op, const uint64_t *bases, int64_t item) {
    const int64_t s = item / op->num_heads, h = item % op->num_heads, hidden = op->output->cols;
    head_view view = {.first_key = tape->layout.start[s]};
    view.n = tape->layout.start[s + 1] - tape->layout.start[s];
    view.q = one_query(op) ? 1 : view.n;
    view.padded = LBK_ROUND_UP(view.n, LBK__LANES);
    view.first_query = one_query(op) ? s : view.first_key;
    view.query_column = view.out_column = h * op->head_size;
    view.key_column = view.query_column + (op->input[0] ? 0 : hidden);
    view.value_column = view.key_column + hidden;
    view.mask_base = bases[s] + (uint64_t)(h * view.q * LBK_ROUND_UP(view.n, 8));
    if (op->saved[0].data)
        view.lse = (float *)op->saved[0].data + h * tape->max_rows[op->output->extent] + view.first_query;
    return view;
}

static lbk__tensor *query_tensor(const lbk__op *op) {
    return op->input[0] ? op->input[0] : op->input[1];
}

static float inverse_root(const lbk__op *op) {
    return 1.0f / sqrtf((float)op->head_size);
}

/* w->bits, for all of the head. */
static void draw_mask(const lbk__tape *tape, const lbk__dropout *dropout, const head_view *view,
                      const workspace *w) {
    if (dropout->threshold)
        tape->vector->dropout_bits(dropout, view->mask_base, view->q * LBK_ROUND_UP(view->n, 8), w->bits);
}

/* out = M ⊙ x for [q, padded] rows, zeros where x's padding is; gives x itself when nothing is dropped. */
static const float *drop(const lbk__tape *tape, const lbk__dropout *dropout, const head_view *view,
                         const workspace *w, const float *x, float *out) {
    if (dropout->threshold == 0) return x;
    const int64_t row = LBK_ROUND_UP(view->n, 8), padded = view->padded;
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->dropout_row(out + i * padded, x + i * padded, dropout, w->bits + i * row, padded);
    return out;
}

/* out [q, padded] (+)= x [q, d]·yᵀ with y_t = yᵀ [d, padded]; x's rows lie ldx apart. */
static void times_transposed(const lbk__tape *tape, const lbk__op *op, const head_view *view, const float *x,
                             int64_t ldx, const float *y_t, bool accumulate, float *out) {
    tape->vector->small_gemm(false, view->q, view->padded, op->head_size, x, ldx, y_t, view->padded,
                             accumulate, out, view->padded);
}

/* out [q, wide] (+)= s [q, n]·y [n, d]; s's rows lie `padded`, y's ldy apart. Columns from d on are others'
 * numbers, which nobody reads. */
static void times_rows(const lbk__tape *tape, const lbk__op *op, const head_view *view, const float *s,
                       const float *y, int64_t ldy, bool accumulate, float *out) {
    const int64_t wide = wide_of(op);
    tape->vector->small_gemm(false, view->q, wide, view->n, s, view->padded, y, ldy, accumulate, out, wide);
}

/* out [n, wide] = sᵀ·y, y [q, d]. */
static void transposed_times_rows(const lbk__tape *tape, const lbk__op *op, const head_view *view,
                                  const float *s, const float *y, int64_t ldy, float *out) {
    const int64_t wide = wide_of(op);
    tape->vector->small_gemm(true, view->n, wide, view->q, s, view->padded, y, ldy, false, out, wide);
}

/* w->p = Q·Kᵀ/√d, and w->key_t on the way. */
static void scores(const lbk__tape *tape, const lbk__op *op, const head_view *view, const workspace *w) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const float *q =
        (const float *)queries->value.data + view->first_query * queries->cols + view->query_column;
    const float *k = (const float *)rest->value.data + view->first_key * rest->cols + view->key_column;
    tape->vector->transpose(w->key_t, view->padded, k, rest->cols, view->n, op->head_size, inverse_root(op));
    times_transposed(tape, op, view, q, queries->cols, w->key_t, false, w->p);
}

static void probabilities_again(const lbk__tape *tape, const lbk__op *op, const head_view *view,
                                const workspace *w) {
    scores(tape, op, view, w);
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->exp_row(w->p + i * view->padded, view->lse[i], view->n, view->padded);
}

/* ---- forward ---- */

static void forward_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                         const head_view *view, const workspace *w) {
    const lbk__tensor *rest = op->input[1];
    const int64_t hidden = op->output->cols;
    const float *v = (const float *)rest->value.data + view->first_key * rest->cols + view->value_column;
    float *out = (float *)op->output->value.data + view->first_query * hidden + view->out_column;
    scores(tape, op, view, w);
    for (int64_t i = 0; i < view->q; i++) {
        float lse = tape->vector->softmax_row(w->p + i * view->padded, view->n, view->padded);
        if (view->lse) view->lse[i] = lse;
    }
    draw_mask(tape, dropout, view, w);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    times_rows(tape, op, view, p, v, rest->cols, false, w->product);
    tape->vector->copy_block(out, hidden, w->product, wide_of(op), view->q, op->head_size, 1.0f, false);
}

/* ---- backward ---- */

static void backward_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                          const head_view *view, const workspace *w) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const int64_t d = op->head_size, wide = wide_of(op), hidden = op->output->cols, padded = view->padded;
    const int64_t query_at = view->first_query * queries->cols + view->query_column;
    const int64_t key_at = view->first_key * rest->cols + view->key_column;
    const int64_t value_at = view->first_key * rest->cols + view->value_column;
    const float *d_out =
        (const float *)op->output->gradient.data + view->first_query * hidden + view->out_column;
    const float *q = (const float *)queries->value.data + query_at, *rest_value = rest->value.data;
    float *d_q = (float *)queries->gradient.data + query_at, *d_rest = rest->gradient.data;

    probabilities_again(tape, op, view, w);
    draw_mask(tape, dropout, view, w);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    transposed_times_rows(tape, op, view, p, d_out, hidden, w->product); /* dV */
    tape->vector->copy_block(d_rest + value_at, rest->cols, w->product, wide, view->n, d, 1.0f,
                             op->accumulate[1]);

    tape->vector->transpose(w->value_t, padded, rest_value + value_at, rest->cols, view->n, d, 1.0f);
    times_transposed(tape, op, view, d_out, hidden, w->value_t, false, w->ds); /* dO·Vᵀ */
    drop(tape, dropout, view, w, w->ds, w->ds);
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    times_rows(tape, op, view, w->ds, rest_value + key_at, rest->cols, false, w->product); /* √d · dQ */
    tape->vector->copy_block(d_q, queries->cols, w->product, wide, view->q, d, inverse_root(op),
                             op->accumulate[queries == rest ? 1 : 0]);
    transposed_times_rows(tape, op, view, w->ds, q, queries->cols, w->product); /* √d · dK */
    tape->vector->copy_block(d_rest + key_at, rest->cols, w->product, wide, view->n, d, inverse_root(op),
                             op->accumulate[1]);
}

/* ---- tangent ---- */

static void tangent_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                         const head_view *view, const workspace *w) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const int64_t d = op->head_size, hidden = op->output->cols, padded = view->padded;
    const int64_t query_at = view->first_query * queries->cols + view->query_column;
    const int64_t key_at = view->first_key * rest->cols + view->key_column;
    const int64_t value_at = view->first_key * rest->cols + view->value_column;
    const float *q = (const float *)queries->value.data + query_at,
                *q_tangent = (const float *)queries->tangent.data + query_at;
    const float *rest_value = rest->value.data, *rest_tangent = rest->tangent.data;
    float *d_out = (float *)op->output->tangent.data + view->first_query * hidden + view->out_column;

    probabilities_again(tape, op, view, w);
    times_transposed(tape, op, view, q_tangent, queries->cols, w->key_t, false, w->ds);
    tape->vector->transpose(w->key_t, padded, rest_tangent + key_at, rest->cols, view->n, d,
                            inverse_root(op));
    times_transposed(tape, op, view, q, queries->cols, w->key_t, true, w->ds);
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    draw_mask(tape, dropout, view, w);
    drop(tape, dropout, view, w, w->ds, w->ds);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    times_rows(tape, op, view, w->ds, rest_value + value_at, rest->cols, false, w->product);
    times_rows(tape, op, view, p, rest_tangent + value_at, rest->cols, true, w->product);
    tape->vector->copy_block(d_out, hidden, w->product, wide_of(op), view->q, d, 1.0f, false);
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
    .saves_input = {true, true},
};

lbk_status lbk__op_attention(lbk__tape *tape, lbk__tensor *query, lbk__tensor *rest, int32_t num_heads,
                             float probability, lbk__tensor **out) {
    lbk__op *op;
    const int32_t hidden = query ? query->cols : rest->cols / 3;
    LBK_TRY(lbk__tape_tensor(tape, query ? query->extent : LBK__TOKENS, hidden, out));
    LBK_TRY(lbk__tape_record(tape, &attention_class, *out, &op));
    op->input[0] = query;
    op->input[1] = rest;
    op->num_heads = num_heads;
    op->head_size = hidden / num_heads;
    op->probability = probability;
    if (keeps(tape))
        lbk__tape_ask(tape, &op->saved[0], (size_t)tape->max_rows[(*out)->extent] * (size_t)num_heads);
    const size_t own = workspace_size(tape, op) * (size_t)tape->context->num_threads;
    lbk__tape_ask(tape, &op->scratch, bases_size(tape) + own);
    return LBK_OK;
}
