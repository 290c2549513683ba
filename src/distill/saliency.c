/* saliency.c: (6): how far the teacher's prediction moves when a modality is taken away. */
#include "base/logits.h"
#include "distill/distill.h"

const char *const lbk__saliency_names[] = {"kl", "js", "tv", "label", NULL};

static const double LN2 = 0.693147180559945309417;

/* log(p/m), m = (p + q)/2, of x = log p − log q: −log((1 + e⁻ˣ)/2). Where p and q are nearly the same, e⁻ˣ −
 * 1 has the digits that 1 + e⁻ˣ has lost. */
static double over_mean(double x) {
    return fabs(x) < 1 ? -log1p(0.5 * expm1(-x)) : LN2 + lbk__yes_no_of(x).log_yes;
}

/* The part of one outcome, known by its log-probabilities, in a Jensen–Shannon divergence: ½·p·log(p/m) +
 * ½·q·log(q/m). */
static double js_part(double log_p, double log_q) {
    const double x = log_p - log_q;
    return 0.5 * (exp(log_p) * over_mean(x) + exp(log_q) * over_mean(-x));
}

/* |p − q|, where both may be so near 1 that only their logarithms tell them apart. */
static double difference(double log_p, double log_q) {
    return -exp(fmax(log_p, log_q)) * expm1(-fabs(log_p - log_q));
}

static double categorical(lbk__saliency kind, const float *joint, const float *removed, int32_t n) {
    lbk__softmax p = lbk__softmax_of(joint, n, 1), q = lbk__softmax_of(removed, n, 1);
    double sum = 0;
    for (int32_t c = 0; c < n; c++) {
        double log_p = lbk__log_p(p, joint[c]), log_q = lbk__log_p(q, removed[c]);
        sum += kind == LBK__SALIENCY_JS ? js_part(log_p, log_q) : 0.5 * difference(log_p, log_q);
    }
    return sum;
}

static double bernoulli(lbk__saliency kind, lbk__yes_no p, lbk__yes_no q) {
    if (kind == LBK__SALIENCY_TV) return difference(p.log_yes, q.log_yes);
    return js_part(p.log_yes, q.log_yes) + js_part(p.log_no, q.log_no);
}

/* CE(removed) − CE(joint), clipped below at 0. */
static double label_cost(lbk_label_kind label_kind, const float *joint, const float *removed, int32_t n,
                         int32_t label, const float *targets) {
    double cost = 0;
    if (label_kind == LBK_LABEL_SINGLE && label >= 0)
        cost = lbk__cross_entropy(removed, n, label, NULL) - lbk__cross_entropy(joint, n, label, NULL);
    else if (label_kind != LBK_LABEL_SINGLE && targets)
        cost = lbk__binary_cross_entropy(removed, n, targets, NULL) -
               lbk__binary_cross_entropy(joint, n, targets, NULL);
    return fmax(cost, 0);
}

double lbk__saliency_of(lbk__saliency kind, lbk_label_kind label_kind, const float *joint,
                        const float *removed, int32_t num_classes, int32_t label, const float *targets) {
    if (kind == LBK__SALIENCY_LABEL)
        return label_cost(label_kind, joint, removed, num_classes, label, targets);
    if (kind == LBK__SALIENCY_KL) return lbk__prediction_kl(label_kind, joint, removed, num_classes);
    double value = 0;
    if (label_kind == LBK_LABEL_SINGLE) {
        value = categorical(kind, joint, removed, num_classes);
    } else {
        for (int32_t c = 0; c < num_classes; c++)
            value += bernoulli(kind, lbk__yes_no_of((double)joint[c]), lbk__yes_no_of((double)removed[c]));
        value /= num_classes;
    }
    return fmin(fmax(value, 0), kind == LBK__SALIENCY_JS ? LN2 : 1);
}
