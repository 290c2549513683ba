/* torch_file.c: torch's two containers.
 *
 *   zip     NAME/data.pkl, the pickle; NAME/data/KEY, the bytes of storage KEY, not compressed;
 * NAME/byteorder older   pickles behind each other: magic number, protocol, type sizes, the object, a list of
 * storage keys; then for each key of the list: its number of elements (int64) and its bytes */
#define _GNU_SOURCE /* qsort_r */
#include "format/torch_file.h"

#include "format/numbers.h"
#include "format/pickle.h"
#include "format/zip_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PICKLE = 16 << 20, LONGEST_NAME = 512 };

static const unsigned char zip_magic[] = {'P', 'K', 3, 4};
/* A pickle of one number, behind its protocol. */
static const unsigned char older_magic[] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                            0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

struct lbk__torch_file {
    lbk_context *context;
    char *path;
    lbk__pickle pickle;
    lbk__tensor_spec *specs; /* [count] */
    int32_t *tensors;        /* [count] indices into the pickle's */
    size_t count;
    /* zip: the pickle's bytes, what the entries' names start with, and the storage read last */
    lbk__zip *zip;
    void *pickle_bytes;
    char *prefix;
    void *bytes;
    int64_t bytes_of; /* entry in the container, −1: none yet */
    /* older: the file, and where each storage of the pickle lies in it */
    lbk__map map;
    size_t *offsets;
};

static bool is_zip(const unsigned char *start, size_t size) {
    return size >= sizeof zip_magic && memcmp(start, zip_magic, sizeof zip_magic) == 0;
}

/* Where the older container goes on behind its magic number; 0: this is none. From protocol 4 on, a frame of
 * nine bytes is before the number. */
static size_t behind_magic(const unsigned char *start, size_t size) {
    if (size < 2 || start[0] != 0x80 || start[1] < 2 || start[1] > 5) return 0;
    const size_t at = start[1] < 4 ? 2 : 11;
    if (size < at + sizeof older_magic || memcmp(start + at, older_magic, sizeof older_magic) != 0) return 0;
    return at + sizeof older_magic;
}

bool lbk__torch_file_is(const unsigned char *start, size_t size) {
    return is_zip(start, size) || behind_magic(start, size);
}

/* ---- which tensors there are ---- */

static bool has_tensors(const lbk__pickle *pickle, const lbk__pickle_value *dict) {
    if (!dict || dict->kind != LBK__PICKLE_DICT) return false;
    for (int32_t at = dict->first; at != LBK__PICKLE_NONE; at = pickle->cells[at].next)
        if (pickle->values[pickle->cells[at].value].kind == LBK__PICKLE_TENSOR) return true;
    return false;
}

static const lbk__pickle_value *find_state_dict(const lbk__pickle *pickle) {
    static const char *const places[] = {"state_dict", "model_state_dict", "model"};
    const lbk__pickle_value *root = &pickle->values[pickle->root];
    for (size_t i = 0; i < LBK_COUNT(places); i++) { /* a best score may be a tensor beside it */
        const lbk__pickle_value *inside = lbk__pickle_get(pickle, root, places[i]);
        if (has_tensors(pickle, inside)) return inside;
    }
    return has_tensors(pickle, root) ? root : NULL;
}

static lbk_status add_tensor(lbk__torch_file *file, const lbk__pickle_value *key, int64_t tensor) {
    const lbk__torch_tensor *about = &file->pickle.tensors[tensor];
    lbk__tensor_spec *spec = &file->specs[file->count];
    char *name, shown[96];
    if (key->kind != LBK__PICKLE_TEXT || key->length == 0 || key->length > LONGEST_NAME ||
        memchr(key->text, 0, key->length) || lbk__utf8_valid(key->text, key->length) != key->length)
        return lbk__fail(file->context, LBK_BAD_DATA,
                         "%s: has a tensor without a name, or with an impossible one: \"%s\"", file->path,
                         lbk__printable(shown, sizeof shown, key->text, key->length));
    LBK_TRY(lbk__copy_bytes(file->context, key->text, key->length, &name));
    *spec = (lbk__tensor_spec){
        .name = name, .dtype = file->pickle.storages[about->storage].dtype, .rank = about->rank};
    memcpy(spec->shape, about->shape, sizeof spec->shape);
    file->tensors[file->count++] = (int32_t)tensor;
    return LBK_OK;
}

static int by_name(const void *a, const void *b, void *specs) {
    const lbk__tensor_spec *list = specs;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

static lbk_status refuse_duplicates(const lbk__torch_file *file) {
    size_t *order;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(file->context, order, file->count + 1));
    for (size_t i = 0; i < file->count; i++) order[i] = i;
    qsort_r(order, file->count, sizeof *order, by_name, file->specs);
    for (size_t i = 1; status == LBK_OK && i < file->count; i++)
        if (strcmp(file->specs[order[i - 1]].name, file->specs[order[i]].name) == 0)
            status = lbk__fail(file->context, LBK_BAD_DATA, "%s: has two tensors \"%s\"", file->path,
                               file->specs[order[i]].name);
    lbk_free(file->context, order);
    return status;
}

static lbk_status list_tensors(lbk__torch_file *file) {
    const lbk__pickle *pickle = &file->pickle;
    const lbk__pickle_value *dict = find_state_dict(pickle);
    if (!dict)
        return lbk__fail(file->context, LBK_BAD_DATA,
                         "%s: holds no state dict; save the model's state_dict() with torch.save",
                         file->path);
    LBK_TRY(LBK_ALLOC(file->context, file->specs, dict->count / 2));
    LBK_TRY(LBK_ALLOC(file->context, file->tensors, dict->count / 2));
    for (int32_t at = dict->first; at != LBK__PICKLE_NONE;) {
        const lbk__pickle_cell *key = &pickle->cells[at], *value = &pickle->cells[key->next];
        const lbk__pickle_value *tensor = &pickle->values[value->value];
        if (tensor->kind == LBK__PICKLE_TENSOR)
            LBK_TRY(add_tensor(file, &pickle->values[key->value], tensor->number));
        at = value->next;
    }
    return refuse_duplicates(file);
}

/* ---- the zip container ---- */

static lbk_status check_byte_order(lbk__torch_file *file) {
    char name[LONGEST_NAME + 16], *order;
    size_t size;
    snprintf(name, sizeof name, "%sbyteorder", file->prefix);
    const int64_t entry = lbk__zip_find(file->zip, name);
    if (entry < 0) return LBK_OK; /* older torch: little */
    LBK_TRY(lbk__zip_read(file->zip, entry, 16, &order, &size));
    const bool little = size == 6 && memcmp(order, "little", 6) == 0;
    lbk_free(file->context, order);
    if (little) return LBK_OK;
    return lbk__fail(file->context, LBK_BAD_DATA, "%s: was saved on a big-endian machine; save it on another",
                     file->path);
}

static lbk_status open_zip(lbk__torch_file *file) {
    static const char pickle_name[] = "/data.pkl";
    LBK_TRY(lbk__zip_open(file->context, file->path, &file->zip));
    for (int64_t i = 0; i < lbk__zip_count(file->zip); i++) {
        const char *name = lbk__zip_name(file->zip, i), *slash = name ? strchr(name, '/') : NULL;
        if (!slash || strcmp(slash, pickle_name) != 0 || slash - name > LONGEST_NAME) continue;
        size_t size;
        LBK_TRY(lbk__copy_bytes(file->context, name, (size_t)(slash + 1 - name), &file->prefix));
        LBK_TRY(check_byte_order(file));
        LBK_TRY(lbk__zip_read(file->zip, i, LONGEST_PICKLE, &file->pickle_bytes, &size));
        return lbk__pickle_read(file->context, file->path, file->pickle_bytes, size, &file->pickle);
    }
    return lbk__fail(file->context, LBK_BAD_DATA,
                     "%s: is a zip without NAME/data.pkl, so none that torch.save wrote", file->path);
}

static lbk_status wrong_storage(const lbk__torch_file *file, const lbk__torch_storage *storage,
                                const char *what) {
    char shown[64];
    return lbk__fail(file->context, LBK_BAD_DATA, "%s: storage \"%s\" %s: damaged or truncated", file->path,
                     lbk__printable(shown, sizeof shown, storage->key, storage->key_length), what);
}

/* The storage's bytes, valid until the next call. */
static lbk_status read_zip_storage(lbk__torch_file *file, const lbk__torch_storage *storage, size_t bytes,
                                   const char **out) {
    char name[2 * LONGEST_NAME];
    if (storage->key_length > 64) return wrong_storage(file, storage, "has too long a key");
    snprintf(name, sizeof name, "%sdata/%.*s", file->prefix, (int)storage->key_length, storage->key);
    const int64_t entry = lbk__zip_find(file->zip, name);
    if (entry < 0) return wrong_storage(file, storage, "is missing");
    if (entry != file->bytes_of) {
        size_t size;
        lbk_free(file->context, file->bytes);
        file->bytes = NULL;
        file->bytes_of = -1;
        LBK_TRY(lbk__zip_read(file->zip, entry, bytes, &file->bytes, &size));
        if (size != bytes) return wrong_storage(file, storage, "has fewer bytes than its elements need");
        file->bytes_of = entry;
    }
    *out = file->bytes;
    return LBK_OK;
}

/* ---- the older container ---- */

static int compare_keys(const char *a, size_t a_length, const char *b, size_t b_length) {
    const int order = memcmp(a, b, LBK_MIN(a_length, b_length));
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_key(const void *a, const void *b, void *storages) {
    const lbk__torch_storage *list = storages, *x = &list[*(const size_t *)a], *y = &list[*(const size_t *)b];
    return compare_keys(x->key, x->key_length, y->key, y->key_length);
}

/* First place in `order` whose storage's key is not below this one. */
static size_t lower_bound(const lbk__pickle *pickle, const size_t *order, const lbk__pickle_value *key) {
    size_t low = 0, high = pickle->num_storages;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const lbk__torch_storage *storage = &pickle->storages[order[middle]];
        if (compare_keys(storage->key, storage->key_length, key->text, key->length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The data of the storage called `key` starts at *at: notes that for each mention of it, and goes past it. */
static lbk_status place_storage(lbk__torch_file *file, const size_t *order, const lbk__pickle_value *key,
                                size_t *at) {
    const lbk__pickle *pickle = &file->pickle;
    int64_t count;
    size_t first = lower_bound(pickle, order, key), bytes = 0;
    if (file->map.size - *at < sizeof count)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: ends before its last storage: truncated",
                         file->path);
    memcpy(&count, file->map.data + *at, sizeof count);
    *at += sizeof count;
    for (size_t i = first; i < pickle->num_storages; i++) {
        const lbk__torch_storage *storage = &pickle->storages[order[i]];
        if (compare_keys(storage->key, storage->key_length, key->text, key->length) != 0) break;
        if (storage->count != count || (i > first && storage->dtype != pickle->storages[order[first]].dtype))
            return wrong_storage(file, storage, "has another size or type than the pickle says");
        if (__builtin_mul_overflow((size_t)count, lbk__dtype_size(storage->dtype), &bytes) ||
            bytes > file->map.size - *at)
            return wrong_storage(file, storage, "has fewer bytes than its elements need");
        file->offsets[order[i]] = *at;
    }
    if (bytes == 0 && count != 0)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: has a storage that no tensor uses", file->path);
    *at += bytes;
    return LBK_OK;
}

static lbk_status place_storages(lbk__torch_file *file, const lbk__pickle *keys, size_t at) {
    const lbk__pickle_value *list = &keys->values[keys->root];
    const size_t count = file->pickle.num_storages;
    size_t *order;
    lbk_status status = LBK_OK;
    if (list->kind != LBK__PICKLE_LIST)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: has no list of storages", file->path);
    LBK_TRY(LBK_ALLOC(file->context, file->offsets, count));
    LBK_TRY(LBK_ALLOC(file->context, order, count + 1));
    for (size_t i = 0; i < count; i++) order[i] = i;
    qsort_r(order, count, sizeof *order, by_key, file->pickle.storages);
    for (int32_t cell = list->first; cell != LBK__PICKLE_NONE; cell = keys->cells[cell].next) {
        const lbk__pickle_value *key = &keys->values[keys->cells[cell].value];
        if (key->kind != LBK__PICKLE_TEXT) continue;
        LBK_GO(place_storage(file, order, key, &at));
    }
    for (size_t i = 0; i < count; i++)
        if (!file->offsets[i]) LBK_GO(wrong_storage(file, &file->pickle.storages[i], "is missing"));
done:
    lbk_free(file->context, order);
    return status;
}

/* One pickle from *at on, and past it. */
static lbk_status next_pickle(lbk__torch_file *file, size_t *at, lbk__pickle *out) {
    const size_t left = LBK_MIN(file->map.size - *at, (size_t)LONGEST_PICKLE);
    const lbk_status status = lbk__pickle_read(file->context, file->path, file->map.data + *at, left, out);
    *at += out->at;
    return status;
}

static lbk_status open_older(lbk__torch_file *file) {
    size_t at = behind_magic(file->map.data, file->map.size);
    lbk__pickle protocol = {0}, system = {0}, keys = {0};
    lbk_status status = LBK_OK;
    LBK_GO(next_pickle(file, &at, &protocol));
    LBK_GO(next_pickle(file, &at, &system));
    const lbk__pickle_value *version = &protocol.values[protocol.root],
                            *little = lbk__pickle_get(&system, &system.values[system.root], "little_endian");
    if (version->kind != LBK__PICKLE_NUMBER || version->number != 1001 || !little || little->number != 1) {
        status = lbk__fail(file->context, LBK_BAD_DATA,
                           "%s: is of another protocol than 1001, or from a big-endian machine", file->path);
        goto done;
    }
    LBK_GO(next_pickle(file, &at, &file->pickle));
    LBK_GO(next_pickle(file, &at, &keys));
    LBK_GO(place_storages(file, &keys, at));
done:
    lbk__pickle_free(&protocol);
    lbk__pickle_free(&system);
    lbk__pickle_free(&keys);
    return status;
}

/* ---- the file ---- */

lbk_status lbk__torch_file_open(lbk_context *context, const char *path, lbk__torch_file **out) {
    *out = NULL;
    lbk__torch_file *file;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(context, file, 1));
    file->context = context;
    file->bytes_of = -1;
    LBK_GO(lbk__copy_string(context, path, &file->path));
    LBK_GO(lbk__map_open(context, path, &file->map));
    if (!lbk__torch_file_is(file->map.data, file->map.size)) {
        status = lbk__fail(context, LBK_BAD_DATA, "%s: is no file that torch.save wrote", path);
        goto done;
    }
    LBK_GO(is_zip(file->map.data, file->map.size) ? open_zip(file) : open_older(file));
    LBK_GO(list_tensors(file));
    *out = file;
done:
    if (status != LBK_OK) lbk__torch_file_close(file);
    return status;
}

void lbk__torch_file_close(lbk__torch_file *file) {
    if (!file) return;
    for (size_t i = 0; i < file->count; i++) lbk_free(file->context, (void *)(uintptr_t)file->specs[i].name);
    lbk_free(file->context, file->specs);
    lbk_free(file->context, file->tensors);
    lbk__pickle_free(&file->pickle);
    lbk__zip_close(file->zip);
    lbk_free(file->context, file->pickle_bytes);
    lbk_free(file->context, file->prefix);
    lbk_free(file->context, file->bytes);
    lbk_free(file->context, file->offsets);
    lbk__map_close(&file->map);
    lbk_free(file->context, file->path);
    lbk_free(file->context, file);
}

size_t lbk__torch_file_count(const lbk__torch_file *file) {
    return file->count;
}
const lbk__tensor_spec *lbk__torch_file_at(const lbk__torch_file *file, size_t index) {
    return &file->specs[index];
}

/* Rows of the last dimension, one after the other. */
static void gather(const lbk__torch_tensor *tensor, lbk__dtype dtype, const char *bytes, float *out) {
    const int last = tensor->rank - 1;
    const int64_t row = tensor->rank ? tensor->shape[last] : 1,
                  stride = tensor->rank ? tensor->stride[last] : 1;
    int64_t place[LBK__MAX_RANK] = {0}, offset = tensor->offset;
    for (;;) {
        lbk__numbers_to_floats(dtype, bytes + (size_t)offset * lbk__dtype_size(dtype), (size_t)row,
                               (size_t)stride, out);
        out += row;
        int i = last - 1;
        for (; i >= 0; i--) {
            offset += tensor->stride[i];
            if (++place[i] < tensor->shape[i]) break;
            offset -= tensor->shape[i] * tensor->stride[i];
            place[i] = 0;
        }
        if (i < 0) return;
    }
}

lbk_status lbk__torch_file_read(lbk__torch_file *file, size_t index, float *out) {
    const lbk__torch_tensor *tensor = &file->pickle.tensors[file->tensors[index]];
    const lbk__torch_storage *storage = &file->pickle.storages[tensor->storage];
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] == 0) return LBK_OK;
    size_t bytes;
    const char *data;
    if (__builtin_mul_overflow((size_t)storage->count, lbk__dtype_size(storage->dtype), &bytes))
        return wrong_storage(file, storage, "is impossibly large");
    if (file->zip)
        LBK_TRY(read_zip_storage(file, storage, bytes, &data));
    else
        data = (const char *)file->map.data + file->offsets[tensor->storage];
    gather(tensor, storage->dtype, data, out);
    return LBK_OK;
}
