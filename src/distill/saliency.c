/* saliency.c: (6): how far the teacher's prediction moves when a modality is taken away. */
#include "base/logits.h"
#include "distill/distill.h"

const char *const lbk__saliency_names[] = {"kl", "js", "tv", "label", NULL};

static const double LN2 = 0.693147180559945309417;

/* The part of one outcome, known by its log-probabilities, in a Jensen–Shannon divergence: ½·p·log(p/m) +
 * ½·q·log(q/m) with m = (p + q)/2, so log(p/m) = ln 2 − log(1 + q/p) = ln 2 + log σ(log p − log q). */
static double js_part(double log_p, double log_q) {
    lbk__yes_no more = lbk__yes_no_of(log_p - log_q);
    return 0.5 * (exp(log_p) * (LN2 + more.log_yes) + exp(log_q) * (LN2 + more.log_no));
}

static double categorical(lbk__saliency kind, const float *joint, const float *removed, int32_t n) {
    double joint_total = lbk__log_sum_exp(joint, n, 1), removed_total = lbk__log_sum_exp(removed, n, 1);
    double sum = 0;
    for (int32_t c = 0; c < n; c++) {
        double log_p = (double)joint[c] - joint_total, log_q = (double)removed[c] - removed_total;
        sum += kind == LBK__SALIENCY_JS ? js_part(log_p, log_q) : 0.5 * fabs(exp(log_p) - exp(log_q));
    }
    return sum;
}

static double bernoulli(lbk__saliency kind, lbk__yes_no p, lbk__yes_no q) {
    if (kind == LBK__SALIENCY_TV) return fabs(p.yes - q.yes);
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
