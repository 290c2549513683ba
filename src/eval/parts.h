/* parts.h: the families of metrics that metrics.c puts together; one file each. Inputs were checked by it. */
#ifndef LBK_EVAL_PARTS_H
#define LBK_EVAL_PARTS_H

#include "eval/metrics.h"

/* A prediction's score for one class, and whether the class is true. */
typedef struct lbk__scored {
    double score;
    bool positive;
} lbk__scored;

/* Sorts by falling score. */
void lbk__sort_scored(lbk__scored *items, int64_t count);

lbk_status lbk__ranking_metrics(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
lbk_status lbk__decision_metrics(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out);
void lbk__probability_metrics(const lbk__metrics_input *input, lbk__metrics *out);

#endif
