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
    float *key_t, *value_t;            /* [d, padded]; key_t carries the factor 1/√d */
    float *key, *value, *sum;          /* [n, wide] */
    float *query, *out_gradient, *own; /* [q, wide] */
    float *p, *dropped, *ds;           /* [q, padded] */
    uint16_t *bits;                    /* [padded] */
} workspace;

static bool one_query(const lbk__op *op) {
    return op->input[0] && op->input[0]->extent == LBK__SEQUENCES;
}
static int64_t wide_of(const lbk__op *op) {
    return LBK_ROUND_UP((int64_t)op->head_size, LBK__LANES);
}

static size_t workspace_size(const lbk__tape *tape, const lbk__op *op) {
    const int64_t padded = LBK_ROUND_UP((int64_t)tape->longest, LBK__LANES), wide = wide_of(op);
    const int64_t queries = one_query(op) ? 1 : tape->longest;
    return (size_t)(2 * op->head_size * padded + 3 * tape->longest * wide + 3 * queries * wide +
                    3 * queries * padded + padded);
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
    w.key = next, next += tape->longest * wide;
    w.value = next, next += tape->longest * wide;
    w.sum = next, next += tape->longest * wide;
    w.query = next, next += queries * wide;
    w.out_gradient = next, next += queries * wide;
    w.own = next, next += queries * wide;
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

/* ---- copies between [rows, stride] and [rows, wide] or [d, padded] ---- */

static void pack_rows(const float *x, int64_t stride, int64_t rows, int64_t d, int64_t wide, float factor,
                      float *out) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t c = 0; c < d; c++) out[i * wide + c] = factor * x[i * stride + c];
        for (int64_t c = d; c < wide; c++) out[i * wide + c] = 0.0f;
    }
}

static void pack_columns(const float *x, int64_t stride, int64_t rows, int64_t d, int64_t padded,
                         float factor, float *out) {
    for (int64_t c = 0; c < d; c++) {
        for (int64_t i = 0; i < rows; i++) out[c * padded + i] = factor * x[i * stride + c];
        for (int64_t i = rows; i < padded; i++) out[c * padded + i] = 0.0f;
    }
}

static void unpack_rows(const float *packed, int64_t wide, int64_t rows, int64_t d, bool accumulate, float *x,
                        int64_t stride) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < d; c++)
            x[i * stride + c] = packed[i * wide + c] + (accumulate ? x[i * stride + c] : 0.0f);
}

static float inverse_root(const lbk__op *op) {
    return 1.0f / sqrtf((float)op->head_size);
}

/* w->dropped = M ⊙ x for [q, padded] rows; gives x itself when nothing is dropped. */
static const float *drop(const lbk__tape *tape, const lbk__dropout *dropout, const head_view *view,
                         const workspace *w, const float *x, float *out) {
    if (dropout->threshold == 0) return x;
    const int64_t row = LBK_ROUND_UP(view->n, 8);
    for (int64_t i = 0; i < view->q; i++) {
        tape->vector->dropout_bits(dropout, view->mask_base + (uint64_t)(i * row), row, w->bits);
        tape->vector->dropout_row(out + i * view->padded, x + i * view->padded, dropout, w->bits, view->n);
        for (int64_t j = view->n; j < view->padded; j++) out[i * view->padded + j] = 0.0f;
    }
    return out;
}

/* w->p = Q·Kᵀ/√d, and w->key_t on the way. */
static void scores(const lbk__tape *tape, const lbk__op *op, const head_view *view, const workspace *w) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const float *q =
        (const float *)queries->value.data + view->first_query * queries->cols + view->query_column;
    const float *k = (const float *)rest->value.data + view->first_key * rest->cols + view->key_column;
    pack_columns(k, rest->cols, view->n, op->head_size, view->padded, inverse_root(op), w->key_t);
    tape->vector->small_gemm(view->q, view->padded, op->head_size, q, queries->cols, 1, w->key_t,
                             view->padded, false, w->p, view->padded);
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
    const int64_t d = op->head_size, wide = wide_of(op), hidden = op->output->cols;
    const float *v = (const float *)rest->value.data + view->first_key * rest->cols + view->value_column;
    float *out = (float *)op->output->value.data + view->first_query * hidden + view->out_column;
    scores(tape, op, view, w);
    for (int64_t i = 0; i < view->q; i++) {
        float lse = tape->vector->softmax_row(w->p + i * view->padded, view->n, view->padded);
        if (view->lse) view->lse[i] = lse;
    }
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    pack_rows(v, rest->cols, view->n, d, wide, 1.0f, w->value);
    tape->vector->small_gemm(view->q, wide, view->n, p, view->padded, 1, w->value, wide, false, w->own, wide);
    unpack_rows(w->own, wide, view->q, d, false, out, hidden);
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
    const float *rest_value = rest->value.data;
    float *rest_gradient = rest->gradient.data;

    probabilities_again(tape, op, view, w);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    pack_rows(d_out, hidden, view->q, d, wide, 1.0f, w->out_gradient);
    tape->vector->small_gemm(view->n, wide, view->q, p, 1, padded, w->out_gradient, wide, false, w->sum,
                             wide); /* dV */
    unpack_rows(w->sum, wide, view->n, d, op->accumulate[1], rest_gradient + value_at, rest->cols);

    pack_columns(rest_value + value_at, rest->cols, view->n, d, padded, 1.0f, w->value_t);
    tape->vector->small_gemm(view->q, padded, d, d_out, hidden, 1, w->value_t, padded, false, w->ds,
                             padded); /* dO·Vᵀ */
    drop(tape, dropout, view, w, w->ds, w->ds);
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    pack_rows(rest_value + key_at, rest->cols, view->n, d, wide, inverse_root(op), w->key);
    tape->vector->small_gemm(view->q, wide, view->n, w->ds, padded, 1, w->key, wide, false, w->own,
                             wide); /* dQ */
    unpack_rows(w->own, wide, view->q, d, op->accumulate[queries == rest ? 1 : 0],
                (float *)queries->gradient.data + query_at, queries->cols);

    pack_rows((const float *)queries->value.data + query_at, queries->cols, view->q, d, wide,
              inverse_root(op), w->query);
    tape->vector->small_gemm(view->n, wide, view->q, w->ds, 1, padded, w->query, wide, false, w->sum,
                             wide); /* dK */
    unpack_rows(w->sum, wide, view->n, d, op->accumulate[1], rest_gradient + key_at, rest->cols);
}

/* ---- tangent ---- */

static void tangent_head(const lbk__tape *tape, const lbk__op *op, const lbk__dropout *dropout,
                         const head_view *view, const workspace *w) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const int64_t d = op->head_size, wide = wide_of(op), hidden = op->output->cols, padded = view->padded;
    const int64_t query_at = view->first_query * queries->cols + view->query_column;
    const int64_t key_at = view->first_key * rest->cols + view->key_column;
    const int64_t value_at = view->first_key * rest->cols + view->value_column;
    const float *rest_value = rest->value.data, *rest_tangent = rest->tangent.data;
    float *d_out = (float *)op->output->tangent.data + view->first_query * hidden + view->out_column;

    probabilities_again(tape, op, view, w);
    tape->vector->small_gemm(view->q, padded, d, (const float *)queries->tangent.data + query_at,
                             queries->cols, 1, w->key_t, padded, false, w->ds, padded);
    pack_columns(rest_tangent + key_at, rest->cols, view->n, d, padded, inverse_root(op), w->key_t);
    tape->vector->small_gemm(view->q, padded, d, (const float *)queries->value.data + query_at, queries->cols,
                             1, w->key_t, padded, true, w->ds, padded);
    for (int64_t i = 0; i < view->q; i++)
        tape->vector->softmax_project(w->ds + i * padded, w->p + i * padded, w->ds + i * padded, padded);

    drop(tape, dropout, view, w, w->ds, w->ds);
    const float *p = drop(tape, dropout, view, w, w->p, w->dropped);
    pack_rows(rest_value + value_at, rest->cols, view->n, d, wide, 1.0f, w->value);
    tape->vector->small_gemm(view->q, wide, view->n, w->ds, padded, 1, w->value, wide, false, w->own, wide);
    pack_rows(rest_tangent + value_at, rest->cols, view->n, d, wide, 1.0f, w->value);
    tape->vector->small_gemm(view->q, wide, view->n, p, padded, 1, w->value, wide, true, w->own, wide);
    unpack_rows(w->own, wide, view->q, d, false, d_out, hidden);
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
