/* heads.c: products of heads: a call of sgemm each, or row by row where there are few. There a call would
 * take as long as its product, and one prediction needs sgemm, which first has to be compiled, nowhere else.
 */
#include "tape/ops/heads.h"

#include <string.h>

enum { FEW = 4 }; /* rows */

typedef struct sizes {
    int64_t n, heads, d, hidden;
} sizes;

static sizes sizes_of(const lbk__tape *tape, const lbk__op *op) {
    return (sizes){lbk__rows(tape, op->output), op->num_heads, op->head_size,
                   (int64_t)op->num_heads * op->head_size};
}

/* All three have as many operations. */
static void end(lbk__tape *tape, lbk__op *op, lbk__pass pass, double begin, bool done) {
    const sizes s = sizes_of(tape, op);
    if (!done) tape->context->starved = true;
    lbk__product_end(tape, &op->time[pass], begin, 2.0 * (double)s.n * (double)s.hidden * (double)s.hidden);
}

/* Of row r of W, head r / d. */
static void widen_rows(const lbk__tape *tape, const sizes *s, const float *x, const float *w, bool accumulate,
                       float *y, int64_t ld) {
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t r = 0; r < s->hidden; r++) {
            float *row = y + (i * s->heads + r / s->d) * ld;
            if (r % s->d == 0 && !accumulate) memset(row, 0, (size_t)s->hidden * sizeof *row);
            tape->vector->add_scaled(row, x[i * s->hidden + r], w + r * s->hidden, s->hidden);
        }
}

static void narrow_rows(const lbk__tape *tape, const sizes *s, const float *y, int64_t ld, const float *w,
                        bool accumulate, float *x) {
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t r = 0; r < s->hidden; r++) {
            const float *row = y + (i * s->heads + r / s->d) * ld;
            const float sum = tape->vector->dot(row, w + r * s->hidden, s->hidden);
            x[i * s->hidden + r] = accumulate ? x[i * s->hidden + r] + sum : sum;
        }
}

void lbk__heads_widen(lbk__tape *tape, lbk__op *op, lbk__pass pass, const float *x, const float *w,
                      bool accumulate, float *y, int64_t ld) {
    const sizes s = sizes_of(tape, op);
    const double begin = lbk__product_begin(tape);
    bool done = true;
    if (s.n <= FEW)
        widen_rows(tape, &s, x, w, accumulate, y, ld);
    else
        for (int64_t h = 0; h < s.heads; h++)
            done &= lbk__gemm(false, false, s.n, s.hidden, s.d, x + h * s.d, s.hidden, w + h * s.d * s.hidden,
                              s.hidden, accumulate ? 1.0f : 0.0f, y + h * ld, s.heads * ld);
    end(tape, op, pass, begin, done);
}

void lbk__heads_narrow(lbk__tape *tape, lbk__op *op, lbk__pass pass, const float *y, int64_t ld,
                       const float *w, bool accumulate, float *x) {
    const sizes s = sizes_of(tape, op);
    const double begin = lbk__product_begin(tape);
    bool done = true;
    if (s.n <= FEW)
        narrow_rows(tape, &s, y, ld, w, accumulate, x);
    else
        for (int64_t h = 0; h < s.heads; h++)
            done &=
                lbk__gemm(false, true, s.n, s.d, s.hidden, y + h * ld, s.heads * ld, w + h * s.d * s.hidden,
                          s.hidden, accumulate ? 1.0f : 0.0f, x + h * s.d, s.hidden);
    end(tape, op, pass, begin, done);
}

void lbk__heads_outer(lbk__tape *tape, lbk__op *op, const float *x, const float *y, int64_t ld, float *w) {
    const sizes s = sizes_of(tape, op);
    const double begin = lbk__product_begin(tape);
    bool done = true;
    for (int64_t h = 0; h < s.heads; h++)
        done &= lbk__gemm(true, false, s.d, s.hidden, s.n, x + h * s.d, s.hidden, y + h * ld, s.heads * ld,
                          1.0f, w + h * s.d * s.hidden, s.hidden);
    end(tape, op, LBK__BACKWARD, begin, done);
}
