/* dev.c: how good the model is on dev, and whether it is the best so far. */
#include "train/measure.h"
#include "train/training.h"

#include <math.h>
#include <string.h>

/* ---- whether it can be told ---- */

/* AUROC needs a class that is true of some samples and not of all, average precision one that is true of any;
 * whatever else applies to the labels is defined where there is one. */
static bool is_ranked(const lbk__positives *positives, int32_t num_classes, int64_t fewer_than) {
    for (int32_t c = 0; c < num_classes; c++) {
        const int64_t count = positives->start[c + 1] - positives->start[c];
        if (count > 0 && count < fewer_than) return true;
    }
    return false;
}

lbk_status lbk__training_check_dev(const lbk__training *t) {
    const lbk__train_samples *s = &t->samples;
    const bool auroc = strcmp(t->metric, "auroc") == 0;
    lbk__labels labels = {0};
    lbk__positives positives = {0};
    lbk_status status = LBK_OK;
    if (!auroc && strcmp(t->metric, "mean_average_precision") != 0) return LBK_OK;
    LBK_GO(lbk__labels_read(t->context, t->pack, s->dev, s->num_dev, &labels));
    LBK_GO(lbk__positives_find(t->context, &labels, t->num_classes, &positives));
    if (!is_ranked(&positives, t->num_classes, auroc ? s->num_dev : INT64_MAX))
        status = lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                           "train.metric %s is not defined on the dev split \"%s\": it needs %s", t->metric,
                           t->config->train.dev_split,
                           auroc ? "labels of more than one class" : "a sample of which a class is true");
done:
    lbk__positives_free(t->context, &positives);
    lbk__labels_free(t->context, &labels);
    return status;
}

/* ---- measuring ---- */

/* Multi-label: all logits are kept, thresholds chosen on them, then the metrics computed with those. */
static lbk_status keep(void *user, int64_t position, const float *logits) {
    lbk__training *t = user;
    const size_t classes = (size_t)t->num_classes, at = (size_t)position * classes;
    memcpy(t->dev_logits + at, logits, classes * sizeof *logits);
    if (t->cache)
        memcpy(t->dev_teacher + at, lbk__cache_logits(t->cache, LBK_VIEW_JOINT, t->samples.dev[position]),
               classes * sizeof *logits);
    return LBK_OK;
}

static lbk_status measure(lbk__training *t, lbk__metrics *out) {
    if (!t->model->thresholds) return lbk__measure(t->inference, t->model, t->pack, t->cache, NULL, out);
    LBK_TRY(lbk__inference_run(t->inference, NULL, keep, t));
    lbk__metrics_input input = {.label_kind = t->model->label_kind,
                                .num_samples = t->samples.num_dev,
                                .num_classes = t->num_classes,
                                .logits = t->dev_logits,
                                .targets = &t->dev_labels,
                                .teacher = t->dev_teacher};
    LBK_TRY(lbk__choose_thresholds(t->context, &input, t->model->thresholds));
    input.thresholds = t->model->thresholds;
    return lbk__metrics_compute(t->context, &input, out);
}

/* ---- the best model ---- */

static bool better(const lbk__training *t, double value) {
    if (isnan(value)) return false;
    if (t->state.best_step == 0) return true;
    return lbk__metric_rises(t->metric) ? value > t->state.best : value < t->state.best;
}

static lbk_status judge(lbk__training *t, double value) {
    lbk__train_state *state = &t->state;
    if (better(t, value)) {
        LBK_TRY(lbk__model_save(t->model, NULL, t->run.best));
        state->best = value;
        state->best_step = state->step;
        state->evaluations_since_best = 0;
    } else {
        state->evaluations_since_best++;
    }
    return LBK_OK;
}

static lbk_status write_metrics(lbk__training *t, const lbk__metrics *metrics) {
    lbk__scalar scalars[32];
    size_t count = 0;
    for (int i = 0; lbk__metric_names[i] && count < LBK_COUNT(scalars); i++) {
        const double value = lbk__metric_value(metrics, lbk__metric_names[i]);
        if (!isnan(value)) scalars[count++] = (lbk__scalar){lbk__metric_names[i], value};
    }
    return lbk__run_scalars(&t->run, "dev", t->state.step, lbk__training_epoch(t), scalars, count);
}

lbk_status lbk__training_evaluate(lbk__training *t) {
    lbk__metrics metrics;
    LBK_TRY(measure(t, &metrics));
    t->last_dev = lbk__metric_value(&metrics, t->metric);
    LBK_TRY(write_metrics(t, &metrics));
    LBK_TRY(judge(t, t->last_dev));
    t->state.evaluated_step = t->state.step;
    lbk__run_log(&t->run, LBK_LOG_INFO, "step %lld, epoch %.2f: dev %s %.4f%s", (long long)t->state.step,
                 lbk__training_epoch(t), t->metric, t->last_dev,
                 t->state.best_step == t->state.step ? " (best)" : "");
    return LBK_OK;
}
