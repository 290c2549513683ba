/* report.h: results as JSON, and the metric that stands for a task. */
#ifndef LBK_TRAIN_REPORT_H
#define LBK_TRAIN_REPORT_H

#include "eval/metrics.h"

#include <jansson.h>

/* {"accuracy": …, …} with the metrics that are defined, and "num_samples". */
json_t *lbk__json_metrics(const lbk__metrics *metrics);
/* {"joint": …, "text": …, "image": …} of the metrics [num_views]. */
json_t *lbk__json_views(const lbk__metrics *metrics, int32_t num_views);
/* The text of `root`, which is released; freed with lbk_free. */
lbk_status lbk__json_text(lbk_context *context, json_t *root, char **out);

/* "accuracy" (single), "f1_micro" (multi), "vqa_accuracy" (soft). */
const char *lbk__main_metric(lbk_label_kind label_kind);

#endif
