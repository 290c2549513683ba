/* decisions.c: accuracy and F1: metrics of what was decided, not of how sure the model was. */
#include "base/logits.h"
#include "eval/parts.h"

typedef struct counts {
    int64_t hit, wrong, missed; /* true positives, false positives, false negatives */
} counts;

/* As scikit-learn with zero_division=0. */
static double f1(counts n) {
    int64_t all = 2 * n.hit + n.wrong + n.missed;
    return all ? 2 * (double)n.hit / (double)all : 0;
}

static void count_one(counts *n, bool decided, bool positive) {
    n->hit += decided && positive;
    n->wrong += decided && !positive;
    n->missed += !decided && positive;
}

static void add_counts(counts *to, counts n) {
    to->hit += n.hit, to->wrong += n.wrong, to->missed += n.missed;
}

/* Micro, macro and weighted F1. Macro runs over every class (multi) or those that occur (single). */
static void average_f1(const lbk__metrics_input *input, const counts *classes, lbk__metrics *out) {
    counts all = {0};
    double sum = 0, weighted = 0;
    int64_t support = 0, num_classes = 0;
    for (int32_t c = 0; c < input->num_classes; c++) {
        counts n = classes[c];
        bool occurs = n.hit + n.wrong + n.missed > 0;
        add_counts(&all, n);
        if (occurs || input->label_kind == LBK_LABEL_MULTI) num_classes++;
        sum += f1(n);
        support += n.hit + n.missed;
        weighted += (double)(n.hit + n.missed) * f1(n);
    }
    out->f1_micro = f1(all);
    out->f1_macro = sum / (double)num_classes;
    out->f1_weighted = support ? weighted / (double)support : 0;
}

static void decide_single(const lbk__metrics_input *input, counts *classes, lbk__metrics *out) {
    int64_t right = 0;
    for (int64_t i = 0; i < input->num_samples; i++) {
        int32_t decided = lbk__argmax(input->logits + i * input->num_classes, input->num_classes);
        int32_t label = input->labels[i];
        right += decided == label;
        if (decided == label) {
            classes[label].hit++;
        } else {
            classes[decided].wrong++;
            classes[label].missed++;
        }
    }
    out->accuracy = (double)right / (double)input->num_samples;
}

static void decide_multi(const lbk__metrics_input *input, counts *classes, lbk__metrics *out) {
    int64_t exact = 0;
    double sum = 0;
    for (int64_t i = 0; i < input->num_samples; i++) {
        counts sample = {0};
        for (int32_t c = 0; c < input->num_classes; c++) {
            int64_t at = i * input->num_classes + c;
            double threshold = input->thresholds ? (double)input->thresholds[c] : 0.5;
            bool decided = lbk__sigmoid((double)input->logits[at]) >= threshold;
            count_one(&classes[c], decided, input->targets[at] > 0.5f);
            count_one(&sample, decided, input->targets[at] > 0.5f);
        }
        exact += sample.wrong + sample.missed == 0;
        sum += f1(sample);
    }
    out->accuracy = (double)exact / (double)input->num_samples;
    out->f1_samples = sum / (double)input->num_samples;
}

static void decide_soft(const lbk__metrics_input *input, lbk__metrics *out) {
    double sum = 0;
    for (int64_t i = 0; i < input->num_samples; i++) {
        int64_t at = i * input->num_classes;
        sum += (double)input->targets[at + lbk__argmax(input->logits + at, input->num_classes)];
    }
    out->vqa_accuracy = sum / (double)input->num_samples;
}

lbk_status lbk__decision_metrics(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out) {
    if (input->label_kind == LBK_LABEL_SOFT) {
        decide_soft(input, out);
        return LBK_OK;
    }
    counts *classes;
    LBK_TRY(LBK_ALLOC(context, classes, input->num_classes));
    if (input->label_kind == LBK_LABEL_SINGLE)
        decide_single(input, classes, out);
    else
        decide_multi(input, classes, out);
    average_f1(input, classes, out);
    lbk_free(context, classes);
    return LBK_OK;
}
