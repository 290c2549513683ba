/* probe_summary.c: the teacher's metrics per split and view, and mean saliencies overall and by class. */
#include "train/probe_summary.h"

#include "data/batch.h"
#include "data/pack.h"
#include "eval/metrics.h"
#include "train/report.h"

#include <string.h>

/* Sums of saliencies, and of how many samples; `label` tells of those only that have one. */
typedef struct sums {
    double saliency[LBK__NUM_SALIENCIES][LBK__NUM_MODALITIES];
    int64_t count, num_labelled;
} sums;

typedef struct split {
    const char *name; /* in the pack */
    lbk__tally *tally[LBK_NUM_VIEWS];
} split;

typedef struct summary {
    const lbk__model *teacher;
    const lbk_pack *pack;
    const lbk__cache *cache;
    const char *train_split, *dev_split;
    split *splits;
    size_t num_splits, capacity;
    sums all, *classes; /* [C] */
    float *targets;     /* [C] of the sample at hand */
} summary;

static lbk_status find_split(summary *s, const char *name, split **out) {
    for (size_t i = 0; i < s->num_splits; i++)
        if (strcmp(s->splits[i].name, name) == 0) {
            *out = &s->splits[i];
            return LBK_OK;
        }
    const lbk__model *teacher = s->teacher;
    LBK_TRY(LBK_GROW(teacher->context, s->splits, s->capacity, s->num_splits + 1));
    split *fresh = &s->splits[s->num_splits++];
    *fresh = (split){.name = name};
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        LBK_TRY(lbk__tally_create(teacher->context, teacher->label_kind, teacher->config.num_labels,
                                  teacher->thresholds, &fresh->tally[v]));
    *out = fresh;
    return LBK_OK;
}

static void add_saliency(sums *to, lbk__saliencies saliencies, bool labelled) {
    to->count++;
    to->num_labelled += labelled;
    for (int kind = 0; kind < LBK__NUM_SALIENCIES; kind++)
        for (int m = 0; m < LBK__NUM_MODALITIES && (labelled || kind != LBK__SALIENCY_LABEL); m++)
            to->saliency[kind][m] += (double)saliencies[kind][m];
}

/* A sample counts for each class that is true of it. */
static lbk_status add_sample(summary *s, int32_t index) {
    lbk_sample sample;
    split *in;
    int32_t label;
    uint8_t labelled;
    lbk__saliencies saliencies;
    LBK_TRY(lbk_pack_sample(s->pack, index, &sample));
    LBK_TRY(find_split(s, sample.split, &in));
    LBK_TRY(lbk__batch_targets(s->pack, &index, 1, s->targets, &label, &labelled));
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        LBK_TRY(lbk__tally_add(in->tally[v], lbk__cache_logits(s->cache, (lbk_view)v, index),
                               labelled ? label : -1, labelled ? s->targets : NULL, NULL));
    for (int kind = 0; kind < LBK__NUM_SALIENCIES; kind++)
        lbk__cache_saliency(s->cache, (lbk__saliency)kind, index, saliencies[kind]);
    add_saliency(&s->all, saliencies, labelled);
    for (int32_t k = 0; sample.labelled && k < sample.num_labels; k++)
        if (lbk__is_true(sample.scores[k])) add_saliency(&s->classes[sample.classes[k]], saliencies, true);
    return LBK_OK;
}

static json_t *mean_json(double sum, int64_t count) {
    return count ? json_real(sum / (double)count) : json_null();
}

/* {"kl": {"text": …, "image": …}, …, "label": {"text", "image", "num_samples"}, "num_samples": …} */
static json_t *saliency_json(const sums *s) {
    json_t *object = json_object();
    for (int kind = 0; kind < LBK__NUM_SALIENCIES; kind++) {
        const int64_t count = kind == LBK__SALIENCY_LABEL ? s->num_labelled : s->count;
        json_object_set_new(object, lbk__saliency_names[kind],
                            json_pack("{s:o,s:o}", "text", mean_json(s->saliency[kind][0], count), "image",
                                      mean_json(s->saliency[kind][1], count)));
    }
    json_object_set_new(json_object_get(object, lbk__saliency_names[LBK__SALIENCY_LABEL]), "num_samples",
                        json_integer(s->num_labelled));
    json_object_set_new(object, "num_samples", json_integer(s->count));
    return object;
}

static json_t *splits_json(const summary *s) {
    json_t *splits = json_object();
    for (size_t i = 0; i < s->num_splits; i++) {
        lbk__metrics metrics[LBK_NUM_VIEWS];
        for (int v = 0; v < LBK_NUM_VIEWS; v++) lbk__tally_metrics(s->splits[i].tally[v], &metrics[v]);
        json_object_set_new(splits, s->splits[i].name, lbk__json_views(metrics, LBK_NUM_VIEWS));
    }
    return splits;
}

static lbk__metrics joint_metrics(const summary *s, const char *name) {
    lbk__metrics metrics = lbk__no_metrics();
    for (size_t i = 0; i < s->num_splits; i++)
        if (strcmp(s->splits[i].name, name) == 0)
            lbk__tally_metrics(s->splits[i].tally[LBK_VIEW_JOINT], &metrics);
    return metrics;
}

/* Near-certain predictions leave D and S near 0 just where the student learns. The rule: on train the error
 * is less than half of that on dev, and so is it surer, its mean entropy less than two thirds. */
static bool warn_when_memorised(const summary *s) {
    const char *metric = lbk__main_metric(s->teacher->label_kind);
    const lbk__metrics train = joint_metrics(s, s->train_split), dev = joint_metrics(s, s->dev_split);
    const double on_train = lbk__metric_value(&train, metric), on_dev = lbk__metric_value(&dev, metric);
    const bool memorised = 1 - on_train < 0.5 * (1 - on_dev) && train.entropy < 2.0 / 3 * dev.entropy;
    if (memorised)
        lbk__log(s->teacher->context, LBK_LOG_WARNING,
                 "the teacher knows its training samples by heart: %s %.3g on %s, %.3g on %s, with a mean "
                 "entropy of %.3g and %.3g nats: less than half of the error and two thirds of the entropy; "
                 "students learn little from that: probe with folds, distil on samples that it did not see "
                 "(distill.unlabelled_splits), or stop its training earlier",
                 metric, on_train, s->train_split, on_dev, s->dev_split, train.entropy, dev.entropy);
    return memorised;
}

static void write_json(const summary *s, json_t *root) {
    json_t *classes = json_object();
    for (int32_t c = 0; c < s->teacher->config.num_labels; c++)
        json_object_set_new(classes, lbk_pack_class_name(s->pack, c), saliency_json(&s->classes[c]));
    json_object_set_new(root, "metric", json_string(lbk__main_metric(s->teacher->label_kind)));
    json_object_set_new(root, "splits", splits_json(s));
    json_object_set_new(root, "train_split", json_string(s->train_split));
    json_object_set_new(root, "dev_split", json_string(s->dev_split));
    json_object_set_new(root, "memorised", json_boolean(warn_when_memorised(s)));
    json_object_set_new(root, "saliency", saliency_json(&s->all));
    json_object_set_new(root, "saliency_by_class", classes);
}

lbk_status lbk__probe_summary(const lbk__model *teacher, const lbk_pack *pack, const lbk__cache *cache,
                              const char *train_split, const char *dev_split, json_t *root) {
    summary s = {
        .teacher = teacher, .pack = pack, .cache = cache, .train_split = train_split, .dev_split = dev_split};
    lbk_context *context = teacher->context;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, s.classes, teacher->config.num_labels));
    LBK_GO(LBK_ALLOC(context, s.targets, teacher->config.num_labels));
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) LBK_GO(add_sample(&s, (int32_t)i));
    write_json(&s, root);
done:
    for (size_t i = 0; i < s.num_splits; i++)
        for (int v = 0; v < LBK_NUM_VIEWS; v++) lbk__tally_free(s.splits[i].tally[v]);
    lbk_free(context, s.splits);
    lbk_free(context, s.classes);
    lbk_free(context, s.targets);
    return status;
}
