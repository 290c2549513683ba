/* pooled_attention_reference.c: pooled_attention.c's equations in plain double loops. */
#include "tape/ops/op.h"

#include <math.h>
#include <string.h>

/* One head of one sequence: rows of the tensors, and where its numbers start in them. */
typedef struct plain_head {
    int64_t n, d, hidden, asking_at, tokens_at, out_at;
    const double *w, *b; /* [d, H], [d] */
    uint64_t mask_base;
    double root;
    double *p, *m, *ds; /* [n] probabilities, mask, and what the pass makes of them */
    double *y, *dy;     /* [H] */
} plain_head;

static plain_head head_of(const lbk__tape *tape, const lbk__op *op, int64_t s, int64_t h, uint64_t base) {
    const int64_t hidden = op->output->cols, d = op->head_size, first = tape->layout.start[s];
    plain_head head = {.n = tape->layout.start[s + 1] - first, .d = d, .hidden = hidden};
    head.asking_at = (s * op->num_heads + h) * hidden;
    head.tokens_at = first * hidden;
    head.out_at = s * hidden + h * d;
    head.w = reference_weights(tape, op->slot[0]) + h * d * hidden;
    head.b = reference_weights(tape, op->slot[1]) + h * d;
    head.mask_base = base + (uint64_t)(h * LBK_ROUND_UP(head.n, 8));
    head.root = 1.0 / sqrt((double)d);
    head.p = op->scratch.data, head.m = head.p + tape->longest, head.ds = head.m + tape->longest;
    head.y = head.ds + tape->longest, head.dy = head.y + hidden;
    return head;
}

/* y = Σ_j p_j·m_j·x_j, and gives Σ_j p_j·m_j. */
static double weigh(const plain_head *head, const double *p, const double *x, double *y) {
    double sigma = 0.0;
    memset(y, 0, (size_t)head->hidden * sizeof *y);
    for (int64_t j = 0; j < head->n; j++) {
        sigma += p[j] * head->m[j];
        for (int64_t c = 0; c < head->hidden; c++) y[c] += p[j] * head->m[j] * x[j * head->hidden + c];
    }
    return sigma;
}

static void probabilities(const plain_head *head, const lbk__dropout *dropout, const double *u,
                          const double *x) {
    double most = -INFINITY, total = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        head->p[j] = head->root * reference_dot(u, x + j * head->hidden, head->hidden);
        head->m[j] = kept_scale(dropout, head->mask_base + (uint64_t)j);
        most = fmax(most, head->p[j]);
    }
    for (int64_t j = 0; j < head->n; j++) total += head->p[j] = exp(head->p[j] - most);
    for (int64_t j = 0; j < head->n; j++) head->p[j] /= total;
}

static void forward_head(lbk__tape *tape, lbk__op *op, const plain_head *head, const double *u,
                         const double *x) {
    (void)tape, (void)u;
    double *out = (double *)op->output->value.data + head->out_at;
    const double sigma = weigh(head, head->p, x, head->y);
    for (int64_t r = 0; r < head->d; r++)
        out[r] = reference_dot(head->w + r * head->hidden, head->y, head->hidden) + sigma * head->b[r];
}

static void backward_head(lbk__tape *tape, lbk__op *op, const plain_head *head, const double *u,
                          const double *x) {
    const int64_t hidden = head->hidden, row = head->w - reference_weights(tape, op->slot[0]);
    const double *d_out = (const double *)op->output->gradient.data + head->out_at;
    double *dw = reference_gradients(tape, op->slot[0]) + row;
    double *db = reference_gradients(tape, op->slot[1]) + row / hidden;
    double *du = (double *)op->input[0]->gradient.data + head->asking_at;
    double *dx = (double *)op->input[1]->gradient.data + head->tokens_at, mean = 0.0;
    const double sigma = weigh(head, head->p, x, head->y), of_bias = reference_dot(head->b, d_out, head->d);
    memset(head->dy, 0, (size_t)hidden * sizeof *head->dy);
    for (int64_t r = 0; r < head->d; r++) {
        db[r] += sigma * d_out[r];
        for (int64_t c = 0; c < hidden; c++) {
            dw[r * hidden + c] += d_out[r] * head->y[c];
            head->dy[c] += d_out[r] * head->w[r * hidden + c];
        }
    }
    for (int64_t j = 0; j < head->n; j++) {
        head->ds[j] = head->m[j] * (reference_dot(head->dy, x + j * hidden, hidden) + of_bias);
        mean += head->p[j] * head->ds[j];
    }
    for (int64_t j = 0; j < head->n; j++) {
        const double ds = head->root * head->p[j] * (head->ds[j] - mean);
        for (int64_t c = 0; c < hidden; c++) {
            du[c] += ds * x[j * hidden + c];
            dx[j * hidden + c] += head->m[j] * head->p[j] * head->dy[c] + ds * u[c];
        }
    }
}

static void tangent_head(lbk__tape *tape, lbk__op *op, const plain_head *head, const double *u,
                         const double *x) {
    const int64_t hidden = head->hidden, row = head->w - reference_weights(tape, op->slot[0]);
    const double *dw = reference_direction(tape, op->slot[0]) + row;
    const double *db = reference_direction(tape, op->slot[1]) + row / hidden;
    const double *du = (const double *)op->input[0]->tangent.data + head->asking_at;
    const double *dx = (const double *)op->input[1]->tangent.data + head->tokens_at;
    double *d_out = (double *)op->output->tangent.data + head->out_at, mean = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        head->ds[j] = head->root *
                      (reference_dot(du, x + j * hidden, hidden) + reference_dot(u, dx + j * hidden, hidden));
        mean += head->p[j] * head->ds[j];
    }
    for (int64_t j = 0; j < head->n; j++) head->ds[j] = head->p[j] * (head->ds[j] - mean);
    const double d_sigma = weigh(head, head->ds, x, head->dy);
    const double sigma = weigh(head, head->p, dx, head->y);
    for (int64_t c = 0; c < hidden; c++) head->dy[c] += head->y[c];
    weigh(head, head->p, x, head->y);
    for (int64_t r = 0; r < head->d; r++)
        d_out[r] = reference_dot(head->w + r * hidden, head->dy, hidden) +
                   reference_dot(dw + r * hidden, head->y, hidden) + d_sigma * head->b[r] + sigma * db[r];
}

typedef void head_pass(lbk__tape *, lbk__op *, const plain_head *, const double *u, const double *x);

static void run(lbk__tape *tape, lbk__op *op, head_pass *pass) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    uint64_t base = 0;
    for (int64_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++) {
        for (int64_t h = 0; h < op->num_heads; h++) {
            const plain_head head = head_of(tape, op, s, h, base);
            const double *u = (const double *)op->input[0]->value.data + head.asking_at;
            const double *x = (const double *)op->input[1]->value.data + head.tokens_at;
            probabilities(&head, &dropout, u, x);
            pass(tape, op, &head, u, x);
        }
        base +=
            (uint64_t)(op->num_heads * LBK_ROUND_UP(tape->layout.start[s + 1] - tape->layout.start[s], 8));
    }
}

void lbk__pooled_attention_reference_forward(lbk__tape *tape, lbk__op *op) {
    run(tape, op, forward_head);
}

void lbk__pooled_attention_reference_backward(lbk__tape *tape, lbk__op *op) {
    for (int k = 0; k < 2; k++) {
        const size_t count = (size_t)lbk__rows(tape, op->input[k]) * (size_t)op->input[k]->cols;
        if (!op->accumulate[k]) memset(op->input[k]->gradient.data, 0, count * sizeof(double));
    }
    run(tape, op, backward_head);
}

void lbk__pooled_attention_reference_tangent(lbk__tape *tape, lbk__op *op) {
    run(tape, op, tangent_head);
}
