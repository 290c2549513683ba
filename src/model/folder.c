/* folder.c: a model as a Hugging Face folder: config.json, model.safetensors, vocab.txt,
 * tokenizer_config.json. */
#include "model/folder.h"

#include "format/kind.h"
#include "format/weights.h"
#include "model/config_json.h"
#include "model/export.h"
#include "model/vocabulary.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

lbk_status lbk__model_folder(lbk_context *context, const char *folder, char **out) {
    bool direct, best, begun;
    LBK_TRY(lbk__holds(context, folder, "config.json", &direct));
    LBK_TRY(lbk__holds(context, folder, "best/config.json", &best));
    LBK_TRY(lbk__holds(context, folder, "checkpoint/state.safetensors", &begun));
    if (direct) return lbk__copy_string(context, folder, out);
    if (best) return lbk__join(context, folder, "best", out);
    *out = NULL;
    if (!lbk__exists(folder))
        return lbk__fail(
            context, LBK_IO,
            "%s: no such folder: a model is a folder on this machine, with a config.json; none is "
            "downloaded",
            folder);
    if (begun)
        return lbk__fail(context, LBK_IO,
                         "%s: is an unfinished run that has no model yet: go on with it (--resume) until it "
                         "has one in best/",
                         folder);
    return lbk__fail(
        context, LBK_IO,
        "%s: has neither config.json nor best/config.json: no model folder, no finished run folder", folder);
}

/* A model with another head, or with none, is not lost: it must come in by another door. */
static lbk_status find_classifier(const lbk__model *model, const lbk__weights *weights) {
    if (lbk__weights_find(weights, "cls.weight") >= 0) return LBK_OK;
    return lbk__fail(
        model->context, LBK_BAD_DATA,
        "%s: has no classifier, \"cls.weight\"; `limbeck import` makes a model of others, or start "
        "from it (model.init_from)",
        lbk__weights_path(weights));
}

lbk_status lbk__check_classifier(const lbk__model *model) {
    if (!model->random_classifier) return LBK_OK;
    return lbk__fail(
        model->context, LBK_BAD_DATA,
        "the model's classifier is random, since what it was imported from has none that limbeck "
        "reads: train a model that starts from it (model.init_from)");
}

/* Where each parameter's numbers are among the file's tensors. */
static lbk_status find_weights(const lbk__model *model, const lbk__weights *weights, size_t *indices) {
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__tensor_spec wanted = lbk__parameter_spec(&model->parameters[i]);
        if (strcmp(wanted.name, "cls.weight") == 0) LBK_TRY(find_classifier(model, weights));
        LBK_TRY(lbk__weights_expect(weights, wanted.name, wanted.rank, wanted.shape, &indices[i]));
    }
    return LBK_OK;
}

/* Whether the file has the numbers one behind the other in our order, as files of our own do. */
static bool lie_as_here(const lbk__model *model, const lbk__weights *weights, const size_t *indices) {
    const uintptr_t first = (uintptr_t)lbk__weights_lent(weights, indices[0]);
    for (size_t i = 0; i < model->num_parameters; i++) {
        const uintptr_t lent = (uintptr_t)lbk__weights_lent(weights, indices[i]);
        if (!lent || lent != first + model->parameters[i].offset * sizeof(float)) return false;
    }
    return true;
}

/* Numbers that lie as they would here are used where they are: starting takes less time, and programs that
 * run one model share its memory. Others are copied. */
static lbk_status take_weights(lbk__model *model, lbk__weights *weights, const size_t *indices) {
    const bool lent = lie_as_here(model, weights, indices);
    if (lent)
        model->weights = lbk__weights_lent(weights, indices[0]);
    else
        LBK_TRY(lbk__model_allocate(model));
    for (size_t i = 0; i < model->num_parameters; i++) {
        const size_t offset = model->parameters[i].offset;
        LBK_TRY(lent ? lbk__weights_check_finite(weights, indices[i], model->weights + offset)
                     : lbk__weights_read(weights, indices[i], model->values + offset));
    }
    return LBK_OK;
}

static lbk_status load_weights(lbk__model *model, const char *folder) {
    lbk__weights *weights = NULL;
    size_t *indices = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__weights_open_folder(model->context, folder, &weights));
    model->file_bytes = lbk__weights_bytes(weights);
    LBK_GO(LBK_ALLOC(model->context, indices, model->num_parameters));
    LBK_GO(find_weights(model, weights, indices));
    LBK_GO(take_weights(model, weights, indices));
done:
    lbk_free(model->context, indices);
    if (status == LBK_OK && !model->values)
        model->file = weights;
    else
        lbk__weights_close(weights);
    return status;
}

static lbk_status load_vocab(lbk__model *model, const char *folder) {
    char *path;
    LBK_TRY(lbk__join(model->context, folder, "vocab.txt", &path));
    lbk_status status = LBK_OK;
    if (lbk__exists(path))
        status = lbk__read_file(model->context, path, 1 << 28, &model->vocab, &model->vocab_length);
    lbk_free(model->context, path);
    return status;
}

lbk_status lbk__model_load(lbk_context *context, const char *given, lbk__model **out) {
    char *folder = NULL, *path = NULL;
    json_t *json = NULL;
    lbk__model *model = NULL;
    lbk__model_config config;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(lbk__join(context, folder, "config.json", &path));
    LBK_GO(lbk__json_load_file(context, path, &json));
    LBK_GO(lbk__config_json_sizes(context, path, json, &config));
    const char *type = json_string_value(json_object_get(json, "model_type"));
    if (!type || strcmp(type, "visual_bert") != 0) {
        status =
            lbk__fail(context, LBK_BAD_DATA,
                      "%s: \"model_type\" is not \"visual_bert\": it is a text encoder, to start from by "
                      "model.init_from or to make a model of by `limbeck import`",
                      path);
        goto done;
    }
    status = lbk__model_shape(context, &config, &model);
    if (status != LBK_OK) {
        lbk__fail_at(context, status, "%s", path);
        goto done;
    }
    LBK_GO(lbk__config_json_rest(model, path, json));
    LBK_GO(load_weights(model, folder));
    LBK_GO(json_object_get(json, "limbeck") ? load_vocab(model, folder)
                                            : lbk__vocabulary_read(model, folder, NULL));
    *out = model;
done:
    if (status != LBK_OK) lbk__model_free(model);
    json_decref(json);
    lbk_free(context, folder);
    lbk_free(context, path);
    return status;
}

/* ---- saving ---- */

lbk_status lbk__refuse_model(lbk_context *context, const char *folder) {
    bool there;
    LBK_TRY(lbk__holds(context, folder, "config.json", &there));
    if (!there) return LBK_OK;
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "%s: is a model already; name a folder that is new or empty", folder);
}

/* The name of something that lies in the folder beside temporaries and the lock, which is there for ".", or
 * NULL. Free with lbk_free. */
static lbk_status first_entry(lbk_context *context, const char *folder, const char *lock, char **out) {
    *out = NULL;
    DIR *entries = opendir(folder);
    lbk_status status = LBK_OK;
    for (struct dirent *entry; entries && !*out && status == LBK_OK && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, lock) != 0 && !lbk__is_temporary(entry->d_name, NULL))
            status = lbk__copy_string(context, entry->d_name, out);
    if (entries) closedir(entries);
    return status;
}

/* Weights of ours without a config.json: the weights come first, config.json last. */
static lbk_status is_unfinished(lbk_context *context, const char *folder, bool *out) {
    char *path, kind[LBK__LONGEST_KIND] = "";
    LBK_TRY(lbk__join(context, folder, "model.safetensors", &path));
    const lbk_status status = lbk__is_regular(path) ? lbk__file_kind(context, path, kind) : LBK_OK;
    *out = strcmp(kind, "model") == 0;
    lbk_free(context, path);
    return status;
}

/* Files of the caller's would be written over, or be taken for the model's; a run's best/ would be hidden. */
static lbk_status refuse_used(lbk_context *context, const char *folder, const lbk__lock *lock) {
    char *entry, shown[96];
    bool unfinished = false;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__refuse_model(context, folder));
    LBK_TRY(first_entry(context, folder, lbk__base_name(lock->path), &entry));
    if (entry) LBK_GO(is_unfinished(context, folder, &unfinished));
    if (entry && !unfinished)
        status = lbk__fail(context, LBK_INVALID_ARGUMENT,
                           "%s: is not empty, \"%s\" lies in it; name a folder that is new or empty", folder,
                           lbk__printable(shown, sizeof shown, entry, strlen(entry)));
    else
        lbk__remove_leftovers(folder, NULL);
done:
    lbk_free(context, entry);
    return status;
}

lbk_status lbk__model_lock(lbk_context *context, const char *folder, lbk__lock *out) {
    char *parent;
    *out = (lbk__lock){0};
    LBK_TRY(lbk__folder_of(context, folder, &parent));
    lbk_status status = lbk__make_folder(context, parent);
    if (status == LBK_OK) status = lbk__lock_output(context, folder, out);
    lbk_free(context, parent);
    return status == LBK_OK ? refuse_used(context, folder, out) : status;
}

static lbk_status save_json(lbk_context *context, const char *folder, const char *name, json_t *json) {
    char *path;
    lbk_status status = lbk__join(context, folder, name, &path);
    if (status == LBK_OK) status = lbk__json_write_file(context, path, json, JSON_INDENT(2) | JSON_SORT_KEYS);
    json_decref(json);
    lbk_free(context, path);
    return status;
}

static lbk_status save_weights(const lbk__model *model, lbk__dtype dtype, const void *numbers,
                               const char *path) {
    lbk_context *context = model->context;
    const size_t size = lbk__dtype_size(dtype);
    lbk__tensor_spec *specs;
    lbk__safetensors_writer *writer = NULL;
    lbk_status status = LBK_OK;
    char *about = NULL;
    LBK_TRY(LBK_ALLOC(context, specs, model->num_parameters));
    for (size_t i = 0; i < model->num_parameters; i++) {
        specs[i] = lbk__parameter_spec(&model->parameters[i]);
        specs[i].dtype = dtype;
    }
    LBK_GO(lbk__format(context, &about, "{\"kind\":\"model\",\"version\":1,\"made_from\":%s}",
                       model->made_from ? model->made_from : "null"));
    const lbk__metadata metadata[] = {{"format", "pt"}, {"limbeck", about}};
    LBK_GO(lbk__safetensors_writer_open(context, path, specs, model->num_parameters, metadata, 2,
                                        "content_sha256", &writer));
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        LBK_GO(lbk__safetensors_writer_put(writer, (const char *)numbers + p->offset * size,
                                           (size_t)p->rows * (size_t)p->cols * size));
    }
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
done:
    lbk__safetensors_writer_close(writer);
    lbk_free(context, specs);
    lbk_free(context, about);
    return status;
}

lbk_status lbk__model_save(const lbk__model *model, const float *weights, const char *folder) {
    return lbk__model_save_as(model, LBK__F32, weights ? weights : model->weights, false, folder);
}

lbk_status lbk__model_save_as(const lbk__model *model, lbk__dtype dtype, const void *numbers, bool for_others,
                              const char *folder) {
    lbk_context *context = model->context;
    char *path = NULL;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__make_folder(context, folder));
    LBK_GO(lbk__join(context, folder, "model.safetensors", &path));
    LBK_GO(save_weights(model, dtype, numbers, path));
    if (model->vocab) {
        lbk_free(context, path);
        LBK_GO(lbk__join(context, folder, "vocab.txt", &path));
        LBK_GO(lbk__write_file(context, path, model->vocab, model->vocab_length));
        LBK_GO(save_json(
            context, folder, "tokenizer_config.json",
            json_pack("{s:s, s:b, s:i, s:s, s:s, s:s, s:s, s:s?}", "tokenizer_class", "BertTokenizer",
                      "do_lower_case", !model->cased, "model_max_length",
                      (int)LBK_MIN(model->max_text_tokens, model->config.max_position_embeddings),
                      "pad_token", "[PAD]", "unk_token", "[UNK]", "cls_token", "[CLS]", "sep_token", "[SEP]",
                      "mask_token", lbk__vocabulary_has(model, "[MASK]") ? "[MASK]" : NULL)));
    }
    if (model->vocab && for_others) LBK_GO(lbk__export_tokenizer(model, folder));
    /* Last: a folder with a config.json is a whole model. */
    LBK_GO(save_json(context, folder, "config.json", lbk__config_json_make(model, dtype)));
done:
    lbk_free(context, path);
    return status;
}

/* The identity of a teacher: its weights and what it was told they mean. */
lbk_status lbk__model_hash(const lbk__model *model, char out[65]) {
    lbk__hasher *hasher;
    out[0] = 0;
    LBK_TRY(lbk__hasher_create(model->context, &hasher));
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        lbk__hasher_update(hasher, p->name, strlen(p->name) + 1);
        lbk__hasher_update(hasher, model->weights + p->offset,
                           (size_t)p->rows * (size_t)p->cols * sizeof *model->weights);
    }
    for (int32_t i = 0; model->class_names && i < model->config.num_labels; i++)
        lbk__hasher_update(hasher, model->class_names[i], strlen(model->class_names[i]) + 1);
    lbk__hasher_update(hasher, &model->config.num_attention_heads, sizeof model->config.num_attention_heads);
    lbk__hasher_update(hasher, &model->config.layer_norm_eps, sizeof model->config.layer_norm_eps);
    if (model->config.classifier_pooling == LBK__POOL_LAST_WORD) lbk__hasher_update(hasher, "last_word", 9);
    lbk__hasher_finish(model->context, hasher, out);
    return LBK_OK;
}
