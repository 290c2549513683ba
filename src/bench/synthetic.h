/* synthetic.h: for bench.c: batches of any sizes, and what the losses of their steps need, all drawn. The
 * PyTorch baseline that the project compares itself with draws texts of the same lengths. */
#ifndef LBK_BENCH_SYNTHETIC_H
#define LBK_BENCH_SYNTHETIC_H

#include "data/batch.h"

enum { LBK__SYNTHETIC_VOCAB = 30522 };

typedef struct lbk__synthetic {
    lbk__batch batch;
    float *teacher;  /* [3, B, C] */
    int32_t *labels; /* [B] */
} lbk__synthetic;

/* What any batch of these sizes fits. */
lbk__batch_limits lbk__synthetic_limits(const lbk_bench_options *options, int32_t views);
lbk_status lbk__synthetic_create(lbk_context *context, const lbk_bench_options *options, int32_t views,
                                 uint64_t seed, lbk__synthetic *out);
void lbk__synthetic_free(lbk_context *context, lbk__synthetic *synthetic); /* safe on a zeroed one */

#endif
