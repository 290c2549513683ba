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
/* Softmax attention within each sequence. `query` [T, H] or, when its extent is sequences, one query a
 * sequence [S, H]; `query` may be NULL: then `rest` is [T, 3H] = query, key, value; else [T, 2H] = key,
 * value. Gives query's shape. */
lbk_status lbk__op_attention(lbk__tape *tape, lbk__tensor *query, lbk__tensor *rest, int32_t num_heads,
                             float probability, lbk__tensor **out);
/* [S, H]: of each sequence, the token that its class is read from. */
lbk_status lbk__op_pick(lbk__tape *tape, lbk__tensor *x, lbk__tensor **out);

#endif
