/* optimizer.c: the optimizer step: one pass over weights, gradients and moments, shared among threads. */
#include "train/optimizer.h"

#include "kernel/kernel.h"

#include <math.h>
#include <omp.h>

enum { BLOCK = 4096 };

lbk_status lbk__optimizer_create(lbk__model *model, lbk__optimizer *out) {
    *out = (lbk__optimizer){.model = model};
    lbk_status status = lbk__alloc_aligned(model->context, &out->first, model->num_values * sizeof(float));
    if (status == LBK_OK)
        status = lbk__alloc_aligned(model->context, &out->second, model->num_values * sizeof(float));
    if (status != LBK_OK) lbk__optimizer_free(out);
    return status;
}

void lbk__optimizer_free(lbk__optimizer *optimizer) {
    if (!optimizer->model) return;
    lbk__free_aligned(optimizer->model->context, optimizer->first);
    lbk__free_aligned(optimizer->model->context, optimizer->second);
    *optimizer = (lbk__optimizer){0};
}

/* Each thread sums its blocks in order, then the threads' sums are added in order. */
double lbk__gradient_norm(const lbk__model *model, const float *gradients) {
    enum { MOST_THREADS = 256 };
    const lbk__vector *vector = lbk__vector_choose();
    const int64_t blocks = (int64_t)((model->num_values + BLOCK - 1) / BLOCK);
    const int threads = LBK_MIN(model->context->num_threads, (int)MOST_THREADS);
    double parts[MOST_THREADS] = {0}, total = 0.0;
#pragma omp parallel num_threads(threads)
    {
        double sum = 0.0;
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; block++) {
            const size_t first = (size_t)block * BLOCK;
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

void lbk__optimizer_step(lbk__optimizer *optimizer, const float *gradients, double scale,
                         const lbk__adamw_options *options) {
    lbk__model *model = optimizer->model;
    const lbk__vector *vector = lbk__vector_choose();
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
        const lbk__parameter *parameter = &model->parameters[p];
        const float keep =
            (float)(1.0 - (parameter->decay ? options->learning_rate * options->weight_decay : 0.0));
        const size_t count = (size_t)parameter->rows * (size_t)parameter->cols;
        const int64_t blocks = (int64_t)((count + BLOCK - 1) / BLOCK);
#pragma omp parallel for schedule(static) num_threads(model->context->num_threads) if (count > 8 * BLOCK)
        for (int64_t block = 0; block < blocks; block++) {
            const size_t at = (size_t)block * BLOCK, here = parameter->offset + at;
            vector->adamw(model->values + here, gradients + here, optimizer->first + here,
                          optimizer->second + here, (int64_t)LBK_MIN((size_t)BLOCK, count - at), &constants,
                          keep);
        }
    }
}
