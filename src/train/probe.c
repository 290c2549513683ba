/* probe.c: lbk_probe: a teacher's logits and saliencies for every sample of a pack, streamed to a cache. */
#include "base/file.h"
#include "train/infer.h"
#include "train/probe_summary.h"
#include "train/report.h"

typedef struct probing {
    const lbk_pack *pack;
    lbk__cache_writer *writer;
    float *targets; /* [C] */
} probing;

static lbk_status put(void *user, int64_t position, const float *logits) {
    probing *p = user;
    int32_t index = (int32_t)position, label;
    uint8_t labelled;
    lbk__saliencies saliencies;
    LBK_TRY(lbk__batch_targets(p->pack, &index, 1, p->targets, &label, &labelled));
    return lbk__cache_writer_put(p->writer, logits, labelled ? label : -1, labelled ? p->targets : NULL,
                                 saliencies);
}

/* Runs the teacher over all samples in the order of the pack. */
static lbk_status write_cache(lbk__model *teacher, const lbk_pack *pack, const lbk__cache_key *key,
                              const lbk_probe_options *options) {
    lbk_context *context = teacher->context;
    probing p = {.pack = pack};
    lbk__inference *inference = NULL;
    int32_t *indices = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, indices, key->num_samples));
    for (int64_t i = 0; i < key->num_samples; i++) indices[i] = (int32_t)i;
    LBK_GO(LBK_ALLOC(context, p.targets, key->num_classes));
    LBK_GO(lbk__inference_create(teacher, NULL, pack, indices, key->num_samples, LBK_NUM_VIEWS,
                                 options->batch_size ? options->batch_size : 32, &inference));
    LBK_GO(lbk__cache_writer_open(context, options->out, key, &p.writer));
    LBK_GO(lbk__inference_run(inference, "probe", put, &p));
    LBK_GO(lbk__cache_writer_commit(p.writer));
done:
    lbk__cache_writer_close(p.writer);
    lbk__inference_free(inference);
    lbk_free(context, p.targets);
    lbk_free(context, indices);
    return status;
}

/* Whether the cache that is there may stay. LBK_MISMATCH or LBK_BAD_DATA when it is another's or damaged. */
static lbk_status keep_existing(lbk_context *context, const lbk__cache_key *key,
                                const lbk_probe_options *options, bool *kept) {
    *kept = false;
    if (options->force || !lbk__exists(options->out)) return LBK_OK;
    lbk__cache *cache;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__cache_open(context, options->out, &cache));
    LBK_GO(lbk__cache_match(cache, key));
    LBK_GO(lbk__cache_verify(cache));
    *kept = true;
    lbk__log(context, LBK_LOG_INFO, "%s: is there and matches teacher and pack: left as it is", options->out);
done:
    lbk__cache_close(cache);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(context, status, "not overwritten without force");
}

static lbk_status summarise(lbk__model *teacher, const lbk_pack *pack, const lbk_probe_options *options,
                            bool kept, char **out) {
    lbk__cache *cache;
    LBK_TRY(lbk__cache_open(teacher->context, options->out, &cache));
    const lbk__cache_key *key = lbk__cache_made_from(cache);
    json_t *root = json_pack("{s:s,s:b,s:s,s:s,s:I}", "cache", options->out, "kept", (int)kept,
                             "teacher_sha256", key->teacher_sha256, "pack_sha256", key->pack_sha256,
                             "num_samples", (json_int_t)key->num_samples);
    lbk_status status = lbk__probe_summary(teacher, pack, cache, root);
    lbk__cache_close(cache);
    if (status == LBK_OK && out) return lbk__json_text(teacher->context, root, out);
    json_decref(root);
    return status;
}

lbk_status lbk_probe(lbk_context *context, const lbk_probe_options *options, char **summary) {
    if (summary) *summary = NULL;
    if (options->batch_size < 0)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "batch_size is %d; it must be at least 1, or 0 for 32", options->batch_size);
    lbk__model *teacher = NULL;
    lbk_pack *pack = NULL;
    char hash[LBK__HASH_SIZE];
    bool kept;
    lbk_status status = LBK_OK;
    LBK_GO(lbk_pack_open(context, options->pack, &pack));
    LBK_GO(lbk__model_load(context, options->teacher, &teacher));
    LBK_GO(lbk__check_fit(teacher, pack, NULL, 0));
    lbk__model_hash(teacher, hash);
    lbk__cache_key key = {.teacher_sha256 = hash,
                          .pack_sha256 = lbk_pack_hash(pack),
                          .label_kind = lbk_pack_label_kind(pack),
                          .num_samples = lbk_pack_num_samples(pack),
                          .num_classes = lbk_pack_num_classes(pack)};
    LBK_GO(keep_existing(context, &key, options, &kept));
    if (!kept) LBK_GO(write_cache(teacher, pack, &key, options));
    LBK_GO(summarise(teacher, pack, options, kept, summary));
done:
    lbk__model_free(teacher);
    lbk_pack_close(pack);
    return status;
}
