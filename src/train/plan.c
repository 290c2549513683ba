/* plan.c: how much memory a run takes, before it takes it. */
#include "train/training.h"

#define MIB(bytes) (((bytes) + (1u << 19)) >> 20)

/* A batch's arrays, and what the loss needs beside it. */
static size_t batch_bytes(const lbk__batch_limits *limits, int32_t num_classes) {
    const size_t per_token = 3 * sizeof(int32_t), per_sequence = 2 * sizeof(int32_t) + sizeof(int8_t);
    const size_t logits = (size_t)limits->num_samples * (size_t)num_classes * sizeof(float);
    return (size_t)limits->num_tokens * per_token + (size_t)limits->num_sequences * per_sequence +
           (size_t)limits->num_rows * (size_t)limits->visual_dim * sizeof(uint16_t) +
           logits * (1 + LBK_NUM_VIEWS + (size_t)limits->num_views);
}

/* What learned weights add: s', the meta batch and its activations. */
static lbk_status add_meta(const lbk__training *t, int32_t batch_size, lbk__batch_limits *limits,
                           lbk__train_plan *plan) {
    const lbk__train_samples *s = &t->samples;
    lbk__plan_size size;
    LBK_TRY(lbk__batch_limits_of(t->context, t->pack, s->meta, s->num_meta,
                                 (int32_t)LBK_MIN(batch_size, s->num_meta), 1, limits));
    LBK_TRY(lbk__runner_estimate(t->model, limits, LBK__RUN_TRAIN, &size));
    plan->weights += size.weights;
    plan->activations += size.activations;
    plan->batches += batch_bytes(limits, t->num_classes);
    return LBK_OK;
}

static lbk_status plan_for(const lbk__training *t, int32_t batch_size, lbk__batch_limits *limits,
                           lbk__batch_limits *meta_limits, lbk__train_plan *plan) {
    const bool learned = lbk__training_learns_weights(t);
    const lbk__train_samples *s = &t->samples;
    const int32_t train = (int32_t)LBK_MIN(batch_size, s->count),
                  dev = (int32_t)LBK_MIN(batch_size, s->num_dev);
    lbk__batch_limits dev_limits;
    lbk__plan_size train_size, dev_size;
    LBK_TRY(lbk__batch_limits_of(t->context, t->pack, s->train, s->count, train, t->num_views, limits));
    LBK_TRY(lbk__batch_limits_of(t->context, t->pack, s->dev, s->num_dev, dev, 1, &dev_limits));
    LBK_TRY(lbk__runner_estimate(t->model, limits, learned ? LBK__RUN_META : LBK__RUN_TRAIN, &train_size));
    LBK_TRY(lbk__runner_estimate(t->model, &dev_limits, LBK__RUN_INFER, &dev_size));
    *plan = (lbk__train_plan){.weights = train_size.weights,
                              .gradients = train_size.gradients,
                              .moments = 2 * train_size.weights,
                              .activations = train_size.activations + dev_size.activations,
                              .batches = batch_bytes(limits, t->num_classes) +
                                         batch_bytes(&dev_limits, t->num_classes)};
    if (learned) LBK_TRY(add_meta(t, batch_size, meta_limits, plan));
    plan->total = plan->weights + plan->gradients + plan->moments + plan->activations + plan->batches;
    return LBK_OK;
}

/* The largest batch size below the configured one that fits; 0: none does. */
static lbk_status largest_that_fits(const lbk__training *t, size_t limit, int32_t *out) {
    int32_t fits = 0, too_large = (int32_t)t->config->train.batch_size;
    while (too_large - fits > 1) {
        const int32_t middle = fits + (too_large - fits) / 2;
        lbk__batch_limits limits, meta_limits;
        lbk__train_plan plan;
        LBK_TRY(plan_for(t, middle, &limits, &meta_limits, &plan));
        if (plan.total <= limit)
            fits = middle;
        else
            too_large = middle;
    }
    *out = fits;
    return LBK_OK;
}

static lbk_status refuse(const lbk__training *t, const lbk__train_plan *plan, size_t limit) {
    int32_t fits;
    char advice[96] = "not even a batch_size of 1 fits: take a smaller model";
    LBK_TRY(largest_that_fits(t, limit, &fits));
    if (fits)
        snprintf(advice, sizeof advice,
                 "train.batch_size=%d would fit (train.gradient_accumulation_steps makes up for it)", fits);
    return lbk__fail(t->context, LBK_NO_MEMORY,
                     "the plan needs %zu MiB (weights %zu, gradients %zu, moments %zu, activations %zu, "
                     "batches %zu), train.memory_limit is %d: %s",
                     MIB(plan->total), MIB(plan->weights), MIB(plan->gradients), MIB(plan->moments),
                     MIB(plan->activations), MIB(plan->batches), (int)t->config->train.memory_limit, advice);
}

lbk_status lbk__training_plan(lbk__training *t) {
    lbk__train_plan plan;
    LBK_TRY(plan_for(t, (int32_t)t->config->train.batch_size, &t->limits, &t->meta.limits, &plan));
    lbk__run_log(&t->run, LBK_LOG_INFO,
                 "plan: %zu MiB: weights %zu, gradients %zu, moments %zu, activations %zu, batches %zu; "
                 "products in %s",
                 MIB(plan.total), MIB(plan.weights), MIB(plan.gradients), MIB(plan.moments),
                 MIB(plan.activations), MIB(plan.batches), lbk__precision_names[t->model->precision]);
    const size_t limit = (size_t)t->config->train.memory_limit << 20;
    return limit && plan.total > limit ? refuse(t, &plan, limit) : LBK_OK;
}
