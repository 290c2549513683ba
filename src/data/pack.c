/* pack.c: an open pack: its description, its parts, its samples. */
#include "data/pack_file.h"

#include "base/guest.h"
#include "base/names.h"
#include "format/json.h"

#include <string.h>

/* ---- opening ---- */

static lbk_status read_names(const lbk_pack *pack, lbk__json_in in, const char *key, int64_t most,
                             char ***out, int32_t *count) {
    const json_t *array;
    LBK_TRY(lbk__json_get_array(in, key, &array));
    if (json_array_size(array) > (size_t)most)
        return lbk__fail(pack->context, LBK_BAD_DATA, "%s: %s has more than %lld names", pack->path, key,
                         (long long)most);
    LBK_TRY(LBK_ALLOC(pack->context, *out, json_array_size(array) + 1));
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name;
        LBK_TRY(lbk__json_string_at(in, key, array, i, &name));
        LBK_TRY(lbk__copy_string(pack->context, name, *out + i));
        ++*count;
    }
    return LBK_OK;
}

static lbk_status read_label_kind(lbk_pack *pack, lbk__json_in in) {
    const char *name;
    LBK_TRY(lbk__json_get_string(in, "label_kind", &name));
    if (lbk__label_kind_of(name, &pack->label_kind)) return LBK_OK;
    return lbk__fail(pack->context, LBK_BAD_DATA, "%s: label_kind is none of single, multi, soft",
                     pack->path);
}

static lbk_status read_tokenizer(lbk_pack *pack, lbk__json_in in) {
    lbk__json_in tokenizer;
    int64_t most = 0, size = 0;
    LBK_TRY(lbk__json_get_object(in, "tokenizer", &tokenizer));
    LBK_TRY(lbk__json_get_bool(tokenizer, "cased", &pack->cased));
    LBK_TRY(lbk__json_get_integer(tokenizer, "max_text_tokens", 2, INT32_MAX, &most));
    LBK_TRY(lbk__json_get_integer(tokenizer, "vocab_size", 1, INT32_MAX, &size));
    pack->max_text_tokens = (int32_t)most;
    pack->vocab_size = (int32_t)size;
    return LBK_OK;
}

static lbk_status read_description(lbk_pack *pack, lbk__json_in in) {
    int64_t version = 0, dim = 0;
    lbk__json_in visual;
    LBK_TRY(lbk__json_get_integer(in, "version", 1, INT32_MAX, &version));
    if (version > LBK__PACK_VERSION)
        return lbk__fail(pack->context, LBK_BAD_DATA,
                         "%s: is a pack of version %d, made by a newer limbeck; this one reads %d",
                         pack->path, (int)version, LBK__PACK_VERSION);
    LBK_TRY(read_label_kind(pack, in));
    LBK_TRY(read_names(pack, in, "classes", LBK__MAX_CLASSES, &pack->classes, &pack->num_classes));
    LBK_TRY(read_names(pack, in, "splits", LBK__MAX_SPLITS, &pack->splits, &pack->num_splits));
    LBK_TRY(read_tokenizer(pack, in));
    LBK_TRY(lbk__json_get_object(in, "visual", &visual));
    LBK_TRY(lbk__json_get_integer(visual, "dim", 0, INT32_MAX, &dim));
    pack->visual_dim = (int32_t)dim;
    return lbk__json_dump(pack->context, visual.object, JSON_COMPACT, &pack->visual);
}

static lbk_status open_description(lbk_pack *pack) {
    const char *text = lbk__safetensors_metadata(pack->file, LBK__PACK_DESCRIPTION);
    const char *promised = lbk__safetensors_metadata(pack->file, LBK__PACK_DESCRIPTION_HASH);
    const char *content = lbk__safetensors_metadata(pack->file, LBK__PACK_CONTENT_HASH);
    char hash[LBK__HASH_SIZE];
    json_t *root = NULL;
    const char *kind = NULL;
    lbk_status status = LBK_OK;
    if (text) status = lbk__json_load_bytes(pack->context, pack->path, text, strlen(text), &root);
    if (status == LBK_NO_MEMORY) return status;
    kind = json_string_value(json_object_get(root, "kind"));
    if (!kind || strcmp(kind, "pack") != 0) {
        status = lbk__fail(
            pack->context, LBK_BAD_DATA, "%s: is %s, not a pack; make one with `limbeck pack`", pack->path,
            kind ? "another kind of limbeck's files" : "a safetensors file of some other program");
        goto done;
    }
    lbk__hash_bytes(text, strlen(text), hash);
    if (!promised || !content || strcmp(hash, promised) != 0) {
        status = lbk__fail(pack->context, LBK_BAD_DATA, "%s: its description is damaged; make the pack again",
                           pack->path);
        goto done;
    }
    lbk__pack_identity(promised, content, pack->hash);
    LBK_GO(read_description(pack, (lbk__json_in){pack->context, pack->path, root}));
done:
    json_decref(root);
    return status;
}

static lbk_status open_parts(lbk_pack *pack) {
    const void *data[LBK__NUM_PARTS];
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        const int64_t shape[2] = {-1, pack->visual_dim};
        const lbk__tensor_entry *entry;
        LBK_TRY(lbk__safetensors_expect(pack->file, lbk__pack_part_name(part), lbk__pack_part_dtype(part),
                                        part == LBK__PART_ROWS ? 2 : 1, shape, &entry));
        data[part] = entry->data;
        pack->length[part] = entry->shape[0];
    }
    pack->id_offset = data[LBK__PART_ID_OFFSET], pack->text_offset = data[LBK__PART_TEXT_OFFSET];
    pack->token_offset = data[LBK__PART_TOKEN_OFFSET], pack->label_offset = data[LBK__PART_LABEL_OFFSET];
    pack->row_offset = data[LBK__PART_ROW_OFFSET], pack->path_offset = data[LBK__PART_PATH_OFFSET];
    pack->token = data[LBK__PART_TOKEN], pack->image = data[LBK__PART_IMAGE];
    pack->label_class = data[LBK__PART_LABEL_CLASS], pack->label_score = data[LBK__PART_LABEL_SCORE];
    pack->rows = data[LBK__PART_ROWS];
    pack->split = data[LBK__PART_SPLIT], pack->labelled = data[LBK__PART_LABELLED];
    pack->id = data[LBK__PART_ID], pack->text = data[LBK__PART_TEXT];
    pack->image_path = data[LBK__PART_PATH], pack->vocab = data[LBK__PART_VOCAB];
    pack->num_samples = pack->length[LBK__PART_ID_OFFSET] - 1;
    pack->num_images = pack->length[LBK__PART_ROW_OFFSET] - 1;
    if (pack->num_samples < 0 || pack->num_samples > INT32_MAX || pack->num_images < 0 ||
        pack->num_images > INT32_MAX)
        return lbk__fail(pack->context, LBK_BAD_DATA, "%s: has an impossible number of samples or images",
                         pack->path);
    return lbk__pack_check(pack);
}

lbk_status lbk_pack_open(lbk_context *context, const char *path, lbk_pack **out) {
    LBK__GUEST(context);
    *out = NULL;
    lbk_pack *pack;
    LBK_TRY(LBK_ALLOC(context, pack, 1));
    lbk_status status = LBK_OK;
    pack->context = context;
    LBK_GO(lbk__copy_string(context, path, &pack->path));
    LBK_GO(lbk__safetensors_open(context, path, &pack->file));
    LBK_GO(open_description(pack));
    LBK_GO(open_parts(pack));
    *out = pack;
done:
    if (status != LBK_OK) lbk_pack_close(pack);
    return status;
}

static void free_names(lbk_context *context, char **names, int32_t count) {
    for (int32_t i = 0; i < count; i++) lbk_free(context, names[i]);
    lbk_free(context, names);
}

void lbk_pack_close(lbk_pack *pack) {
    if (!pack) return;
    LBK__GUEST(pack->context);
    free_names(pack->context, pack->classes, pack->num_classes);
    free_names(pack->context, pack->splits, pack->num_splits);
    lbk_free(pack->context, pack->visual);
    lbk__safetensors_close(pack->file);
    lbk_free(pack->context, pack->path);
    lbk_free(pack->context, pack);
}

lbk_status lbk_pack_verify(lbk_pack *pack) {
    LBK__GUEST(pack->context);
    char hash[LBK__HASH_SIZE];
    lbk__safetensors_hash(pack->file, hash);
    if (strcmp(hash, lbk__safetensors_metadata(pack->file, LBK__PACK_CONTENT_HASH)) == 0) return LBK_OK;
    return lbk__fail(
        pack->context, LBK_BAD_DATA,
        "%s: its content is not what was written (SHA-256 differs): damaged; make the pack again",
        pack->path);
}

/* ---- what is in it ---- */

int64_t lbk_pack_num_samples(const lbk_pack *pack) {
    return pack->num_samples;
}
int64_t lbk_pack_num_images(const lbk_pack *pack) {
    return pack->num_images;
}
int32_t lbk_pack_num_classes(const lbk_pack *pack) {
    return pack->num_classes;
}
const char *lbk_pack_class_name(const lbk_pack *pack, int32_t index) {
    return index >= 0 && index < pack->num_classes ? pack->classes[index] : NULL;
}
lbk_label_kind lbk_pack_label_kind(const lbk_pack *pack) {
    return pack->label_kind;
}
int32_t lbk_pack_visual_dim(const lbk_pack *pack) {
    return pack->visual_dim;
}
const char *lbk_pack_hash(const lbk_pack *pack) {
    return pack->hash;
}

static void set_visual(const lbk_pack *pack, int64_t image, lbk_sample *out) {
    out->image = image;
    if (image < 0) return;
    const int64_t first = pack->row_offset[image];
    out->num_rows = (int32_t)(pack->row_offset[image + 1] - first);
    out->visual = pack->rows + first * pack->visual_dim;
}

lbk_status lbk_pack_sample(const lbk_pack *pack, int64_t index, lbk_sample *out) {
    *out = (lbk_sample){.image = -1};
    if (index < 0 || index >= pack->num_samples)
        return lbk__fail(pack->context, LBK_INVALID_ARGUMENT, "%s: sample %lld: there are %lld", pack->path,
                         (long long)index, (long long)pack->num_samples);
    out->id = pack->id + pack->id_offset[index];
    out->id_length = (size_t)(pack->id_offset[index + 1] - pack->id_offset[index]);
    out->text = pack->text + pack->text_offset[index];
    out->text_length = (size_t)(pack->text_offset[index + 1] - pack->text_offset[index]);
    out->tokens = pack->token + pack->token_offset[index];
    out->num_tokens = (int32_t)(pack->token_offset[index + 1] - pack->token_offset[index]);
    out->split = pack->splits[pack->split[index]];
    out->labelled = pack->labelled[index];
    out->classes = pack->label_class + pack->label_offset[index];
    out->scores = pack->label_score + pack->label_offset[index];
    out->num_labels = (int32_t)(pack->label_offset[index + 1] - pack->label_offset[index]);
    set_visual(pack, pack->image[index], out);
    return LBK_OK;
}

/* ---- for other rooms ---- */

static lbk_status no_such_split(const lbk_pack *pack, const char *name) {
    lbk__text list = {0};
    lbk_status status = LBK_OK;
    for (int32_t s = 0; s < pack->num_splits && status == LBK_OK; s++) {
        int64_t count = 0;
        for (int64_t i = 0; i < pack->num_samples; i++) count += pack->split[i] == s;
        status = lbk__text_printf(pack->context, &list, "%s%s (%lld)", s ? ", " : "", pack->splits[s],
                                  (long long)count);
    }
    if (status == LBK_OK)
        status = lbk__fail(pack->context, LBK_INVALID_ARGUMENT,
                           "%s: has no sample in a split \"%s\"; its splits: %s", pack->path, name,
                           list.length ? list.data : "none");
    lbk__text_free(pack->context, &list);
    return status;
}

lbk_status lbk__pack_split(const lbk_pack *pack, const char *name, int32_t **indices, int64_t *count) {
    int32_t wanted = 0;
    *indices = NULL;
    *count = 0;
    while (wanted < pack->num_splits && strcmp(pack->splits[wanted], name) != 0) wanted++;
    for (int64_t i = 0; i < pack->num_samples; i++) *count += pack->split[i] == wanted;
    if (*count == 0) return no_such_split(pack, name);
    LBK_TRY(LBK_ALLOC(pack->context, *indices, *count));
    int64_t at = 0;
    for (int64_t i = 0; i < pack->num_samples; i++)
        if (pack->split[i] == wanted) (*indices)[at++] = (int32_t)i;
    return LBK_OK;
}

const char *lbk__pack_vocab(const lbk_pack *pack, size_t *size) {
    *size = (size_t)pack->length[LBK__PART_VOCAB];
    return pack->vocab;
}
bool lbk__pack_cased(const lbk_pack *pack) {
    return pack->cased;
}
int32_t lbk__pack_max_text_tokens(const lbk_pack *pack) {
    return pack->max_text_tokens;
}
const char *lbk__pack_visual_description(const lbk_pack *pack) {
    return pack->visual;
}
const char *lbk__pack_description(const lbk_pack *pack) {
    return lbk__safetensors_metadata(pack->file, LBK__PACK_DESCRIPTION);
}

const char *lbk__pack_image_path(const lbk_pack *pack, int64_t image, size_t *length) {
    *length = 0;
    if (image < 0 || image >= pack->num_images) return NULL;
    *length = (size_t)(pack->path_offset[image + 1] - pack->path_offset[image]);
    return pack->image_path + pack->path_offset[image];
}
