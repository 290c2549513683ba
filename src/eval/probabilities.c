/* probabilities.c: loss, entropy, divergence from a teacher and calibration: metrics of how sure a model is.
 */
#include "base/logits.h"
#include "eval/parts.h"

static void add_to_bin(lbk__tally *tally, double confidence, double outcome) {
    int at = (int)ceil(confidence * LBK__NUM_BINS) - 1;
    at = LBK_MIN(LBK_MAX(at, 0), LBK__NUM_BINS - 1);
    tally->bins[at].confidence += confidence;
    tally->bins[at].outcome += outcome;
}

static void add_categorical(lbk__tally *tally, const float *logits, int32_t label, const float *teacher) {
    const int32_t n = tally->num_classes, best = lbk__argmax(logits, n);
    tally->entropy += lbk__categorical_entropy(logits, n);
    if (teacher) tally->kl += lbk__categorical_kl(teacher, logits, n, 1);
    if (label < 0) return;
    tally->loss += lbk__categorical_loss(logits, n, label);
    add_to_bin(tally, exp(-lbk__categorical_loss(logits, n, best)), best == label ? 1 : 0);
}

/* The probabilities of thousands of classes are computed once. */
static void add_bernoulli(lbk__tally *tally, const float *logits, const float *targets,
                          const float *teacher) {
    const int32_t n = tally->num_classes;
    double entropy = 0;
    for (int32_t c = 0; c < n; c++) {
        const lbk__yes_no p = lbk__yes_no_of((double)logits[c]);
        entropy += lbk__bernoulli_entropy(p);
        if (teacher) tally->kl += lbk__bernoulli_kl(lbk__yes_no_of((double)teacher[c]), p);
        if (!targets) continue;
        tally->loss += lbk__bernoulli_loss(p, (double)targets[c]);
        add_to_bin(tally, p.yes, (double)targets[c]);
    }
    tally->entropy += entropy / n;
}

void lbk__add_probability(lbk__tally *tally, const float *logits, int32_t label, const float *targets,
                          const float *teacher) {
    if (tally->label_kind == LBK_LABEL_SINGLE)
        add_categorical(tally, logits, label, teacher);
    else
        add_bernoulli(tally, logits, targets, teacher);
}

/* Σ over bins of |Σ confidence − Σ outcome| / count: the bins' gaps, weighted by their share. */
static double calibration_error(const lbk__bin *bins, double count) {
    double gap = 0;
    for (int b = 0; b < LBK__NUM_BINS; b++) gap += fabs(bins[b].confidence - bins[b].outcome);
    return gap / count;
}

void lbk__probability_metrics(const lbk__tally *tally, lbk__metrics *out) {
    double decisions = tally->label_kind == LBK_LABEL_SINGLE ? 1 : tally->num_classes;
    if (tally->num_labelled) {
        out->loss = tally->loss / (double)tally->num_labelled;
        out->ece = calibration_error(tally->bins, decisions * (double)tally->num_labelled);
    }
    if (tally->num_samples) out->entropy = tally->entropy / (double)tally->num_samples;
    if (tally->num_taught) out->kl = tally->kl / (double)tally->num_taught;
}
