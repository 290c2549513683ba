/* optimizer.c: the optimizer step: one pass over weights, gradients and moments, shared among threads. */
#include "train/optimizer.h"

#include "kernel/kernel.h"

#include <math.h>
#include <omp.h>

enum { BLOCK = 4096 };

lbk_status lbk__optimizer_create(lbk__model *model, lbk__optimizer *out) {
    *out = (lbk__optimizer){.model = model};
    /* Not in large pages (lbk__alloc_aligned): words that never come leave theirs unwritten. */
    lbk_status status = LBK_ALLOC(model->context, out->first, model->num_values);
    if (status == LBK_OK) status = LBK_ALLOC(model->context, out->second, model->num_values);
    if (status == LBK_OK) status = lbk__waiting_rows_create(model, out->first, out->second, &out->waiting);
    if (status != LBK_OK) lbk__optimizer_free(out);
    return status;
}

void lbk__optimizer_free(lbk__optimizer *optimizer) {
    if (!optimizer->model) return;
    lbk__waiting_rows_free(&optimizer->waiting);
    lbk_free(optimizer->model->context, optimizer->first);
    lbk_free(optimizer->model->context, optimizer->second);
    *optimizer = (lbk__optimizer){0};
}

/* The word table's numbers: it is the first parameter. */
static size_t table_size(const lbk__model *model) {
    return (size_t)model->config.vocab_size * (size_t)model->config.hidden_size;
}

/* Each thread sums its rows and blocks in order, then the threads' sums are added in order. */
double lbk__gradient_norm(const lbk__model *model, const float *gradients, const uint8_t *touched) {
    enum { MOST_THREADS = 256 };
    const lbk__vector *vector = lbk__vector_choose();
    const size_t start = touched ? table_size(model) : 0;
    const int64_t blocks = (int64_t)((model->num_values - start + BLOCK - 1) / BLOCK);
    const int32_t rows = touched ? model->config.vocab_size : 0;
    const int64_t n = model->config.hidden_size;
    const int threads = LBK_MIN(model->context->num_threads, (int)MOST_THREADS);
    double parts[MOST_THREADS] = {0}, total = 0.0;
#pragma omp parallel num_threads(threads)
    {
        double sum = 0.0;
#pragma omp for schedule(static) nowait
        for (int32_t row = 0; row < rows; row++)
            sum += touched[row] ? vector->sum_squares(gradients + row * n, n) : 0.0;
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; block++) {
            const size_t first = start + (size_t)block * BLOCK;
            sum += vector->sum_squares(gradients + first,
                                       (int64_t)LBK_MIN((size_t)BLOCK, model->num_values - first));
        }
        parts[omp_get_thread_num()] = sum;
    }
    for (int i = 0; i < threads; i++) total += parts[i];
    return sqrt(total);
}

double lbk__clip_scale(double norm, double most) {
    if (most <= 0.0) return 1.0;
    return fmin(1.0, most / (norm + 1e-6));
}

void lbk__optimizer_refresh(lbk__optimizer *optimizer, const int32_t *tokens, int32_t count) {
    lbk__waiting_rows_refresh(&optimizer->waiting, tokens, count);
}

void lbk__optimizer_settle(lbk__optimizer *optimizer) {
    lbk__waiting_rows_settle(&optimizer->waiting);
}

static void step_whole(lbk__optimizer *optimizer, const lbk__parameter *parameter, const float *gradients,
                       const lbk__adamw_step *constants, float keep) {
    const lbk__vector *vector = lbk__vector_choose();
    const size_t count = (size_t)parameter->rows * (size_t)parameter->cols;
    const int64_t blocks = (int64_t)((count + BLOCK - 1) / BLOCK);
#pragma omp parallel for schedule(static) \
    num_threads(optimizer->model->context->num_threads) if (count > 8 * BLOCK)
    for (int64_t block = 0; block < blocks; block++) {
        const size_t at = (size_t)block * BLOCK, here = parameter->offset + at;
        vector->adamw(optimizer->model->values + here, gradients + here, optimizer->first + here,
                      optimizer->second + here, (int64_t)LBK_MIN((size_t)BLOCK, count - at), constants, keep);
    }
}

void lbk__optimizer_step(lbk__optimizer *optimizer, const float *gradients, const uint8_t *touched,
                         double scale, const lbk__adamw_options *options) {
    const lbk__model *model = optimizer->model;
    optimizer->step++;
    const double correction1 = 1.0 - pow(options->beta1, (double)optimizer->step);
    const double correction2 = 1.0 - pow(options->beta2, (double)optimizer->step);
    const lbk__adamw_step constants = {.scale = (float)scale,
                                       .beta1 = (float)options->beta1,
                                       .beta2 = (float)options->beta2,
                                       .rest1 = (float)(1.0 - options->beta1),
                                       .rest2 = (float)(1.0 - options->beta2),
                                       .rate = (float)(options->learning_rate / correction1),
                                       .inverse_root = (float)(1.0 / sqrt(correction2)),
                                       .epsilon = (float)options->epsilon};
    for (size_t p = 0; p < model->num_parameters; p++) {
        const float keep =
            (float)(1.0 -
                    (model->parameters[p].decay ? options->learning_rate * options->weight_decay : 0.0));
        if (p == 0 && touched)
            lbk__waiting_rows_step(&optimizer->waiting, gradients, touched, &constants, keep);
        else
            step_whole(optimizer, &model->parameters[p], gradients, &constants, keep);
    }
}
