/* batch.h: samples under views, laid out as sequences without padding. A view is only a way to lay a sample
 * into a batch (docs/method.md, "Notation"): the encoder does not know about modalities.
 *
 *   joint  [CLS] text [SEP] visual      text  [CLS] text [SEP]      image  [CLS] [SEP] visual
 *
 * Positions and segments of the tokens that stay do not move: the image view's [SEP] keeps its joint
 * position. */
#ifndef LBK_DATA_BATCH_H
#define LBK_DATA_BATCH_H

#include "base/base.h"

typedef struct lbk__batch {
    int32_t num_tokens, num_sequences, num_rows, visual_dim, num_samples, num_views;
    int32_t *tokens;   /* [T] id of a text token; −1 − j for row j of `visual` */
    int32_t *position; /* [T] 0, 1, … for text; 0 for visual tokens (as transformers' VisualBertModel does) */
    int32_t *segment;   /* [T] 0 for text, 1 for visual */
    int32_t *start;     /* [S + 1] */
    int32_t *last_word; /* [S] the token before the last [SEP] of the text; [CLS] where there is no word */
    int32_t *sample;    /* [S] index within the batch, 0 … num_samples − 1 */
    int8_t
        *view; /* [S] lbk_view; sequence v · num_samples + i shows sample i under the v-th view asked for */
    uint16_t *visual;   /* [R, D] float16: each sample's rows once, however many views show them */
    int32_t *row_start; /* [num_samples + 1] */
} lbk__batch;

/* One sample's content. */
typedef struct lbk__batch_item {
    const int32_t *tokens;  /* [CLS] … [SEP], at least those two */
    const uint16_t *visual; /* float16 [num_rows, visual_dim] */
    int32_t num_tokens, num_rows;
} lbk__batch_item;

/* The largest that a batch can be: buffers are made for it once and reused. */
typedef struct lbk__batch_limits {
    int32_t num_samples, num_views;
    int32_t num_tokens, num_sequences, num_rows, visual_dim;
    int32_t longest; /* tokens of the longest sequence */
} lbk__batch_limits;

lbk_status lbk__batch_create(lbk_context *context, const lbk__batch_limits *limits, lbk__batch *out);
void lbk__batch_free(lbk_context *context, lbk__batch *batch);

/* Limits for any `num_samples` of the samples listed, each at most once (in rounds, if fewer are listed: each
 * once, then again), under `num_views` views starting from joint: 1 is (joint), 3 is (joint, text, image).
 * Exact: some choice needs that many tokens, and some that many rows. LBK_INVALID_ARGUMENT when they exceed
 * 2^31 − 1. */
lbk_status lbk__batch_limits_of(lbk_context *context, const lbk_pack *pack, const int32_t *indices,
                                int64_t count, int32_t num_samples, int32_t num_views,
                                lbk__batch_limits *out);
/* Lays the samples `indices` of the pack into the batch, under views 0 … num_views − 1. Allocates nothing.
 * LBK_INVALID_ARGUMENT when they need more than the limits, LBK_MISMATCH for a pack of another visual_dim. */
lbk_status lbk__batch_fill(lbk_context *context, const lbk_pack *pack, const int32_t *indices, int32_t count,
                           int32_t num_views, const lbk__batch_limits *limits, lbk__batch *batch);
/* The same with samples given by hand, under as many views as the limits have. */
lbk_status lbk__batch_fill_items(lbk_context *context, const lbk__batch_item *items, int32_t count,
                                 const lbk__batch_limits *limits, lbk__batch *batch);
/* Rows [num_rows, dim] as a batch keeps them; LBK_NUMERIC where a number is not finite or beyond ±65504. */
lbk_status lbk__rows_to_half(lbk_context *context, const float *rows, int32_t num_rows, int32_t dim,
                             uint16_t *out);
/* Dense targets [count, C] of samples of the pack: 1 for each class that is true, or its score; zeros where
 * nothing is labelled. class [count] (−1: unlabelled) for single-label packs, else it is left as it is and
 * may be NULL. */
lbk_status lbk__batch_targets(const lbk_pack *pack, const int32_t *indices, int32_t count, float *targets,
                              int32_t *classes, uint8_t *labelled);

#endif
