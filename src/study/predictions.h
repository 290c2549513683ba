/* predictions.h: what a model answers to the labelled samples of a split, kept: whatever is asked of a study
 * later is computed from it.
 *
 * A safetensors file:
 *   logits      F32 [3, N, C]  under the views in the order of lbk_view
 *   sample      I32 [N]        index in the pack
 *   thresholds  F32 [C]        on probabilities, of multi-label models
 *   metadata    "limbeck": {"kind": "predictions", "version": 1, "model_sha256", "pack_sha256", "split"} */
#ifndef LBK_STUDY_PREDICTIONS_H
#define LBK_STUDY_PREDICTIONS_H

#include "distill/cache.h"
#include "eval/metrics.h"
#include "format/safetensors.h"

/* Runs the model (model or run folder) and writes `path`. */
lbk_status lbk__predictions_write(lbk_context *context, const char *model, const char *pack_path,
                                  const char *split, const char *path);

/* Whether the predictions in `path` are of that model on that split. LBK_BAD_DATA for another kind of file.
 */
lbk_status lbk__predictions_are_of(lbk_context *context, const char *path, const char *split,
                                   const char *model_folder, bool *out);

/* What is true of the labelled samples of a split. */
typedef struct lbk__truth {
    const lbk_pack *pack;
    lbk_label_kind label_kind;
    int64_t num_samples;
    int32_t num_classes;
    int32_t *samples;   /* [N] indices in the pack */
    lbk__labels labels; /* of N samples */
} lbk__truth;

/* LBK_INVALID_ARGUMENT when the split has no labelled sample. */
lbk_status lbk__truth_open(lbk_context *context, const lbk_pack *pack, const char *split, lbk__truth *out);
void lbk__truth_close(lbk_context *context, lbk__truth *truth); /* zeroed is allowed */

typedef struct lbk__predictions {
    lbk__safetensors *file;
    const float *logits;     /* [3, N, C] */
    const float *thresholds; /* [C], or NULL */
} lbk__predictions;

/* LBK_MISMATCH when it was made from another pack or other samples than `truth`. */
lbk_status lbk__predictions_open(lbk_context *context, const char *path, const lbk__truth *truth,
                                 lbk__predictions *out);
void lbk__predictions_close(lbk__predictions *predictions); /* zeroed is allowed */

/* As the metrics want it; `teacher` is [N, C], or NULL. */
lbk__metrics_input lbk__predictions_view(const lbk__predictions *predictions, const lbk__truth *truth,
                                         lbk_view view, const float *teacher);

#endif
