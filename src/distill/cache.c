/* cache.c: opens a teacher cache, says whether it belongs to a teacher and a pack, and looks things up in it.
 */
#include "distill/cache.h"
#include "base/names.h"
#include "format/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

struct lbk__cache {
    lbk_context *context;
    lbk__safetensors *file;
    json_t *description;
    lbk__cache_key key;
    const float *logits, *saliency; /* saliency: NULL with one view */
};

static lbk_status bad(const lbk__cache *cache, const char *what) {
    return lbk__fail(cache->context, LBK_BAD_DATA,
                     "%s: is not a teacher cache of this version: %s; make one with `limbeck probe`",
                     lbk__safetensors_path(cache->file), what);
}

/* A member of 64 hexadecimal digits. */
static lbk_status read_hash(const lbk__cache *cache, const char *name, const char **out) {
    const char *text = json_string_value(json_object_get(cache->description, name));
    if (!text || strlen(text) != LBK__HASH_SIZE - 1 || strspn(text, "0123456789abcdef") != LBK__HASH_SIZE - 1)
        return bad(cache, "its description lacks a hash of 64 hexadecimal digits");
    *out = text;
    return LBK_OK;
}

static bool names_are(const json_t *array, const char *const *names, size_t count) {
    if (json_array_size(array) != count) return false;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (!name || strcmp(name, names[i]) != 0) return false;
    }
    return true;
}

static lbk_status read_description(lbk__cache *cache) {
    const char *text = lbk__safetensors_metadata(cache->file, "limbeck");
    if (!text) return bad(cache, "it has no description");
    cache->description = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(cache->description, "kind"));
    if (!kind) return bad(cache, "its description cannot be read");
    if (strcmp(kind, "cache") != 0) return bad(cache, "it is another kind of file");
    if (json_integer_value(json_object_get(cache->description, "version")) != LBK__CACHE_VERSION)
        return bad(cache, "its version differs");
    const json_t *shown = json_object_get(cache->description, "views");
    cache->key.joint_only = json_array_size(shown) == 1;
    if (!names_are(shown, lbk__view_names, (size_t)lbk__cache_views(&cache->key)) ||
        !names_are(json_object_get(cache->description, "saliencies"), lbk__saliency_names,
                   LBK__NUM_SALIENCIES))
        return bad(cache, "its views or saliencies are others");
    const char *label_kind = json_string_value(json_object_get(cache->description, "label_kind"));
    if (!lbk__label_kind_of(label_kind, &cache->key.label_kind))
        return bad(cache, "its label kind is unknown");
    const json_int_t folds = json_integer_value(json_object_get(cache->description, "folds"));
    if (folds < 0 || folds > LBK_MAX_FOLDS) return bad(cache, "its number of folds makes no sense");
    cache->key.folds = (int32_t)folds;
    cache->key.precision = json_string_value(json_object_get(cache->description, "precision"));
    LBK_TRY(read_hash(cache, "teacher_sha256", &cache->key.teacher_sha256));
    return read_hash(cache, "pack_sha256", &cache->key.pack_sha256);
}

static lbk_status read_tensors(lbk__cache *cache) {
    const lbk__tensor_entry *logits, *saliency;
    LBK_TRY(lbk__safetensors_expect(cache->file, "logits", LBK__F32, 3,
                                    (int64_t[]){lbk__cache_views(&cache->key), -1, -1}, &logits));
    int64_t num_samples = logits->shape[1], num_classes = logits->shape[2];
    if (num_classes < 1 || num_classes > INT32_MAX) return bad(cache, "its number of classes makes no sense");
    cache->key.num_samples = num_samples;
    cache->key.num_classes = (int32_t)num_classes;
    cache->logits = logits->data;
    if (cache->key.joint_only) return LBK_OK;
    LBK_TRY(lbk__safetensors_expect(cache->file, "saliency", LBK__F32, 3,
                                    (int64_t[]){LBK__NUM_SALIENCIES, LBK__NUM_MODALITIES, num_samples},
                                    &saliency));
    cache->saliency = saliency->data;
    return LBK_OK;
}

lbk_status lbk__cache_open(lbk_context *context, const char *path, lbk__cache **out) {
    *out = NULL;
    lbk__cache *cache;
    LBK_TRY(LBK_ALLOC(context, cache, 1));
    cache->context = context;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_open(context, path, &cache->file));
    LBK_GO(read_description(cache));
    LBK_GO(read_tensors(cache));
    *out = cache;
done:
    if (status != LBK_OK) lbk__cache_close(cache);
    return status;
}

void lbk__cache_close(lbk__cache *cache) {
    if (!cache) return;
    json_decref(cache->description);
    if (cache->file) lbk__safetensors_close(cache->file);
    lbk_free(cache->context, cache);
}

const lbk__cache_key *lbk__cache_made_from(const lbk__cache *cache) {
    return &cache->key;
}

/* Hashes differ: says so by their first digits. */
static lbk_status compare_hash(const lbk__cache *cache, const char *what, const char *has,
                               const char *wanted) {
    if (!wanted || strcmp(has, wanted) == 0) return LBK_OK;
    return lbk__fail(
        cache->context, LBK_MISMATCH,
        "%s: was made from another %s (%.12s…, not %.12s…): make a cache of this %s with `limbeck "
        "probe`, or give the %s it was made from",
        lbk__safetensors_path(cache->file), what, has, wanted, what, what);
}

/* Of one teacher, but asked in another way. */
static lbk_status compare_asking(const lbk__cache *cache, const lbk__cache_key *wanted) {
    static const char preset[] = "fp32";
    const lbk__cache_key *key = &cache->key;
    const char *has = key->precision ? key->precision : preset,
               *wants = wanted->precision ? wanted->precision : preset;
    if (key->folds != wanted->folds)
        return lbk__fail(cache->context, LBK_MISMATCH,
                         "%s: was made with %d folds, not %d (0: none): make it again with `limbeck probe "
                         "--force`, or take another file",
                         lbk__safetensors_path(cache->file), key->folds, wanted->folds);
    if (strcmp(has, wants) != 0)
        return lbk__fail(cache->context, LBK_MISMATCH,
                         "%s: was made with products in %.8s, not in %s: make it again with `limbeck probe "
                         "--force`, or take another file",
                         lbk__safetensors_path(cache->file), has, wants);
    return LBK_OK;
}

lbk_status lbk__cache_match(const lbk__cache *cache, const lbk__cache_key *wanted) {
    const lbk__cache_key *key = &cache->key;
    LBK_TRY(compare_hash(cache, "pack", key->pack_sha256, wanted->pack_sha256));
    LBK_TRY(compare_hash(cache, "teacher", key->teacher_sha256, wanted->teacher_sha256));
    if (wanted->teacher_sha256 && wanted->folds >= 0) LBK_TRY(compare_asking(cache, wanted));
    if (wanted->num_classes &&
        (key->num_samples != wanted->num_samples || key->num_classes != wanted->num_classes ||
         key->label_kind != wanted->label_kind))
        return lbk__fail(
            cache->context, LBK_MISMATCH,
            "%s: was made with another configuration: %lld samples, %d classes, labels of kind %s; "
            "wanted are %lld, %d and %s: make it again with `limbeck probe --force`",
            lbk__safetensors_path(cache->file), (long long)key->num_samples, key->num_classes,
            lbk__label_kind_names[key->label_kind], (long long)wanted->num_samples, wanted->num_classes,
            lbk__label_kind_names[wanted->label_kind]);
    return LBK_OK;
}

static lbk_status check_finite(const lbk__cache *cache, const char *what, const float *numbers,
                               size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]))
            return lbk__fail(cache->context, LBK_NUMERIC, "%s: has %s that are not finite; make it again",
                             lbk__safetensors_path(cache->file), what);
    return LBK_OK;
}

lbk_status lbk__cache_verify(const lbk__cache *cache) {
    const size_t samples = (size_t)cache->key.num_samples, views = (size_t)lbk__cache_views(&cache->key);
    char hash[LBK__HASH_SIZE];
    lbk__safetensors_hash(cache->file, hash);
    const char *kept = lbk__safetensors_metadata(cache->file, "sha256");
    if (!kept || strcmp(kept, hash) != 0)
        return lbk__fail(
            cache->context, LBK_BAD_DATA,
            "%s: is damaged: its content does not have the hash it was written with; make it again with "
            "`limbeck probe --force`",
            lbk__safetensors_path(cache->file));
    LBK_TRY(check_finite(cache, "logits", cache->logits, views * samples * (size_t)cache->key.num_classes));
    return lbk__cache_check_saliency(cache);
}

lbk_status lbk__cache_check_saliency(const lbk__cache *cache) {
    if (cache->key.joint_only) return LBK_OK;
    return check_finite(cache, "saliencies", cache->saliency,
                        (size_t)LBK__NUM_SALIENCIES * LBK__NUM_MODALITIES * (size_t)cache->key.num_samples);
}

void lbk__cache_identity(const lbk__cache *cache, char out[LBK__HASH_SIZE]) {
    const char *about = lbk__safetensors_metadata(cache->file, "limbeck");
    char both[2 * LBK__HASH_SIZE];
    lbk__hash_bytes(about, strlen(about), both);
    snprintf(both + LBK__HASH_SIZE - 1, LBK__HASH_SIZE, "%s",
             lbk__safetensors_metadata(cache->file, "sha256"));
    lbk__hash_bytes(both, 2 * (LBK__HASH_SIZE - 1), out);
}

const float *lbk__cache_logits(const lbk__cache *cache, lbk_view view, int64_t sample) {
    if ((int32_t)view >= lbk__cache_views(&cache->key)) return NULL;
    return cache->logits + (view * cache->key.num_samples + sample) * cache->key.num_classes;
}

void lbk__cache_saliency(const lbk__cache *cache, lbk__saliency kind, int64_t sample,
                         float out[LBK__NUM_MODALITIES]) {
    for (int64_t m = 0; m < LBK__NUM_MODALITIES; m++)
        out[m] =
            cache->saliency
                ? cache->saliency[((int64_t)kind * LBK__NUM_MODALITIES + m) * cache->key.num_samples + sample]
                : 0.0f;
}
