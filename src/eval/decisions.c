/* decisions.c: accuracy and F1: metrics of what was decided, not of how sure the model was. */
#include "base/logits.h"
#include "eval/parts.h"

#include <math.h>

/* As scikit-learn with zero_division=0. */
static double f1(lbk__counts n) {
    int64_t all = 2 * n.hit + n.wrong + n.missed;
    return all ? 2 * (double)n.hit / (double)all : 0;
}

static void count_one(lbk__counts *n, bool decided, bool positive) {
    n->hit += decided && positive;
    n->wrong += decided && !positive;
    n->missed += !decided && positive;
}

static void decide_single(lbk__tally *tally, const float *logits, int32_t label) {
    int32_t decided = lbk__argmax(logits, tally->num_classes);
    if (decided == label) {
        tally->num_right++;
        tally->classes[label].hit++;
    } else {
        tally->classes[decided].wrong++;
        tally->classes[label].missed++;
    }
}

static void decide_multi(lbk__tally *tally, const float *logits, const float *targets) {
    lbk__counts sample = {0};
    for (int32_t c = 0; c < tally->num_classes; c++) {
        double threshold = tally->thresholds ? (double)tally->thresholds[c] : 0.5;
        bool decided = lbk__sigmoid((double)logits[c]) >= threshold, positive = targets[c] > 0.5f;
        count_one(&tally->classes[c], decided, positive);
        count_one(&sample, decided, positive);
    }
    tally->num_right += sample.wrong + sample.missed == 0;
    tally->f1_samples += f1(sample);
}

double lbk__exact_score(float score) {
    const double fraction = round((double)score * 30) / 30;
    return (float)fraction == score ? fraction : (double)score;
}

void lbk__add_decision(lbk__tally *tally, const float *logits, int32_t label, const float *targets) {
    switch (tally->label_kind) {
    case LBK_LABEL_SINGLE:
        decide_single(tally, logits, label);
        break;
    case LBK_LABEL_MULTI:
        decide_multi(tally, logits, targets);
        break;
    case LBK_LABEL_SOFT:
        tally->vqa_accuracy += lbk__exact_score(targets[lbk__argmax(logits, tally->num_classes)]);
    }
}

/* Micro, macro and weighted F1. Macro runs over every class (multi) or those that occur (single). */
static void average_f1(const lbk__tally *tally, lbk__metrics *out) {
    lbk__counts all = {0};
    double sum = 0, weighted = 0;
    int64_t support = 0, num_classes = 0;
    for (int32_t c = 0; c < tally->num_classes; c++) {
        lbk__counts n = tally->classes[c];
        all.hit += n.hit, all.wrong += n.wrong, all.missed += n.missed;
        num_classes += tally->label_kind == LBK_LABEL_MULTI || n.hit + n.wrong + n.missed > 0;
        sum += f1(n);
        support += n.hit + n.missed;
        weighted += (double)(n.hit + n.missed) * f1(n);
    }
    out->f1_micro = f1(all);
    out->f1_macro = sum / (double)num_classes;
    out->f1_weighted = support ? weighted / (double)support : 0;
}

void lbk__decision_metrics(const lbk__tally *tally, lbk__metrics *out) {
    double count = (double)tally->num_labelled;
    if (tally->num_labelled == 0) return;
    if (tally->label_kind == LBK_LABEL_SOFT) {
        out->vqa_accuracy = tally->vqa_accuracy / count;
        return;
    }
    out->accuracy = (double)tally->num_right / count;
    if (tally->label_kind == LBK_LABEL_MULTI) out->f1_samples = tally->f1_samples / count;
    average_f1(tally, out);
}
