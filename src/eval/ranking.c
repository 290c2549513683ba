/* ranking.c: AUROC and average precision: how well scores put what is true before what is not. */
#include "base/logits.h"
#include "eval/parts.h"

#include <math.h>
#include <stdlib.h>

static int by_falling_score(const void *a, const void *b) {
    double x = ((const lbk__scored *)a)->score, y = ((const lbk__scored *)b)->score;
    return (x < y) - (x > y);
}

void lbk__sort_scored(lbk__scored *items, int64_t count) {
    if (count > 1) qsort(items, (size_t)count, sizeof *items, by_falling_score);
}

void lbk__mark_positives(const lbk__positives *positives, int32_t class, lbk__scored *items) {
    for (int64_t k = positives->start[class]; k < positives->start[class + 1]; k++)
        items[positives->samples[k]].positive = true;
}

/* The end of the run of equal scores that starts at `first`; its positives are added to *positives. */
static int64_t next_score(const lbk__scored *items, int64_t count, int64_t first, int64_t *positives) {
    int64_t end = first;
    for (; end < count && items[end].score == items[first].score; end++) *positives += items[end].positive;
    return end;
}

/* Mann-Whitney: the share of (positive, negative) pairs in the right order, ties by half; NaN without pairs.
 * Average precision: Σ over distinct scores of the step in recall × the precision there; NaN without
 * positives. */
static void rank_class(const lbk__scored *items, int64_t count, double *auroc, double *precision) {
    double pairs = 0, area = 0;
    int64_t positives = 0, negatives = 0;
    for (int64_t first = 0, end; first < count; first = end) {
        int64_t before = positives;
        end = next_score(items, count, first, &positives);
        double found = (double)(positives - before), missed = (double)(end - first) - found;
        pairs += missed * ((double)before + 0.5 * found);
        area += found * (double)positives / (double)end;
        negatives += (int64_t)missed;
    }
    *auroc = positives && negatives ? pairs / ((double)positives * (double)negatives) : NAN;
    *precision = positives ? area / (double)positives : NAN;
}

/* A sample of a single-label task: log Σ exp over all classes, and over all but the largest. */
typedef struct lse {
    int32_t best;
    double all, rest;
} lse;

static lse sum_up(const float *logits, int32_t num_classes) {
    int32_t best = lbk__argmax(logits, num_classes);
    double largest = (double)logits[best], rest = 0;
    for (int32_t c = 0; c < num_classes; c++)
        if (c != best) rest += exp((double)logits[c] - largest);
    return (lse){best, largest + log1p(rest), rest > 0 ? largest + log(rest) : -INFINITY};
}

/* log p/(1 − p) of class c: orders as p does, but keeps apart what p rounds to 1. In steps of 2⁻³⁰: finer
 * differences are errors of the sums. */
static double log_odds(const float *logits, int32_t c, const lse *sum) {
    double log_p = (double)logits[c] - sum->all;
    double odds = c == sum->best ? (double)logits[c] - sum->rest : log_p - log1p(-exp(log_p));
    return nearbyint(odds * 0x1p30);
}

static void fill_class(const lbk__metrics_input *input, const lbk__positives *positives, int32_t c,
                       const lse *sums, lbk__scored *items) {
    const bool single = input->label_kind == LBK_LABEL_SINGLE;
    for (int64_t i = 0; i < input->num_samples; i++) {
        const float *logits = input->logits + i * input->num_classes;
        items[i] = single ? (lbk__scored){log_odds(logits, c, &sums[i]), input->labels[i] == c}
                          : (lbk__scored){(double)logits[c], false};
    }
    if (!single) lbk__mark_positives(positives, c, items);
}

lbk_status lbk__ranking_metrics(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out) {
    if (input->label_kind == LBK_LABEL_SOFT) return LBK_OK;
    lbk_status status = LBK_OK;
    lbk__scored *items = NULL;
    lbk__positives positives = {0};
    lse *sums = NULL;
    double auroc_sum = 0, precision_sum = 0, second = NAN;
    int32_t num_auroc = 0, num_precision = 0;
    LBK_GO(LBK_ALLOC(context, items, input->num_samples));
    LBK_GO(LBK_ALLOC(context, sums, input->num_samples));
    if (input->label_kind == LBK_LABEL_MULTI)
        LBK_GO(lbk__positives_find(context, input->targets, input->num_classes, &positives));
    for (int64_t i = 0; i < input->num_samples; i++)
        sums[i] = sum_up(input->logits + i * input->num_classes, input->num_classes);
    for (int32_t c = 0; c < input->num_classes; c++) {
        double auroc, precision;
        fill_class(input, &positives, c, sums, items);
        lbk__sort_scored(items, input->num_samples);
        rank_class(items, input->num_samples, &auroc, &precision);
        if (!isnan(auroc)) auroc_sum += auroc, num_auroc++;
        if (!isnan(precision)) precision_sum += precision, num_precision++;
        second = auroc;
    }
    if (input->label_kind == LBK_LABEL_SINGLE && input->num_classes == 2)
        out->auroc = second;
    else if (num_auroc)
        out->auroc = auroc_sum / num_auroc;
    if (num_precision) out->mean_average_precision = precision_sum / num_precision;
done:
    lbk__positives_free(context, &positives);
    lbk_free(context, items);
    lbk_free(context, sums);
    return status;
}
