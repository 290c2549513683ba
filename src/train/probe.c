/* probe.c: lbk_probe: a teacher's logits and saliencies for every sample of a pack, streamed to a cache; with
 * folds, those of training samples from teachers that did not see them. */
#include "base/file.h"
#include "base/guest.h"
#include "base/lock.h"
#include "format/kind.h"
#include "model/folder.h"
#include "train/config.h"
#include "train/folds.h"
#include "train/infer.h"
#include "train/probe_summary.h"
#include "train/report.h"

#include <string.h>

/* A model's answers on their way to the cache. */
typedef struct probing {
    const lbk_pack *pack;
    lbk__cache_writer *writer;
    const int32_t *indices; /* the samples that the model is asked */
    float *targets;         /* [C] */
    lbk__precision precision;
} probing;

static lbk_status put(void *user, int64_t position, const float *logits) {
    probing *p = user;
    const int32_t index = p->indices[position];
    int32_t label;
    uint8_t labelled;
    lbk__saliencies saliencies;
    LBK_TRY(lbk__batch_targets(p->pack, &index, 1, p->targets, &label, &labelled));
    return lbk__cache_writer_put(p->writer, index, logits, labelled ? label : -1,
                                 labelled ? p->targets : NULL, saliencies);
}

/* Asks a model about the samples of a fold, −1: those of none; without folds: about all. */
static lbk_status ask(lbk__model *model, probing *p, const lbk__folds *folds, int fold,
                      const lbk_probe_options *options) {
    lbk_context *context = model->context;
    lbk__inference *inference = NULL;
    int32_t *indices;
    int64_t count = 0;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(context, indices, lbk_pack_num_samples(p->pack)));
    for (int64_t i = 0; i < lbk_pack_num_samples(p->pack); i++)
        if (!folds->of_sample || folds->of_sample[i] == fold) indices[count++] = (int32_t)i;
    p->indices = indices;
    LBK_GO(lbk__inference_create(model, NULL, p->pack, indices, count, LBK_NUM_VIEWS,
                                 options->batch_size ? options->batch_size : 32, &inference));
    LBK_GO(lbk__inference_run(inference, "probe", put, p));
done:
    lbk__inference_free(inference);
    lbk_free(context, indices);
    return status;
}

static lbk_status ask_fold(lbk_context *context, probing *p, const lbk__folds *folds, int fold,
                           const lbk_probe_options *options) {
    lbk__model *model = NULL;
    char *folder;
    LBK_TRY(lbk__folds_teacher(context, folds, fold, &folder));
    lbk_status status = lbk__model_load(context, folder, &model);
    if (status == LBK_OK) model->precision = p->precision;
    if (status == LBK_OK) status = ask(model, p, folds, fold, options);
    lbk__model_free(model);
    lbk_free(context, folder);
    return status;
}

static lbk_status write_cache(lbk__model *teacher, const lbk_pack *pack, const lbk__cache_key *key,
                              const lbk__folds *folds, const lbk_probe_options *options) {
    lbk_context *context = teacher->context;
    probing p = {.pack = pack, .precision = teacher->precision};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, p.targets, key->num_classes));
    LBK_GO(lbk__cache_writer_open(context, options->out, key, &p.writer));
    LBK_GO(ask(teacher, &p, folds, -1, options));
    for (int k = 0; k < folds->count; k++) LBK_GO(ask_fold(context, &p, folds, k, options));
    LBK_GO(lbk__cache_writer_commit(p.writer));
done:
    lbk__cache_writer_close(p.writer);
    lbk_free(context, p.targets);
    return status;
}

/* Folds train from labels; of a model that was distilled they would be other kinds of teachers. */
static lbk_status check_trained(const lbk__model *teacher, const char *folder) {
    json_t *json = teacher->made_from ? json_loads(teacher->made_from, 0, NULL) : NULL;
    const char *method = json_string_value(json_object_get(json, "method"));
    const bool distilled = method && strcmp(method, lbk__method_names[LBK__METHOD_ALONE]) != 0;
    json_decref(json);
    if (!distilled) return LBK_OK;
    return lbk__fail(
        teacher->context, LBK_INVALID_ARGUMENT,
        "%s: was distilled from a teacher of its own; folds are for teachers that were trained on "
        "labels",
        folder);
}

/* Trains the other teachers where folds are wanted, then probes. */
static lbk_status probe(lbk__model *teacher, const lbk_pack *pack, const lbk__cache_key *key,
                        const lbk_probe_options *options) {
    lbk_context *context = teacher->context;
    lbk__folds folds = {0};
    char *folder = NULL;
    lbk_status status = LBK_OK;
    if (options->folds) {
        LBK_GO(check_trained(teacher, options->teacher));
        LBK_GO(lbk__format(context, &folder, "%s.folds", options->out));
        LBK_GO(
            lbk__folds_train(context, options->teacher, options->pack, pack, options->folds, folder, &folds));
    }
    LBK_GO(write_cache(teacher, pack, key, &folds, options));
done:
    lbk__folds_free(context, &folds);
    lbk_free(context, folder);
    return status;
}

/* Another's cache is only written over by who says so: in place of what lbk__cache_match tells who wants to
 * use it. */
static lbk_status refuse_cache(lbk_context *context, const char *path, const lbk__cache_key *has,
                               const lbk__cache_key *wanted) {
    const bool pack = strcmp(has->pack_sha256, wanted->pack_sha256) != 0;
    if (!pack && strcmp(has->teacher_sha256, wanted->teacher_sha256) == 0) return LBK_MISMATCH;
    return lbk__fail(context, LBK_MISMATCH,
                     "%s: is there, made with another %s: write over it with --force, or name another file",
                     path, pack ? "pack" : "teacher");
}

/* Whether the cache that is there may stay. LBK_MISMATCH or LBK_BAD_DATA when it is another's or damaged. */
static lbk_status keep_existing(lbk_context *context, const lbk__cache_key *key,
                                const lbk_probe_options *options, bool *kept) {
    *kept = false;
    LBK_TRY(lbk__refuse_others(context, options->out, "cache"));
    if (options->force || !lbk__exists(options->out)) return LBK_OK;
    lbk__cache *cache;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__cache_open(context, options->out, &cache));
    LBK_GO(lbk__cache_match(cache, key));
    LBK_GO(lbk__cache_verify(cache));
    *kept = true;
    lbk__log(context, LBK_LOG_INFO, "%s: is there and matches teacher, pack and precision: left as it is",
             options->out);
done:
    if (status == LBK_MISMATCH) refuse_cache(context, options->out, lbk__cache_made_from(cache), key);
    lbk__cache_close(cache);
    return status == LBK_BAD_DATA ? lbk__fail_at(context, status, "not written over without --force")
                                  : status;
}

/* Another process may have made the cache since it was looked for. */
static lbk_status probe_locked(lbk__model *teacher, const lbk_pack *pack, const lbk__cache_key *key,
                               const lbk_probe_options *options, bool *kept) {
    lbk__lock lock;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__lock_file(teacher->context, options->out, &lock));
    LBK_GO(keep_existing(teacher->context, key, options, kept));
    if (!*kept) LBK_GO(probe(teacher, pack, key, options));
done:
    lbk__unlock(&lock);
    return status;
}

/* The configuration of a run folder, whose model is in best/; of a model alone, all defaults. */
static lbk_status read_config(lbk_context *context, const char *teacher, lbk_config **out) {
    char *model, *path = NULL;
    *out = NULL;
    LBK_TRY(lbk__model_folder(context, teacher, &model));
    lbk_status status = LBK_OK;
    if (strcmp(model, teacher) != 0) LBK_GO(lbk__join(context, teacher, "config.yaml", &path));
    LBK_GO(lbk__config_read(context, path && lbk__exists(path) ? path : NULL, NULL, 0, out));
done:
    lbk_free(context, path);
    lbk_free(context, model);
    return status;
}

static lbk_status summarise(lbk__model *teacher, const lbk_pack *pack, const lbk_probe_options *options,
                            bool kept, char **out) {
    lbk_context *context = teacher->context;
    lbk__cache *cache = NULL;
    lbk_config *config = NULL;
    json_t *root = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__cache_open(context, options->out, &cache));
    LBK_GO(read_config(context, options->teacher, &config));
    const lbk__cache_key *key = lbk__cache_made_from(cache);
    root = json_pack("{s:s,s:b,s:s,s:s,s:I,s:i}", "cache", options->out, "kept", (int)kept, "teacher_sha256",
                     key->teacher_sha256, "pack_sha256", key->pack_sha256, "num_samples",
                     (json_int_t)key->num_samples, "folds", key->folds);
    if (key->precision) json_object_set_new(root, "precision", json_string(key->precision));
    LBK_GO(
        lbk__probe_summary(teacher, pack, cache, config->train.train_split, config->train.dev_split, root));
    if (out) LBK_GO(lbk__json_text(context, json_incref(root), out));
done:
    json_decref(root);
    lbk_config_close(config);
    lbk__cache_close(cache);
    return status;
}

lbk_status lbk_probe(lbk_context *context, const lbk_probe_options *options, char **summary) {
    LBK__GUEST(context);
    if (summary) *summary = NULL;
    if (!options->pack || !options->teacher || !options->out)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a probe needs a teacher, a pack and a file to write");
    if (options->batch_size < 0)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "batch_size is %d; it must be at least 1, or 0 for 32", options->batch_size);
    if (options->folds != 0 && (options->folds < 2 || options->folds > LBK_MAX_FOLDS))
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "folds is %d; it must be from 2 to %d, or 0 for none",
                         options->folds, LBK_MAX_FOLDS);
    lbk__model *teacher = NULL;
    lbk_pack *pack = NULL;
    char hash[LBK__HASH_SIZE];
    bool kept;
    lbk_status status = LBK_OK;
    LBK_GO(lbk_pack_open(context, options->pack, &pack));
    LBK_GO(lbk__model_load(context, options->teacher, &teacher));
    LBK_GO(lbk__precision_of(context, options->precision, LBK__PRECISION_INT8, &teacher->precision));
    LBK_GO(lbk__check_fit(teacher, pack, NULL, 0));
    LBK_GO(lbk__model_hash(teacher, hash));
    lbk__cache_key key = {.teacher_sha256 = hash,
                          .pack_sha256 = lbk_pack_hash(pack),
                          .label_kind = lbk_pack_label_kind(pack),
                          .num_samples = lbk_pack_num_samples(pack),
                          .num_classes = lbk_pack_num_classes(pack),
                          .folds = options->folds};
    if (teacher->precision != LBK__PRECISION_FP32) key.precision = lbk__precision_names[teacher->precision];
    LBK_GO(keep_existing(context, &key, options, &kept));
    if (!kept) LBK_GO(probe_locked(teacher, pack, &key, options, &kept));
    if (!kept || summary) LBK_GO(summarise(teacher, pack, options, kept, summary));
done:
    lbk__model_free(teacher);
    lbk_pack_close(pack);
    return status;
}
