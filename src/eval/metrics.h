/* metrics.h: scores of predictions. Definitions as scikit-learn's; VQA accuracy as the official scorer's. */
#ifndef LBK_EVAL_METRICS_H
#define LBK_EVAL_METRICS_H

#include "base/base.h"

/* NaN where a metric does not apply to the label kind or is not defined (no sample; AUROC: no positive or no
 * negative; average precision: no positive). F1 of nothing true and nothing predicted is 0, as scikit-learn's
 * zero_division=0. "Predicted": single: the argmax, the first of equals; multi: probability ≥ threshold. */
typedef struct lbk__metrics {
    double accuracy; /* single; multi: exact match of the set */
    double auroc; /* single: two classes the second's, more: one-vs-rest, macro; multi: macro. Macro runs over
                     the classes where it is defined */
    double mean_average_precision; /* single (one-vs-rest), multi: macro over classes with a positive */
    double f1_micro, f1_macro,
        f1_weighted;     /* single: macro over the classes that occur as label or prediction;
                            multi: over all. Weighted: by the number of positives */
    double f1_samples;   /* multi: mean over samples of the F1 of their sets */
    double vqa_accuracy; /* soft: score of the argmax class */
    double ece; /* expected calibration error: Σ_b n_b/n · |mean confidence − mean outcome| over the bins b =
                   ((b−1)/15, b/15], b = 1 … 15, of confidence. Single: confidence is the largest probability,
                   the outcome 1 when that class is right. Multi, soft: every class of every sample counts,
                   confidence is its probability, the outcome its target */
    double loss;    /* mean (1) or (1') */
    double kl;      /* mean (2) or (2') at τ = 1, KL(teacher ‖ student); NaN without a teacher */
    double entropy; /* mean entropy of the prediction, nats; multi, soft: mean over classes of yes/no
                       entropies */
    int64_t num_samples;
} lbk__metrics;

extern const char
    *const lbk__metric_names[]; /* "accuracy", "auroc", …, NULL: names of the fields, in order */
/* The metric by name; NaN when unknown. */
double lbk__metric_value(const lbk__metrics *metrics, const char *name);
/* Whether larger is better: all but loss, ece, kl, entropy. */
bool lbk__metric_rises(const char *name);

typedef struct lbk__metrics_input {
    lbk_label_kind label_kind;
    int64_t num_samples; /* labelled ones only */
    int32_t num_classes;
    const float *logits;     /* [N][C] */
    const int32_t *labels;   /* [N] single */
    const float *targets;    /* [N][C] multi, soft */
    const float *thresholds; /* [C] on probabilities; NULL: 0.5 */
    const float *teacher;    /* [N][C] logits, or NULL */
} lbk__metrics_input;

/* LBK_NUMERIC when a logit is not finite; LBK_INVALID_ARGUMENT for labels outside 0 … C − 1, sizes that make
 * no sense. */
lbk_status lbk__metrics_check(lbk_context *context, const lbk__metrics_input *input);
lbk_status lbk__metrics_compute(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
/* Multi: per class the threshold with the best F1 on these (dev) predictions: midway between neighbouring
 * probabilities (or between 0 and the lowest), the lowest of equals; 0.5 for a class without positives and
 * for the other label kinds. */
lbk_status lbk__choose_thresholds(lbk_context *context, const lbk__metrics_input *input, float *thresholds);

#endif
