/* logits.c: entropies and divergences as functions of logits. */
#include "base/logits.h"

#include <math.h>
#include <stdbool.h>

int32_t lbk__argmax(const float *logits, int32_t n) {
    int32_t best = 0;
    for (int32_t c = 1; c < n; c++)
        if (logits[c] > logits[best]) best = c;
    return best;
}

lbk__softmax lbk__softmax_of(const float *logits, int32_t n, double temperature) {
    int32_t best = lbk__argmax(logits, n);
    double largest = (double)logits[best] / temperature, rest = 0;
    for (int32_t c = 0; c < n; c++)
        if (c != best) rest += exp((double)logits[c] / temperature - largest);
    return (lbk__softmax){temperature, largest, log1p(rest)};
}

double lbk__categorical_loss(const float *logits, int32_t n, int32_t label) {
    return fmax(-lbk__log_p(lbk__softmax_of(logits, n, 1), logits[label]), 0);
}

double lbk__categorical_entropy(const float *logits, int32_t n) {
    lbk__softmax softmax = lbk__softmax_of(logits, n, 1);
    double entropy = 0;
    for (int32_t c = 0; c < n; c++) {
        double log_p = lbk__log_p(softmax, logits[c]);
        entropy -= exp(log_p) * log_p;
    }
    return fmax(entropy, 0);
}

double lbk__categorical_kl(const float *p_logits, const float *q_logits, int32_t n, double temperature) {
    lbk__softmax p = lbk__softmax_of(p_logits, n, temperature), q = lbk__softmax_of(q_logits, n, temperature);
    double sum = 0;
    for (int32_t c = 0; c < n; c++) {
        double log_p = lbk__log_p(p, p_logits[c]), log_q = lbk__log_p(q, q_logits[c]);
        sum += exp(log_p) * (log_p - log_q);
    }
    return fmax(sum, 0);
}

double lbk__prediction_kl(lbk_label_kind kind, const float *p_logits, const float *q_logits, int32_t n) {
    if (kind == LBK_LABEL_SINGLE) return lbk__categorical_kl(p_logits, q_logits, n, 1);
    double sum = 0;
    for (int32_t c = 0; c < n; c++)
        sum += lbk__bernoulli_kl(lbk__yes_no_of((double)p_logits[c]), lbk__yes_no_of((double)q_logits[c]));
    return sum / n;
}

void lbk__probabilities(lbk_label_kind kind, const float *logits, int32_t n, float *out) {
    const bool single = kind == LBK_LABEL_SINGLE;
    const lbk__softmax softmax = single ? lbk__softmax_of(logits, n, 1) : (lbk__softmax){0};
    for (int32_t c = 0; c < n; c++)
        out[c] = (float)(single ? exp(lbk__log_p(softmax, logits[c])) : lbk__sigmoid((double)logits[c]));
}
