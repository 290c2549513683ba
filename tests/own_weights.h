/* own_weights.h: a loaded model whose weights a test changes. */
#ifndef LBK_TESTS_OWN_WEIGHTS_H
#define LBK_TESTS_OWN_WEIGHTS_H

#include "check.h"
#include "model/parameters.h"

/* Its weights in memory of their own, to write to. */
static inline float *own_weights(lbk__model *model) {
    const float *lent = model->weights;
    if (model->values) return model->values;
    check_ok(model->context, lbk__model_allocate(model));
    memcpy(model->values, lent, model->num_values * sizeof *lent);
    return model->values;
}

#endif
