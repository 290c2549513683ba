/* roofline.c: the best of a few runs of one large product, and of one long sum. */
#include "bench/roofline.h"

#include "tape/ops.h"

#include <math.h>

enum { SIZE = 1536, LONG = 1 << 24, BLOCK = 1 << 14, TIMES = 6 };

/* Pages that nobody wrote are all one page of zeros, which lies in the nearest cache. */
static void fill(float *x, int64_t count) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) x[i] = (float)(i % 251) / 125.0f - 1.0f;
}

/* y = x·Wᵀ + b, all [SIZE, SIZE] but b. */
static lbk_status record(lbk__tape *tape, lbk__tensor **x) {
    const lbk__slot weight = {0, SIZE, SIZE}, bias = {SIZE * SIZE, 1, SIZE};
    lbk__tensor *y;
    LBK_TRY(lbk__tape_tensor(tape, LBK__TOKENS, SIZE, x));
    LBK_TRY(lbk__op_linear(tape, *x, weight, bias, LBK__IDENTITY, &y));
    return lbk__tape_plan(tape, y, false);
}

/* In GF/s. The first run rounds the weights. */
static double fastest_product(lbk__tape *tape) {
    const lbk__layout layout = {.rows = {[LBK__TOKENS] = SIZE}};
    const lbk__op_time *time = &tape->ops[0]->time[LBK__FORWARD];
    double best = INFINITY;
    lbk__tape_forward(tape, &layout, -1);
    tape->timed = true;
    for (int i = 0; i < TIMES; i++) {
        const double before = time->in_products;
        lbk__tape_forward(tape, &layout, -1);
        best = fmin(best, time->in_products - before);
    }
    return 1e-9 * time->operations / TIMES / best;
}

static lbk_status measure_product(lbk_context *context, lbk__precision precision, double *gflops) {
    const int32_t rows[LBK__NUM_EXTENTS] = {[LBK__TOKENS] = SIZE};
    lbk__tape *tape = NULL;
    lbk__tensor *x;
    float *weights; /* [SIZE, SIZE] and the bias [SIZE] */
    LBK_TRY(lbk__alloc_aligned(context, &weights, (SIZE + 1) * SIZE * sizeof *weights));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__tape_create(context, LBK__TAPE_INFER, false, precision, rows, 1, &tape));
    LBK_GO(record(tape, &x));
    fill(weights, (SIZE + 1) * SIZE);
    fill(x->value.data, SIZE * SIZE);
    tape->weights = weights;
    *gflops = fastest_product(tape);
    LBK_GO(lbk__check_starved(context));
done:
    lbk__tape_free(tape);
    lbk__free_aligned(context, weights);
    return status;
}

static lbk_status measure_memory(lbk_context *context, double *gigabytes) {
    const lbk__vector *vector = lbk__vector_choose();
    float *x, *y;
    double best = INFINITY;
    LBK_TRY(lbk__alloc_aligned(context, &x, 2 * (size_t)LONG * sizeof *x));
    y = x + LONG;
    fill(x, LONG);
    fill(y, LONG);
    for (int i = 0; i < TIMES; i++) {
        const double begin = lbk__seconds();
#pragma omp parallel for schedule(static)
        for (int64_t at = 0; at < LONG; at += BLOCK) vector->add_scaled(y + at, 0.5f, x + at, BLOCK);
        best = fmin(best, lbk__seconds() - begin);
    }
    lbk__free_aligned(context, x);
    *gigabytes = 1e-9 * 3 * LONG * sizeof *x / best;
    return LBK_OK;
}

lbk_status lbk__roofline_measure(lbk_context *context, lbk__precision precision, lbk__roofline *out) {
    LBK_TRY(measure_product(context, precision, &out->gflops));
    return measure_memory(context, &out->gigabytes);
}
