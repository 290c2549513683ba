/* prepare.c: everything that a run needs: pack, teacher's cache, model, samples, buffers. */
#include "base/file.h"
#include "base/names.h"
#include "data/pack.h"
#include "train/report.h"
#include "train/teacher_logits.h"
#include "train/training.h"
#include "train/visual_init.h"

#include <string.h>

/* ---- pack and cache ---- */

/* Someone's own logits become a cache in the run folder first. */
static lbk_status find_cache(lbk__training *t, char **path) {
    bool is_cache = true;
    if (lbk__exists(t->cache_path)) LBK_TRY(lbk__is_cache(t->context, t->cache_path, &is_cache));
    if (is_cache) return lbk__copy_string(t->context, t->cache_path, path);
    LBK_TRY(lbk__join(t->context, t->run.folder, "teacher.cache", path));
    return lbk__teacher_logits_cache(t->context, t->cache_path, t->pack, lbk__exists(t->run.checkpoint),
                                     *path);
}

static lbk_status open_cache(lbk__training *t) {
    if (!t->cache_path) return LBK_OK;
    const lbk__cache_key wanted = {.pack_sha256 = lbk_pack_hash(t->pack),
                                   .label_kind = lbk_pack_label_kind(t->pack),
                                   .num_samples = lbk_pack_num_samples(t->pack),
                                   .num_classes = t->num_classes};
    char *path = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(find_cache(t, &path));
    LBK_GO(lbk__cache_open(t->context, path, &t->cache));
    LBK_GO(lbk__cache_match(t->cache, &wanted));
    LBK_GO(lbk__cache_verify(t->cache));
    if (t->method == LBK__METHOD_MSD && lbk__cache_made_from(t->cache)->joint_only)
        status = lbk__fail(
            t->context, LBK_MISMATCH,
            "%s: has the teacher's logits under the joint view only; distill.method msd and its weights "
            "need those under the text and the image view, too: give logits [3, samples, classes], or "
            "use distill.method kd",
            t->cache_path);
done:
    lbk_free(t->context, path);
    return status;
}

static lbk_status choose_metric(lbk__training *t) {
    const lbk_label_kind kind = lbk_pack_label_kind(t->pack);
    t->metric = t->config->train.metric;
    if (strcmp(t->metric, "auto") == 0) t->metric = lbk__main_metric(kind);
    if (!lbk__metric_applies(t->metric, kind))
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "train.metric %s is not defined for labels of kind %s", t->metric,
                         lbk__label_kind_names[kind]);
    if (strcmp(t->metric, "kl") == 0 && !t->cache_path)
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "train.metric kl needs a teacher: it is for limbeck distill");
    return LBK_OK;
}

static void make_rule(lbk__training *t) {
    const lbk_config *config = t->config;
    t->rule =
        (lbk__weight_rule){.weighting = (lbk__weighting)config->distill.weights, .rho = config->distill.rho};
    for (size_t v = 0; v < config->distill.fixed_weights.count; v++)
        t->rule.fixed[v] = config->distill.fixed_weights.items[v];
    for (int64_t i = 0; t->cache && i < t->samples.count; i++) {
        float saliency[LBK__NUM_MODALITIES];
        lbk__training_saliency(t, t->samples.train[i], saliency);
        for (int m = 0; m < LBK__NUM_MODALITIES; m++)
            t->rule.mean_saliency[m] += (double)saliency[m] / (double)t->samples.count;
    }
}

/* What a run learned from: the teacher, or what was made of it out of fold. */
static void teacher_key(const lbk__cache_key *cache, char out[LBK__HASH_SIZE]) {
    char folded[LBK__HASH_SIZE + 16];
    snprintf(out, LBK__HASH_SIZE, "%s", cache->teacher_sha256);
    if (cache->folds == 0) return;
    snprintf(folded, sizeof folded, "%s %d", cache->teacher_sha256, cache->folds);
    lbk__hash_bytes(folded, strlen(folded), out);
}

static lbk_status make_key(lbk__training *t) {
    LBK_TRY(lbk__config_hash(t->config, t->key.configuration));
    snprintf(t->key.pack, sizeof t->key.pack, "%s", lbk_pack_hash(t->pack));
    snprintf(t->key.method, sizeof t->key.method, "%s", lbk__method_names[t->method]);
    if (!t->cache) return LBK_OK;
    teacher_key(lbk__cache_made_from(t->cache), t->key.teacher);
    lbk__cache_identity(t->cache, t->key.cache);
    return LBK_OK;
}

/* ---- the model ---- */

static int32_t count_lines(const char *text, size_t length) {
    int32_t lines = length && text[length - 1] != '\n';
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines;
}

/* What a model carries of its data: classes, vocabulary, how visual rows are made. */
static lbk_status describe_data(lbk__training *t) {
    lbk__model *model = t->model;
    size_t length;
    const char *vocab = lbk__pack_vocab(t->pack, &length);
    LBK_TRY(LBK_ALLOC(t->context, model->class_names, t->num_classes));
    for (int32_t c = 0; c < t->num_classes; c++)
        LBK_TRY(lbk__copy_string(t->context, lbk_pack_class_name(t->pack, c), &model->class_names[c]));
    model->label_kind = lbk_pack_label_kind(t->pack);
    if (model->label_kind == LBK_LABEL_MULTI)
        LBK_TRY(LBK_ALLOC(t->context, model->thresholds, t->num_classes));
    LBK_TRY(lbk__copy_bytes(t->context, vocab, length, &model->vocab));
    model->vocab_length = length;
    model->cased = lbk__pack_cased(t->pack);
    model->max_text_tokens = lbk__pack_max_text_tokens(t->pack);
    LBK_TRY(lbk__copy_string(t->context, lbk__pack_visual_description(t->pack), &model->visual_source));
    model->precision = lbk__precision_resolve((lbk__precision)t->config->precision);
    return lbk__format(t->context, &model->made_from,
                       "{\"stage\": \"%s\", \"method\": \"%s\", \"seed\": %lld, \"pack_sha256\": \"%s\", "
                       "\"teacher_sha256\": \"%s\", \"config_sha256\": \"%s\"}",
                       t->stage, t->key.method, (long long)t->config->seed, t->key.pack, t->key.teacher,
                       t->key.configuration);
}

static lbk_status start_from(lbk__training *t) {
    const lbk__integers *chosen = &t->config->model.init_layers;
    int32_t *layers = NULL;
    char *report = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(t->context, layers, chosen->count));
    for (size_t i = 0; i < chosen->count; i++) layers[i] = (int32_t)chosen->items[i];
    LBK_GO(lbk__model_init_from(t->model, t->config->model.init_from, layers, chosen->count,
                                (uint64_t)t->config->seed, &report));
    lbk__run_log(&t->run, LBK_LOG_INFO, "%s", report);
done:
    if (status != LBK_OK) lbk__fail_at(t->context, status, "model.init_from");
    lbk_free(t->context, report);
    lbk_free(t->context, layers);
    return status;
}

static lbk_status make_model(lbk__training *t) {
    lbk__model_config sizes = lbk__config_model(t->config);
    size_t length;
    const char *vocab = lbk__pack_vocab(t->pack, &length);
    sizes.vocab_size = count_lines(vocab, length);
    sizes.num_labels = t->num_classes;
    sizes.visual_embedding_dim = LBK_MAX(1, lbk_pack_visual_dim(t->pack));
    LBK_TRY(lbk__model_create(t->context, &sizes, &t->model));
    LBK_TRY(describe_data(t));
    LBK_TRY(lbk__check_fit(t->model, t->pack, t->samples.train, t->samples.count));
    return lbk__check_fit(t->model, t->pack, t->samples.meta, t->samples.num_meta);
}

static lbk_status choose_views(lbk__training *t) {
    const bool unimodal = t->config->train.unimodal_weight > 0;
    if (unimodal && t->method != LBK__METHOD_ALONE)
        return lbk__fail(
            t->context, LBK_INVALID_ARGUMENT,
            "train.unimodal_weight is for learning from labels alone, not for distill.method %s: "
            "set it to 0",
            lbk__method_names[t->method]);
    t->num_views = unimodal || t->method == LBK__METHOD_MSD ? LBK_NUM_VIEWS : 1;
    return LBK_OK;
}

/* What the configuration makes of the pack: views, the metric, and which samples are seen. */
static lbk_status choose(lbk__training *t) {
    t->num_classes = lbk_pack_num_classes(t->pack);
    LBK_TRY(choose_views(t));
    LBK_TRY(choose_metric(t));
    LBK_TRY(lbk__train_samples_choose(t));
    return lbk__training_check_dev(t);
}

lbk_status lbk__training_check(lbk_context *context, const lbk_config *config, lbk_pack *pack) {
    lbk__training t = {.context = context,
                       .config = config,
                       .cache_path = "", /* there will be one */
                       .method = (lbk__method)config->distill.method,
                       .pack = pack};
    const lbk__train_samples *s = &t.samples;
    const int64_t positions = config->model.max_position_embeddings;
    lbk_status status = LBK_OK;
    LBK_GO(choose(&t));
    LBK_GO(lbk__check_lengths(context, positions, pack, s->train, s->count));
    LBK_GO(lbk__check_lengths(context, positions, pack, s->meta, s->num_meta));
    LBK_GO(lbk__check_lengths(context, positions, pack, s->dev, s->num_dev));
done:
    t.pack = NULL; /* the caller's */
    lbk__training_close(&t);
    return status;
}

lbk_status lbk__training_open(lbk__training *t) {
    const lbk_config *config = t->config;
    if (!*config->pack)
        return lbk__fail(t->context, LBK_INVALID_ARGUMENT,
                         "the configuration names no pack: give one (--pack), or set the key pack");
    LBK_TRY(lbk_pack_open(t->context, config->pack, &t->pack));
    LBK_TRY(choose(t));
    LBK_TRY(open_cache(t));
    make_rule(t);
    LBK_TRY(make_key(t));
    return make_model(t);
}

/* ---- buffers ---- */

static lbk_status allocate_buffers(lbk__training *t) {
    lbk__step_buffers *b = &t->buffers;
    const size_t size = (size_t)t->limits.num_samples, classes = (size_t)t->num_classes;
    LBK_TRY(lbk__batch_create(t->context, &t->limits, &b->batch));
    LBK_TRY(LBK_ALLOC(t->context, b->targets, size * classes));
    LBK_TRY(LBK_ALLOC(t->context, b->labels, size));
    LBK_TRY(LBK_ALLOC(t->context, b->labelled, size));
    LBK_TRY(LBK_ALLOC(t->context, b->weights, size * LBK_NUM_VIEWS));
    LBK_TRY(LBK_ALLOC(t->context, b->gradient, (size_t)t->num_views * size * classes));
    if (!t->cache) return LBK_OK;
    LBK_TRY(LBK_ALLOC(t->context, b->saliency, size * LBK__NUM_MODALITIES));
    return LBK_ALLOC(t->context, b->teacher, LBK_NUM_VIEWS * size * classes);
}

lbk_status lbk__training_allocate(lbk__training *t) {
    const lbk_config *config = t->config;
    const lbk__train_samples *s = &t->samples;
    const size_t classes = (size_t)t->num_classes;
    LBK_TRY(lbk__training_plan(t));
    LBK_TRY(allocate_buffers(t));
    LBK_TRY(lbk__runner_create(t->model, NULL, &t->limits,
                               lbk__training_learns_weights(t) ? LBK__RUN_META : LBK__RUN_TRAIN,
                               (uint64_t)config->seed, &t->runner));
    LBK_TRY(lbk__meta_create(t));
    LBK_TRY(lbk__optimizer_create(t->model, &t->optimizer));
    LBK_TRY(lbk__inference_create(t->model, NULL, t->pack, s->dev, s->num_dev, 1,
                                  (int32_t)config->train.batch_size, &t->inference));
    if (t->model->thresholds) {
        LBK_TRY(LBK_ALLOC(t->context, t->dev_logits, (size_t)s->num_dev * classes));
        LBK_TRY(lbk__labels_read(t->context, t->pack, s->dev, s->num_dev, &t->dev_labels));
        if (t->cache) LBK_TRY(LBK_ALLOC(t->context, t->dev_teacher, (size_t)s->num_dev * classes));
    }
    if (t->method == LBK__METHOD_MSD)
        LBK_TRY(LBK_ALLOC(t->context, t->epoch_weights, (size_t)s->count * LBK_NUM_VIEWS));
    return LBK_OK;
}

static lbk_status fit_visual(lbk__training *t) {
    char *report;
    const lbk_status status =
        lbk__visual_init_words(t->model, t->pack, t->samples.train, t->samples.count, &report);
    if (status == LBK_OK) lbk__run_log(&t->run, LBK_LOG_INFO, "%s", report);
    lbk_free(t->context, report);
    return status;
}

static lbk_status start_weights(lbk__training *t) {
    if (*t->config->model.init_from)
        LBK_TRY(start_from(t));
    else
        lbk__model_init_random(t->model, (uint64_t)t->config->seed);
    return t->config->model.visual_init == LBK__VISUAL_INIT_WORDS ? fit_visual(t) : LBK_OK;
}

size_t lbk__training_parts(const lbk__training *t, lbk__checkpoint_part parts[LBK__MAX_CHECKPOINT_PARTS]) {
    const lbk__meta *m = &t->meta;
    if (!m->network) return 0;
    parts[0] = (lbk__checkpoint_part){"weight_network", LBK__F64, m->network->state, m->network->num_state};
    parts[1] = (lbk__checkpoint_part){"sample_weights", LBK__F32, m->sample_weights,
                                      (size_t)lbk_pack_num_samples(t->pack) * LBK_NUM_VIEWS};
    return 2;
}

lbk_status lbk__training_start(lbk__training *t, bool resume, lbk__run_mark *mark) {
    if (!resume) return start_weights(t);
    lbk__checkpoint_part parts[LBK__MAX_CHECKPOINT_PARTS];
    const size_t count = lbk__training_parts(t, parts);
    LBK_TRY(lbk__checkpoint_load(t->run.checkpoint, &t->optimizer, parts, count, &t->state, &t->key, mark));
    if (t->state.position >= t->samples.count || t->state.step > lbk__training_total_steps(t))
        return lbk__fail(t->context, LBK_BAD_DATA, "%s: stands at sample %lld of %lld, step %lld of %lld",
                         t->run.checkpoint, (long long)t->state.position, (long long)t->samples.count,
                         (long long)t->state.step, (long long)lbk__training_total_steps(t));
    return LBK_OK;
}

void lbk__training_close(lbk__training *t) {
    lbk__meta_free(t);
    lbk__inference_free(t->inference);
    lbk__runner_free(t->runner);
    lbk__optimizer_free(&t->optimizer);
    lbk__batch_free(t->context, &t->buffers.batch);
    void *const blocks[] = {t->buffers.targets,  t->buffers.labels,   t->buffers.labelled, t->buffers.teacher,
                            t->buffers.weights,  t->buffers.gradient, t->dev_logits,       t->dev_teacher,
                            t->buffers.saliency, t->samples.meta,     t->epoch_weights,    t->samples.train,
                            t->samples.order,    t->samples.labelled, t->samples.dev};
    for (size_t i = 0; i < LBK_COUNT(blocks); i++) lbk_free(t->context, blocks[i]);
    lbk__labels_free(t->context, &t->dev_labels);
    lbk__model_free(t->model);
    lbk__cache_close(t->cache);
    lbk_pack_close(t->pack);
    lbk__run_close(&t->run);
}
