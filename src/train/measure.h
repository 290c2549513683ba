/* measure.h: how good a model's predictions are, and how fast they come. */
#ifndef LBK_TRAIN_MEASURE_H
#define LBK_TRAIN_MEASURE_H

#include "distill/cache.h"
#include "eval/metrics.h"
#include "train/infer.h"

/* Metrics of the model on the inference's samples, one for each of its views. `cache` (may be NULL) gives the
 * teacher's logits for KL(teacher ‖ model); it belongs to the pack. Ranking metrics keep all logits in
 * memory, so soft labels, which have none, are measured in memory that does not grow. */
lbk_status lbk__measure(lbk__inference *inference, const lbk__model *model, const lbk_pack *pack,
                        const lbk__cache *cache, const char *stage, lbk__metrics *out);

typedef struct lbk__timing {
    double latency_ms;    /* one sample, joint view, laying out and forward: the median */
    double samples_per_s; /* in batches of `batch_size` */
    int32_t batch_size;
} lbk__timing;

enum { LBK__TIMING_BATCH = 32 };

/* On the samples listed (at least one), as many times round as needed for 100 latencies and 20 batches. */
lbk_status lbk__time_model(lbk__model *model, const lbk_pack *pack, const int32_t *indices, int64_t count,
                           lbk__timing *out);

#endif
