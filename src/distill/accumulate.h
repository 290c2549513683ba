/* accumulate.h: the per-sample terms of distill.h with their gradients *added* with a factor, so that the
 * loss of a batch needs no buffer of its own. */
#ifndef LBK_DISTILL_ACCUMULATE_H
#define LBK_DISTILL_ACCUMULATE_H

#include "base/base.h"

/* Return the value; gradient[c] += factor · ∂value/∂student[c]. */
double lbk__add_cross_entropy(const float *student, int32_t num_classes, int32_t label, double factor,
                              float *gradient);
double lbk__add_binary_cross_entropy(const float *student, int32_t num_classes, const float *targets,
                                     double factor, float *gradient);
double lbk__add_divergence(lbk_label_kind kind, const float *teacher, const float *student,
                           int32_t num_classes, double temperature, double factor, float *gradient);

#endif
