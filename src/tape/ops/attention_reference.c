/* attention_reference.c: attention.c's equations in plain double loops, one number after the other. */
#include "tape/ops/op.h"

#include <math.h>
#include <string.h>

/* One head of one sequence: its queries' place in the input, keys and values lie `hidden` columns further. */
typedef struct plain_head {
    int64_t n, d, hidden, stride, at, out_at;
    uint64_t mask_base;
    double root;
} plain_head;

static plain_head head_of(const lbk__tape *tape, const lbk__op *op, int32_t s, int32_t h,
                          uint64_t *next_base) {
    const int64_t first = tape->layout.start[s], column = (int64_t)h * op->head_size;
    plain_head head = {.n = tape->layout.start[s + 1] - first, .d = op->head_size};
    head.hidden = op->output->cols;
    head.stride = op->input[0]->cols;
    head.at = first * head.stride + column;
    head.out_at = first * head.hidden + column;
    head.root = 1.0 / sqrt((double)op->head_size);
    head.mask_base = *next_base;
    *next_base += (uint64_t)(head.n * LBK_ROUND_UP(head.n, 8));
    return head;
}

/* Of one of the input's buffers: the head's queries; keys and values follow. */
static double *head_in(const lbk__buffer *buffer, const plain_head *head) {
    return (double *)buffer->data + head->at;
}

/* p [n]: row i of softmax(Q·Kᵀ/√d); m [n]: row i of the mask. */
static void row_of(const lbk__op *op, const plain_head *head, const lbk__dropout *dropout, int64_t i,
                   double *p, double *m) {
    const double *q = head_in(&op->input[0]->value, head) + i * head->stride;
    const double *k = head_in(&op->input[0]->value, head) + head->hidden;
    double most = -INFINITY, total = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        p[j] = head->root * reference_dot(q, k + j * head->stride, head->d);
        most = fmax(most, p[j]);
        m[j] = kept_scale(dropout, head->mask_base + (uint64_t)(i * LBK_ROUND_UP(head->n, 8) + j));
    }
    for (int64_t j = 0; j < head->n; j++) total += p[j] = exp(p[j] - most);
    for (int64_t j = 0; j < head->n; j++) p[j] /= total;
}

static void forward_row(const lbk__op *op, const plain_head *head, int64_t i, const double *p,
                        const double *m) {
    const double *v = head_in(&op->input[0]->value, head) + 2 * head->hidden;
    double *out = (double *)op->output->value.data + head->out_at + i * head->hidden;
    for (int64_t c = 0; c < head->d; c++) {
        out[c] = 0.0;
        for (int64_t j = 0; j < head->n; j++) out[c] += m[j] * p[j] * v[j * head->stride + c];
    }
}

static void backward_row(const lbk__op *op, const plain_head *head, int64_t i, const double *p,
                         const double *m, double *dp) {
    const int64_t stride = head->stride;
    const double *q = head_in(&op->input[0]->value, head) + i * stride;
    const double *k = head_in(&op->input[0]->value, head) + head->hidden, *v = k + head->hidden;
    const double *d_out = (const double *)op->output->gradient.data + head->out_at + i * head->hidden;
    double *dq = head_in(&op->input[0]->gradient, head) + i * stride;
    double *dk = head_in(&op->input[0]->gradient, head) + head->hidden, *dv = dk + head->hidden;
    double mean = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        for (int64_t c = 0; c < head->d; c++) dv[j * stride + c] += m[j] * p[j] * d_out[c];
        dp[j] = m[j] * reference_dot(d_out, v + j * stride, head->d);
        mean += p[j] * dp[j];
    }
    for (int64_t j = 0; j < head->n; j++) {
        const double ds = head->root * p[j] * (dp[j] - mean);
        for (int64_t c = 0; c < head->d; c++) {
            dq[c] += ds * k[j * stride + c];
            dk[j * stride + c] += ds * q[c];
        }
    }
}

static void tangent_row(const lbk__op *op, const plain_head *head, int64_t i, const double *p,
                        const double *m, double *ds) {
    const int64_t stride = head->stride;
    const double *q = head_in(&op->input[0]->value, head) + i * stride;
    const double *k = head_in(&op->input[0]->value, head) + head->hidden, *v = k + head->hidden;
    const double *dq = head_in(&op->input[0]->tangent, head) + i * stride;
    const double *dk = head_in(&op->input[0]->tangent, head) + head->hidden, *dv = dk + head->hidden;
    double *d_out = (double *)op->output->tangent.data + head->out_at + i * head->hidden, mean = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        ds[j] = head->root *
                (reference_dot(dq, k + j * stride, head->d) + reference_dot(q, dk + j * stride, head->d));
        mean += p[j] * ds[j];
    }
    for (int64_t c = 0; c < head->d; c++) {
        d_out[c] = 0.0;
        for (int64_t j = 0; j < head->n; j++)
            d_out[c] += m[j] * p[j] * ((ds[j] - mean) * v[j * stride + c] + dv[j * stride + c]);
    }
}

typedef enum pass { FORWARD, BACKWARD, TANGENT } pass;

static void run(lbk__tape *tape, lbk__op *op, pass which) {
    const lbk__dropout dropout = lbk__op_dropout(tape, op);
    double *p = op->scratch.data, *m = p + tape->longest, *extra = m + tape->longest;
    uint64_t base = 0;
    for (int32_t s = 0; s < tape->layout.rows[LBK__SEQUENCES]; s++)
        for (int32_t h = 0; h < op->num_heads; h++) {
            const plain_head head = head_of(tape, op, s, h, &base);
            for (int64_t i = 0; i < head.n; i++) {
                row_of(op, &head, &dropout, i, p, m);
                if (which == FORWARD) forward_row(op, &head, i, p, m);
                if (which == BACKWARD) backward_row(op, &head, i, p, m, extra);
                if (which == TANGENT) tangent_row(op, &head, i, p, m, extra);
            }
        }
}

void lbk__attention_reference_forward(lbk__tape *tape, lbk__op *op) {
    run(tape, op, FORWARD);
}

void lbk__attention_reference_backward(lbk__tape *tape, lbk__op *op) {
    const size_t count = (size_t)lbk__rows(tape, op->input[0]) * (size_t)op->input[0]->cols;
    if (!op->accumulate[0]) memset(op->input[0]->gradient.data, 0, count * sizeof(double));
    run(tape, op, BACKWARD);
}

void lbk__attention_reference_tangent(lbk__tape *tape, lbk__op *op) {
    run(tape, op, TANGENT);
}
