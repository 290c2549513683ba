/* weights.c: one list of tensors over the files that hold them. */
#include "format/weights.h"

#include "format/json.h"
#include "format/numbers.h"
#include "format/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct part {
    char *path;
    lbk__safetensors *safetensors; /* one of the two */
    lbk__torch_file *torch;
    size_t bytes;
} part;

typedef struct tensor {
    lbk__tensor_spec spec; /* its name lies in the part */
    size_t part, index;    /* where: the index within the part */
} tensor;

struct lbk__weights {
    lbk_context *context;
    char *path;
    part *parts;
    tensor *tensors; /* sorted by name */
    size_t num_parts, num_tensors, part_capacity, tensor_capacity;
};

static size_t count_of(const part *from) {
    return from->torch ? lbk__torch_file_count(from->torch) : lbk__safetensors_count(from->safetensors);
}

static lbk__tensor_spec spec_of(const part *from, size_t index) {
    if (from->torch) return *lbk__torch_file_at(from->torch, index);
    const lbk__tensor_entry *entry = lbk__safetensors_at(from->safetensors, index);
    lbk__tensor_spec spec = {.name = entry->name, .dtype = entry->dtype, .rank = entry->rank};
    memcpy(spec.shape, entry->shape, sizeof spec.shape);
    return spec;
}

static lbk_status open_part(lbk_context *context, part *to) {
    lbk__map map;
    LBK_TRY(lbk__map_open(context, to->path, &map));
    const bool torch = lbk__torch_file_is(map.data, map.size);
    to->bytes = map.size;
    lbk__map_close(&map);
    return torch ? lbk__torch_file_open(context, to->path, &to->torch)
                 : lbk__safetensors_open(context, to->path, &to->safetensors);
}

/* The file and all its tensors, unless it is there already. */
static lbk_status add_part(lbk__weights *weights, const char *path) {
    const size_t number = weights->num_parts;
    for (size_t i = 0; i < number; i++)
        if (strcmp(weights->parts[i].path, path) == 0) return LBK_OK;
    LBK_TRY(LBK_GROW(weights->context, weights->parts, weights->part_capacity, weights->num_parts + 1));
    part *added = &weights->parts[weights->num_parts++];
    *added = (part){0};
    LBK_TRY(lbk__copy_string(weights->context, path, &added->path));
    LBK_TRY(open_part(weights->context, added));
    const size_t count = count_of(added);
    LBK_TRY(
        LBK_GROW(weights->context, weights->tensors, weights->tensor_capacity, weights->num_tensors + count));
    for (size_t i = 0; i < count; i++)
        weights->tensors[weights->num_tensors++] =
            (tensor){.spec = spec_of(added, i), .part = number, .index = i};
    return LBK_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tensor *)a)->spec.name, ((const tensor *)b)->spec.name);
}

static lbk_status sort_tensors(lbk__weights *weights) {
    if (weights->num_tensors)
        qsort(weights->tensors, weights->num_tensors, sizeof *weights->tensors, by_name);
    for (size_t i = 1; i < weights->num_tensors; i++)
        if (by_name(&weights->tensors[i - 1], &weights->tensors[i]) == 0)
            return lbk__fail(weights->context, LBK_BAD_DATA, "%s: has tensor \"%s\" in two files",
                             weights->path, weights->tensors[i].spec.name);
    return LBK_OK;
}

/* ---- sharded: {"weight_map": {tensor: file}} ---- */

static lbk_status add_shard(lbk__weights *weights, const char *folder, const char *name) {
    char shown[96], *path;
    if (!*name || strchr(name, '/'))
        return lbk__fail(weights->context, LBK_BAD_DATA,
                         "%s: \"weight_map\" names \"%s\", no file of its folder", weights->path,
                         lbk__printable(shown, sizeof shown, name, strlen(name)));
    lbk_status status = lbk__join_inside(weights->context, folder, name, &path);
    if (status != LBK_OK) return lbk__fail_at(weights->context, status, "%s: \"weight_map\"", weights->path);
    status = add_part(weights, path);
    lbk_free(weights->context, path);
    return status;
}

/* Every tensor of the index must be in the file that it says. */
static lbk_status check_index(const lbk__weights *weights, const json_t *map) {
    const char *name;
    json_t *file;
    json_object_foreach((json_t *)(uintptr_t)map, name, file) {
        const int64_t found = lbk__weights_find(weights, name);
        const char *path = found < 0 ? "" : weights->parts[weights->tensors[found].part].path;
        char shown[160];
        if (strcmp(lbk__base_name(path), json_string_value(file)) != 0)
            return lbk__fail(weights->context, LBK_BAD_DATA,
                             "%s: tensor \"%s\" is not in the file that it names", weights->path,
                             lbk__printable(shown, sizeof shown, name, strlen(name)));
    }
    return LBK_OK;
}

static lbk_status open_index(lbk__weights *weights, const char *folder) {
    json_t *json = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__json_load_file(weights->context, weights->path, &json));
    lbk__json_in map;
    LBK_GO(lbk__json_get_object((lbk__json_in){weights->context, weights->path, json}, "weight_map", &map));
    const char *name;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)map.object, name, unused) {
        const char *file = NULL;
        LBK_GO(lbk__json_get_string(map, name, &file));
        LBK_GO(add_shard(weights, folder, file));
    }
    LBK_GO(sort_tensors(weights));
    LBK_GO(check_index(weights, map.object));
done:
    json_decref(json);
    return status;
}

/* ---- opening ---- */

static lbk_status create(lbk_context *context, const char *path, lbk__weights **out) {
    LBK_TRY(LBK_ALLOC(context, *out, 1));
    (*out)->context = context;
    return lbk__copy_string(context, path, &(*out)->path);
}

static lbk_status finish(lbk__weights *weights, lbk_status status, lbk__weights **out) {
    *out = status == LBK_OK ? weights : NULL;
    if (status != LBK_OK) lbk__weights_close(weights);
    return status;
}

lbk_status lbk__weights_open(lbk_context *context, const char *path, lbk__weights **out) {
    lbk__weights *weights = NULL;
    lbk_status status = create(context, path, &weights);
    if (status == LBK_OK) status = add_part(weights, path);
    if (status == LBK_OK) status = sort_tensors(weights);
    return finish(weights, status, out);
}

static lbk_status open_folder_index(lbk_context *context, const char *folder, const char *path,
                                    lbk__weights **out) {
    lbk__weights *weights = NULL;
    lbk_status status = create(context, path, &weights);
    if (status == LBK_OK) status = open_index(weights, folder);
    return finish(weights, status, out);
}

lbk_status lbk__weights_open_folder(lbk_context *context, const char *folder, lbk__weights **out) {
    static const struct {
        const char *name;
        bool index;
    } names[] = {{"model.safetensors", false},
                 {"model.safetensors.index.json", true},
                 {"pytorch_model.bin", false},
                 {"pytorch_model.bin.index.json", true}};
    *out = NULL;
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char *path;
        LBK_TRY(lbk__join(context, folder, names[i].name, &path));
        const bool there = lbk__exists(path);
        lbk_status status = LBK_OK;
        if (there && names[i].index) status = open_folder_index(context, folder, path, out);
        if (there && !names[i].index) status = lbk__weights_open(context, path, out);
        lbk_free(context, path);
        if (there) return status;
    }
    return lbk__fail(
        context, LBK_IO,
        "%s: has neither model.safetensors nor pytorch_model.bin, nor an index of several such files",
        folder);
}

void lbk__weights_close(lbk__weights *weights) {
    if (!weights) return;
    for (size_t i = 0; i < weights->num_parts; i++) {
        lbk__safetensors_close(weights->parts[i].safetensors);
        lbk__torch_file_close(weights->parts[i].torch);
        lbk_free(weights->context, weights->parts[i].path);
    }
    lbk_free(weights->context, weights->parts);
    lbk_free(weights->context, weights->tensors);
    lbk_free(weights->context, weights->path);
    lbk_free(weights->context, weights);
}

/* ---- reading ---- */

const char *lbk__weights_path(const lbk__weights *weights) {
    return weights->path;
}
size_t lbk__weights_count(const lbk__weights *weights) {
    return weights->num_tensors;
}
const lbk__tensor_spec *lbk__weights_at(const lbk__weights *weights, size_t index) {
    return &weights->tensors[index].spec;
}
size_t lbk__weights_num_files(const lbk__weights *weights) {
    return weights->num_parts;
}
const char *lbk__weights_file(const lbk__weights *weights, size_t index) {
    return weights->parts[index].path;
}
int64_t lbk__weights_bytes(const lbk__weights *weights) {
    int64_t bytes = 0;
    for (size_t i = 0; i < weights->num_parts; i++) bytes += (int64_t)weights->parts[i].bytes;
    return bytes;
}

int64_t lbk__weights_find(const lbk__weights *weights, const char *name) {
    const tensor key = {.spec = {.name = name}};
    if (!weights->num_tensors) return -1;
    const tensor *found =
        bsearch(&key, weights->tensors, weights->num_tensors, sizeof *weights->tensors, by_name);
    return found ? found - weights->tensors : -1;
}

lbk_status lbk__weights_hash(lbk_context *context, const char *folder, char out[LBK__HASH_SIZE]) {
    lbk__weights *weights;
    lbk__hasher *hasher = NULL;
    LBK_TRY(lbk__weights_open_folder(context, folder, &weights));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__hasher_create(context, &hasher));
    for (size_t i = 0; i < weights->num_parts; i++) {
        char hash[LBK__HASH_SIZE];
        LBK_GO(lbk__hash_file(context, weights->parts[i].path, hash));
        lbk__hasher_update(hasher, hash, sizeof hash - 1);
    }
done:
    if (hasher) lbk__hasher_finish(context, hasher, out);
    lbk__weights_close(weights);
    return status;
}

static size_t numbers_of(const lbk__tensor_spec *spec) {
    size_t count = 1;
    for (int i = 0; i < spec->rank; i++) count *= (size_t)spec->shape[i];
    return count;
}

/* Whether it is infinite or not a number: all bits of the exponent are ones. */
static inline uint32_t is_not_finite(float number) {
    const uint32_t exponent = 0x7F800000;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return (bits & exponent) == exponent;
}

/* In blocks of a constant size, without a way out before the end: so compilers make vector code of it. */
static bool all_finite(const float *numbers, size_t count) {
    enum { BLOCK = 256 };
    uint32_t found = 0;
    size_t i = 0;
    for (; i + BLOCK <= count; i += BLOCK)
        for (size_t k = 0; k < BLOCK; k++) found |= is_not_finite(numbers[i + k]);
    for (; i < count; i++) found |= is_not_finite(numbers[i]);
    return !found;
}

lbk_status lbk__weights_check_finite(const lbk__weights *weights, size_t index, const float *numbers) {
    const tensor *chosen = &weights->tensors[index];
    if (all_finite(numbers, numbers_of(&chosen->spec))) return LBK_OK;
    return lbk__fail(weights->context, LBK_NUMERIC, "%s: tensor \"%s\" has a number that is not finite",
                     weights->parts[chosen->part].path, chosen->spec.name);
}

lbk_status lbk__weights_read(lbk__weights *weights, size_t index, float *out) {
    const tensor *chosen = &weights->tensors[index];
    const part *from = &weights->parts[chosen->part];
    if (from->torch) {
        LBK_TRY(lbk__torch_file_read(from->torch, chosen->index, out));
    } else {
        const lbk__tensor_entry *entry = lbk__safetensors_at(from->safetensors, chosen->index);
        lbk__numbers_to_floats(entry->dtype, entry->data, numbers_of(&chosen->spec), 1, out);
    }
    return lbk__weights_check_finite(weights, index, out);
}

const float *lbk__weights_lent(const lbk__weights *weights, size_t index) {
    const tensor *chosen = &weights->tensors[index];
    const part *from = &weights->parts[chosen->part];
    if (from->torch || chosen->spec.dtype != LBK__F32) return NULL;
    return lbk__safetensors_at(from->safetensors, chosen->index)->data;
}

const char *lbk__shape_text(const lbk__tensor_spec *spec, char *buffer, size_t size) {
    size_t at = (size_t)snprintf(buffer, size, "%s [", lbk__dtype_name(spec->dtype));
    for (int i = 0; i < spec->rank && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s%lld", i ? ", " : "", (long long)spec->shape[i]);
    if (at < size) snprintf(buffer + at, size - at, "]");
    return buffer;
}

lbk_status lbk__weights_expect(const lbk__weights *weights, const char *name, int rank, const int64_t *shape,
                               size_t *index) {
    const int64_t at = lbk__weights_find(weights, name);
    if (at < 0)
        return lbk__fail(weights->context, LBK_BAD_DATA, "%s: has no tensor \"%s\"", weights->path, name);
    const lbk__tensor_spec *found = lbk__weights_at(weights, (size_t)at);
    const size_t bytes = (size_t)rank * sizeof *shape;
    *index = (size_t)at;
    if (lbk__dtype_is_float(found->dtype) && found->rank == rank && memcmp(found->shape, shape, bytes) == 0)
        return LBK_OK;
    char is[128], must[128];
    lbk__tensor_spec wanted = {.rank = rank};
    memcpy(wanted.shape, shape, bytes);
    return lbk__fail(weights->context, LBK_BAD_DATA, "%s: tensor \"%s\" is %s, must be %s", weights->path,
                     name, lbk__shape_text(found, is, sizeof is),
                     lbk__shape_text(&wanted, must, sizeof must));
}

lbk_status lbk__weights_read_as(lbk__weights *weights, const char *name, int rank, const int64_t *shape,
                                float *out) {
    size_t index;
    LBK_TRY(lbk__weights_expect(weights, name, rank, shape, &index));
    return lbk__weights_read(weights, index, out);
}
