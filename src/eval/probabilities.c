/* probabilities.c: loss, entropy, divergence from a teacher and calibration: metrics of how sure a model is.
 */
#include "base/logits.h"
#include "eval/parts.h"

enum { NUM_BINS = 15 };

/* Confidences and outcomes that fell into one bin. */
typedef struct bin {
    double confidence, outcome;
} bin;

/* Bins are (0, 1/15], (1/15, 2/15], …; 0 belongs to the first. */
static void add_to_bin(bin *bins, double confidence, double outcome) {
    int at = (int)ceil(confidence * NUM_BINS) - 1;
    at = LBK_MIN(LBK_MAX(at, 0), NUM_BINS - 1);
    bins[at].confidence += confidence;
    bins[at].outcome += outcome;
}

/* Σ over bins of |Σ confidence − Σ outcome| / count: the bins' gaps, weighted by their share. */
static double calibration_error(const bin *bins, int64_t count) {
    double gap = 0;
    for (int b = 0; b < NUM_BINS; b++) gap += fabs(bins[b].confidence - bins[b].outcome);
    return gap / (double)count;
}

static void add_single(const lbk__metrics_input *input, int64_t i, bin *bins, lbk__metrics *sum) {
    int32_t n = input->num_classes, label = input->labels[i];
    const float *logits = input->logits + i * n;
    int32_t best = lbk__argmax(logits, n);
    sum->loss += lbk__categorical_loss(logits, n, label);
    sum->entropy += lbk__categorical_entropy(logits, n);
    add_to_bin(bins, exp((double)logits[best] - lbk__log_sum_exp(logits, n, 1)), best == label ? 1 : 0);
    if (input->teacher) sum->kl += lbk__categorical_kl(input->teacher + i * n, logits, n, 1);
}

static void add_multi(const lbk__metrics_input *input, int64_t i, bin *bins, lbk__metrics *sum) {
    double entropy = 0;
    for (int32_t c = 0; c < input->num_classes; c++) {
        int64_t at = i * input->num_classes + c;
        double logit = (double)input->logits[at], target = (double)input->targets[at];
        sum->loss += lbk__bernoulli_loss(logit, target);
        entropy += lbk__bernoulli_entropy(logit);
        add_to_bin(bins, lbk__sigmoid(logit), target);
        if (input->teacher) sum->kl += lbk__bernoulli_kl((double)input->teacher[at], logit);
    }
    sum->entropy += entropy / input->num_classes;
}

void lbk__probability_metrics(const lbk__metrics_input *input, lbk__metrics *out) {
    bin bins[NUM_BINS] = {0};
    lbk__metrics sum = {0};
    double count = (double)input->num_samples;
    bool single = input->label_kind == LBK_LABEL_SINGLE;
    for (int64_t i = 0; i < input->num_samples; i++) (single ? add_single : add_multi)(input, i, bins, &sum);
    out->loss = sum.loss / count;
    out->entropy = sum.entropy / count;
    out->ece = calibration_error(bins, input->num_samples * (single ? 1 : input->num_classes));
    if (input->teacher) out->kl = sum.kl / count;
}
