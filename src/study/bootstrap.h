/* bootstrap.h: how sure a difference of scores is, given that the test samples are a sample.
 *
 * A resample draws as many samples as there are, with replacement; all models are scored on the same one
 * (paired). Draws are Philox numbers of (seed, resample, place): the same on every machine. */
#ifndef LBK_STUDY_BOOTSTRAP_H
#define LBK_STUDY_BOOTSTRAP_H

#include "eval/metrics.h"

/* A model's predictions as one metric sees them, so that the metric of a resample follows from how often each
 * sample was drawn. */
typedef struct lbk__scorer {
    int64_t count;
    double *part, *whole; /* [count] the metric is Σ part / Σ whole (NULL: 1 for each sample) … */
    int32_t *order;       /* [count] … or AUROC: samples by falling score, */
    uint8_t *positive;    /* [count] whether that sample is of the second class, */
    uint8_t *tied;        /* [count] whether the next one in `order` has the same score */
} lbk__scorer;

/* Whether the metric can be made so: accuracy, vqa_accuracy, f1_micro, f1_samples, and AUROC of two classes.
 */
bool lbk__scorer_knows(const char *metric, lbk_label_kind label_kind, int32_t num_classes);
/* `input` as for lbk__metrics_compute; the metric is one that is known. */
lbk_status lbk__scorer_create(lbk_context *context, const char *metric, const lbk__metrics_input *input,
                              lbk__scorer *out);
void lbk__scorer_free(lbk_context *context, lbk__scorer *scorer); /* zeroed is allowed */
/* The metric where sample i counts times[i] times. NaN when it is not defined. */
double lbk__scorer_score(const lbk__scorer *scorer, const int32_t *times);

typedef struct lbk__interval {
    double low, high; /* 95 %, percentiles of the resampled differences */
    /* Two-sided: min(1, 2 (min(#{d ≤ 2⁻⁴⁰}, #{d ≥ −2⁻⁴⁰}) + 1) / (n + 1)) of the differences d of n resamples
     * that have one; never below 2 / (n + 1). */
    double p;
} lbk__interval;

/* Of the mean score of the models `a` [n] less that of `b` [n], on the same samples. */
lbk_status lbk__paired_bootstrap(lbk_context *context, const lbk__scorer *a, const lbk__scorer *b, int64_t n,
                                 int32_t resamples, uint64_t seed, lbk__interval *out);

#endif
