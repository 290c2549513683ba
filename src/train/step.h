/* step.h: what the plain step and the step of the weights' network share: the samples of one optimizer step,
 * and one batch of them at a time on the runner's tape. */
#ifndef LBK_TRAIN_STEP_H
#define LBK_TRAIN_STEP_H

#include "train/training.h"

/* The samples of one optimizer step, in batches of `batch_size`. */
typedef struct lbk__group {
    const int32_t *samples;
    int32_t count, num_labelled;
    int32_t on_tape;     /* first sample of the batch that the runner holds; −1: none yet */
    const float *logits; /* its, [V, B, C] */
} lbk__group;

/* Samples of the batch that starts at `first`. */
int32_t lbk__group_batch(const lbk__training *training, const lbk__group *group, int32_t first);
/* Lays out that batch and runs it forward, unless the runner holds it, and says what its loss needs, weights
 * included. A batch's dropout masks are the same whenever it runs. */
lbk_status lbk__group_forward(lbk__training *training, lbk__group *group, int32_t first,
                              lbk__loss_input *input);
/* Adds the gradients of the whole group; `step` gets the means of its terms. */
lbk_status lbk__group_gradients(lbk__training *training, lbk__group *group, lbk__window *step);

/* ---- meta_step.c ---- */

/* Whether the network of learned weights learns in this step. */
bool lbk__meta_due(const lbk__training *training);
/* Updates φ by (12) with the group as B. Gradients are 0 before and after. */
lbk_status lbk__meta_step(lbk__training *training, lbk__group *group);

#endif
