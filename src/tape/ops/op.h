/* op.h: shorthands for the files of this folder. */
#ifndef LBK_TAPE_OPS_OP_H
#define LBK_TAPE_OPS_OP_H

#include "tape/ops.h"

/* Base of a parameter in one of the tape's arrays, in the element type of fast or reference tapes. */
static inline const float *weights_of(const lbk__tape *tape, lbk__slot slot) {
    return (const float *)tape->weights + slot.offset;
}
static inline float *gradients_of(const lbk__tape *tape, lbk__slot slot) {
    return (float *)tape->gradients + slot.offset;
}
static inline const float *direction_of(const lbk__tape *tape, lbk__slot slot) {
    return (const float *)tape->direction + slot.offset;
}
static inline const double *reference_weights(const lbk__tape *tape, lbk__slot slot) {
    return (const double *)tape->weights + slot.offset;
}
static inline double *reference_gradients(const lbk__tape *tape, lbk__slot slot) {
    return (double *)tape->gradients + slot.offset;
}
static inline const double *reference_direction(const lbk__tape *tape, lbk__slot slot) {
    return (const double *)tape->direction + slot.offset;
}

/* Whether `op` has to keep what backward and tangent need. */
static inline bool keeps(const lbk__tape *tape) {
    return tape->mode != LBK__TAPE_INFER;
}

/* Loops over rows are shared among threads from this many numbers on. */
enum { PARALLEL_FROM = 16384 };

/* `*target += value` or `= value`, by whether someone wrote the gradient before. */
static inline void reference_put(double *target, bool accumulate, double value) {
    *target = accumulate ? *target + value : value;
}

static inline double reference_dot(const double *a, const double *b, int64_t n) {
    double sum = 0.0;
    for (int64_t c = 0; c < n; c++) sum += a[c] * b[c];
    return sum;
}

/* What dropout multiplies element `element` of an op with, for references. */
static inline double kept_scale(const lbk__dropout *dropout, uint64_t element) {
    if (dropout->threshold == 0) return 1.0;
    uint16_t bits[8];
    lbk__dropout_bits_plain(dropout, element / 8 * 8, 8, bits);
    return bits[element % 8] >= dropout->threshold ? 65536.0 / (65536.0 - dropout->threshold) : 0.0;
}

void lbk__attention_reference_forward(lbk__tape *tape, lbk__op *op);
void lbk__attention_reference_backward(lbk__tape *tape, lbk__op *op);
void lbk__attention_reference_tangent(lbk__tape *tape, lbk__op *op);
void lbk__pooled_attention_reference_forward(lbk__tape *tape, lbk__op *op);
void lbk__pooled_attention_reference_backward(lbk__tape *tape, lbk__op *op);
void lbk__pooled_attention_reference_tangent(lbk__tape *tape, lbk__op *op);

#endif
