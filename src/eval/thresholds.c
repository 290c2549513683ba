/* thresholds.c: the decision threshold of each class with the best F1. */
#include "base/logits.h"
#include "eval/parts.h"

/* Sweeps the threshold down through the gaps between scores (probabilities, falling) and at last below all of
 * them; F1 = 2·hits / (decided + positives). A gap that float32 cannot hit is passed over. */
static float best_threshold(const lbk__scored *items, int64_t count) {
    int64_t positives = 0, hits = 0;
    for (int64_t i = 0; i < count; i++) positives += items[i].positive;
    float threshold = 0.5f;
    double best = 0;
    for (int64_t i = 0; i < count && positives; i++) {
        hits += items[i].positive;
        double next = i + 1 < count ? items[i + 1].score : 0;
        float middle = (float)(0.5 * (items[i].score + next));
        bool last = i + 1 == count;
        bool separates = (double)middle <= items[i].score && (last || (double)middle > next);
        double f1 = 2 * (double)hits / (double)(i + 1 + positives);
        if (separates && f1 >= best) best = f1, threshold = middle;
    }
    return threshold;
}

lbk_status lbk__choose_thresholds(lbk_context *context, const lbk__metrics_input *input, float *thresholds) {
    for (int32_t c = 0; c < input->num_classes; c++) thresholds[c] = 0.5f;
    if (input->label_kind != LBK_LABEL_MULTI) return LBK_OK;
    lbk__scored *items = NULL;
    lbk__positives positives = {0};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, items, input->num_samples));
    LBK_GO(lbk__positives_find(context, input->targets, input->num_classes, &positives));
    for (int32_t c = 0; c < input->num_classes; c++) {
        for (int64_t i = 0; i < input->num_samples; i++)
            items[i] = (lbk__scored){lbk__sigmoid((double)input->logits[i * input->num_classes + c]), false};
        lbk__mark_positives(&positives, c, items);
        lbk__sort_scored(items, input->num_samples);
        thresholds[c] = best_threshold(items, input->num_samples);
    }
done:
    lbk__positives_free(context, &positives);
    lbk_free(context, items);
    return status;
}
