/* pooled_attention.c: softmax attention with one query a sequence, that of the token which the class is read
 * from. What it asks of tokens, u_h = Wk_hᵀ·q_h, comes from absorb_keys.c, and Wv multiplies one weighted sum
 * of tokens instead of each: no key or value is ever made.
 *
 *   S = U·Xᵀ / √d;  P = softmax(S) by rows;  P̃ = M ⊙ P, M = dropout mask / keep;  Y = P̃·X;  σ_h = Σ_j p̃_hj
 *   o_h = Wv_h·y_h + σ_h·b_h
 *   backward  dy_h = Wv_hᵀ·do_h;  dWv_h += do_h·y_hᵀ;  db_h += σ_h·do_h;  dp_hj = m_hj·(dy_h·x_j + b_h·do_h)
 *             dS = P ⊙ (dP − Σ_j P ⊙ dP) / √d;  dU = dS·X;  dX = P̃ᵀ·dY + dSᵀ·U
 *   tangent   Ṡ = (U̇·Xᵀ + U·Ẋᵀ) / √d;  Ṗ = M ⊙ P ⊙ (Ṡ − Σ_j P ⊙ Ṡ);  Ẏ = Ṗ·X + P̃·Ẋ;  σ̇_h = Σ_j ṗ_hj
 *             ȯ_h = Wv_h·ẏ_h + Ẇv_h·y_h + σ̇_h·b_h + σ_h·ḃ_h
 *
 * A bias of the keys would add q_h·b to all scores of a row, which softmax does not see. For a sequence of n
 * tokens: X [n, H]; U, Y [heads, H]; S, P, M [heads, n]. Wv [H, H], b and o of a sequence [H]. P and Y are
 * kept. Element j of head h of sequence s has the mask of element base(s) + h·round_up(n, 8) + j, base(s) =
 * the size of all sequences before. */
#include "tape/ops/heads.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* What all sequences share. `wide` is H, rounded up to LBK__LANES. */
typedef struct common {
    lbk__dropout dropout;
    int64_t wide;
    uint64_t *bases;        /* [S] of the masks */
    float *sigma, *d_sigma; /* [S, heads] σ, σ̇ */
    float *sums;            /* [S, heads, wide]: Y, dY or Ẏ */
} common;

/* What one thread works in; `across` is the number of heads, rounded up to LBK__LANES. */
typedef struct workspace {
    float *asking_t;         /* [H, across] */
    float *by_token;         /* [padded, across] */
    float *p, *dropped, *ds; /* [heads, padded] */
    float *product;          /* [max(padded, heads), wide] */
    uint16_t *bits;          /* [heads, round_up(n, 8)], and room to read a vector beyond */
} workspace;

/* One sequence of n tokens, the first of which is row `first` of X; `padded` is n rounded up to LBK__LANES.
 */
typedef struct sequence {
    int64_t index, first, n, padded;
    float *p;   /* [heads, padded] */
    float *sum; /* [heads, wide] */
} sequence;

static int64_t rounded(int64_t n) {
    return LBK_ROUND_UP(n, (int64_t)LBK__LANES);
}

/* ---- memory: sizes in floats, whole vectors ---- */

static int64_t common_size(const lbk__tape *tape, const lbk__op *op) {
    const int64_t s = tape->max_rows[LBK__SEQUENCES], heads = op->num_heads;
    return rounded(2 * s) + 2 * rounded(s * heads) + s * heads * rounded(op->output->cols);
}

static int64_t workspace_size(const lbk__tape *tape, const lbk__op *op) {
    const int64_t heads = op->num_heads, padded = rounded(tape->longest), across = rounded(heads);
    return op->output->cols * across + padded * across + 3 * heads * padded +
           LBK_MAX(padded, heads) * rounded(op->output->cols) + rounded(heads * padded / 2 + LBK__LANES);
}

/* P of sequence s begins at heads · (start[s] + s·(LBK__LANES − 1)): all before are padded by that at most.
 */
static size_t kept_size(const lbk__tape *tape, const lbk__op *op) {
    return (size_t)op->num_heads *
           ((size_t)tape->max_rows[LBK__TOKENS] + (size_t)tape->max_rows[LBK__SEQUENCES] * (LBK__LANES - 1));
}

static common common_of(const lbk__tape *tape, const lbk__op *op) {
    const int64_t s = tape->max_rows[LBK__SEQUENCES], heads = op->num_heads;
    common c = {.dropout = lbk__op_dropout(tape, op), .wide = rounded(op->output->cols)};
    float *next = op->scratch.data;
    c.bases = (uint64_t *)(void *)next, next += rounded(2 * s);
    c.sigma = next, next += rounded(s * heads);
    c.d_sigma = next, next += rounded(s * heads);
    c.sums = next;
    uint64_t total = 0;
    for (int32_t k = 0; k < tape->layout.rows[LBK__SEQUENCES]; k++) {
        c.bases[k] = total;
        total += (uint64_t)(heads * LBK_ROUND_UP(tape->layout.start[k + 1] - tape->layout.start[k], 8));
    }
    return c;
}

static workspace workspace_of(const lbk__tape *tape, const lbk__op *op) {
    const int64_t heads = op->num_heads, padded = rounded(tape->longest), across = rounded(heads);
    float *next =
        (float *)op->scratch.data + common_size(tape, op) + omp_get_thread_num() * workspace_size(tape, op);
    workspace w;
    w.asking_t = next, next += op->output->cols * across;
    w.by_token = next, next += padded * across;
    w.p = next, next += heads * padded;
    w.dropped = next, next += heads * padded;
    w.ds = next, next += heads * padded;
    w.product = next, next += LBK_MAX(padded, heads) * rounded(op->output->cols);
    w.bits = (uint16_t *)(void *)next;
    return w;
}

static sequence sequence_of(const lbk__tape *tape, const lbk__op *op, const common *c, const workspace *w,
                            int64_t index) {
    const int64_t heads = op->num_heads, first = tape->layout.start[index];
    sequence s = {.index = index, .first = first, .n = tape->layout.start[index + 1] - first};
    s.padded = rounded(s.n);
    s.p = op->saved[0].data ? (float *)op->saved[0].data + heads * (first + index * (LBK__LANES - 1)) : w->p;
    s.sum = c->sums + index * heads * c->wide;
    return s;
}

/* Rows of X, and what the heads ask of them, in one of the inputs' buffers. */
static float *tokens_of(const lbk__op *op, const lbk__buffer *buffer, const sequence *s) {
    return (float *)buffer->data + s->first * op->output->cols;
}
static float *asking_of(const lbk__op *op, const lbk__buffer *buffer, const sequence *s) {
    return (float *)buffer->data + s->index * op->input[0]->cols;
}

/* ---- steps ---- */

static float inverse_root(const lbk__op *op) {
    return 1.0f / sqrtf((float)op->head_size);
}

/* w->by_token [n, across] (+)= X·Aᵀ / √d for rows A [heads, ≥ H] that lie ld apart. */
static void ask(const lbk__tape *tape, const lbk__op *op, const sequence *s, const workspace *w,
                const float *asking, int64_t ld, const float *x, bool accumulate) {
    const int64_t hidden = op->output->cols, across = rounded(op->num_heads);
    tape->vector->transpose(w->asking_t, across, asking, ld, op->num_heads, hidden, inverse_root(op));
    tape->vector->small_gemm(false, s->n, across, hidden, x, hidden, w->asking_t, across, accumulate,
                             w->by_token, across);
}

/* scores [heads, padded] from w->by_token; zeros where the padding is. */
static void by_head(const lbk__tape *tape, const lbk__op *op, const sequence *s, const workspace *w,
                    float *scores) {
    tape->vector->transpose(scores, s->padded, w->by_token, rounded(op->num_heads), s->n, op->num_heads,
                            1.0f);
}

static void draw_mask(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                      const workspace *w) {
    if (c->dropout.threshold)
        tape->vector->dropout_bits(&c->dropout, c->bases[s->index], op->num_heads * LBK_ROUND_UP(s->n, 8),
                                   w->bits);
}

/* out = M ⊙ x [heads, padded]; gives x itself when nothing is dropped. */
static float *drop(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                   const workspace *w, float *x, float *out) {
    if (c->dropout.threshold == 0) return x;
    for (int64_t h = 0; h < op->num_heads; h++)
        tape->vector->dropout_row(out + h * s->padded, x + h * s->padded, &c->dropout,
                                  w->bits + h * LBK_ROUND_UP(s->n, 8), s->padded);
    return out;
}

static void sum_rows(const lbk__op *op, const sequence *s, const float *p, float *sigma) {
    for (int64_t h = 0; h < op->num_heads; h++) {
        float sum = 0.0f;
        for (int64_t j = 0; j < s->n; j++) sum += p[h * s->padded + j];
        sigma[s->index * op->num_heads + h] = sum;
    }
}

/* out [heads, wide] (+)= p·X. Columns from H on are others' numbers, which nobody reads. */
static void weigh_tokens(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                         const float *p, const float *x, bool accumulate, float *out) {
    tape->vector->small_gemm(false, op->num_heads, c->wide, s->n, p, s->padded, x, op->output->cols,
                             accumulate, out, c->wide);
}

/* rows_h [S, d] += σ_h · b_h */
static void add_bias(const lbk__tape *tape, const lbk__op *op, const float *sigma, const float *bias,
                     float *rows) {
    const int64_t items = (int64_t)lbk__rows(tape, op->output) * op->num_heads, d = op->head_size;
    for (int64_t item = 0; item < items; item++)
        tape->vector->add_scaled(rows + item * d, sigma[item], bias + item % op->num_heads * d, d);
}

/* ---- forward ---- */

static void forward_sequence(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                             const workspace *w) {
    const float *x = tokens_of(op, &op->input[1]->value, s);
    ask(tape, op, s, w, asking_of(op, &op->input[0]->value, s), op->output->cols, x, false);
    by_head(tape, op, s, w, s->p);
    for (int64_t h = 0; h < op->num_heads; h++)
        tape->vector->softmax_row(s->p + h * s->padded, s->n, s->padded);
    draw_mask(tape, op, c, s, w);
    const float *kept = drop(tape, op, c, s, w, s->p, w->dropped);
    sum_rows(op, s, kept, c->sigma);
    weigh_tokens(tape, op, c, s, kept, x, false, s->sum);
}

/* ---- backward ---- */

/* ds [heads, padded] = dP, from dY in s->sum. */
static void slopes_of_probabilities(const lbk__tape *tape, const lbk__op *op, const common *c,
                                    const sequence *s, const workspace *w) {
    const float *bias = weights_of(tape, op->slot[1]);
    const float *d_out = (const float *)op->output->gradient.data + s->index * op->output->cols;
    ask(tape, op, s, w, s->sum, c->wide, tokens_of(op, &op->input[1]->value, s), false);
    by_head(tape, op, s, w, w->ds);
    for (int64_t h = 0; h < op->num_heads; h++) {
        float *row = w->ds + h * s->padded;
        const int64_t at = h * op->head_size;
        const float all = tape->vector->dot(bias + at, d_out + at, op->head_size);
        for (int64_t j = 0; j < s->n; j++) row[j] += all * inverse_root(op);
    }
    drop(tape, op, c, s, w, w->ds, w->ds);
}

static void backward_sequence(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                              const workspace *w) {
    const int64_t hidden = op->output->cols, heads = op->num_heads;
    const float *u = asking_of(op, &op->input[0]->value, s);
    draw_mask(tape, op, c, s, w);
    const float *kept = drop(tape, op, c, s, w, s->p, w->dropped);
    sum_rows(op, s, kept, c->sigma);
    slopes_of_probabilities(tape, op, c, s, w);
    for (int64_t h = 0; h < heads; h++)
        tape->vector->softmax_project(w->ds + h * s->padded, s->p + h * s->padded, w->ds + h * s->padded,
                                      s->padded);
    tape->vector->small_gemm(true, s->n, c->wide, heads, kept, s->padded, s->sum, c->wide, false, w->product,
                             c->wide);
    tape->vector->small_gemm(true, s->n, c->wide, heads, w->ds, s->padded, u, hidden, true, w->product,
                             c->wide);
    tape->vector->copy_block(tokens_of(op, &op->input[1]->gradient, s), hidden, w->product, c->wide, s->n,
                             hidden, 1.0f, op->accumulate[1]);
    weigh_tokens(tape, op, c, s, w->ds, tokens_of(op, &op->input[1]->value, s), false, w->product);
    tape->vector->copy_block(asking_of(op, &op->input[0]->gradient, s), hidden, w->product, c->wide, heads,
                             hidden, 1.0f, op->accumulate[0]);
}

/* ---- tangent ---- */

static void tangent_sequence(const lbk__tape *tape, const lbk__op *op, const common *c, const sequence *s,
                             const workspace *w) {
    const int64_t hidden = op->output->cols;
    const float *x = tokens_of(op, &op->input[1]->value, s), *dx = tokens_of(op, &op->input[1]->tangent, s);
    ask(tape, op, s, w, asking_of(op, &op->input[0]->tangent, s), hidden, x, false);
    ask(tape, op, s, w, asking_of(op, &op->input[0]->value, s), hidden, dx, true);
    by_head(tape, op, s, w, w->ds);
    for (int64_t h = 0; h < op->num_heads; h++)
        tape->vector->softmax_project(w->ds + h * s->padded, s->p + h * s->padded, w->ds + h * s->padded,
                                      s->padded);
    draw_mask(tape, op, c, s, w);
    drop(tape, op, c, s, w, w->ds, w->ds);
    const float *kept = drop(tape, op, c, s, w, s->p, w->dropped);
    sum_rows(op, s, kept, c->sigma);
    sum_rows(op, s, w->ds, c->d_sigma);
    weigh_tokens(tape, op, c, s, w->ds, x, false, s->sum);
    weigh_tokens(tape, op, c, s, kept, dx, true, s->sum);
}

/* ---- passes ---- */

typedef void sequence_pass(const lbk__tape *, const lbk__op *, const common *, const sequence *,
                           const workspace *);

/* Sequences write apart from one another. */
static void for_each_sequence(const lbk__tape *tape, const lbk__op *op, const common *c,
                              sequence_pass *pass) {
    const int64_t count = tape->layout.rows[LBK__SEQUENCES];
#pragma omp parallel if ((int64_t)tape->layout.rows[LBK__TOKENS] * op->output->cols >= PARALLEL_FROM)
    {
        const workspace w = workspace_of(tape, op);
#pragma omp for schedule(dynamic, 2)
        for (int64_t i = 0; i < count; i++) {
            const sequence s = sequence_of(tape, op, c, &w, i);
            pass(tape, op, c, &s, &w);
        }
    }
}

static void forward(lbk__tape *tape, lbk__op *op) {
    common c = common_of(tape, op);
    float *out = op->output->value.data;
    if (op->saved[1].data) c.sums = op->saved[1].data;
    for_each_sequence(tape, op, &c, forward_sequence);
    lbk__heads_narrow(tape, op, LBK__FORWARD, c.sums, c.wide, weights_of(tape, op->slot[0]), false, out);
    add_bias(tape, op, c.sigma, weights_of(tape, op->slot[1]), out);
}

static void backward(lbk__tape *tape, lbk__op *op) {
    const common c = common_of(tape, op);
    const int64_t items = (int64_t)lbk__rows(tape, op->output) * op->num_heads, d = op->head_size;
    const float *d_out = op->output->gradient.data;
    float *d_bias = gradients_of(tape, op->slot[1]);
    lbk__heads_widen(tape, op, LBK__BACKWARD, d_out, weights_of(tape, op->slot[0]), false, c.sums, c.wide);
    for_each_sequence(tape, op, &c, backward_sequence);
    lbk__heads_outer(tape, op, d_out, op->saved[1].data, c.wide, gradients_of(tape, op->slot[0]));
    for (int64_t item = 0; item < items; item++)
        tape->vector->add_scaled(d_bias + item % op->num_heads * d, c.sigma[item], d_out + item * d, d);
}

static void tangent(lbk__tape *tape, lbk__op *op) {
    const common c = common_of(tape, op);
    float *d_out = op->output->tangent.data;
    for_each_sequence(tape, op, &c, tangent_sequence);
    lbk__heads_narrow(tape, op, LBK__TANGENT, c.sums, c.wide, weights_of(tape, op->slot[0]), false, d_out);
    lbk__heads_narrow(tape, op, LBK__TANGENT, op->saved[1].data, c.wide, direction_of(tape, op->slot[0]),
                      true, d_out);
    add_bias(tape, op, c.d_sigma, weights_of(tape, op->slot[1]), d_out);
    add_bias(tape, op, c.sigma, direction_of(tape, op->slot[1]), d_out);
}

static const lbk__op_class pooled_attention_class = {
    .name = "pooled attention",
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .reference_forward = lbk__pooled_attention_reference_forward,
    .reference_backward = lbk__pooled_attention_reference_backward,
    .reference_tangent = lbk__pooled_attention_reference_tangent,
    .saves_input = {true, true},
};

lbk_status lbk__op_pooled_attention(lbk__tape *tape, lbk__tensor *asking, lbk__tensor *x,
                                    lbk__slot value_weight, lbk__slot value_bias, int32_t num_heads,
                                    float probability, lbk__tensor **out) {
    lbk__op *op;
    LBK_TRY(lbk__tape_tensor(tape, LBK__SEQUENCES, x->cols, out));
    LBK_TRY(lbk__tape_record(tape, &pooled_attention_class, *out, &op));
    op->input[0] = asking;
    op->input[1] = x;
    op->slot[0] = value_weight;
    op->slot[1] = value_bias;
    op->num_heads = num_heads;
    op->head_size = x->cols / num_heads;
    op->probability = probability;
    tape->multiplications[LBK__SEQUENCES] += (int64_t)value_weight.rows * value_weight.cols;
    if (keeps(tape)) {
        lbk__tape_ask(tape, &op->saved[0], kept_size(tape, op));
        lbk__tape_ask(tape, &op->saved[1],
                      (size_t)tape->max_rows[LBK__SEQUENCES] * (size_t)(num_heads * rounded(x->cols)));
    }
    const int64_t own = workspace_size(tape, op) * tape->context->num_threads;
    lbk__tape_ask(tape, &op->scratch, (size_t)(common_size(tape, op) + own));
    return LBK_OK;
}
