/* attention_reference.c: attention.c's equations in plain double loops, one number after the other. */
#include "tape/ops/op.h"

#include <math.h>
#include <string.h>

/* Rows of q, k, v and o of one head of one sequence. */
typedef struct plain_head {
    int64_t n, q, d, query_stride, rest_stride, query_at, key_at, value_at, out_at, out_stride;
    uint64_t mask_base;
    double root;
} plain_head;

static bool one_query(const lbk__op *op) {
    return op->input[0] && op->input[0]->extent == LBK__SEQUENCES;
}
static const lbk__tensor *query_tensor(const lbk__op *op) {
    return op->input[0] ? op->input[0] : op->input[1];
}

static plain_head head_of(const lbk__tape *tape, const lbk__op *op, int32_t s, int32_t h,
                          uint64_t *next_base) {
    const int64_t first = tape->layout.start[s], hidden = op->output->cols,
                  column = (int64_t)h * op->head_size;
    plain_head head = {.n = tape->layout.start[s + 1] - first, .d = op->head_size, .out_stride = hidden};
    const int64_t first_query = one_query(op) ? s : first, key_column = column + (op->input[0] ? 0 : hidden);
    head.q = one_query(op) ? 1 : head.n;
    head.query_stride = query_tensor(op)->cols;
    head.rest_stride = op->input[1]->cols;
    head.query_at = first_query * head.query_stride + column;
    head.key_at = first * head.rest_stride + key_column;
    head.value_at = head.key_at + hidden;
    head.out_at = first_query * hidden + column;
    head.root = 1.0 / sqrt((double)op->head_size);
    head.mask_base = *next_base;
    *next_base += (uint64_t)(head.q * LBK_ROUND_UP(head.n, 8));
    return head;
}

static double dot(const double *a, const double *b, int64_t d) {
    double sum = 0.0;
    for (int64_t c = 0; c < d; c++) sum += a[c] * b[c];
    return sum;
}

/* p [n]: row i of softmax(Q·Kᵀ/√d); m [n]: row i of the mask. */
static void row_of(const lbk__op *op, const plain_head *head, const lbk__dropout *dropout, int64_t i,
                   double *p, double *m) {
    const double *q = (const double *)query_tensor(op)->value.data + head->query_at + i * head->query_stride;
    const double *k = (const double *)op->input[1]->value.data + head->key_at;
    double most = -INFINITY, total = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        p[j] = head->root * dot(q, k + j * head->rest_stride, head->d);
        most = fmax(most, p[j]);
        m[j] = kept_scale(dropout, head->mask_base + (uint64_t)(i * LBK_ROUND_UP(head->n, 8) + j));
    }
    for (int64_t j = 0; j < head->n; j++) total += p[j] = exp(p[j] - most);
    for (int64_t j = 0; j < head->n; j++) p[j] /= total;
}

static void forward_row(const lbk__op *op, const plain_head *head, int64_t i, const double *p,
                        const double *m) {
    const double *v = (const double *)op->input[1]->value.data + head->value_at;
    double *out = (double *)op->output->value.data + head->out_at + i * head->out_stride;
    for (int64_t c = 0; c < head->d; c++) {
        out[c] = 0.0;
        for (int64_t j = 0; j < head->n; j++) out[c] += m[j] * p[j] * v[j * head->rest_stride + c];
    }
}

static void backward_row(const lbk__op *op, const plain_head *head, int64_t i, const double *p,
                         const double *m, double *dp) {
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const int64_t stride = head->rest_stride, query_at = head->query_at + i * head->query_stride;
    const double *q = (const double *)queries->value.data + query_at;
    const double *k = (const double *)rest->value.data + head->key_at,
                 *v = (const double *)rest->value.data + head->value_at;
    const double *d_out = (const double *)op->output->gradient.data + head->out_at + i * head->out_stride;
    double *dq = (double *)queries->gradient.data + query_at;
    double *dk = (double *)rest->gradient.data + head->key_at,
           *dv = (double *)rest->gradient.data + head->value_at;
    double mean = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        for (int64_t c = 0; c < head->d; c++) dv[j * stride + c] += m[j] * p[j] * d_out[c];
        dp[j] = m[j] * dot(d_out, v + j * stride, head->d);
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
    const lbk__tensor *queries = query_tensor(op), *rest = op->input[1];
    const int64_t stride = head->rest_stride, query_at = head->query_at + i * head->query_stride;
    const double *q = (const double *)queries->value.data + query_at,
                 *dq = (const double *)queries->tangent.data + query_at;
    const double *k = (const double *)rest->value.data + head->key_at,
                 *dk = (const double *)rest->tangent.data + head->key_at;
    const double *v = (const double *)rest->value.data + head->value_at;
    const double *dv = (const double *)rest->tangent.data + head->value_at;
    double *d_out = (double *)op->output->tangent.data + head->out_at + i * head->out_stride, mean = 0.0;
    for (int64_t j = 0; j < head->n; j++) {
        ds[j] = head->root * (dot(dq, k + j * stride, head->d) + dot(q, dk + j * stride, head->d));
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
            for (int64_t i = 0; head.n && i < head.q; i++) {
                row_of(op, &head, &dropout, i, p, m);
                if (which == FORWARD) forward_row(op, &head, i, p, m);
                if (which == BACKWARD) backward_row(op, &head, i, p, m, extra);
                if (which == TANGENT) tangent_row(op, &head, i, p, m, extra);
            }
        }
}

static void clear_gradient(const lbk__tape *tape, const lbk__tensor *tensor, bool accumulate) {
    if (tensor && !accumulate)
        memset(tensor->gradient.data, 0,
               (size_t)lbk__rows(tape, tensor) * (size_t)tensor->cols * sizeof(double));
}

void lbk__attention_reference_forward(lbk__tape *tape, lbk__op *op) {
    run(tape, op, FORWARD);
}

void lbk__attention_reference_backward(lbk__tape *tape, lbk__op *op) {
    clear_gradient(tape, op->input[0], op->accumulate[0]);
    clear_gradient(tape, op->input[1], op->accumulate[1]);
    run(tape, op, BACKWARD);
}

void lbk__attention_reference_tangent(lbk__tape *tape, lbk__op *op) {
    run(tape, op, TANGENT);
}
