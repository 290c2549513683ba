/* samples.c: which samples of the pack a run learns from, and which it is measured on. */
#include "data/pack.h"
#include "train/training.h"

#include <string.h>

static lbk_status append(lbk__training *t, const int32_t *indices, int64_t count, bool use_labels) {
    lbk__train_samples *s = &t->samples;
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        if (t->left_out && t->left_out[indices[i]]) continue;
        LBK_TRY(lbk_pack_sample(t->pack, indices[i], &sample));
        s->labelled[indices[i]] = use_labels && sample.labelled;
        /* Without a teacher there is nothing to learn from a sample without a label. */
        if (t->method == LBK__METHOD_ALONE && !s->labelled[indices[i]]) continue;
        s->train[s->count++] = indices[i];
    }
    return LBK_OK;
}

/* The split that `key` of the configuration names. */
static lbk_status append_split(lbk__training *t, const char *key, const char *name, bool use_labels) {
    int32_t *indices;
    int64_t count;
    lbk_status status = lbk__pack_split(t->pack, name, &indices, &count);
    if (status != LBK_OK) return lbk__fail_at(t->context, status, "%s", key);
    status = append(t, indices, count, use_labels);
    lbk_free(t->context, indices);
    return status;
}

/* The splits of a run must differ: a sample may not be learned from twice, or be measured on as well. */
static lbk_status check_names(const lbk_config *config, bool meta) {
    const lbk__texts *unlabelled = &config->distill.unlabelled_splits;
    const char *names[] = {config->train.train_split, config->train.dev_split, config->distill.meta_split};
    const size_t own = meta && *names[2] ? 3 : 2;
    const char *twice = NULL;
    for (size_t i = 0; i < own + unlabelled->count; i++)
        for (size_t k = 0; k < i; k++) {
            const char *name = i < own ? names[i] : unlabelled->items[i - own],
                       *other = k < own ? names[k] : unlabelled->items[k - own];
            if (strcmp(name, other) == 0) twice = name;
        }
    if (!twice) return LBK_OK;
    char shown[80];
    return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                     "split \"%s\" is named twice among train.train_split, train.dev_split, "
                     "distill.unlabelled_splits and distill.meta_split",
                     lbk__printable(shown, sizeof shown, twice, strlen(twice)));
}

static lbk_status choose_dev(lbk__training *t) {
    lbk__train_samples *s = &t->samples;
    int64_t count, kept = 0;
    lbk_status status = lbk__pack_split(t->pack, t->config->train.dev_split, &s->dev, &count);
    if (status != LBK_OK) return lbk__fail_at(t->context, status, "train.dev_split");
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(t->pack, s->dev[i], &sample));
        if (sample.labelled) s->dev[kept++] = s->dev[i];
    }
    s->num_dev = kept;
    if (kept == 0)
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "%s: no sample of the dev split \"%s\" has a label: the best model could not be "
                         "chosen",
                         t->config->pack, t->config->train.dev_split);
    return LBK_OK;
}

/* α = 0 learns from labels alone, as a run without a teacher does. */
static bool is_enough(const lbk__training *t) {
    const lbk__train_samples *s = &t->samples;
    if (t->method == LBK__METHOD_ALONE || t->config->distill.alpha > 0) return s->count > 0;
    for (int64_t i = 0; i < s->count; i++)
        if (s->labelled[s->train[i]]) return true;
    return false;
}

lbk_status lbk__train_samples_choose(lbk__training *t) {
    const lbk_config *config = t->config;
    lbk__train_samples *s = &t->samples;
    const bool extra = t->method != LBK__METHOD_ALONE;
    LBK_TRY(check_names(config, lbk__training_learns_weights(t)));
    LBK_TRY(LBK_ALLOC(t->context, s->train, lbk_pack_num_samples(t->pack)));
    LBK_TRY(LBK_ALLOC(t->context, s->labelled, lbk_pack_num_samples(t->pack)));
    LBK_TRY(append_split(t, "train.train_split", config->train.train_split, true));
    if (lbk__training_learns_weights(t)) LBK_TRY(lbk__meta_split_choose(t));
    for (size_t i = 0; extra && i < config->distill.unlabelled_splits.count; i++)
        LBK_TRY(
            append_split(t, "distill.unlabelled_splits", config->distill.unlabelled_splits.items[i], false));
    if (!is_enough(t))
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "%s: no sample of the training split \"%s\" has a label", config->pack,
                         config->train.train_split);
    LBK_TRY(LBK_ALLOC(t->context, s->order, s->count));
    return choose_dev(t);
}
