/* metrics.h: scores of predictions. Definitions as scikit-learn's; VQA accuracy as the official scorer's. */
#ifndef LBK_EVAL_METRICS_H
#define LBK_EVAL_METRICS_H

#include "eval/labels.h"

/* NaN where a metric does not apply to the label kind or is not defined (no sample; AUROC: no positive or no
 * negative; average precision: no positive). F1 of nothing true and nothing predicted is 0, as scikit-learn's
 * zero_division=0. What a model decides: single: the argmax, the first of equals; multi: the classes whose
 * probability ≥ threshold.
 *
 * Expected calibration error: Σ_b n_b/n · |mean confidence − mean outcome| over the bins ((b−1)/15, b/15],
 * b = 1 … 15, of confidence. Single: the confidence is the largest probability, the outcome 1 when that class
 * is right. Multi, soft: every class of every sample counts, its probability is the confidence, its target
 * the outcome. */
typedef struct lbk__metrics {
    double accuracy; /* single; multi: exact match of the set */
    double auroc; /* single with two classes: the second's; else one-vs-rest, macro over classes with both */
    double mean_average_precision; /* one-vs-rest, macro over classes with a positive */
    double f1_micro;
    double f1_macro;     /* single: over the classes that occur as label or decision; multi: over all */
    double f1_weighted;  /* macro, weighted by the number of positives */
    double f1_samples;   /* multi: mean over samples of the F1 of their sets */
    double vqa_accuracy; /* soft: target of the argmax class */
    double ece;
    double loss;    /* mean (1) or (1') */
    double kl;      /* mean (2) or (2') at τ = 1, KL(teacher ‖ student); NaN without a teacher */
    double entropy; /* of the prediction, nats; multi, soft: mean over classes of yes/no entropies */
    int64_t num_samples, num_labelled; /* entropy and kl are of all, the others of those with a label */
} lbk__metrics;

/* "accuracy", "auroc", …, NULL: names of the fields, in order. */
extern const char *const lbk__metric_names[];
/* All NaN, no samples. */
lbk__metrics lbk__no_metrics(void);
/* The metric by name; NaN when unknown. */
double lbk__metric_value(const lbk__metrics *metrics, const char *name);
/* Whether larger is better: all but loss, ece, kl, entropy. */
bool lbk__metric_rises(const char *name);
/* Whether it can be defined for labels of that kind; `kl` if there is a teacher. */
bool lbk__metric_applies(const char *name, lbk_label_kind label_kind);

/* A soft target as a double. Ten annotators' accuracies are multiples of 1/30, kept as float32: as doubles
 * again, their mean is the official scorer's to its last digits. */
double lbk__exact_score(float score);

typedef struct lbk__metrics_input {
    lbk_label_kind label_kind;
    int64_t num_samples; /* labelled ones only */
    int32_t num_classes;
    const float *logits;        /* [N][C] */
    const int32_t *labels;      /* [N] single */
    const lbk__labels *targets; /* of N samples; multi, soft */
    const float *thresholds;    /* [C] on probabilities; NULL: 0.5 */
    const float *teacher;       /* [N][C] logits, or NULL */
} lbk__metrics_input;

/* LBK_NUMERIC when a logit is not finite, LBK_INVALID_ARGUMENT for a label ≥ C; the sentence names the
 * sample. */
lbk_status lbk__metrics_compute(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
/* AUROC and average precision alone: the metrics that need all predictions at once. Labelled samples with
 * finite logits. */
lbk_status lbk__ranking_metrics(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
/* Multi: per class the threshold with the best F1 on these (dev) predictions: midway between neighbouring
 * probabilities (or between 0 and the lowest), the lowest of equals; 0.5 for a class without positives and
 * for the other label kinds. */
lbk_status lbk__choose_thresholds(lbk_context *context, const lbk__metrics_input *input, float *thresholds);

/* ---- sample by sample: every metric but AUROC and average precision, in memory that does not grow ---- */

typedef struct lbk__tally lbk__tally;

/* `thresholds` [C] (NULL: 0.5) are not copied. */
lbk_status lbk__tally_create(lbk_context *context, lbk_label_kind label_kind, int32_t num_classes,
                             const float *thresholds, lbk__tally **out);
void lbk__tally_free(lbk__tally *tally); /* NULL is allowed */
/* `label` (single; −1: unlabelled), `targets` (multi, soft; NULL: unlabelled), `teacher` logits (or NULL).
 * Unlabelled samples count for entropy and kl only. Errors as lbk__metrics_compute. */
lbk_status lbk__tally_add(lbk__tally *tally, const float *logits, int32_t label, const float *targets,
                          const float *teacher);
void lbk__tally_metrics(const lbk__tally *tally, lbk__metrics *out);

#endif
