/* products.h: for linear: its matrix products in the tape's precision. x [n, in], W [out, in], z [n, out]. */
#ifndef LBK_TAPE_OPS_PRODUCTS_H
#define LBK_TAPE_OPS_PRODUCTS_H

#include "tape/ops/op.h"

/* Asks for what the products need beside the op's tensors. */
lbk_status lbk__products_ask(lbk__tape *tape, lbk__op *op);
/* z = x·Wᵀ */
void lbk__products_forward(lbk__tape *tape, lbk__op *op, float *z);
/* dx = dz·W (or += ), dW += dzᵀ·x */
void lbk__products_backward(lbk__tape *tape, lbk__op *op, const float *dz);
/* ż = ẋ·Wᵀ + x·Ẇᵀ */
void lbk__products_tangent(lbk__tape *tape, lbk__op *op, float *dz);

#endif
