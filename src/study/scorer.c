/* scorer.c: metrics of weighted samples. */
#include "base/logits.h"
#include "study/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool lbk__scorer_knows(const char *metric, lbk_label_kind label_kind, int32_t num_classes) {
    switch (label_kind) {
    case LBK_LABEL_SINGLE:
        return strcmp(metric, "accuracy") == 0 || strcmp(metric, "f1_micro") == 0 ||
               (strcmp(metric, "auroc") == 0 && num_classes == 2);
    case LBK_LABEL_MULTI:
        return strcmp(metric, "accuracy") == 0 || strcmp(metric, "f1_micro") == 0 ||
               strcmp(metric, "f1_samples") == 0;
    default:
        return strcmp(metric, "vqa_accuracy") == 0;
    }
}

/* ---- sums ---- */

static bool decides(const lbk__metrics_input *input, int64_t i, int32_t class) {
    const double threshold = input->thresholds ? (double)input->thresholds[class] : 0.5;
    return lbk__sigmoid((double)input->logits[i * input->num_classes + class]) >= threshold;
}

static void count_sets(const lbk__metrics_input *input, int64_t i, double *both, double *either) {
    const lbk__labels *labels = input->targets;
    *both = *either = 0; /* true and decided; true plus decided */
    for (int32_t c = 0; c < input->num_classes; c++) *either += decides(input, i, c);
    for (int64_t k = labels->start[i]; k < labels->start[i + 1]; k++) {
        const bool right = labels->scores[k] > 0.5f;
        *both += right && decides(input, i, labels->classes[k]);
        *either += right;
    }
}

static void sample_parts(const char *metric, const lbk__metrics_input *input, int64_t i, double *part,
                         double *whole) {
    const float *logits = input->logits + i * input->num_classes;
    double both, either;
    *whole = 1;
    if (input->label_kind == LBK_LABEL_SINGLE) { /* micro F1 of one class each is accuracy */
        *part = lbk__argmax(logits, input->num_classes) == input->labels[i];
        return;
    }
    if (input->label_kind == LBK_LABEL_SOFT) {
        *part =
            lbk__exact_score(lbk__labels_target(input->targets, i, lbk__argmax(logits, input->num_classes)));
        return;
    }
    count_sets(input, i, &both, &either);
    if (strcmp(metric, "accuracy") == 0)
        *part = 2 * both == either;
    else if (strcmp(metric, "f1_samples") == 0)
        *part = either > 0 ? 2 * both / either : 0;
    else
        *part = 2 * both, *whole = either;
}

static lbk_status create_sums(lbk_context *context, const char *metric, const lbk__metrics_input *input,
                              lbk__scorer *out) {
    LBK_TRY(LBK_ALLOC(context, out->part, out->count));
    if (strcmp(metric, "f1_micro") == 0) LBK_TRY(LBK_ALLOC(context, out->whole, out->count));
    for (int64_t i = 0; i < out->count; i++) {
        double whole;
        sample_parts(metric, input, i, &out->part[i], &whole);
        if (out->whole) out->whole[i] = whole;
    }
    return LBK_OK;
}

/* ---- AUROC ---- */

typedef struct ranked {
    double score;
    int32_t index;
} ranked;

static int by_falling_score(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Scores are log-odds in steps of 2⁻³⁰, as in eval/ranking.c. */
static lbk_status create_ranking(lbk_context *context, const lbk__metrics_input *input, lbk__scorer *out) {
    ranked *items;
    LBK_TRY(LBK_ALLOC(context, out->order, out->count));
    LBK_TRY(LBK_ALLOC(context, out->positive, out->count));
    LBK_TRY(LBK_ALLOC(context, out->tied, out->count));
    LBK_TRY(LBK_ALLOC(context, items, out->count));
    for (int64_t i = 0; i < out->count; i++) {
        const float *logits = input->logits + 2 * i;
        items[i] = (ranked){nearbyint(((double)logits[1] - (double)logits[0]) * 0x1p30), (int32_t)i};
        out->positive[i] = input->labels[i] == 1;
    }
    qsort(items, (size_t)out->count, sizeof *items, by_falling_score);
    for (int64_t i = 0; i < out->count; i++) {
        out->order[i] = items[i].index;
        out->tied[i] = i + 1 < out->count && items[i + 1].score == items[i].score;
    }
    lbk_free(context, items);
    return LBK_OK;
}

/* Mann-Whitney: pairs in the right order, ties by half. */
static double area(const lbk__scorer *scorer, const int32_t *times) {
    double pairs = 0, positives = 0, negatives = 0, found = 0, missed = 0;
    for (int64_t i = 0; i < scorer->count; i++) {
        const int32_t index = scorer->order[i];
        *(scorer->positive[index] ? &found : &missed) += times[index];
        if (scorer->tied[i]) continue;
        pairs += missed * (positives + 0.5 * found);
        positives += found, negatives += missed;
        found = missed = 0;
    }
    return pairs / (positives * negatives);
}

/* ---- both ---- */

lbk_status lbk__scorer_create(lbk_context *context, const char *metric, const lbk__metrics_input *input,
                              lbk__scorer *out) {
    *out = (lbk__scorer){.count = input->num_samples};
    lbk_status status = strcmp(metric, "auroc") == 0 ? create_ranking(context, input, out)
                                                     : create_sums(context, metric, input, out);
    if (status != LBK_OK) lbk__scorer_free(context, out);
    return status;
}

void lbk__scorer_free(lbk_context *context, lbk__scorer *scorer) {
    void *const blocks[] = {scorer->part, scorer->whole, scorer->order, scorer->positive, scorer->tied};
    for (size_t i = 0; i < LBK_COUNT(blocks); i++) lbk_free(context, blocks[i]);
    *scorer = (lbk__scorer){0};
}

double lbk__scorer_score(const lbk__scorer *scorer, const int32_t *times) {
    if (scorer->order) return area(scorer, times);
    double part = 0, whole = 0;
    for (int64_t i = 0; i < scorer->count; i++) {
        part += times[i] * scorer->part[i];
        whole += scorer->whole ? times[i] * scorer->whole[i] : times[i];
    }
    return whole > 0 ? part / whole : 0; /* F1 of nothing true and nothing predicted */
}
