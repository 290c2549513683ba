/* teacher_logits.c: finds each sample of the pack in the file by its id, and writes the cache in the pack's
 * order. */
#include "train/teacher_logits.h"

#include "base/file.h"
#include "data/batch.h"
#include "data/name_map.h"
#include "format/kind.h"
#include "format/logits_file.h"

#include <math.h>
#include <string.h>

typedef struct job {
    lbk_context *context;
    const char *path;
    const lbk_pack *pack;
    lbk__logits_file *file;
    lbk__name_map places; /* id → index in the file */
    lbk__cache_key key;
    float *logits;  /* [views, C] */
    float *targets; /* [C] */
} job;

lbk_status lbk__is_cache(lbk_context *context, const char *path, bool *out) {
    char kind[LBK__LONGEST_KIND];
    LBK_TRY(lbk__file_kind(context, path, kind));
    *out = strcmp(kind, "cache") == 0;
    return LBK_OK;
}

/* ---- which sample is which ---- */

static lbk_status index_ids(job *j) {
    char shown[96];
    for (int64_t i = 0; i < lbk__logits_file_count(j->file); i++) {
        const char *id = lbk__logits_file_id(j->file, i);
        int32_t *place;
        bool added;
        LBK_TRY(lbk__name_map_place(&j->places, id, strlen(id), &place, &added));
        if (!added)
            return lbk__fail(j->context, LBK_BAD_DATA, "%s: \"ids\" has \"%s\" twice, as entries %d and %lld",
                             j->path, lbk__printable(shown, sizeof shown, id, strlen(id)), *place,
                             (long long)i);
        *place = (int32_t)i;
    }
    return LBK_OK;
}

/* Both files must be of the same samples; the first that is not is named. */
static lbk_status check_samples(const job *j) {
    const int64_t in_pack = j->key.num_samples, in_file = lbk__logits_file_count(j->file);
    lbk__name_map known;
    lbk_status status = LBK_OK;
    char shown[96];
    lbk__name_map_start(j->context, &known);
    for (int64_t i = 0; i < in_pack; i++) {
        lbk_sample sample;
        int32_t *number;
        bool added;
        LBK_GO(lbk_pack_sample(j->pack, i, &sample));
        LBK_GO(lbk__name_map_place(&known, sample.id, sample.id_length, &number, &added));
        if (lbk__name_map_find(&j->places, sample.id, sample.id_length, -1) < 0)
            LBK_GO(lbk__fail(
                j->context, LBK_MISMATCH,
                "%s: has no logits of sample \"%s\": every sample of the pack needs some (%lld in the pack, "
                "%lld in the file)",
                j->path, lbk__printable(shown, sizeof shown, sample.id, sample.id_length), (long long)in_pack,
                (long long)in_file));
    }
    for (int64_t i = 0; i < in_file && in_file > in_pack; i++) {
        const char *id = lbk__logits_file_id(j->file, i);
        if (lbk__name_map_find(&known, id, strlen(id), -1) < 0)
            LBK_GO(lbk__fail(j->context, LBK_MISMATCH,
                             "%s: has logits of \"%s\", which is no sample of the pack (%lld in the pack, "
                             "%lld in the file)",
                             j->path, lbk__printable(shown, sizeof shown, id, strlen(id)), (long long)in_pack,
                             (long long)in_file));
    }
done:
    lbk__name_map_free(&known);
    return status;
}

static lbk_status open_file(job *j) {
    LBK_TRY(lbk__logits_file_open(j->context, j->path, &j->file));
    if (lbk__logits_file_num_classes(j->file) != j->key.num_classes)
        return lbk__fail(
            j->context, LBK_MISMATCH,
            "%s: has logits of %d classes, the pack has %d; `limbeck info` on the pack lists them in "
            "their order",
            j->path, lbk__logits_file_num_classes(j->file), j->key.num_classes);
    j->key.joint_only = lbk__logits_file_num_views(j->file) == 1;
    LBK_TRY(index_ids(j));
    return check_samples(j);
}

/* ---- the cache ---- */

static lbk_status put_sample(job *j, int32_t index, lbk__cache_writer *writer) {
    const size_t count = (size_t)lbk__cache_views(&j->key) * (size_t)j->key.num_classes;
    lbk_sample sample;
    lbk__saliencies unused;
    int32_t label;
    uint8_t labelled;
    char shown[96];
    LBK_TRY(lbk_pack_sample(j->pack, index, &sample));
    const int32_t place = lbk__name_map_find(&j->places, sample.id, sample.id_length, -1);
    LBK_TRY(lbk__logits_file_read(j->file, place, j->logits));
    for (size_t k = 0; k < count; k++)
        if (!isfinite(j->logits[k]))
            return lbk__fail(j->context, LBK_NUMERIC,
                             "%s: logits of \"%s\": entry %d has a number that is not finite", j->path,
                             lbk__printable(shown, sizeof shown, sample.id, sample.id_length), place);
    LBK_TRY(lbk__batch_targets(j->pack, &index, 1, j->targets, &label, &labelled));
    return lbk__cache_writer_put(writer, index, j->logits, labelled ? label : -1,
                                 labelled ? j->targets : NULL, unused);
}

static lbk_status write_cache(job *j, const char *out) {
    lbk__cache_writer *writer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(j->context, j->logits, (size_t)lbk__cache_views(&j->key) * (size_t)j->key.num_classes));
    LBK_GO(LBK_ALLOC(j->context, j->targets, j->key.num_classes));
    LBK_GO(lbk__cache_writer_open(j->context, out, &j->key, &writer));
    for (int64_t i = 0; i < j->key.num_samples; i++) LBK_GO(put_sample(j, (int32_t)i, writer));
    LBK_GO(lbk__cache_writer_commit(writer));
done:
    lbk__cache_writer_close(writer);
    return status;
}

static bool is_there(const job *j, const char *out) {
    lbk__cache *cache;
    if (!lbk__exists(out) || lbk__cache_open(j->context, out, &cache) != LBK_OK) return false;
    const bool same = lbk__cache_match(cache, &j->key) == LBK_OK;
    lbk__cache_close(cache);
    return same;
}

lbk_status lbk__teacher_logits_cache(lbk_context *context, const char *logits, const lbk_pack *pack,
                                     bool resume, const char *out) {
    char hash[LBK__HASH_SIZE];
    job j = {.context = context, .path = logits, .pack = pack};
    lbk_status status = LBK_OK;
    lbk__name_map_start(context, &j.places);
    LBK_GO(lbk__hash_file(context, logits, hash));
    j.key = (lbk__cache_key){.teacher_sha256 = hash,
                             .pack_sha256 = lbk_pack_hash(pack),
                             .label_kind = lbk_pack_label_kind(pack),
                             .num_samples = lbk_pack_num_samples(pack),
                             .num_classes = lbk_pack_num_classes(pack)};
    if (is_there(&j, out)) goto done;
    if (resume && lbk__exists(out))
        LBK_GO(lbk__fail(
            context, LBK_MISMATCH,
            "%s: was made from other logits than those of %s, or of another pack: resume with what the "
            "run began with, or start a new run folder",
            out, logits));
    LBK_GO(lbk__refuse_others(context, out, "cache"));
    LBK_GO(open_file(&j));
    LBK_GO(write_cache(&j, out));
done:
    lbk__logits_file_close(j.file);
    lbk__name_map_free(&j.places);
    lbk_free(context, j.logits);
    lbk_free(context, j.targets);
    return status;
}
