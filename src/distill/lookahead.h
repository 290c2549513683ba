/* lookahead.h: (12): what the loss on a meta batch B' after a virtual step says about every weight of (5).
 *
 *   s' = s − η·∇L_B(s; w)        virtual plain-SGD step
 *   g' = ∇CE_{B'}(s')
 *   ∂CE_{B'}(s')/∂w_{i,m} = −η·(α/|B|)·⟨g', ∇D_{i,m}(s)⟩ = −η·(α/|B|)·⟨∂D_{i,m}/∂z, ż_{i,m}⟩,  ż = J·g'
 *
 * One buffer of gradients serves all, the student's: it holds ∇L_B, then g', then what the real step takes.
 * docs/method.md says what each pass costs. */
#ifndef LBK_DISTILL_LOOKAHEAD_H
#define LBK_DISTILL_LOOKAHEAD_H

#include "distill/distill.h"
#include "model/model.h"

typedef struct lbk__lookahead {
    lbk__model *model;
    lbk__runner *student; /* of mode META; the caller's */
    lbk__runner *ahead;   /* reads s', adds to the student's gradients */
    float *weights;       /* s' [num_values]; of the word table, the rows that B' reads */
    float *d_logits;      /* [B', C] */
} lbk__lookahead;

/* For meta batches within `limits`, joint view. */
lbk_status lbk__lookahead_create(lbk__model *model, lbk__runner *student, const lbk__batch_limits *limits,
                                 lbk__lookahead *out);
void lbk__lookahead_free(lbk__lookahead *lookahead); /* safe on a zeroed one */
/* s', as far as B' reads it, from the student's gradients, which are 0 then. Rows of B' must not be waiting
 * (train/waiting_rows.h). */
void lbk__lookahead_step(lbk__lookahead *lookahead, const lbk__batch *batch, double rate);
/* CE_{B'}(s'), the mean over labelled samples, dropout off, and g' in the student's gradients. `meta` has
 * label kind, sizes and labels of B'; the rest is filled in. */
double lbk__lookahead_loss(lbk__lookahead *lookahead, const lbk__batch *batch, const lbk__loss_input *meta);
/* The change of ∂L_B/∂w_{i,m} along a direction, scale·(α/|B|)·⟨∂D_{i,m}/∂z, ż⟩, as [B, 3] from the tangent
 * logits ż [3, B, C]; times −η it is (12). `slopes` [3, B, C] gets ∂D/∂z. */
void lbk__weight_tangents(const lbk__loss_input *input, const float *tangent, float *slopes, double *out);

#endif
