/* labels.h: what is true of some samples of a pack, as sparse as it is there: the answers to VQA v2's 214,354
 * validation questions are 2.7 GB as a table of 3,129 classes, and a few MB as a list. */
#ifndef LBK_EVAL_LABELS_H
#define LBK_EVAL_LABELS_H

#include "base/base.h"

typedef struct lbk__labels {
    int64_t num_samples;
    int64_t *start;   /* [N + 1] where each sample's labels begin in the two below; single: 0, 1, 2, … */
    int32_t *classes; /* those that are true; soft: those with a score */
    float *scores;    /* 1, or of soft labels, in [0, 1] */
} lbk__labels;

/* Of the labelled ones among the samples `indices` [count] of the pack, in their order. */
lbk_status lbk__labels_read(lbk_context *context, const lbk_pack *pack, const int32_t *indices, int64_t count,
                            lbk__labels *out);
void lbk__labels_free(lbk_context *context, lbk__labels *labels); /* zeroed is allowed */
/* One sample's targets, row [num_classes]: zeros but for its labels' scores. */
void lbk__labels_row(const lbk__labels *labels, int64_t sample, int32_t num_classes, float *row);
/* One of them. */
float lbk__labels_target(const lbk__labels *labels, int64_t sample, int32_t class);

/* The other way round: of which samples a class is true (lbk__is_true). */
typedef struct lbk__positives {
    int64_t *start;   /* [C + 1] where each class's samples begin in … */
    int32_t *samples; /* … positions among the labelled ones, rising */
} lbk__positives;

lbk_status lbk__positives_find(lbk_context *context, const lbk__labels *labels, int32_t num_classes,
                               lbk__positives *out);
void lbk__positives_free(lbk_context *context, lbk__positives *positives); /* zeroed is allowed */

#endif
