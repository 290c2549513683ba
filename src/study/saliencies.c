/* saliencies.c: how much each modality matters to the teacher: (6) by split, over the test samples, by class.
 */
#include "study/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 24 };

static const char *const modality_names[LBK__NUM_MODALITIES] = {"text", "image"};

lbk__saliency lbk__results_saliency_kind(const lbk__results *r) {
    const char *name = json_string_value(json_object_get(r->study, "saliency"));
    for (int k = 0; name && lbk__saliency_names[k]; k++)
        if (strcmp(lbk__saliency_names[k], name) == 0) return (lbk__saliency)k;
    return LBK__SALIENCY_KL;
}

/* Adds one sample to object {"text", "image", "num_samples"}, which holds sums until finish_mean; means of no
 * sample are null. */
static void add_sample(json_t *object, const float saliency[LBK__NUM_MODALITIES]) {
    for (int m = 0; m < LBK__NUM_MODALITIES; m++) {
        const double before = json_real_value(json_object_get(object, modality_names[m]));
        json_object_set_new(object, modality_names[m], json_real(before + (double)saliency[m]));
    }
    const json_int_t count = json_integer_value(json_object_get(object, "num_samples"));
    json_object_set_new(object, "num_samples", json_integer(count + 1));
}

static void finish_mean(json_t *object) {
    const double count = (double)json_integer_value(json_object_get(object, "num_samples"));
    for (int m = 0; m < LBK__NUM_MODALITIES; m++) {
        const double sum = json_real_value(json_object_get(object, modality_names[m]));
        json_object_set_new(object, modality_names[m], count > 0 ? json_real(sum / count) : json_null());
    }
}

static json_t *empty_mean(const char *name) {
    return json_pack("{s:s, s:f, s:f, s:i}", "name", name, "text", 0.0, "image", 0.0, "num_samples", 0);
}

/* Means over the samples of each split of the pack. */
static lbk_status by_split(const lbk__results *r, lbk__saliency kind, json_t *out) {
    json_t *splits = json_object(), *split;
    const char *name;
    for (int64_t i = 0; i < lbk_pack_num_samples(r->pack); i++) {
        lbk_sample sample;
        float saliency[LBK__NUM_MODALITIES];
        LBK_TRY(lbk_pack_sample(r->pack, i, &sample));
        lbk__cache_saliency(r->cache, kind, i, saliency);
        if (!json_object_get(splits, sample.split))
            json_object_set_new(splits, sample.split, empty_mean(sample.split));
        add_sample(json_object_get(splits, sample.split), saliency);
    }
    json_object_foreach(splits, name, split) {
        finish_mean(split);
        json_array_append(out, split);
    }
    json_decref(splits);
    return LBK_OK;
}

/* Means over the test samples of which a class is true. */
static void by_class(const lbk__results *r, lbk__saliency kind, json_t *out) {
    const lbk__labels *labels = &r->truth.labels;
    for (int32_t c = 0; c < r->truth.num_classes; c++)
        json_array_append_new(out, empty_mean(lbk_pack_class_name(r->pack, c)));
    for (int64_t i = 0; i < r->truth.num_samples; i++) {
        float saliency[LBK__NUM_MODALITIES];
        lbk__cache_saliency(r->cache, kind, r->truth.samples[i], saliency);
        for (int64_t k = labels->start[i]; k < labels->start[i + 1]; k++)
            if (labels->scores[k] > 0.5f)
                add_sample(json_array_get(out, (size_t)labels->classes[k]), saliency);
    }
    for (size_t c = 0; c < json_array_size(out); c++) finish_mean(json_array_get(out, c));
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* {"upper", "text": [share of the samples in each of BINS equal bins of [0, upper]], "image"}; what is above
 * `upper`, the 98th percentile of both, is in the last bin. `values` [2, N] is sorted. */
static json_t *histogram(float *values, const float *by_modality, int64_t n) {
    qsort(values, (size_t)(2 * n), sizeof *values, by_value);
    const double upper = fmax((double)values[(int64_t)(0.98 * (double)(2 * n - 1))], 1e-6);
    json_t *object = json_pack("{s:f}", "upper", upper);
    for (int m = 0; m < LBK__NUM_MODALITIES; m++) {
        int64_t counts[BINS] = {0};
        json_t *shares = json_array();
        for (int64_t i = 0; i < n; i++) {
            const double at = (double)by_modality[m * n + i] / upper * BINS;
            counts[at > 0 ? (int)fmin(at, BINS - 1) : 0]++; /* a divergence may be rounded below 0 */
        }
        for (int b = 0; b < BINS; b++)
            json_array_append_new(shares, json_real((double)counts[b] / (double)n));
        json_object_set_new(object, modality_names[m], shares);
    }
    return object;
}

static lbk_status over_samples(const lbk__results *r, lbk__saliency kind, json_t *out) {
    const int64_t n = r->truth.num_samples;
    float *by_modality = NULL, *sorted = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(r->context, by_modality, 2 * n));
    LBK_GO(LBK_ALLOC(r->context, sorted, 2 * n));
    for (int64_t i = 0; i < n; i++) {
        float saliency[LBK__NUM_MODALITIES];
        lbk__cache_saliency(r->cache, kind, r->truth.samples[i], saliency);
        for (int m = 0; m < LBK__NUM_MODALITIES; m++) by_modality[m * n + i] = saliency[m];
    }
    memcpy(sorted, by_modality, (size_t)(2 * n) * sizeof *sorted);
    json_object_set_new(out, "histogram", histogram(sorted, by_modality, n));
done:
    lbk_free(r->context, by_modality);
    lbk_free(r->context, sorted);
    return status;
}

lbk_status lbk__results_saliency(const lbk__results *r, json_t *root) {
    const lbk__saliency kind = lbk__results_saliency_kind(r);
    json_t *splits = json_array(), *classes = json_array();
    json_t *out =
        json_pack("{s:s, s:o, s:o}", "kind", lbk__saliency_names[kind], "splits", splits, "classes", classes);
    json_object_set_new(root, "saliency", out);
    LBK_TRY(by_split(r, kind, splits));
    by_class(r, kind, classes);
    return over_samples(r, kind, out);
}
