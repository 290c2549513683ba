/* logits_file.c: one shape of content in three containers. */
#include "format/logits_file.h"

#include "base/file.h"
#include "format/hdf5_texts.h"
#include "format/json.h"
#include "format/npy.h"
#include "format/numbers.h"
#include "format/zip_file.h"

#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

enum { LONGEST_ID = 4096 };
static const size_t largest_entry = (size_t)1 << 32; /* of an .npz, unpacked */

struct lbk__logits_file {
    lbk_context *context;
    char *path;
    int32_t num_views, num_classes;
    int64_t count;
    lbk__text ids; /* each with its 0 */
    size_t *at;    /* [num_ids] where each begins */
    size_t num_ids, at_capacity;
    /* safetensors and .npz: all values, row-major */
    const char *data;
    lbk__dtype dtype;
    lbk__safetensors *safetensors;
    char *bytes;
    /* HDF5 */
    hid_t hdf5;
    lbk__dataset dataset;
};

static lbk_status bad(const lbk__logits_file *file, const char *what) {
    return lbk__fail(file->context, LBK_BAD_DATA, "%s: %s", file->path, what);
}

/* ---- what all have ---- */

static lbk_status set_shape(lbk__logits_file *file, int rank, const int64_t *shape) {
    const int64_t views = rank == 3 ? shape[0] : 1, *last = shape + rank - 2;
    if ((rank != 2 && rank != 3) || (views != 1 && views != LBK_NUM_VIEWS))
        return bad(
            file,
            "\"logits\" must be [3, samples, classes], under the joint, text and image view, or [samples, "
            "classes], under the joint view");
    if (last[0] < 1 || last[0] > INT32_MAX || last[1] < 1 || last[1] > INT32_MAX)
        return bad(file, "\"logits\" has no samples or no classes, or too many");
    file->num_views = (int32_t)views;
    file->count = last[0];
    file->num_classes = (int32_t)last[1];
    return LBK_OK;
}

static lbk_status add_id(void *user, size_t index, const char *text, size_t length) {
    lbk__logits_file *file = user;
    if (length == 0 || length > LONGEST_ID || memchr(text, 0, length) ||
        lbk__utf8_valid(text, length) != length)
        return lbk__fail(file->context, LBK_BAD_DATA,
                         "%s: \"ids\", entry %zu: is empty, too long or no UTF-8", file->path, index);
    LBK_TRY(LBK_GROW(file->context, file->at, file->at_capacity, file->num_ids + 1));
    file->at[file->num_ids++] = file->ids.length;
    LBK_TRY(lbk__text_append(file->context, &file->ids, text, length));
    return lbk__text_append(file->context, &file->ids, "", 1);
}

static lbk_status add_number(lbk__logits_file *file, size_t index, int64_t number) {
    char text[32];
    const int length = snprintf(text, sizeof text, "%" PRId64, number);
    return add_id(file, index, text, (size_t)length);
}

/* ---- safetensors ---- */

static lbk_status read_json_ids(lbk__logits_file *file) {
    const char *text = lbk__safetensors_metadata(file->safetensors, "ids");
    json_t *ids = NULL, *id;
    size_t i;
    lbk_status status = LBK_OK;
    char where[512];
    if (!text) return bad(file, "has no \"ids\" in its metadata: a JSON array of the samples' ids");
    snprintf(where, sizeof where, "%s: \"ids\" in its metadata must be a JSON array", file->path);
    LBK_TRY(lbk__json_load_bytes(file->context, where, text, strlen(text), &ids));
    if (!json_is_array(ids)) LBK_GO(bad(file, "\"ids\" in its metadata is no JSON array"));
    json_array_foreach(ids, i, id) {
        if (json_is_integer(id))
            LBK_GO(add_number(file, i, json_integer_value(id)));
        else
            LBK_GO(add_id(file, i, json_is_string(id) ? json_string_value(id) : "", json_string_length(id)));
    }
done:
    json_decref(ids);
    return status;
}

static lbk_status open_safetensors(lbk__logits_file *file) {
    LBK_TRY(lbk__safetensors_open(file->context, file->path, &file->safetensors));
    const lbk__tensor_entry *logits = lbk__safetensors_find(file->safetensors, "logits");
    if (!logits)
        return bad(file, "has no tensor \"logits\": is neither a teacher's cache nor a file of logits");
    if (!lbk__dtype_is_float(logits->dtype)) return bad(file, "\"logits\" must be float");
    file->data = logits->data;
    file->dtype = logits->dtype;
    LBK_TRY(set_shape(file, logits->rank, logits->shape));
    return read_json_ids(file);
}

/* ---- .npz ---- */

/* The entry's bytes, which the caller frees, and the array in them. */
static lbk_status read_entry(lbk__logits_file *file, const lbk__zip *zip, const char *name, char **bytes,
                             lbk__npy *array) {
    char where[512];
    size_t size;
    *bytes = NULL;
    const int64_t entry = lbk__zip_find(zip, name);
    if (entry < 0)
        return lbk__fail(file->context, LBK_BAD_DATA,
                         "%s: has no array %s; write numpy.savez(path, ids=…, logits=…)", file->path, name);
    LBK_TRY(lbk__zip_read(zip, entry, largest_entry, bytes, &size));
    snprintf(where, sizeof where, "%s, %s", file->path, name);
    return lbk__npy_read(file->context, where, *bytes, size, array);
}

/* NumPy's fixed-length texts, padded with zeros: 4 bytes a character, or UTF-8 bytes. */
static lbk_status add_fixed_id(lbk__logits_file *file, size_t index, const lbk__npy *array) {
    const char *from = array->data + index * array->size;
    if (array->kind == 'S') return add_id(file, index, from, strnlen(from, array->size));
    lbk__text text = {0};
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < array->size; i += 4) {
        int32_t character;
        utf8proc_uint8_t encoded[4];
        memcpy(&character, from + i, sizeof character);
        if (character == 0) break;
        const utf8proc_ssize_t length =
            utf8proc_codepoint_valid(character) ? utf8proc_encode_char(character, encoded) : 0;
        LBK_GO(lbk__text_append(file->context, &text, length ? (const char *)encoded : "\xff",
                                LBK_MAX((size_t)length, 1)));
    }
    LBK_GO(add_id(file, index, text.data ? text.data : "", text.length));
done:
    lbk__text_free(file->context, &text);
    return status;
}

static lbk_status add_array_ids(lbk__logits_file *file, const lbk__npy *array) {
    if (array->rank != 1 || (array->kind == 'f'))
        return bad(file, "\"ids\" must be one dimension of texts or integers");
    for (size_t i = 0; i < (size_t)array->shape[0]; i++) {
        int64_t number = 0;
        if (array->kind == 'U' || array->kind == 'S') {
            LBK_TRY(add_fixed_id(file, i, array));
            continue;
        }
        if (array->dtype != LBK__I64 && array->dtype != LBK__I32)
            return bad(file, "\"ids\" must be texts or integers of 32 or 64 bits");
        memcpy(&number, array->data + i * array->size, array->size); /* little-endian */
        LBK_TRY(add_number(file, i, array->dtype == LBK__I32 ? (int32_t)number : number));
    }
    return LBK_OK;
}

static lbk_status open_npz(lbk__logits_file *file) {
    lbk__zip *zip = NULL;
    lbk__npy logits, ids;
    char *id_bytes = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__zip_open(file->context, file->path, &zip));
    LBK_GO(read_entry(file, zip, "logits.npy", &file->bytes, &logits));
    if (logits.kind != 'f') LBK_GO(bad(file, "\"logits\" must be float"));
    file->data = logits.data;
    file->dtype = logits.dtype;
    LBK_GO(set_shape(file, logits.rank, logits.shape));
    LBK_GO(read_entry(file, zip, "ids.npy", &id_bytes, &ids));
    LBK_GO(add_array_ids(file, &ids));
done:
    lbk_free(file->context, id_bytes);
    lbk__zip_close(zip);
    return status;
}

/* ---- HDF5 ---- */

static lbk_status add_integer_ids(lbk__logits_file *file, const lbk__dataset *ids) {
    int64_t *numbers;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(file->context, numbers, ids->shape[0]));
    LBK_GO(lbk__hdf5_read(file->context, file->path, ids, 0, ids->shape[0], lbk__h5.NATIVE_INT64, numbers));
    for (size_t i = 0; i < ids->shape[0]; i++) LBK_GO(add_number(file, i, numbers[i]));
done:
    lbk_free(file->context, numbers);
    return status;
}

static lbk_status read_hdf5_ids(lbk__logits_file *file) {
    lbk__dataset ids;
    LBK_TRY(lbk__hdf5_open_dataset(file->context, file->path, file->hdf5, "ids", 1, 1, &ids));
    lbk_status status;
    if (ids.shape[0] != (hsize_t)file->count)
        status = bad(file, "\"ids\" and \"logits\" are not of the same samples");
    else if (lbk__h5.Tget_class(ids.type) == H5T_INTEGER)
        status = add_integer_ids(file, &ids);
    else
        status = lbk__hdf5_read_texts(file->context, file->path, &ids, add_id, file);
    lbk__hdf5_close_dataset(&ids);
    return status;
}

static lbk_status open_hdf5(lbk__logits_file *file) {
    int64_t shape[LBK__HDF5_MAX_RANK];
    LBK_TRY(lbk__hdf5_open(file->context, file->path, &file->hdf5));
    LBK_TRY(lbk__hdf5_open_dataset(file->context, file->path, file->hdf5, "logits", 3, 2, &file->dataset));
    if (lbk__h5.Tget_class(file->dataset.type) != H5T_FLOAT) return bad(file, "\"logits\" must be float");
    for (int i = 0; i < file->dataset.rank; i++) shape[i] = (int64_t)file->dataset.shape[i];
    LBK_TRY(set_shape(file, file->dataset.rank, shape));
    return read_hdf5_ids(file);
}

static lbk_status read_hdf5(lbk__logits_file *file, int64_t index, float *out) {
    const lbk__dataset *d = &file->dataset;
    const int sample = d->rank - 2; /* the dimension that counts samples */
    hsize_t start[LBK__HDF5_MAX_RANK] = {0}, size[LBK__HDF5_MAX_RANK];
    memcpy(size, d->shape, sizeof size);
    start[sample] = (hsize_t)index;
    size[sample] = 1;
    lbk_status status = LBK_OK;
    hid_t memory = lbk__h5.Screate_simple(d->rank, size, NULL);
    if (memory < 0 || lbk__h5.Sselect_hyperslab(d->space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        lbk__h5.Dread(d->id, lbk__h5.NATIVE_FLOAT, memory, d->space, H5P_DEFAULT, out) < 0)
        status = lbk__hdf5_fail(file->context, file->path, "\"logits\" of sample %lld cannot be read",
                                (long long)index);
    if (memory > 0) lbk__h5.Sclose(memory);
    return status;
}

/* ---- the file ---- */

static lbk_status open_by_content(lbk__logits_file *file) {
    lbk__map map;
    LBK_TRY(lbk__map_open(file->context, file->path, &map));
    const bool npz = map.size >= 4 && memcmp(map.data, "PK\3\4", 4) == 0,
               hdf5 = map.size >= 8 && memcmp(map.data, "\x89HDF\r\n\x1a\n", 8) == 0,
               safetensors = map.size > 8 && map.data[8] == '{';
    lbk__map_close(&map);
    if (!npz && !hdf5 && !safetensors)
        return bad(file, "is neither safetensors nor .npz nor HDF5 (docs/teacher-logits.md)");
    if (npz) return open_npz(file);
    if (!hdf5) return open_safetensors(file);
    LBK_TRY(lbk__hdf5_start(file->context, file->path));
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    const lbk_status status = open_hdf5(file);
    lbk__hdf5_end_quiet(before);
    return status;
}

lbk_status lbk__logits_file_open(lbk_context *context, const char *path, lbk__logits_file **out) {
    *out = NULL;
    lbk__logits_file *file;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(context, file, 1));
    file->context = context;
    LBK_GO(lbk__copy_string(context, path, &file->path));
    LBK_GO(open_by_content(file));
    if (file->num_ids != (size_t)file->count)
        LBK_GO(bad(file, "\"ids\" and \"logits\" are not of the same samples"));
    *out = file;
done:
    if (status != LBK_OK) lbk__logits_file_close(file);
    return status;
}

void lbk__logits_file_close(lbk__logits_file *file) {
    if (!file) return;
    if (file->hdf5 > 0) {
        const lbk__hdf5_printing before = lbk__hdf5_quiet();
        lbk__hdf5_close_dataset(&file->dataset);
        lbk__h5.Fclose(file->hdf5);
        lbk__hdf5_end_quiet(before);
    }
    lbk__safetensors_close(file->safetensors);
    lbk_free(file->context, file->bytes);
    lbk__text_free(file->context, &file->ids);
    lbk_free(file->context, file->at);
    lbk_free(file->context, file->path);
    lbk_free(file->context, file);
}

int32_t lbk__logits_file_num_views(const lbk__logits_file *file) {
    return file->num_views;
}
int64_t lbk__logits_file_count(const lbk__logits_file *file) {
    return file->count;
}
int32_t lbk__logits_file_num_classes(const lbk__logits_file *file) {
    return file->num_classes;
}
const char *lbk__logits_file_id(const lbk__logits_file *file, int64_t index) {
    return file->ids.data + file->at[index];
}

lbk_status lbk__logits_file_read(lbk__logits_file *file, int64_t index, float *out) {
    const size_t classes = (size_t)file->num_classes, row = classes * lbk__dtype_size(file->dtype);
    lbk_status status = LBK_OK;
    if (file->hdf5 > 0) {
        const lbk__hdf5_printing before = lbk__hdf5_quiet();
        status = read_hdf5(file, index, out);
        lbk__hdf5_end_quiet(before);
        return status;
    }
    for (int32_t v = 0; v < file->num_views; v++)
        lbk__numbers_to_floats(file->dtype, file->data + (size_t)(v * file->count + index) * row, classes, 1,
                               out + (size_t)v * classes);
    return status;
}
