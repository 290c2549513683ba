/* optimizer.h: AdamW with decoupled weight decay (Loshchilov & Hutter, ICLR 2019) and clipping by the global
 * norm, as PyTorch's AdamW and clip_grad_norm_ compute them. */
#ifndef LBK_TRAIN_OPTIMIZER_H
#define LBK_TRAIN_OPTIMIZER_H

#include "train/waiting_rows.h"

typedef struct lbk__adamw_options {
    double learning_rate, weight_decay, beta1, beta2, epsilon;
} lbk__adamw_options;

typedef struct lbk__optimizer {
    lbk__model *model;
    float *first, *second; /* moments m, v, laid out as model->weights */
    int64_t step;          /* steps taken */
    lbk__waiting_rows waiting;
} lbk__optimizer;

lbk_status lbk__optimizer_create(lbk__model *model, lbk__optimizer *out);
void lbk__optimizer_free(lbk__optimizer *optimizer);
/* √Σ g² over all gradients, in double; the same for a given number of threads. Not finite when a gradient is
 * not. `touched` [vocab_size]: the rows of the word table that have a gradient; NULL: all. */
double lbk__gradient_norm(const lbk__model *model, const float *gradients, const uint8_t *touched);
/* With `touched`, rows of the word table wait: before a forward pass those of its tokens must be refreshed,
 * and before anything else reads weights or moments all must be settled. */
void lbk__optimizer_refresh(lbk__optimizer *optimizer, const int32_t *tokens, int32_t count);
void lbk__optimizer_settle(lbk__optimizer *optimizer);
/* One step on model->values with gradients · scale:
 *   m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← w − lr·λ·w − lr · m̂ / (√v̂ + ε);  λ = 0 for biases and norms.
 */
void lbk__optimizer_step(lbk__optimizer *optimizer, const float *gradients, const uint8_t *touched,
                         double scale, const lbk__adamw_options *options);
/* What to multiply gradients with so that their norm is at most `most` (0: no limit), as clip_grad_norm_
 * does. */
double lbk__clip_scale(double norm, double most);

#endif
