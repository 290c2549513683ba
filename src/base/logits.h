/* logits.h: probabilities, entropies and divergences as functions of logits, in forms that stay finite for
 * any finite logits and temperature > 0: log-sum-exp for one of n classes, softplus for yes/no. Double
 * inside. Values that cannot be negative are not: rounding is clipped. Entropies and divergences are in nats.
 */
#ifndef LBK_BASE_LOGITS_H
#define LBK_BASE_LOGITS_H

#include <math.h>
#include <stdint.h>

/* log(1 + eˣ); log σ(x) = −softplus(−x), log(1 − σ(x)) = −softplus(x). */
static inline double lbk__softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static inline double lbk__sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

/* log Σ_c exp(logits[c] / temperature); n ≥ 1. */
double lbk__log_sum_exp(const float *logits, int32_t n, double temperature);
/* The first of the largest. */
int32_t lbk__argmax(const float *logits, int32_t n);

/* −log softmax(logits)_label. */
double lbk__categorical_loss(const float *logits, int32_t n, int32_t label);
/* Binary cross-entropy of σ(logit) to a target in [0, 1]. */
double lbk__bernoulli_loss(double logit, double target);

double lbk__categorical_entropy(const float *logits, int32_t n);
double lbk__bernoulli_entropy(double logit);

/* KL(p ‖ q) of p = softmax(p_logits / temperature), q likewise; of Bern(σ(p_logit)), Bern(σ(q_logit)). */
double lbk__categorical_kl(const float *p_logits, const float *q_logits, int32_t n, double temperature);
double lbk__bernoulli_kl(double p_logit, double q_logit);

#endif
