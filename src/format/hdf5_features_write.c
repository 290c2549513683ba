/* hdf5_features_write.c: a file that hdf5_features.c reads: names of fixed length, float16, contiguous. No
 * times are kept in it, so that the same data give the same bytes. */
#include "base/file.h"
#include "format/hdf5_features.h"
#include "format/hdf5_object.h"

#include <string.h>

struct lbk__features_writer {
    lbk_context *context;
    lbk__writer target;                      /* gives the temporary its name, and puts it in place */
    hid_t file, text, half, image, features; /* text, half: types in memory */
    hsize_t shape[3], put;                   /* of `features`; images that are written */
    size_t name_size, name_capacity;
    char *names; /* [name_capacity], of name_size bytes each, on their way */
};

static lbk_status failed(const lbk__features_writer *w, const char *what) {
    lbk__hdf5_fail(w->context, w->target.path, "%s cannot be written", what);
    return LBK_IO;
}

static hid_t create_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape) {
    hid_t space = lbk__h5.Screate_simple(rank, shape, NULL),
          creation = lbk__h5.Pcreate(lbk__h5.DATASET_CREATE);
    lbk__h5.Pset_obj_track_times(creation, false);
    lbk__h5.Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    hid_t set = lbk__h5.Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    lbk__h5.Pclose(creation);
    lbk__h5.Sclose(space);
    return set;
}

static lbk_status write_boxes(const lbk__features_writer *w, int32_t rows, const float *boxes) {
    const hsize_t shape[] = {(hsize_t)rows, 4};
    hid_t set = create_set(w->file, "boxes", lbk__h5.IEEE_F32LE, 2, shape);
    const bool good =
        set >= 0 && lbk__h5.Dwrite(set, lbk__h5.NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, boxes) >= 0;
    if (set >= 0) lbk__h5.Dclose(set);
    return good ? LBK_OK : failed(w, "data set \"boxes\"");
}

/* Texts and whole numbers. */
static lbk_status write_attribute(const lbk__features_writer *w, const char *name, const json_t *value) {
    const int64_t number = json_integer_value(value);
    const char *text = json_string_value(value);
    hid_t type = lbk__h5.Tcopy(text ? lbk__h5.C_S1 : lbk__h5.STD_I64LE), space = lbk__h5.Screate(H5S_SCALAR);
    if (text) lbk__h5.Tset_size(type, LBK_MAX(strlen(text), 1));
    if (text) lbk__h5.Tset_cset(type, H5T_CSET_UTF8), lbk__h5.Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t attribute = lbk__h5.Acreate2(w->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good = attribute >= 0 && lbk__h5.Awrite(attribute, text ? type : lbk__h5.NATIVE_INT64,
                                                       text ? (const void *)text : &number) >= 0;
    if (attribute >= 0) lbk__h5.Aclose(attribute);
    lbk__h5.Sclose(space);
    lbk__h5.Tclose(type);
    return good ? LBK_OK : failed(w, name);
}

static lbk_status create(lbk__features_writer *w, const lbk__features_info *info, const float *boxes) {
    w->file = lbk__h5.Fcreate(w->target.temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (w->file < 0) return failed(w, "the file");
    w->text = lbk__h5.Tcopy(lbk__h5.C_S1);
    lbk__h5.Tset_size(w->text, w->name_size);
    lbk__h5.Tset_cset(w->text, H5T_CSET_UTF8);
    lbk__h5.Tset_strpad(w->text, H5T_STR_NULLPAD);
    w->half = lbk__hdf5_half(lbk__h5.NATIVE_FLOAT);
    hid_t little = lbk__hdf5_half(lbk__h5.IEEE_F32LE);
    w->image = create_set(w->file, "image", w->text, 1, w->shape);
    w->features = create_set(w->file, "features", little, 3, w->shape);
    lbk__h5.Tclose(little);
    if (w->image < 0 || w->features < 0) return failed(w, "its data sets");
    LBK_TRY(write_boxes(w, info->rows, boxes));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)info->attributes, name, value)
        LBK_TRY(write_attribute(w, name, value));
    return LBK_OK;
}

lbk_status lbk__features_writer_open(lbk_context *context, const char *path, const lbk__features_info *info,
                                     size_t longest_name, const float *boxes, lbk__features_writer **out) {
    lbk__features_writer *w;
    *out = NULL;
    LBK_TRY(lbk__hdf5_start(context, path));
    LBK_TRY(LBK_ALLOC(context, w, 1));
    w->context = context;
    w->name_size = longest_name;
    w->shape[0] = (hsize_t)info->count, w->shape[1] = (hsize_t)info->rows, w->shape[2] = (hsize_t)info->width;
    lbk_status status = lbk__writer_open(context, path, &w->target);
    if (status == LBK_OK) {
        const lbk__hdf5_printing before = lbk__hdf5_quiet();
        status = create(w, info, boxes);
        lbk__hdf5_end_quiet(before);
    }
    if (status == LBK_OK)
        *out = w;
    else
        lbk__features_writer_close(w);
    return status;
}

static bool write_rows(hid_t set, hid_t type, int rank, const hsize_t *first, const hsize_t *size,
                       const void *data) {
    hid_t file = lbk__h5.Dget_space(set), memory = lbk__h5.Screate_simple(rank, size, NULL);
    const bool good = lbk__h5.Sselect_hyperslab(file, H5S_SELECT_SET, first, NULL, size, NULL) >= 0 &&
                      lbk__h5.Dwrite(set, type, memory, file, H5P_DEFAULT, data) >= 0;
    lbk__h5.Sclose(memory);
    lbk__h5.Sclose(file);
    return good;
}

static lbk_status put(lbk__features_writer *w, size_t count, const uint16_t *rows) {
    const hsize_t first[] = {w->put, 0, 0}, size[] = {count, w->shape[1], w->shape[2]};
    if (!write_rows(w->image, w->text, 1, first, size, w->names) ||
        !write_rows(w->features, w->half, 3, first, size, rows))
        return failed(w, "its data");
    w->put += count;
    return LBK_OK;
}

lbk_status lbk__features_writer_put(lbk__features_writer *w, const char *const *names, const uint16_t *rows,
                                    size_t count) {
    if (count > w->shape[0] - w->put)
        return lbk__fail(w->context, LBK_INTERNAL, "%s: more than the %llu images that were promised",
                         w->target.path, (unsigned long long)w->shape[0]);
    LBK_TRY(LBK_GROW(w->context, w->names, w->name_capacity, count * w->name_size));
    memset(w->names, 0, count * w->name_size);
    for (size_t i = 0; i < count; i++)
        memcpy(w->names + i * w->name_size, names[i], strnlen(names[i], w->name_size));
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    const lbk_status status = put(w, count, rows);
    lbk__hdf5_end_quiet(before);
    return status;
}

static void close_file(lbk__features_writer *w) {
    if (w->image > 0) lbk__h5.Dclose(w->image);
    if (w->features > 0) lbk__h5.Dclose(w->features);
    if (w->text > 0) lbk__h5.Tclose(w->text);
    if (w->half > 0) lbk__h5.Tclose(w->half);
    w->image = w->features = w->text = w->half = 0;
}

lbk_status lbk__features_writer_commit(lbk__features_writer *w) {
    if (w->put != w->shape[0])
        return lbk__fail(w->context, LBK_INTERNAL, "%s: %llu images instead of %llu", w->target.path,
                         (unsigned long long)w->put, (unsigned long long)w->shape[0]);
    lbk_status status = LBK_OK;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    close_file(w);
    if (lbk__h5.Fclose(w->file) < 0) status = failed(w, "the file");
    w->file = 0;
    lbk__hdf5_end_quiet(before);
    return status == LBK_OK ? lbk__writer_commit(&w->target) : status;
}

void lbk__features_writer_close(lbk__features_writer *w) {
    if (!w) return;
    lbk_context *context = w->context;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    close_file(w);
    if (w->file > 0) lbk__h5.Fclose(w->file);
    lbk__hdf5_end_quiet(before);
    lbk__writer_close(&w->target);
    lbk_free(context, w->names);
    lbk_free(context, w);
}
