/* meta_split.c: the samples that learned weights are judged by: a part of the training split, drawn by the
 * seed and stratified by label, or a split of the pack. They are never learned from. */
#include "base/random.h"
#include "data/pack.h"
#include "format/json.h"
#include "train/training.h"

#include <math.h>
#include <string.h>

bool lbk__training_learns_weights(const lbk__training *t) {
    return t->method == LBK__METHOD_MSD &&
           lbk__weights_are_learned((lbk__weighting)t->config->distill.weights);
}

/* ---- drawing ---- */

/* Adds one to the number of samples of each class that the sample lists. */
static lbk_status count_classes(const lbk__training *t, int32_t index, int64_t *frequency) {
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(t->pack, index, &sample));
    for (int32_t k = 0; k < sample.num_labels; k++) frequency[sample.classes[k]]++;
    return LBK_OK;
}

/* −1 without any. */
static int32_t rarest_class(const lbk_sample *sample, const int64_t *frequency) {
    int32_t rarest = -1;
    for (int32_t k = 0; k < sample->num_labels; k++) {
        const int32_t c = sample->classes[k];
        const bool fewer = rarest < 0 || frequency[c] < frequency[rarest];
        if (fewer || (c < rarest && frequency[c] == frequency[rarest])) rarest = c;
    }
    return rarest;
}

/* The first of equals; −1 where all scores are 0. */
static int32_t highest_class(const lbk_sample *sample) {
    int32_t highest = -1;
    float score = 0;
    for (int32_t k = 0; k < sample->num_labels; k++)
        if (sample->scores[k] > score) score = sample->scores[k], highest = sample->classes[k];
    return highest;
}

/* The stratum of a sample: its class; of several the rarest in the training split; of soft ones, which may be
 * all that there are, the one with the highest score; 0 without any. */
static lbk_status stratum_of(const lbk__training *t, int32_t index, const int64_t *frequency, int32_t *out) {
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(t->pack, index, &sample));
    const bool soft = lbk_pack_label_kind(t->pack) == LBK_LABEL_SOFT;
    *out = 1 + (soft ? highest_class(&sample) : rarest_class(&sample, frequency));
    return LBK_OK;
}

/* Sorts shuffled samples by stratum, those of one in the order they have. */
static lbk_status sort_by_stratum(const lbk__training *t, const int32_t *samples, int64_t count,
                                  const int64_t *frequency, int32_t *sorted) {
    int64_t *next = NULL; /* [C + 2]: where the next sample of each stratum goes */
    int32_t *stratum = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(t->context, next, t->num_classes + 2));
    LBK_GO(LBK_ALLOC(t->context, stratum, count));
    for (int64_t i = 0; i < count; i++) {
        LBK_GO(stratum_of(t, samples[i], frequency, &stratum[i]));
        next[stratum[i] + 1]++;
    }
    for (int32_t s = 1; s <= t->num_classes; s++) next[s] += next[s - 1];
    for (int64_t i = 0; i < count; i++) sorted[next[stratum[i]]++] = samples[i];
done:
    lbk_free(t->context, next);
    lbk_free(t->context, stratum);
    return status;
}

/* Every 1/fraction-th of the sorted samples: each stratum gives its share, to within one sample. */
static void take_share(lbk__train_samples *s, const int32_t *sorted, int64_t count, double fraction,
                       uint8_t *taken) {
    for (int64_t j = 0; j < count; j++) {
        const bool take = floor((double)(j + 1) * fraction + 0.5) > floor((double)j * fraction + 0.5);
        taken[sorted[j]] = take;
        if (take) s->meta[s->num_meta++] = sorted[j];
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (!taken[s->train[i]]) s->train[kept++] = s->train[i];
    s->count = kept;
}

/* Only samples with labels can be judged by. */
static lbk_status draw(lbk__training *t) {
    lbk__train_samples *s = &t->samples;
    int32_t *candidates = NULL, *sorted = NULL;
    int64_t *frequency = NULL, count = 0;
    uint8_t *taken = NULL; /* [samples of the pack] */
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(t->context, candidates, s->count));
    LBK_GO(LBK_ALLOC(t->context, sorted, s->count));
    LBK_GO(LBK_ALLOC(t->context, s->meta, s->count));
    LBK_GO(LBK_ALLOC(t->context, frequency, t->num_classes));
    LBK_GO(LBK_ALLOC(t->context, taken, lbk_pack_num_samples(t->pack)));
    for (int64_t i = 0; i < s->count; i++)
        if (s->labelled[s->train[i]]) candidates[count++] = s->train[i];
    if (count == 0)
        LBK_GO(lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "no sample of the training split \"%s\" has a label, and learned weights are judged "
                         "by labels: name a labelled split in distill.meta_split",
                         t->config->train.train_split));
    for (int64_t i = 0; i < count; i++) LBK_GO(count_classes(t, candidates[i], frequency));
    lbk__shuffle((uint64_t)t->config->seed, LBK__STREAM_META, UINT32_MAX, candidates, (uint64_t)count);
    LBK_GO(sort_by_stratum(t, candidates, count, frequency, sorted));
    take_share(s, sorted, count, t->config->distill.meta_fraction, taken);
    if (s->count == 0 && s->num_meta)
        status =
            lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                      "distill.meta_fraction %g leaves nothing of the training split \"%s\" to learn from; "
                      "ask for less",
                      t->config->distill.meta_fraction, t->config->train.train_split);
done:
    lbk_free(t->context, candidates);
    lbk_free(t->context, sorted);
    lbk_free(t->context, frequency);
    lbk_free(t->context, taken);
    return status;
}

static lbk_status take_split(lbk__training *t) {
    lbk__train_samples *s = &t->samples;
    int64_t count;
    const lbk_status status = lbk__pack_split(t->pack, t->config->distill.meta_split, &s->meta, &count);
    if (status != LBK_OK) return lbk__fail_at(t->context, status, "distill.meta_split");
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(t->pack, s->meta[i], &sample));
        if (sample.labelled) s->meta[s->num_meta++] = s->meta[i];
    }
    return LBK_OK;
}

/* ---- is it one that can be learned from? ---- */

static bool has_label(const lbk_sample *sample, int32_t class, float score) {
    for (int32_t k = 0; k < sample->num_labels; k++)
        if (sample->classes[k] == class) return sample->scores[k] == score;
    return false;
}

static lbk_status check(const lbk__training *t) {
    const lbk__train_samples *s = &t->samples;
    const char *name = t->config->distill.meta_split;
    if (s->num_meta == 0 && *name)
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "the meta split \"%s\" is empty: no sample of it has a label", name);
    if (s->num_meta == 0)
        return lbk__fail(
            t->context, LBK_INVALID_ARGUMENT,
            "the meta split is empty: the share of the training split \"%s\" that "
            "distill.meta_fraction %g asks for is not one sample; ask for more, or name a split in "
            "distill.meta_split",
            t->config->train.train_split, t->config->distill.meta_fraction);
    lbk_sample first, other;
    LBK_TRY(lbk_pack_sample(t->pack, s->meta[0], &first));
    for (int64_t i = 1; i < s->num_meta; i++) {
        LBK_TRY(lbk_pack_sample(t->pack, s->meta[i], &other));
        if (other.num_labels != first.num_labels) return LBK_OK;
        for (int32_t k = 0; k < other.num_labels; k++)
            if (!has_label(&first, other.classes[k], other.scores[k])) return LBK_OK;
    }
    return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                     "all %lld samples of the meta split have the same label: nothing about telling classes "
                     "apart can be learned from them; %s",
                     (long long)s->num_meta,
                     *name ? "take another split"
                           : "raise distill.meta_fraction or name a split in "
                             "distill.meta_split");
}

lbk_status lbk__meta_split_choose(lbk__training *t) {
    LBK_TRY(*t->config->distill.meta_split ? take_split(t) : draw(t));
    for (int64_t i = 0; i < t->samples.num_meta; i++) t->samples.labelled[t->samples.meta[i]] = 1;
    return check(t);
}

lbk_status lbk__meta_split_write(const lbk__training *t) {
    const char *name = t->config->distill.meta_split;
    json_t *ids = json_array();
    char *path = NULL;
    lbk_status status = LBK_OK;
    json_t *root = json_pack("{s:s, s:I, s:o}", "split", *name ? name : t->config->train.train_split, "count",
                             (json_int_t)t->samples.num_meta, "ids", ids);
    for (int64_t i = 0; i < t->samples.num_meta; i++) {
        lbk_sample sample;
        LBK_GO(lbk_pack_sample(t->pack, t->samples.meta[i], &sample));
        json_array_append_new(ids, json_stringn(sample.id, sample.id_length));
    }
    LBK_GO(lbk__join(t->context, t->run.folder, "meta_split.json", &path));
    LBK_GO(lbk__json_write_file(t->context, path, root, JSON_INDENT(1)));
done:
    json_decref(root);
    lbk_free(t->context, path);
    return status;
}
