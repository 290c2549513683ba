/* safetensors.c: reading. The header's JSON is parsed by Jansson; then every entry is checked against the
 * file: known type, shape × type = bytes, offsets in range, no overlaps and no holes. Tensors whose data are
 * not aligned for their type are copied once, so that callers may read them as what they are. */
#define _GNU_SOURCE /* qsort_r */
#include "format/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_HEADER = 100 * 1000 * 1000 }; /* as in the reference reader */

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [LBK__F32] = {"F32", 4}, [LBK__F16] = {"F16", 2},   [LBK__BF16] = {"BF16", 2}, [LBK__F64] = {"F64", 8},
    [LBK__I64] = {"I64", 8}, [LBK__I32] = {"I32", 4},   [LBK__I16] = {"I16", 2},   [LBK__I8] = {"I8", 1},
    [LBK__U8] = {"U8", 1},   [LBK__BOOL] = {"BOOL", 1},
};

size_t lbk__dtype_size(lbk__dtype dtype) {
    return types[dtype].size;
}
const char *lbk__dtype_name(lbk__dtype dtype) {
    return types[dtype].name;
}

struct lbk__safetensors {
    lbk_context *context;
    char *path;
    lbk__map map;
    const unsigned char *data; /* the data section */
    size_t data_size;
    json_t *header;
    lbk__tensor_entry *entries; /* in the order of their data */
    void **copies;              /* [count] aligned copies of unaligned tensors, mostly NULL */
    size_t count;
    size_t *by_name; /* [count] indices, sorted by name */
};

static lbk_status bad(const lbk__safetensors *file, const char *name, const char *what) {
    char shown[96];
    lbk__printable(shown, sizeof shown, name, strlen(name));
    return lbk__fail(file->context, LBK_BAD_DATA,
                     "%s: tensor \"%s\": %s; the file is damaged or not what it claims to be", file->path,
                     shown, what);
}

static lbk_status read_header(lbk__safetensors *file) {
    uint64_t length = 0;
    if (file->map.size < sizeof length)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: has %zu bytes, too few for a safetensors file",
                         file->path, file->map.size);
    for (int i = 7; i >= 0; i--) length = length << 8 | file->map.data[i];
    const size_t left = file->map.size - sizeof length;
    if (length > left && length > LONGEST_HEADER) /* the first letters of a text are a huge number */
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: is no safetensors file, as limbeck's are",
                         file->path);
    if (length > left)
        return lbk__fail(
            file->context, LBK_BAD_DATA,
            "%s: is truncated, or no safetensors file: its header would have %llu bytes, %zu follow",
            file->path, (unsigned long long)length, left);
    if (length > LONGEST_HEADER)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: its header has %llu bytes, at most %d are allowed",
                         file->path, (unsigned long long)length, LONGEST_HEADER);
    json_error_t error = {.line = 0}; /* see json.c */
    file->header = json_loadb((const char *)file->map.data + sizeof length, (size_t)length,
                              JSON_REJECT_DUPLICATES, &error);
    if (!file->header) {
        char shown[2 * sizeof error.text];
        return lbk__fail(file->context,
                         !*error.text || json_error_code(&error) == json_error_out_of_memory ? LBK_NO_MEMORY
                                                                                             : LBK_BAD_DATA,
                         "%s: header, byte %d: %s", file->path, error.position + 8,
                         lbk__printable(shown, sizeof shown, error.text, strlen(error.text)));
    }
    if (!json_is_object(file->header))
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: the header is no JSON object", file->path);
    file->data = file->map.data + sizeof length + length;
    file->data_size = left - (size_t)length;
    return LBK_OK;
}

static lbk_status read_metadata(lbk__safetensors *file) {
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    if (metadata && !json_is_object(metadata))
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: __metadata__ is no JSON object", file->path);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) {
        if (!json_is_string(value))
            return lbk__fail(file->context, LBK_BAD_DATA, "%s: __metadata__ has a value that is no string",
                             file->path);
    }
    return LBK_OK;
}

static lbk_status read_shape(const lbk__safetensors *file, const json_t *shape, lbk__tensor_entry *entry,
                             size_t *bytes) {
    if (!json_is_array(shape)) return bad(file, entry->name, "has no shape");
    if (json_array_size(shape) > LBK__MAX_RANK) return bad(file, entry->name, "has more than 8 dimensions");
    entry->rank = (int)json_array_size(shape);
    *bytes = lbk__dtype_size(entry->dtype);
    for (int i = 0; i < entry->rank; i++) {
        const json_t *extent = json_array_get(shape, (size_t)i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return bad(file, entry->name, "has an extent that is no number ≥ 0");
        entry->shape[i] = json_integer_value(extent);
        if (__builtin_mul_overflow(*bytes, (size_t)entry->shape[i], bytes))
            return bad(file, entry->name, "is impossibly large");
    }
    return LBK_OK;
}

static lbk_status read_type(const lbk__safetensors *file, const json_t *type, lbk__tensor_entry *entry) {
    const char *text = json_string_value(type);
    for (size_t i = 0; text && i < LBK_COUNT(types); i++)
        if (strcmp(types[i].name, text) == 0) {
            entry->dtype = (lbk__dtype)i;
            return LBK_OK;
        }
    char shown[64], what[128];
    snprintf(what, sizeof what, "has the type %s, which is not supported",
             text ? lbk__printable(shown, sizeof shown, text, strlen(text)) : "(none)");
    return bad(file, entry->name, what);
}

static lbk_status read_entry(const lbk__safetensors *file, const char *name, const json_t *value,
                             lbk__tensor_entry *entry) {
    entry->name = name;
    if (!json_is_object(value)) return bad(file, name, "is not described by an object");
    LBK_TRY(read_type(file, json_object_get(value, "dtype"), entry));
    size_t bytes = 0;
    LBK_TRY(read_shape(file, json_object_get(value, "shape"), entry, &bytes));
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return bad(file, name, "has no pair of data_offsets");
    const json_int_t begin = json_integer_value(first), end = json_integer_value(second);
    if (begin < 0 || end < begin || (uint64_t)end > file->data_size)
        return bad(file, name, "has data_offsets outside of the file");
    if ((uint64_t)(end - begin) != bytes)
        return bad(file, name, "has data_offsets that do not fit its shape and type");
    entry->data = file->data + begin;
    entry->bytes = bytes;
    return LBK_OK;
}

static int by_data(const void *a, const void *b) {
    const lbk__tensor_entry *x = a, *y = b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static lbk_status read_entries(lbk__safetensors *file) {
    const size_t most = json_object_size(file->header);
    LBK_TRY(LBK_ALLOC(file->context, file->entries, most + 1));
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        if (strcmp(name, "__metadata__") == 0) continue;
        LBK_TRY(read_entry(file, name, value, &file->entries[file->count]));
        file->count++;
    }
    qsort(file->entries, file->count, sizeof *file->entries, by_data);
    const unsigned char *next = file->data;
    for (size_t i = 0; i < file->count; i++) {
        if ((const unsigned char *)file->entries[i].data != next)
            return bad(file, file->entries[i].name, "overlaps its neighbour or leaves a hole");
        next += file->entries[i].bytes;
    }
    if (next != file->data + file->data_size)
        return lbk__fail(file->context, LBK_BAD_DATA, "%s: %zu bytes after the last tensor", file->path,
                         (size_t)(file->data + file->data_size - next));
    return LBK_OK;
}

static lbk_status align_entries(lbk__safetensors *file) {
    LBK_TRY(LBK_ALLOC(file->context, file->copies, file->count + 1));
    for (size_t i = 0; i < file->count; i++) {
        lbk__tensor_entry *entry = &file->entries[i];
        if ((uintptr_t)entry->data % lbk__dtype_size(entry->dtype) == 0) continue;
        LBK_TRY(lbk__alloc_array(file->context, &file->copies[i], entry->bytes, 1));
        if (entry->bytes) memcpy(file->copies[i], entry->data, entry->bytes);
        entry->data = file->copies[i];
    }
    return LBK_OK;
}

static int by_entry_name(const void *a, const void *b, void *entries) {
    const lbk__tensor_entry *list = entries;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

lbk_status lbk__safetensors_open(lbk_context *context, const char *path, lbk__safetensors **out) {
    *out = NULL;
    lbk__safetensors *file;
    LBK_TRY(LBK_ALLOC(context, file, 1));
    lbk_status status = LBK_OK;
    file->context = context;
    LBK_GO(lbk__copy_string(context, path, &file->path));
    LBK_GO(lbk__map_open(context, path, &file->map));
    LBK_GO(read_header(file));
    LBK_GO(read_metadata(file));
    LBK_GO(read_entries(file));
    LBK_GO(align_entries(file));
    LBK_GO(LBK_ALLOC(context, file->by_name, file->count + 1));
    for (size_t i = 0; i < file->count; i++) file->by_name[i] = i;
    qsort_r(file->by_name, file->count, sizeof *file->by_name, by_entry_name, file->entries);
    *out = file;
done:
    if (status != LBK_OK) lbk__safetensors_close(file);
    return status;
}

void lbk__safetensors_close(lbk__safetensors *file) {
    if (!file) return;
    for (size_t i = 0; file->copies && i < file->count; i++) lbk_free(file->context, file->copies[i]);
    lbk_free(file->context, file->copies);
    lbk_free(file->context, file->entries);
    lbk_free(file->context, file->by_name);
    lbk_free(file->context, file->path);
    json_decref(file->header);
    lbk__map_close(&file->map);
    lbk_free(file->context, file);
}

size_t lbk__safetensors_count(const lbk__safetensors *file) {
    return file->count;
}
const lbk__tensor_entry *lbk__safetensors_at(const lbk__safetensors *file, size_t index) {
    return &file->entries[index];
}
const char *lbk__safetensors_path(const lbk__safetensors *file) {
    return file->path;
}

const lbk__tensor_entry *lbk__safetensors_find(const lbk__safetensors *file, const char *name) {
    size_t low = 0, high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const lbk__tensor_entry *entry = &file->entries[file->by_name[middle]];
        const int order = strcmp(name, entry->name);
        if (order == 0) return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *lbk__safetensors_metadata(const lbk__safetensors *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

/* "F32 [3, ?]" */
static void describe(lbk__dtype dtype, int rank, const int64_t *shape, char *out, size_t size) {
    size_t at = (size_t)snprintf(out, size, "%s [", lbk__dtype_name(dtype));
    for (int i = 0; i < rank && at < size; i++) {
        if (shape[i] < 0)
            at += (size_t)snprintf(out + at, size - at, "%s?", i ? ", " : "");
        else
            at += (size_t)snprintf(out + at, size - at, "%s%lld", i ? ", " : "", (long long)shape[i]);
    }
    if (at < size) snprintf(out + at, size - at, "]");
}

lbk_status lbk__safetensors_expect(const lbk__safetensors *file, const char *name, lbk__dtype dtype, int rank,
                                   const int64_t *shape, const lbk__tensor_entry **out) {
    const lbk__tensor_entry *entry = lbk__safetensors_find(file, name);
    *out = entry;
    if (!entry) return lbk__fail(file->context, LBK_BAD_DATA, "%s: has no tensor \"%s\"", file->path, name);
    bool fits = entry->dtype == dtype && entry->rank == rank;
    for (int i = 0; fits && i < rank; i++) fits = shape[i] < 0 || shape[i] == entry->shape[i];
    if (fits) return LBK_OK;
    char wanted[160], found[160];
    describe(dtype, rank, shape, wanted, sizeof wanted);
    describe(entry->dtype, entry->rank, entry->shape, found, sizeof found);
    return lbk__fail(file->context, LBK_BAD_DATA, "%s: tensor \"%s\" is %s, must be %s", file->path, name,
                     found, wanted);
}

void lbk__safetensors_hash(const lbk__safetensors *file, char hash[LBK__HASH_SIZE]) {
    lbk__hash_bytes(file->data, file->data_size, hash);
}
