/* meta_step.c: the weights' network learns: the upper level of the bilevel scheme, in the order
 *
 *   ∇L_B(s; w(φ))  forward and backward of the group, which stays on the tape
 *   s', g'         virtual step; forward and backward of the meta batch B' at s'
 *   (12)           one tangent pass in the direction g' over the group's tape, then ∇φ and a step of Adam
 *
 * after which the plain step runs backward once more, over the same tape with the new weights. A group of
 * several batches does not fit the tape: each pass begins with the batch that the last one ended with, and
 * the others run forward again. */
#include "base/random.h"
#include "train/step.h"

#include <math.h>
#include <string.h>

/* ---- the meta batch ---- */

/* B' of this step: rounds over the meta split, each in an order of its own, in batches that are all full. */
static lbk_status gather_meta(lbk__training *t, lbk__loss_input *input) {
    lbk__meta *m = &t->meta;
    const int32_t size = m->limits.num_samples;
    const int64_t per_round = t->samples.num_meta / size, k = t->state.step / t->config->distill.meta_steps;
    if (m->round != k / per_round) {
        m->round = k / per_round;
        memcpy(m->order, t->samples.meta, (size_t)t->samples.num_meta * sizeof *m->order);
        lbk__shuffle((uint64_t)t->config->seed, LBK__STREAM_META, (uint32_t)m->round, m->order,
                     (uint64_t)t->samples.num_meta);
    }
    const int32_t *chosen = m->order + k % per_round * size;
    LBK_TRY(lbk__batch_fill(t->context, t->pack, chosen, size, 1, &m->limits, &m->batch));
    lbk__optimizer_refresh(&t->optimizer, m->batch.tokens, m->batch.num_tokens);
    LBK_TRY(lbk__batch_targets(t->pack, chosen, size, m->targets, m->labels, m->labelled));
    *input = (lbk__loss_input){.label_kind = t->model->label_kind,
                               .num_samples = size,
                               .num_classes = t->num_classes,
                               .targets = m->targets,
                               .labels = m->labels,
                               .labelled = m->labelled};
    return LBK_OK;
}

/* ---- the tangent pass ---- */

/* What one meta step measures. */
typedef struct measured {
    double meta_loss, rate;
    double descent;             /* ⟨g', ∇L_B⟩ … */
    double uniform;             /* … and with uniform weights in L_B */
    double view[LBK_NUM_VIEWS]; /* α·⟨g', ∇ mean D of the view⟩ */
} measured;

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* (12) of the batch that starts at `first`, into ∇φ. */
static lbk_status add_tangents(lbk__training *t, lbk__group *g, int32_t first, measured *m) {
    lbk__loss_input input;
    lbk__loss_terms terms;
    float *gradient = t->buffers.gradient;
    double *d = t->meta.d_weights;
    LBK_TRY(lbk__group_forward(t, g, first, &input));
    lbk__loss(&input, gradient, &terms);
    const float *tangent = lbk__runner_tangent(t->runner, lbk__runner_gradients(t->runner));
    const double descent =
        dot(gradient, tangent, LBK_NUM_VIEWS * (size_t)input.num_samples * (size_t)t->num_classes);
    m->descent += descent;
    m->uniform += descent;
    lbk__weight_tangents(&input, tangent, gradient, d);
    for (int32_t k = 0; k < input.num_samples * LBK_NUM_VIEWS; k++) {
        m->uniform += (1.0 / LBK_NUM_VIEWS - (double)input.weights[k]) * d[k];
        m->view[k % LBK_NUM_VIEWS] += d[k];
        d[k] *= -m->rate;
    }
    lbk__weight_network_backward(t->meta.network, t->meta.features + first * LBK__NUM_FEATURES,
                                 input.num_samples, d);
    return LBK_OK;
}

/* ---- watching ---- */

/* Whether no later step of this epoch, or of the run, is one in which φ learns. */
static bool last_of_epoch(const lbk__training *t, const lbk__group *g) {
    const int64_t size = t->config->train.batch_size * t->config->train.gradient_accumulation_steps,
                  samples = t->samples.count - t->state.position - g->count,
                  in_epoch = (samples + size - 1) / size,
                  in_run = lbk__training_total_steps(t) - t->state.step - 1;
    return LBK_MIN(in_epoch, in_run) < t->config->distill.meta_steps;
}

/* The gradient of one view's mean divergence over the group. */
static lbk_status view_gradient(lbk__training *t, lbk__group *g, int view) {
    for (int32_t first = 0; first < g->count; first += lbk__group_batch(t, g, first)) {
        lbk__loss_input input;
        lbk__loss_terms terms;
        LBK_TRY(lbk__group_forward(t, g, first, &input));
        input.alpha = 1;
        input.scale = (double)input.num_samples / g->count;
        for (int32_t k = 0; k < input.num_samples * LBK_NUM_VIEWS; k++)
            t->buffers.weights[k] = k % LBK_NUM_VIEWS == view;
        lbk__loss(&input, t->buffers.gradient, &terms);
        lbk__runner_backward(t->runner, t->buffers.gradient);
    }
    return LBK_OK;
}

/* Cosines between g', which the gradients hold before, and each view's gradient. */
static lbk_status add_cosines(lbk__training *t, lbk__group *g, const measured *m) {
    const float *gradients = lbk__runner_gradients(t->runner);
    const double norm = lbk__gradient_norm(t->model, gradients, NULL);
    double cosine[LBK_NUM_VIEWS];
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        lbk__runner_zero_gradients(t->runner);
        LBK_TRY(view_gradient(t, g, v));
        cosine[v] =
            m->view[v] / (t->config->distill.alpha * norm * lbk__gradient_norm(t->model, gradients, NULL));
        if (!isfinite(cosine[v])) return LBK_OK; /* α or a gradient is 0 */
    }
    memcpy(t->state.meta.cosine, cosine, sizeof cosine);
    t->state.meta.watched = 1;
    return LBK_OK;
}

static void add_measured(lbk__meta_window *window, const measured *m, double norm) {
    window->steps++;
    window->meta_loss += m->meta_loss;
    window->gain += m->rate * m->descent;
    window->gain_uniform += m->rate * m->uniform;
    window->gradient_norm += norm;
}

/* ---- the step ---- */

bool lbk__meta_due(const lbk__training *t) {
    return t->meta.network && t->state.step % t->config->distill.meta_steps == 0 &&
           lbk__schedule_rate(&t->schedule, t->state.step) > 0; /* else (12) is 0 */
}

static lbk_status learn(lbk__training *t, lbk__group *g, const measured *m) {
    const double norm = lbk__weight_network_step(t->meta.network);
    if (!isfinite(norm)) {
        t->state.meta_skipped++;
        lbk__run_log(&t->run, LBK_LOG_WARNING,
                     "step %lld: the meta gradient is not finite; nothing was learned from it",
                     (long long)t->state.step);
        return LBK_OK;
    }
    add_measured(&t->state.meta, m, norm);
    return last_of_epoch(t, g) ? add_cosines(t, g, m) : LBK_OK;
}

lbk_status lbk__meta_step(lbk__training *t, lbk__group *g) {
    const int64_t batch_size = t->config->train.batch_size;
    lbk__loss_input meta;
    lbk__window ignored = {0};
    measured m = {.rate = lbk__schedule_rate(&t->schedule, t->state.step)};
    LBK_TRY(gather_meta(t, &meta));
    LBK_TRY(lbk__group_gradients(t, g, &ignored));
    lbk__lookahead_step(&t->meta.lookahead, &t->meta.batch, m.rate);
    m.meta_loss = lbk__lookahead_loss(&t->meta.lookahead, &t->meta.batch, &meta);
    for (int64_t first = (g->count - 1) / batch_size * batch_size; first >= 0; first -= batch_size)
        LBK_TRY(add_tangents(t, g, (int32_t)first, &m));
    LBK_TRY(learn(t, g, &m));
    lbk__runner_zero_gradients(t->runner);
    return LBK_OK;
}
