/* waiting_rows.c: AdamW's steps of rows without a gradient, taken late. */
#include "train/waiting_rows.h"

#include <string.h>

lbk_status lbk__waiting_rows_create(lbk__model *model, float *first, float *second, lbk__waiting_rows *out) {
    *out = (lbk__waiting_rows){.model = model, .first = first, .second = second};
    LBK_TRY(LBK_ALLOC(model->context, out->taken, model->config.vocab_size));
    return LBK_ALLOC(model->context, out->zeros, model->config.hidden_size);
}

void lbk__waiting_rows_free(lbk__waiting_rows *waiting) {
    if (!waiting->model) return;
    lbk_free(waiting->model->context, waiting->taken);
    lbk_free(waiting->model->context, waiting->zeros);
    *waiting = (lbk__waiting_rows){0};
}

static void refresh(lbk__waiting_rows *waiting, const lbk__vector *vector, int32_t row) {
    const size_t n = (size_t)waiting->model->config.hidden_size, at = (size_t)row * n;
    float *w = waiting->model->values + at, *m = waiting->first + at, *v = waiting->second + at;
    const int from = waiting->taken[row];
    waiting->taken[row] = (uint8_t)waiting->count;
    if (from == waiting->count) return;
    /* A row that was never touched has no moments: it only decays. */
    if (memcmp(m, waiting->zeros, n * sizeof *m) == 0 && memcmp(v, waiting->zeros, n * sizeof *v) == 0) {
        vector->decay(w, waiting->keep + from, waiting->count - from, (int64_t)n);
        return;
    }
    for (int s = from; s < waiting->count; s++)
        vector->adamw(w, waiting->zeros, m, v, (int64_t)n, &waiting->steps[s], waiting->keep[s]);
}

void lbk__waiting_rows_refresh(lbk__waiting_rows *waiting, const int32_t *tokens, int32_t count) {
    const lbk__vector *vector = lbk__vector_choose();
    for (int32_t t = 0; t < count; t++)
        if (tokens[t] >= 0) refresh(waiting, vector, tokens[t]);
}

void lbk__waiting_rows_settle(lbk__waiting_rows *waiting) {
    const int32_t rows = waiting->model->config.vocab_size;
    const lbk__vector *vector = lbk__vector_choose();
#pragma omp parallel for schedule(static, 64) num_threads(waiting->model->context->num_threads)
    for (int32_t row = 0; row < rows; row++) refresh(waiting, vector, row);
    memset(waiting->taken, 0, (size_t)rows);
    waiting->count = 0;
}

void lbk__waiting_rows_step(lbk__waiting_rows *waiting, const float *gradients, const uint8_t *touched,
                            const lbk__adamw_step *step, float keep) {
    const int32_t rows = waiting->model->config.vocab_size, n = waiting->model->config.hidden_size;
    const lbk__vector *vector = lbk__vector_choose();
    if (waiting->count == LBK__MOST_WAITING) lbk__waiting_rows_settle(waiting);
    waiting->steps[waiting->count] = *step;
    waiting->keep[waiting->count++] = keep;
#pragma omp parallel for schedule(static, 64) num_threads(waiting->model->context->num_threads)
    for (int32_t row = 0; row < rows; row++) {
        const size_t at = (size_t)row * (size_t)n;
        if (!touched[row]) continue;
        vector->adamw(waiting->model->values + at, gradients + at, waiting->first + at, waiting->second + at,
                      n, step, keep);
        waiting->taken[row] = (uint8_t)waiting->count;
    }
}
