/* logits.h: probabilities, entropies and divergences as functions of logits, in forms that stay finite for
 * any finite logits and temperature > 0: log-sum-exp for one of n classes, log1p for yes/no. Double
 * inside. Values that cannot be negative are not: rounding is clipped. Entropies and divergences are in nats.
 */
#ifndef LBK_BASE_LOGITS_H
#define LBK_BASE_LOGITS_H

#include <limbeck/limbeck.h>
#include <math.h>
#include <stdint.h>

static inline double lbk__sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

/* A yes/no prediction: σ(x), 1 − σ(x) and their logarithms, −softplus(∓x), from one exponential. */
typedef struct lbk__yes_no {
    double yes, no, log_yes, log_no;
} lbk__yes_no;

static inline lbk__yes_no lbk__yes_no_of(double logit) {
    double e = exp(-fabs(logit)), log_large = -log1p(e), large = 1 / (1 + e), small = e / (1 + e);
    double log_small = log_large - fabs(logit);
    return logit >= 0 ? (lbk__yes_no){large, small, log_large, log_small}
                      : (lbk__yes_no){small, large, log_small, log_large};
}

/* KL(Bern(p) ‖ Bern(q)). */
static inline double lbk__bernoulli_kl(lbk__yes_no p, lbk__yes_no q) {
    return fmax(p.yes * (p.log_yes - q.log_yes) + p.no * (p.log_no - q.log_no), 0);
}

static inline double lbk__bernoulli_entropy(lbk__yes_no p) {
    return -(p.yes * p.log_yes + p.no * p.log_no);
}

/* Cross-entropy to a target in [0, 1]. */
static inline double lbk__bernoulli_loss(lbk__yes_no p, double target) {
    return -(target * p.log_yes + (1 - target) * p.log_no);
}

/* log softmax(z/τ)_c = (z_c/τ − largest) − log Σ_c exp(z_c/τ − largest). The two are kept apart: of a
 * prediction that is nearly sure the second is all that its class lacks of 1, and would be lost in a sum. */
typedef struct lbk__softmax {
    double temperature, largest, log_sum;
} lbk__softmax;

lbk__softmax lbk__softmax_of(const float *logits, int32_t n, double temperature); /* n ≥ 1 */
static inline double lbk__log_p(lbk__softmax softmax, float logit) {
    return ((double)logit / softmax.temperature - softmax.largest) - softmax.log_sum;
}
/* The first of the largest. */
int32_t lbk__argmax(const float *logits, int32_t n);

/* −log softmax(logits)_label. */
double lbk__categorical_loss(const float *logits, int32_t n, int32_t label);
double lbk__categorical_entropy(const float *logits, int32_t n);
/* KL(p ‖ q) of p = softmax(p_logits / temperature), q likewise. */
double lbk__categorical_kl(const float *p_logits, const float *q_logits, int32_t n, double temperature);
/* Softmax (single) or sigmoids (multi-label, soft) of n logits. */
void lbk__probabilities(lbk_label_kind kind, const float *logits, int32_t n, float *out);
/* KL(p ‖ q) of two predictions: of one of n classes, or (multi-label, soft) the mean over n yes/no ones. */
double lbk__prediction_kl(lbk_label_kind kind, const float *p_logits, const float *q_logits, int32_t n);

#endif
