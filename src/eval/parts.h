/* parts.h: what the files of the metrics share: the tally's state and scored predictions. */
#ifndef LBK_EVAL_PARTS_H
#define LBK_EVAL_PARTS_H

#include "eval/metrics.h"

typedef struct lbk__counts {
    int64_t hit, wrong, missed; /* true positives, false positives, false negatives */
} lbk__counts;

enum { LBK__NUM_BINS = 15 };

/* Sums of confidences and outcomes that fell into one bin. */
typedef struct lbk__bin {
    double confidence, outcome;
} lbk__bin;

struct lbk__tally {
    lbk_context *context;
    lbk_label_kind label_kind;
    int32_t num_classes;
    const float *thresholds;
    int64_t num_samples, num_labelled, num_taught; /* seen; with a label; with teacher logits */
    lbk__counts *classes;                          /* [C] */
    int64_t num_right;                             /* argmax (single) or exact set (multi) */
    double f1_samples, vqa_accuracy, loss, entropy, kl;
    lbk__bin bins[LBK__NUM_BINS];
};

/* decisions.c: what was decided for a labelled sample; the metrics of it. */
void lbk__add_decision(lbk__tally *tally, const float *logits, int32_t label, const float *targets);
void lbk__decision_metrics(const lbk__tally *tally, lbk__metrics *out);
/* probabilities.c: the same for loss and calibration of a labelled sample (label −1, targets NULL: it is
 * none), for entropy and, with a teacher, divergence of any. */
void lbk__add_probability(lbk__tally *tally, const float *logits, int32_t label, const float *targets,
                          const float *teacher);
void lbk__probability_metrics(const lbk__tally *tally, lbk__metrics *out);

/* A prediction's score for one class, and whether the class is true. */
typedef struct lbk__scored {
    double score;
    bool positive;
} lbk__scored;

/* Of items in the order of the samples: those of which the class is true. */
void lbk__mark_positives(const lbk__positives *positives, int32_t class, lbk__scored *items);
/* Sorts by falling score. */
void lbk__sort_scored(lbk__scored *items, int64_t count);

#endif
