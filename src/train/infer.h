/* infer.h: runs a model over samples of a pack: batches of similar lengths for speed, results in the order
 * asked for. A sample's logits do not depend on what shares its batch (docs/method.md's views are sequences).
 */
#ifndef LBK_TRAIN_INFER_H
#define LBK_TRAIN_INFER_H

#include "model/model.h"

/* Gets the logits [num_views][C] of the sample at `position` of the list: called for 0, 1, … count − 1.
 * `logits` are valid during the call. */
typedef lbk_status (*lbk__infer_sink)(void *user, int64_t position, const float *logits);

typedef struct lbk__inference lbk__inference;

/* Plans for samples `indices` [count] of the pack (kept by the caller while this lives), under views
 * 0 … num_views − 1, `batch_size` samples at a time. `weights` as in lbk__runner_create; read anew at every
 * run. Checks that the model fits the pack (lbk__check_fit). */
lbk_status lbk__inference_create(lbk__model *model, const float *weights, const lbk_pack *pack,
                                 const int32_t *indices, int64_t count, int32_t num_views, int32_t batch_size,
                                 lbk__inference **out);
void lbk__inference_free(lbk__inference *inference); /* NULL is allowed */
int64_t lbk__inference_count(const lbk__inference *inference);
const int32_t *lbk__inference_indices(const lbk__inference *inference);
int32_t lbk__inference_num_views(const lbk__inference *inference);
/* Ends at the sink's first failure, or with LBK_INTERRUPTED between batches. `stage` names the progress
 * reports; NULL: none. Allocates nothing. */
lbk_status lbk__inference_run(lbk__inference *inference, const char *stage, lbk__infer_sink sink, void *user);

/* LBK_MISMATCH unless the model's classes, label kind, words and visual rows (width, how they are made) are
 * those of the pack, and every token and length of the samples listed is within the model's tables; the
 * sentence says which is not. A model from elsewhere that does not say its label kind takes the pack's. */
lbk_status lbk__check_fit(lbk__model *model, const lbk_pack *pack, const int32_t *indices, int64_t count);
/* LBK_MISMATCH unless the samples listed (NULL: the first `count` of the pack) have a token for at most each
 * of the positions. */
lbk_status lbk__check_lengths(lbk_context *context, int64_t positions, const lbk_pack *pack,
                              const int32_t *indices, int64_t count);
/* Whether visual rows of the same width were made the same way, by what a model and a pack say of them: by
 * one image encoder, be it with a file of features in between, else by patches of the same sizes or by
 * features of one kind. */
bool lbk__same_visual_source(const char *ours, const char *theirs);

#endif
