/* ops.h: the ops that a forward function calls. Each records itself and gives its output tensor; shapes are
 * in the file of each op, src/tape/ops/NAME.c. All fail with LBK_NO_MEMORY only. */
#ifndef LBK_TAPE_OPS_H
#define LBK_TAPE_OPS_H

#include "tape/tape.h"

typedef struct lbk__embed_slots {
    lbk__slot word, position, segment, visual_position, visual_segment;
} lbk__embed_slots;

/* The batch's visual rows as numbers: [R, visual_dim]. */
lbk_status lbk__op_visual(lbk__tape *tape, int32_t visual_dim, lbk__tensor **out);
/* [T, H]: word + position + segment for a text token, visual [R, H] + position + segment for a visual one. */
lbk_status lbk__op_embed(lbk__tape *tape, lbk__tensor *visual, const lbk__embed_slots *slots,
                         lbk__tensor **out);
/* [n, out]: activation(x · weightᵀ + bias). */
lbk_status lbk__op_linear(lbk__tape *tape, lbk__tensor *x, lbk__slot weight, lbk__slot bias,
                          lbk__activation activation, lbk__tensor **out);
/* [n, H]: layernorm(residual + dropout(x)); residual may be NULL. */
lbk_status lbk__op_layernorm(lbk__tape *tape, lbk__tensor *x, lbk__tensor *residual, lbk__slot gamma,
                             lbk__slot beta, float epsilon, float probability, lbk__tensor **out);
lbk_status lbk__op_dropout_of(lbk__tape *tape, lbk__tensor *x, float probability, lbk__tensor **out);
/* [T, H]: softmax attention within each sequence; `all` [T, 3H] = query, key, value. */
lbk_status lbk__op_attention(lbk__tape *tape, lbk__tensor *all, int32_t num_heads, float probability,
                             lbk__tensor **out);
/* [S, heads·H]: Wk_hᵀ·q_h for each head h of `query` [S, H]. */
lbk_status lbk__op_absorb_keys(lbk__tape *tape, lbk__tensor *query, lbk__slot key_weight, int32_t num_heads,
                               lbk__tensor **out);
/* [S, H]: softmax attention of one query a sequence, whose absorbed keys are `asking`, to all tokens x [T,
 * H].
 */
lbk_status lbk__op_pooled_attention(lbk__tape *tape, lbk__tensor *asking, lbk__tensor *x,
                                    lbk__slot value_weight, lbk__slot value_bias, int32_t num_heads,
                                    float probability, lbk__tensor **out);
/* [S, H]: of each sequence, the token that its class is read from. */
lbk_status lbk__op_pick(lbk__tape *tape, lbk__tensor *x, lbk__tensor **out);

#endif
