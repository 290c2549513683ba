/* labels.c: lists of labels, by sample and by class. */
#include "eval/labels.h"

#include "data/pack.h"

#include <string.h>

/* ---- by sample ---- */

static lbk_status count_labels(const lbk_pack *pack, const int32_t *indices, int64_t count, lbk__labels *to) {
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(pack, indices[i], &sample));
        if (!sample.labelled) continue;
        to->start[to->num_samples + 1] = to->start[to->num_samples] + sample.num_labels;
        to->num_samples++;
    }
    return LBK_OK;
}

static lbk_status copy_labels(const lbk_pack *pack, const int32_t *indices, int64_t count, lbk__labels *to) {
    const bool soft = lbk_pack_label_kind(pack) == LBK_LABEL_SOFT;
    for (int64_t i = 0, at = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(pack, indices[i], &sample));
        for (int32_t k = 0; sample.labelled && k < sample.num_labels; k++, at++) {
            to->classes[at] = sample.classes[k];
            to->scores[at] = soft ? sample.scores[k] : 1;
        }
    }
    return LBK_OK;
}

lbk_status lbk__labels_read(lbk_context *context, const lbk_pack *pack, const int32_t *indices, int64_t count,
                            lbk__labels *out) {
    *out = (lbk__labels){0};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, out->start, count + 1));
    LBK_GO(count_labels(pack, indices, count, out));
    LBK_GO(LBK_ALLOC(context, out->classes, out->start[out->num_samples]));
    LBK_GO(LBK_ALLOC(context, out->scores, out->start[out->num_samples]));
    LBK_GO(copy_labels(pack, indices, count, out));
done:
    if (status != LBK_OK) lbk__labels_free(context, out);
    return status;
}

void lbk__labels_free(lbk_context *context, lbk__labels *labels) {
    lbk_free(context, labels->start);
    lbk_free(context, labels->classes);
    lbk_free(context, labels->scores);
    *labels = (lbk__labels){0};
}

void lbk__labels_row(const lbk__labels *labels, int64_t sample, int32_t num_classes, float *row) {
    memset(row, 0, (size_t)num_classes * sizeof *row);
    for (int64_t k = labels->start[sample]; k < labels->start[sample + 1]; k++)
        row[labels->classes[k]] = labels->scores[k];
}

float lbk__labels_target(const lbk__labels *labels, int64_t sample, int32_t class) {
    for (int64_t k = labels->start[sample]; k < labels->start[sample + 1]; k++)
        if (labels->classes[k] == class) return labels->scores[k];
    return 0;
}

/* ---- by class ---- */

lbk_status lbk__positives_find(lbk_context *context, const lbk__labels *labels, int32_t num_classes,
                               lbk__positives *out) {
    const int64_t total = labels->start[labels->num_samples];
    int64_t *next = NULL; /* [C] the free place of each class */
    *out = (lbk__positives){0};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, out->start, (size_t)num_classes + 1));
    LBK_GO(LBK_ALLOC(context, next, num_classes));
    for (int64_t k = 0; k < total; k++) out->start[labels->classes[k] + 1] += lbk__is_true(labels->scores[k]);
    for (int32_t c = 0; c < num_classes; c++) {
        out->start[c + 1] += out->start[c];
        next[c] = out->start[c];
    }
    LBK_GO(LBK_ALLOC(context, out->samples, out->start[num_classes]));
    for (int64_t i = 0; i < labels->num_samples; i++)
        for (int64_t k = labels->start[i]; k < labels->start[i + 1]; k++)
            if (lbk__is_true(labels->scores[k])) out->samples[next[labels->classes[k]]++] = (int32_t)i;
done:
    lbk_free(context, next);
    if (status != LBK_OK) lbk__positives_free(context, out);
    return status;
}

void lbk__positives_free(lbk_context *context, lbk__positives *positives) {
    lbk_free(context, positives->start);
    lbk_free(context, positives->samples);
    *positives = (lbk__positives){0};
}
