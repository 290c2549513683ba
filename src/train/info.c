/* info.c: explains a file or folder of limbeck's as JSON: what it is, what is in it, what made it. */
#include "distill/cache.h"

#include "base/guest.h"
#include "data/pack_summary.h"
#include "format/json.h"
#include "format/kind.h"
#include "format/safetensors.h"
#include "model/folder.h"
#include "model/parameters.h"
#include "train/report.h"

#include <string.h>
#include <sys/stat.h>

static json_int_t bytes_of(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 ? (json_int_t)found.st_size : 0;
}

/* {"shortest", "mean", "longest"} of N lengths. */
typedef struct length_tally {
    int64_t least, most, total, count;
} length_tally;

static void count_length(length_tally *tally, int64_t length) {
    if (tally->count == 0 || length < tally->least) tally->least = length;
    if (length > tally->most) tally->most = length;
    tally->total += length;
    tally->count++;
}

static json_t *lengths_json(const length_tally *tally) {
    return json_pack("{s:I, s:f, s:I}", "shortest", (json_int_t)tally->least, "mean",
                     tally->count ? (double)tally->total / (double)tally->count : 0.0, "longest",
                     (json_int_t)tally->most);
}

/* ---- packs ---- */

static lbk_status describe_samples(lbk_context *context, const lbk_pack *pack, json_t *out) {
    length_tally tokens = {0}, rows = {0};
    json_t *splits;
    LBK_TRY(lbk__pack_splits(context, pack, &splits));
    json_object_set_new(out, "splits", splits);
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(pack, i, &sample));
        count_length(&tokens, sample.num_tokens);
        count_length(&rows, sample.num_rows);
    }
    json_object_set_new(out, "tokens", lengths_json(&tokens));
    json_object_set_new(out, "visual_rows", lengths_json(&rows));
    return LBK_OK;
}

static lbk_status describe_pack(lbk_context *context, const char *path, json_t *out) {
    lbk_pack *pack;
    LBK_TRY(lbk_pack_open(context, path, &pack));
    json_t *classes = json_array();
    for (int32_t c = 0; c < lbk_pack_num_classes(pack); c++)
        json_array_append_new(classes, json_string(lbk_pack_class_name(pack, c)));
    json_object_set_new(out, "samples", json_integer(lbk_pack_num_samples(pack)));
    json_object_set_new(out, "images", json_integer(lbk_pack_num_images(pack)));
    json_object_set_new(out, "visual_dim", json_integer(lbk_pack_visual_dim(pack)));
    json_object_set_new(out, "classes", classes);
    lbk_status status = describe_samples(context, pack, out);
    if (status == LBK_OK) status = lbk_pack_verify(pack);
    json_object_set_new(out, "verified", json_boolean(status == LBK_OK));
    lbk_pack_close(pack);
    return status;
}

/* ---- caches ---- */

static lbk_status describe_cache(lbk_context *context, const char *path, json_t *out) {
    lbk__cache *cache;
    LBK_TRY(lbk__cache_open(context, path, &cache));
    const lbk__cache_key *key = lbk__cache_made_from(cache);
    json_t *saliency = json_object();
    for (int kind = 0; kind < LBK__NUM_SALIENCIES; kind++) {
        double mean[LBK__NUM_MODALITIES] = {0};
        for (int64_t i = 0; i < key->num_samples; i++) {
            float s[LBK__NUM_MODALITIES];
            lbk__cache_saliency(cache, (lbk__saliency)kind, i, s);
            for (int m = 0; m < LBK__NUM_MODALITIES; m++) mean[m] += (double)s[m] / (double)key->num_samples;
        }
        json_object_set_new(saliency, lbk__saliency_names[kind],
                            json_pack("{s:f, s:f}", "text", mean[0], "image", mean[1]));
    }
    json_object_set_new(out, "samples", json_integer(key->num_samples));
    json_object_set_new(out, "num_classes", json_integer(key->num_classes));
    json_object_set_new(out, "views", json_integer(lbk__cache_views(key)));
    if (!key->joint_only) json_object_set(out, "mean_saliency", saliency);
    json_decref(saliency);
    lbk_status status = lbk__cache_verify(cache);
    json_object_set_new(out, "verified", json_boolean(status == LBK_OK));
    lbk__cache_close(cache);
    return status;
}

/* ---- any of our safetensors files ---- */

static json_t *tensors_json(const lbk__safetensors *file) {
    json_t *list = json_array();
    for (size_t i = 0; i < lbk__safetensors_count(file); i++) {
        const lbk__tensor_entry *entry = lbk__safetensors_at(file, i);
        json_t *shape = json_array();
        for (int k = 0; k < entry->rank; k++) json_array_append_new(shape, json_integer(entry->shape[k]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", entry->name, "dtype",
                                              lbk__dtype_name(entry->dtype), "shape", shape));
    }
    return list;
}

/* Files of limbeck's in formats of others. */
static bool is_foreign(const char *kind) {
    return strcmp(kind, LBK__KIND_ONNX) == 0 || strcmp(kind, LBK__KIND_HDF5) == 0;
}

static lbk_status describe_file(lbk_context *context, const char *path, json_t *out) {
    lbk__safetensors *file;
    char format[LBK__LONGEST_KIND];
    LBK_TRY(lbk__file_kind(context, path, format));
    if (is_foreign(format)) {
        json_object_set_new(out, "kind", json_string(format));
        json_object_set_new(out, "bytes", json_integer(bytes_of(path)));
        return LBK_OK;
    }
    LBK_TRY(lbk__safetensors_open(context, path, &file));
    const char *text = lbk__safetensors_metadata(file, "limbeck");
    json_t *about = text ? json_loads(text, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(about, "kind"));
    lbk_status status = LBK_OK;
    if (!kind) {
        status = lbk__fail(context, LBK_BAD_DATA, "%s: a safetensors file, but none of limbeck's", path);
        goto done;
    }
    char hash[LBK__HASH_SIZE];
    lbk__safetensors_hash(file, hash);
    json_object_set_new(out, "kind", json_string(kind));
    json_object_set_new(out, "bytes", json_integer(bytes_of(path)));
    json_object_set_new(out, "content_sha256", json_string(hash));
    json_object_set(out, "description", about);
    json_object_set_new(out, "tensors", tensors_json(file));
    if (strcmp(kind, "pack") == 0) status = describe_pack(context, path, out);
    if (strcmp(kind, "cache") == 0) status = describe_cache(context, path, out);
done:
    json_decref(about);
    lbk__safetensors_close(file);
    return status;
}

/* ---- folders of models, runs and studies ---- */

/* What a study's study.json says of it; *found false where there is none. */
static lbk_status describe_study(lbk_context *context, const char *folder, json_t *out, bool *found) {
    static const char *const keys[] = {"name",   "pack",    "pack_sha256", "test_split",
                                       "metric", "teacher", "machine"};
    char *path;
    json_t *study = NULL;
    LBK_TRY(lbk__join(context, folder, "study.json", &path));
    *found = lbk__exists(path);
    lbk_status status = *found ? lbk__json_load_file(context, path, &study) : LBK_OK;
    lbk_free(context, path);
    if (!study) return status;
    json_object_set_new(out, "kind", json_string("study"));
    for (size_t i = 0; i < LBK_COUNT(keys); i++)
        if (json_object_get(study, keys[i])) json_object_set(out, keys[i], json_object_get(study, keys[i]));
    json_decref(study);
    return LBK_OK;
}

/* What the checkpoint of a run says that has no model yet. LBK_IO, and no sentence, where there is none. */
static lbk_status describe_unfinished(lbk_context *context, const char *folder, json_t *out) {
    static const char *const keys[] = {"method", "step", "epoch", "config_sha256", "pack_sha256"};
    char *path = NULL;
    lbk__safetensors *file = NULL;
    json_t *about = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__join(context, folder, "checkpoint/state.safetensors", &path));
    LBK_GO(lbk__exists(path) ? LBK_OK : LBK_IO);
    LBK_GO(lbk__safetensors_open(context, path, &file));
    const char *text = lbk__safetensors_metadata(file, "limbeck");
    about = text ? json_loads(text, 0, NULL) : NULL;
    json_object_set_new(out, "kind", json_string("unfinished run"));
    json_object_set_new(out, "checkpoint", json_string(path));
    json_object_set_new(out, "bytes", json_integer(bytes_of(path)));
    for (size_t i = 0; i < LBK_COUNT(keys); i++)
        if (json_object_get(about, keys[i])) json_object_set(out, keys[i], json_object_get(about, keys[i]));
done:
    json_decref(about);
    lbk__safetensors_close(file);
    lbk_free(context, path);
    return status;
}

static lbk_status describe_folder(lbk_context *context, const char *given, json_t *out) {
    char *folder = NULL, hash[LBK__HASH_SIZE];
    lbk__model *model = NULL;
    bool study = false;
    lbk_status status = LBK_OK;
    LBK_GO(describe_study(context, given, out, &study));
    if (study) goto done;
    status = lbk__model_folder(context, given, &folder);
    if (status == LBK_IO) status = describe_unfinished(context, given, out);
    if (!folder) goto done;
    LBK_GO(lbk__model_load(context, folder, &model));
    const lbk__model_config *c = &model->config;
    LBK_GO(lbk__model_hash(model, hash));
    json_object_set_new(out, "kind", json_string(strcmp(folder, given) == 0 ? "model" : "run"));
    json_object_set_new(out, "model", json_string(folder));
    json_object_set_new(out, "model_sha256", json_string(hash));
    json_object_set_new(out, "bytes", json_integer(model->file_bytes));
    json_object_set_new(out, "parameters", json_integer((json_int_t)model->num_values));
    json_object_set_new(out, "sizes",
                        json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "hidden_size", c->hidden_size,
                                  "num_hidden_layers", c->num_hidden_layers, "num_attention_heads",
                                  c->num_attention_heads, "intermediate_size", c->intermediate_size,
                                  "vocab_size", c->vocab_size, "visual_embedding_dim",
                                  c->visual_embedding_dim));
    json_t *classes = json_array();
    for (int32_t i = 0; model->class_names && i < c->num_labels; i++)
        json_array_append_new(classes, json_string(model->class_names[i]));
    json_object_set_new(out, "classes", classes);
    if (model->random_classifier) json_object_set_new(out, "classifier", json_string("random"));
    if (model->visual_source) json_object_set_new(out, "visual", json_loads(model->visual_source, 0, NULL));
    if (model->made_from) json_object_set_new(out, "made_from", json_loads(model->made_from, 0, NULL));
done:
    lbk__model_free(model);
    lbk_free(context, folder);
    return status;
}

lbk_status lbk_info(lbk_context *context, const char *path, char **out) {
    LBK__GUEST(context);
    *out = NULL;
    LBK_TRY(lbk__check_path(context, path));
    json_t *json = json_pack("{s:s}", "path", path);
    lbk_status status =
        lbk__is_folder(path) ? describe_folder(context, path, json) : describe_file(context, path, json);
    if (status == LBK_OK) return lbk__json_text(context, json, out);
    json_decref(json);
    return status;
}
