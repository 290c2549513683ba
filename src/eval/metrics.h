/* metrics.h: scores of predictions. Definitions as scikit-learn's; VQA accuracy as the official scorer's. */
#ifndef LBK_EVAL_METRICS_H
#define LBK_EVAL_METRICS_H

#include "base/base.h"

/* NaN where a metric is not defined (no positive, one class only) or does not apply to the label kind. */
typedef struct lbk__metrics {
    double accuracy; /* single: argmax; multi: exact match of the set */
    double auroc;    /* single: two classes the second's; more: one-vs-rest, macro; multi: macro over defined
                        classes */
    double mean_average_precision; /* macro over classes with a positive */
    double f1_micro, f1_macro, f1_weighted, f1_samples;
    double vqa_accuracy; /* soft: score of the argmax class */
    double ece;          /* expected calibration error, 15 equal-width bins of confidence */
    double loss;         /* mean (1) or (1') */
    double kl;           /* mean KL(teacher ‖ student) at τ = 1; NaN without a teacher */
    double entropy;      /* mean entropy of the prediction */
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

lbk_status lbk__metrics_compute(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
/* Per class the threshold with the best F1 on these (dev) predictions: midway between neighbouring
 * probabilities, the lowest of equals; 0.5 for a class without positives. */
lbk_status lbk__choose_thresholds(lbk_context *context, const lbk__metrics_input *input, float *thresholds);

#endif
