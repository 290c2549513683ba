/* lookahead.c: the virtual step and its meta gradient. */
#include "distill/lookahead.h"

#include "kernel/kernel.h"

#include <string.h>

lbk_status lbk__lookahead_create(lbk__model *model, lbk__runner *student, const lbk__batch_limits *limits,
                                 lbk__lookahead *out) {
    *out = (lbk__lookahead){.model = model, .student = student};
    lbk_status status = LBK_OK;
    /* Not in large pages: of the word table few rows are used. */
    LBK_GO(LBK_ALLOC(model->context, out->weights, model->num_values));
    LBK_GO(LBK_ALLOC(model->context, out->d_logits,
                     (size_t)limits->num_samples * (size_t)model->config.num_labels));
    LBK_GO(lbk__runner_create_beside(student, out->weights, limits, &out->ahead));
done:
    if (status != LBK_OK) lbk__lookahead_free(out);
    return status;
}

void lbk__lookahead_free(lbk__lookahead *lookahead) {
    if (!lookahead->model) return;
    lbk__runner_free(lookahead->ahead);
    lbk_free(lookahead->model->context, lookahead->weights);
    lbk_free(lookahead->model->context, lookahead->d_logits);
    *lookahead = (lbk__lookahead){0};
}

/* `count` numbers of s' from `at` on. */
static void step_ahead(const lbk__lookahead *lookahead, double rate, size_t at, size_t count) {
    const float *gradients = lbk__runner_gradients(lookahead->student);
    memcpy(lookahead->weights + at, lookahead->model->weights + at, count * sizeof(float));
    lbk__vector_choose()->add_scaled(lookahead->weights + at, (float)-rate, gradients + at, (int64_t)count);
}

void lbk__lookahead_step(lbk__lookahead *lookahead, const lbk__batch *batch, double rate) {
    enum { BLOCK = 4096 };
    const lbk__model *model = lookahead->model;
    const size_t hidden = (size_t)model->config.hidden_size,
                 table = (size_t)model->config.vocab_size * hidden;
    const int64_t blocks = (int64_t)((model->num_values - table + BLOCK - 1) / BLOCK);
#pragma omp parallel for schedule(static) num_threads(model->context->num_threads) if (blocks > 8)
    for (int64_t block = 0; block < blocks; block++) {
        const size_t at = table + (size_t)block * BLOCK;
        step_ahead(lookahead, rate, at, LBK_MIN((size_t)BLOCK, model->num_values - at));
    }
    /* The word table is the first parameter. */
    for (int32_t t = 0; t < batch->num_tokens; t++)
        if (batch->tokens[t] >= 0) step_ahead(lookahead, rate, (size_t)batch->tokens[t] * hidden, hidden);
    lbk__runner_zero_gradients(lookahead->student);
}

double lbk__lookahead_loss(lbk__lookahead *lookahead, const lbk__batch *batch, const lbk__loss_input *meta) {
    lbk__loss_input input = *meta;
    lbk__loss_terms terms;
    input.method = LBK__METHOD_ALONE;
    input.scale = 1;
    input.student = lbk__runner_forward(lookahead->ahead, batch, -1);
    lbk__loss(&input, lookahead->d_logits, &terms);
    lbk__runner_backward(lookahead->ahead, lookahead->d_logits);
    return terms.cross_entropy;
}

void lbk__weight_tangents(const lbk__loss_input *input, const float *tangent, float *slopes, double *out) {
    const size_t samples = (size_t)input->num_samples, classes = (size_t)input->num_classes;
    const double factor = input->scale * input->alpha / (double)samples;
#pragma omp parallel for schedule(static) if (samples * classes >= 1 << 14)
    for (size_t k = 0; k < LBK_NUM_VIEWS * samples; k++) { /* sample k % B under view k / B */
        const size_t at = k * classes;
        double sum = 0;
        lbk__divergence(input->label_kind, input->teacher + at, input->student + at, input->num_classes,
                        input->temperature, slopes + at);
        for (size_t c = 0; c < classes; c++) sum += (double)slopes[at + c] * (double)tangent[at + c];
        out[k % samples * LBK_NUM_VIEWS + k / samples] = factor * sum;
    }
}
