/* saliencies.c: how much each modality matters to the teacher: (6) by split, over the test samples, by class.
 */
#include "base/names.h"
#include "base/sorted.h"
#include "data/pack.h"
#include "study/report.h"

#include <math.h>
#include <string.h>

enum { BINS = 24 };

lbk__saliency lbk__results_saliency_kind(const lbk__results *r) {
    const char *name = json_string_value(json_object_get(r->study, "saliency"));
    for (int k = 0; name && lbk__saliency_names[k]; k++)
        if (strcmp(lbk__saliency_names[k], name) == 0) return (lbk__saliency)k;
    return LBK__SALIENCY_KL;
}

/* {"mean", "p5", "p25", "p50", "p75", "p95"}; of no value they are null. Sorts. */
static json_t *spread_json(double *values, int64_t n) {
    static const char *const names[] = {"p5", "p25", "p50", "p75", "p95"};
    static const double percents[] = {5, 25, 50, 75, 95};
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    json_t *object = json_pack("{s:o}", "mean", n ? json_real(sum / (double)n) : json_null());
    lbk__sort(values, n);
    for (size_t p = 0; p < LBK_COUNT(names); p++)
        json_object_set_new(object, names[p],
                            n ? json_real(lbk__percentile(values, n, percents[p])) : json_null());
    return object;
}

/* Some samples of the pack, and room for a saliency of each. */
typedef struct group {
    const char *name;
    const int32_t *samples;
    int64_t count;
    double *values;
} group;

/* {"name", "text": spread, "image": spread, "num_samples"} */
static json_t *group_json(const lbk__results *r, lbk__saliency kind, const group *g) {
    json_t *object = json_pack("{s:s}", "name", g->name);
    for (int m = 0; m < LBK__NUM_MODALITIES; m++) {
        for (int64_t i = 0; i < g->count; i++) {
            float saliency[LBK__NUM_MODALITIES];
            lbk__cache_saliency(r->cache, kind, g->samples[i], saliency);
            g->values[i] = (double)saliency[m];
        }
        json_object_set_new(object, lbk__modality_names[m], spread_json(g->values, g->count));
    }
    json_object_set_new(object, "num_samples", json_integer(g->count));
    return object;
}

/* Keeps the labelled ones; returns how many. */
static int64_t keep_labelled(const lbk_pack *pack, int32_t *samples, int64_t count) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        if (lbk_pack_sample(pack, samples[i], &sample) == LBK_OK && sample.labelled)
            samples[kept++] = samples[i];
    }
    return kept;
}

/* Of every split of the pack; by `label` of its labelled samples: it says nothing of the others. */
static lbk_status by_split(const lbk__results *r, lbk__saliency kind, double *values, json_t *out) {
    json_t *seen = json_object();
    lbk_status status = LBK_OK;
    for (int64_t i = 0; i < lbk_pack_num_samples(r->pack); i++) {
        lbk_sample sample;
        int32_t *samples;
        group g = {.values = values};
        LBK_GO(lbk_pack_sample(r->pack, i, &sample));
        if (json_object_get(seen, sample.split)) continue;
        json_object_set_new(seen, sample.split, json_true());
        LBK_GO(lbk__pack_split(r->pack, sample.split, &samples, &g.count));
        if (kind == LBK__SALIENCY_LABEL) g.count = keep_labelled(r->pack, samples, g.count);
        g.name = sample.split, g.samples = samples;
        json_array_append_new(out, group_json(r, kind, &g));
        lbk_free(r->context, samples);
    }
done:
    json_decref(seen);
    return status;
}

/* Of the test samples of which a class is true. */
static lbk_status by_class(const lbk__results *r, lbk__saliency kind, double *values, json_t *out) {
    lbk__positives positives;
    LBK_TRY(lbk__positives_find(r->context, &r->truth.labels, r->truth.num_classes, &positives));
    const int64_t *start = positives.start;
    for (int64_t k = 0; k < start[r->truth.num_classes]; k++)
        positives.samples[k] = r->truth.samples[positives.samples[k]];
    for (int32_t c = 0; c < r->truth.num_classes; c++) {
        const group g = {lbk_pack_class_name(r->pack, c), positives.samples + start[c],
                         start[c + 1] - start[c], values};
        json_array_append_new(out, group_json(r, kind, &g));
    }
    lbk__positives_free(r->context, &positives);
    return LBK_OK;
}

/* {"upper", "text": [share of the samples in each of BINS equal bins of [0, upper]], "image"}; what is above
 * `upper`, the 98th percentile of both, is in the last bin. `values` [2, N] is sorted. */
static json_t *histogram(double *values, const double *by_modality, int64_t n) {
    lbk__sort(values, 2 * n);
    const double upper = fmax(values[(int64_t)(0.98 * (double)(2 * n - 1))], 1e-6);
    json_t *object = json_pack("{s:f}", "upper", upper);
    for (int m = 0; m < LBK__NUM_MODALITIES; m++) {
        int64_t counts[BINS] = {0};
        json_t *shares = json_array();
        for (int64_t i = 0; i < n; i++) {
            const double at = by_modality[m * n + i] / upper * BINS;
            counts[at > 0 ? (int)fmin(at, BINS - 1) : 0]++; /* a divergence may be rounded below 0 */
        }
        for (int b = 0; b < BINS; b++)
            json_array_append_new(shares, json_real((double)counts[b] / (double)n));
        json_object_set_new(object, lbk__modality_names[m], shares);
    }
    return object;
}

static lbk_status over_samples(const lbk__results *r, lbk__saliency kind, json_t *out) {
    const int64_t n = r->truth.num_samples;
    double *by_modality = NULL, *sorted = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(r->context, by_modality, 2 * n));
    LBK_GO(LBK_ALLOC(r->context, sorted, 2 * n));
    for (int64_t i = 0; i < n; i++) {
        float saliency[LBK__NUM_MODALITIES];
        lbk__cache_saliency(r->cache, kind, r->truth.samples[i], saliency);
        for (int m = 0; m < LBK__NUM_MODALITIES; m++) by_modality[m * n + i] = (double)saliency[m];
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
    double *values; /* of a split, or of a class, whose samples a foreign pack may count twice */
    LBK_TRY(LBK_ALLOC(r->context, values,
                      lbk_pack_num_samples(r->pack) + r->truth.labels.start[r->truth.num_samples]));
    lbk_status status = LBK_OK;
    LBK_GO(by_split(r, kind, values, splits));
    LBK_GO(by_class(r, kind, values, classes));
    LBK_GO(over_samples(r, kind, out));
done:
    lbk_free(r->context, values);
    return status;
}
