/* step.c: one optimizer step: gradients of a group of batches, clipping, AdamW. */
#include "train/step.h"

#include <math.h>
#include <string.h>

enum { NAMED_SAMPLES = 8 };

static lbk__group next_group(const lbk__training *t) {
    const lbk__train_samples *s = &t->samples;
    const int64_t most = t->config->train.batch_size * t->config->train.gradient_accumulation_steps;
    lbk__group g = {.samples = s->order + t->state.position,
                    .count = (int32_t)LBK_MIN(most, s->count - t->state.position),
                    .on_tape = -1};
    for (int32_t i = 0; i < g.count; i++) g.num_labelled += s->labelled[g.samples[i]];
    return g;
}

int32_t lbk__group_batch(const lbk__training *t, const lbk__group *g, int32_t first) {
    return (int32_t)LBK_MIN(t->config->train.batch_size, g->count - first);
}

void lbk__training_saliency(const lbk__training *t, int32_t index, float out[LBK__NUM_MODALITIES]) {
    const lbk__saliency kind = (lbk__saliency)t->config->distill.saliency;
    if (kind == LBK__SALIENCY_LABEL && !t->samples.labelled[index])
        out[0] = out[1] = 0;
    else
        lbk__cache_saliency(t->cache, kind, index, out);
}

void lbk__training_weights(const lbk__training *t, int32_t index, float out[LBK_NUM_VIEWS]) {
    float saliency[LBK__NUM_MODALITIES];
    if (t->meta.network) {
        memcpy(out, t->meta.sample_weights + (size_t)index * LBK_NUM_VIEWS, LBK_NUM_VIEWS * sizeof *out);
        return;
    }
    lbk__training_saliency(t, index, saliency);
    lbk__sample_weights(&t->rule, saliency, out);
}

/* Lays out the samples and gathers what the loss needs of them. */
static lbk_status gather(lbk__training *t, const int32_t *samples, int32_t count) {
    lbk__step_buffers *b = &t->buffers;
    const size_t classes = (size_t)t->num_classes;
    const bool taught = t->method != LBK__METHOD_ALONE; /* with a cache, alone is measured against it only */
    LBK_TRY(lbk__batch_fill(t->context, t->pack, samples, count, t->num_views, &t->limits, &b->batch));
    LBK_TRY(lbk__batch_targets(t->pack, samples, count, b->targets, b->labels, b->labelled));
    for (int32_t i = 0; i < count; i++) b->labelled[i] = t->samples.labelled[samples[i]];
    for (int v = 0; taught && v < t->num_views; v++)
        for (int32_t i = 0; i < count; i++)
            memcpy(b->teacher + ((size_t)v * (size_t)count + (size_t)i) * classes,
                   lbk__cache_logits(t->cache, (lbk_view)v, samples[i]), classes * sizeof *b->teacher);
    for (int32_t i = 0; taught && i < count; i++)
        lbk__training_saliency(t, samples[i], b->saliency + i * LBK__NUM_MODALITIES);
    return LBK_OK;
}

/* The weights of (5), by rule or by the network as it is now. */
static void set_weights(lbk__training *t, const lbk__group *g, int32_t first, int32_t count) {
    float *weights = t->buffers.weights;
    const size_t row = LBK_NUM_VIEWS * sizeof *weights;
    if (!t->meta.network) {
        for (int32_t i = 0; t->method == LBK__METHOD_MSD && i < count; i++)
            lbk__sample_weights(&t->rule, t->buffers.saliency + i * LBK__NUM_MODALITIES,
                                weights + i * LBK_NUM_VIEWS);
        return;
    }
    lbk__weight_network_weights(t->meta.network, t->meta.features + first * LBK__NUM_FEATURES, count,
                                weights);
    for (int32_t i = 0; i < count; i++) {
        const float *of_one = weights + i * LBK_NUM_VIEWS; /* not a number: such a step is skipped */
        if (isfinite(of_one[0]) && isfinite(of_one[1]) && isfinite(of_one[2]))
            memcpy(t->meta.sample_weights + (size_t)g->samples[first + i] * LBK_NUM_VIEWS, of_one, row);
    }
}

/* Shares of a batch in its group's loss, (1 − α)·Σ CE / labelled of the group + α·Σ D / samples of the group,
 * written as scale · ((1 − alpha)·mean CE + alpha·mean D) of the batch. */
static void share(const lbk__training *t, const lbk__group *g, int32_t count, lbk__loss_input *input) {
    int32_t labelled = 0;
    for (int32_t i = 0; i < count; i++) labelled += input->labelled[i];
    const double alpha = t->method == LBK__METHOD_ALONE ? 0 : t->config->distill.alpha;
    const double labels = (1 - alpha) * labelled / LBK_MAX(1, g->num_labelled);
    const double teacher = alpha * count / g->count;
    input->scale = labels + teacher;
    input->alpha = input->scale > 0 ? teacher / input->scale : 0;
}

static void add_cross_entropy(const lbk__loss_terms *terms, const lbk__group *g, int view,
                              lbk__window *step) {
    if (g->num_labelled)
        step->cross_entropy[view] += terms->cross_entropy * terms->num_labelled / g->num_labelled;
}

/* Adds a batch to the step's means over its group. */
static void add_terms(const lbk__loss_terms *terms, const lbk__group *g, int32_t count, double scale,
                      lbk__window *step) {
    const double part = (double)count / g->count;
    step->loss += scale * terms->loss;
    add_cross_entropy(terms, g, LBK_VIEW_JOINT, step);
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        step->divergence[v] += part * terms->divergence[v];
        step->weight[v] += part * terms->weight[v];
    }
}

/* λ·CE under the text and under the image view (train.unimodal_weight): (3) on the logits of those views. */
static void add_unimodal(const lbk__training *t, const lbk__group *g, const lbk__loss_input *joint,
                         lbk__window *step) {
    const size_t logits = (size_t)joint->num_samples * (size_t)joint->num_classes;
    for (int view = LBK_VIEW_TEXT; view < t->num_views; view++) {
        lbk__loss_input input = *joint;
        lbk__loss_terms terms;
        input.student = joint->student + (size_t)view * logits;
        input.scale = joint->scale * t->config->train.unimodal_weight;
        lbk__loss(&input, t->buffers.gradient + (size_t)view * logits, &terms);
        step->loss += input.scale * terms.loss;
        add_cross_entropy(&terms, g, view, step);
    }
}

lbk_status lbk__group_forward(lbk__training *t, lbk__group *g, int32_t first, lbk__loss_input *input) {
    lbk__step_buffers *b = &t->buffers;
    const int32_t count = lbk__group_batch(t, g, first);
    const bool fresh = g->on_tape != first;
    if (fresh) {
        /* The pass's number within the run decides the dropout masks. */
        const int64_t pass = t->state.step * t->config->train.gradient_accumulation_steps +
                             first / t->config->train.batch_size;
        LBK_TRY(gather(t, g->samples + first, count));
        lbk__optimizer_refresh(&t->optimizer, b->batch.tokens, b->batch.num_tokens);
        g->logits = lbk__runner_forward(t->runner, &b->batch, pass);
        g->on_tape = first;
    }
    *input = (lbk__loss_input){.method = t->method,
                               .label_kind = t->model->label_kind,
                               .num_samples = count,
                               .num_classes = t->num_classes,
                               .temperature = t->config->distill.temperature,
                               .student = g->logits,
                               .teacher = b->teacher,
                               .targets = b->targets,
                               .labels = b->labels,
                               .labelled = b->labelled,
                               .weights = b->weights};
    share(t, g, count, input);
    if (fresh && t->meta.network)
        lbk__weight_features(input, b->saliency, t->meta.features + first * LBK__NUM_FEATURES);
    set_weights(t, g, first, count);
    return LBK_OK;
}

lbk_status lbk__group_gradients(lbk__training *t, lbk__group *g, lbk__window *step) {
    for (int32_t first = 0; first < g->count; first += lbk__group_batch(t, g, first)) {
        lbk__loss_input input;
        lbk__loss_terms terms;
        LBK_TRY(lbk__group_forward(t, g, first, &input));
        lbk__loss(&input, t->buffers.gradient, &terms);
        add_terms(&terms, g, input.num_samples, input.scale, step);
        if (t->method == LBK__METHOD_ALONE) add_unimodal(t, g, &input, step);
        lbk__runner_backward(t->runner, t->buffers.gradient);
    }
    return LBK_OK;
}

/* ---- steps whose loss or gradient is not finite ---- */

static lbk_status give_up(const lbk__training *t, const lbk__group *g) {
    char ids[256] = "", id[64], kept[64] = "no checkpoint was written before";
    size_t length = 0;
    if (t->saved_step >= 0)
        snprintf(kept, sizeof kept, "the checkpoint is that of step %lld", (long long)t->saved_step);
    for (int32_t i = 0; i < LBK_MIN(g->count, NAMED_SAMPLES) && length < sizeof ids - 80; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(t->pack, g->samples[i], &sample));
        lbk__printable(id, 40, sample.id, sample.id_length);
        length += (size_t)snprintf(ids + length, sizeof ids - length, "%s%s", i ? ", " : "", id);
    }
    return lbk__fail(
        t->context, LBK_NUMERIC,
        "step %lld: loss or gradient were not finite in %lld steps in a row, last on the samples "
        "%s%s; try a smaller train.learning_rate, a longer train.warmup_ratio or a "
        "train.max_grad_norm above 0, and look at those samples' visual rows; %s",
        (long long)t->state.step, (long long)t->config->train.max_skipped_steps, ids,
        g->count > NAMED_SAMPLES ? ", …" : "", kept);
}

static lbk_status skip(lbk__training *t, const lbk__group *g) {
    t->state.skipped++;
    t->state.skipped_in_a_row++;
    lbk__run_log(&t->run, LBK_LOG_WARNING, "step %lld: loss or gradient are not finite; the step is skipped",
                 (long long)t->state.step);
    return t->state.skipped_in_a_row >= t->config->train.max_skipped_steps ? give_up(t, g) : LBK_OK;
}

/* ---- the step ---- */

static void update(lbk__training *t, const float *gradients, double norm) {
    const lbk_config *config = t->config;
    const lbk__adamw_options options = {.learning_rate = lbk__schedule_rate(&t->schedule, t->state.step),
                                        .weight_decay = config->train.weight_decay,
                                        .beta1 = config->train.adam_beta1,
                                        .beta2 = config->train.adam_beta2,
                                        .epsilon = config->train.adam_epsilon};
    lbk__optimizer_step(&t->optimizer, gradients, lbk__runner_touched(t->runner),
                        lbk__clip_scale(norm, config->train.max_grad_norm), &options);
    t->state.skipped_in_a_row = 0;
}

/* Only steps with a finite gradient count in the window's means. */
static void add_step(lbk__window *window, const lbk__window *step, const lbk__group *g) {
    window->loss += step->loss;
    window->gradient_norm += step->gradient_norm;
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        window->cross_entropy[v] += step->cross_entropy[v];
        window->divergence[v] += step->divergence[v];
        window->weight[v] += step->weight[v];
    }
    window->steps++;
    window->labelled_steps += g->num_labelled > 0;
}

lbk_status lbk__training_step(lbk__training *t) {
    lbk__group g = next_group(t);
    lbk__window step = {0};
    if (lbk__meta_due(t)) LBK_TRY(lbk__meta_step(t, &g));
    LBK_TRY(lbk__group_gradients(t, &g, &step));
    LBK_TRY(lbk__check_starved(t->context));
    const float *gradients = lbk__runner_gradients(t->runner);
    step.gradient_norm = lbk__gradient_norm(t->model, gradients, lbk__runner_touched(t->runner));
    lbk_status status = LBK_OK;
    if (isfinite(step.gradient_norm) && isfinite(step.loss)) {
        update(t, gradients, step.gradient_norm);
        add_step(&t->state.window, &step, &g);
        if (t->meta.network) lbk__weight_network_observe(t->meta.network, t->meta.features, g.count);
    } else {
        status = skip(t, &g);
    }
    lbk__runner_zero_gradients(t->runner);
    t->state.step++;
    t->state.position += g.count;
    t->samples_done += g.count;
    return status;
}
