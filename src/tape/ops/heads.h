/* heads.h: each head's part of rows times its part of a weight matrix, for the ops with one query a sequence.
 * Head h of x [S, H] is x_h [S, d], from column h·d on; of y [S, heads, ld] it is y_h [S, H]; of W [H, H] it
 * is W_h [d, H], from row h·d on. In float32 whatever the tape's precision: there are S rows, not T. */
#ifndef LBK_TAPE_OPS_HEADS_H
#define LBK_TAPE_OPS_HEADS_H

#include "tape/ops/op.h"

/* y_h (+)= x_h·W_h */
void lbk__heads_widen(lbk__tape *tape, lbk__op *op, lbk__pass pass, const float *x, const float *w,
                      bool accumulate, float *y, int64_t ld);
/* x_h (+)= y_h·W_hᵀ */
void lbk__heads_narrow(lbk__tape *tape, lbk__op *op, lbk__pass pass, const float *y, int64_t ld,
                       const float *w, bool accumulate, float *x);
/* W_h += x_hᵀ·y_h, of the backward pass */
void lbk__heads_outer(lbk__tape *tape, lbk__op *op, const float *x, const float *y, int64_t ld, float *w);

#endif
