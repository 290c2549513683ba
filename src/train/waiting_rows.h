/* waiting_rows.h: rows of the word table that no token of a step asks for. Their gradient is 0, but AdamW
 * moves them all the same: moments fade, weights decay. These steps are put off until somebody looks at the
 * row, and then taken one by one by the very same arithmetic: the bits are those of an optimizer that goes
 * through the whole table every time, which for a small model is most of what a step reads and writes. */
#ifndef LBK_TRAIN_WAITING_ROWS_H
#define LBK_TRAIN_WAITING_ROWS_H

#include "kernel/kernel.h"
#include "model/model.h"

enum { LBK__MOST_WAITING = 64 }; /* steps; then all rows take theirs */

typedef struct lbk__waiting_rows {
    lbk__model *model;
    float *first, *second; /* the optimizer's moments */
    uint8_t *taken;        /* [vocab_size] how many of the steps below the row has taken */
    lbk__adamw_step steps[LBK__MOST_WAITING];
    float keep[LBK__MOST_WAITING];
    int count;
    float *zeros; /* [hidden_size] a gradient */
} lbk__waiting_rows;

lbk_status lbk__waiting_rows_create(lbk__model *model, float *first, float *second, lbk__waiting_rows *out);
void lbk__waiting_rows_free(lbk__waiting_rows *waiting);
/* The rows of these tokens (negative ones are none) take what they put off. */
void lbk__waiting_rows_refresh(lbk__waiting_rows *waiting, const int32_t *tokens, int32_t count);
/* All rows do. */
void lbk__waiting_rows_settle(lbk__waiting_rows *waiting);
/* A step of the table: rows that are touched, which must be fresh, take it with their gradient, the others
 * put it off. */
void lbk__waiting_rows_step(lbk__waiting_rows *waiting, const float *gradients, const uint8_t *touched,
                            const lbk__adamw_step *step, float keep);

#endif
