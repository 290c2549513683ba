/* hdf5_features.c: region features of images by name. */
#define _GNU_SOURCE /* qsort_r */
#include "format/hdf5_features.h"

#include "base/half.h"
#include "format/hdf5_object.h"
#include "format/hdf5_texts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLOATS_AT_ONCE = 1 << 18, MOST_VALUES = 1 << 24 };

struct lbk__features {
    lbk_context *context;
    char *path;
    hid_t file, half; /* `half`: float16 in memory */
    lbk__dataset data;
    bool is_float;
    lbk__text names; /* each with its 0 */
    size_t *at;      /* [N] where each begins */
    size_t at_capacity;
    size_t *by_name; /* [N] indices, sorted by name */
    float *staged;   /* float32 values on their way to float16 */
    json_t *attributes;
    lbk__features_info info;
};

const char *lbk__features_name(const lbk__features *features, int64_t index) {
    return features->names.data + features->at[index];
}
const lbk__features_info *lbk__features_describe(const lbk__features *features) {
    return &features->info;
}

/* ---- names ---- */

static lbk_status add_name(void *user, size_t index, const char *name, size_t length) {
    lbk__features *f = user;
    const char *what = NULL;
    if (length == 0) what = "is empty";
    if (length > LBK__HDF5_LONGEST_TEXT) what = "is longer than 4096 bytes";
    if (lbk__utf8_valid(name, length) != length) what = "is no valid UTF-8";
    if (what)
        return lbk__fail(f->context, LBK_BAD_DATA, "%s: data set \"image\", entry %zu: %s", f->path, index,
                         what);
    LBK_TRY(LBK_GROW(f->context, f->at, f->at_capacity, index + 1));
    f->at[index] = f->names.length;
    LBK_TRY(lbk__text_append(f->context, &f->names, name, length));
    return lbk__text_append(f->context, &f->names, "", 1);
}

static int compare_names(const void *a, const void *b, void *features) {
    return strcmp(lbk__features_name(features, *(const int64_t *)a),
                  lbk__features_name(features, *(const int64_t *)b));
}

static lbk_status sort_names(lbk__features *f) {
    const size_t count = (size_t)f->info.count;
    LBK_TRY(LBK_ALLOC(f->context, f->by_name, count));
    for (size_t i = 0; i < count; i++) f->by_name[i] = i;
    qsort_r(f->by_name, count, sizeof *f->by_name, compare_names, f);
    for (size_t i = 1; i < count; i++) {
        const size_t a = f->by_name[i - 1], b = f->by_name[i];
        const char *name = lbk__features_name(f, (int64_t)b);
        if (strcmp(lbk__features_name(f, (int64_t)a), name) != 0) continue;
        char shown[128];
        return lbk__fail(
            f->context, LBK_BAD_DATA, "%s: data set \"image\": \"%s\" is there twice, as entries %zu and %zu",
            f->path, lbk__printable(shown, sizeof shown, name, strlen(name)), LBK_MIN(a, b), LBK_MAX(a, b));
    }
    return LBK_OK;
}

static lbk_status read_names(lbk__features *f) {
    lbk__dataset image;
    LBK_TRY(lbk__hdf5_open_dataset(f->context, f->path, f->file, "image", 1, 1, &image));
    lbk_status status = LBK_OK;
    if (image.shape[0] != (hsize_t)f->info.count)
        LBK_GO(lbk__fail(f->context, LBK_BAD_DATA,
                         "%s: data set \"image\" has %llu entries, but \"features\" has %lld", f->path,
                         (unsigned long long)image.shape[0], (long long)f->info.count));
    LBK_GO(lbk__hdf5_read_texts(f->context, f->path, &image, add_name, f));
    LBK_GO(sort_names(f));
done:
    lbk__hdf5_close_dataset(&image);
    return status;
}

int64_t lbk__features_find(const lbk__features *features, const char *name) {
    size_t low = 0, high = (size_t)features->info.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int64_t index = (int64_t)features->by_name[middle];
        const int order = strcmp(name, lbk__features_name(features, index));
        if (order == 0) return index;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* ---- values ---- */

/* Whether `type` is the IEEE's binary format with this many bits of exponent and fraction, in any byte order.
 */
static bool is_binary(hid_t type, size_t exponent_bits, size_t fraction_bits) {
    size_t sign, exponent, exponent_size, fraction, fraction_size;
    return lbk__h5.Tget_class(type) == H5T_FLOAT &&
           lbk__h5.Tget_size(type) * 8 == 1 + exponent_bits + fraction_bits &&
           lbk__h5.Tget_fields(type, &sign, &exponent, &exponent_size, &fraction, &fraction_size) >= 0 &&
           fraction == 0 && fraction_size == fraction_bits && exponent == fraction_bits &&
           exponent_size == exponent_bits && sign == exponent_bits + fraction_bits &&
           lbk__h5.Tget_ebias(type) == ((size_t)1 << (exponent_bits - 1)) - 1;
}

static lbk_status open_data(lbk__features *f) {
    LBK_TRY(lbk__hdf5_open_dataset(f->context, f->path, f->file, "features", 3, 3, &f->data));
    const hsize_t *shape = f->data.shape;
    hsize_t values;
    if (shape[0] > INT64_MAX || __builtin_mul_overflow(shape[1], shape[2], &values) || values > MOST_VALUES)
        return lbk__fail(f->context, LBK_BAD_DATA,
                         "%s: data set \"features\" has %llu x %llu values an image, at most %d are possible",
                         f->path, (unsigned long long)shape[1], (unsigned long long)shape[2], MOST_VALUES);
    f->is_float = is_binary(f->data.type, 8, 23);
    if (!f->is_float && !is_binary(f->data.type, 5, 10))
        return lbk__fail(f->context, LBK_BAD_DATA, "%s: data set \"features\" must be of float16 or float32",
                         f->path);
    f->info.count = (int64_t)shape[0];
    f->info.rows = (int32_t)shape[1];
    f->info.width = (int32_t)shape[2];
    f->half = lbk__hdf5_half(lbk__h5.NATIVE_FLOAT);
    return LBK_OK;
}

/* A file whose boxes are not of its regions has rows of other ones, or in another order. */
static lbk_status check_boxes(lbk__features *f) {
    lbk__dataset boxes;
    if (!lbk__hdf5_has(f->file, "boxes")) return LBK_OK;
    LBK_TRY(lbk__hdf5_open_dataset(f->context, f->path, f->file, "boxes", 2, 3, &boxes));
    const hsize_t *shape = boxes.shape;
    const bool of_each = boxes.rank == 3;
    const bool good = (!of_each || shape[0] == (hsize_t)f->info.count) &&
                      shape[of_each] == (hsize_t)f->info.rows && shape[of_each + 1] == 4 &&
                      lbk__h5.Tget_class(boxes.type) == H5T_FLOAT;
    lbk__hdf5_close_dataset(&boxes);
    if (good) return LBK_OK;
    return lbk__fail(
        f->context, LBK_BAD_DATA,
        "%s: data set \"boxes\" must be floats [%d, 4], a row for each region, or [%lld, %d, 4], "
        "these for each image",
        f->path, f->info.rows, (long long)f->info.count, f->info.rows);
}

static lbk_status bad_value(const lbk__features *f, int64_t image, size_t at, double value) {
    const size_t width = (size_t)f->info.width;
    char shown[128];
    const char *name = lbk__features_name(f, image);
    return lbk__fail(f->context, LBK_BAD_DATA,
                     "%s: data set \"features\", image \"%s\", row %zu, column %zu: %g is %s", f->path,
                     lbk__printable(shown, sizeof shown, name, strlen(name)), at / width, at % width, value,
                     isfinite(value) ? "beyond the range of float16, -65504 to 65504" : "not finite");
}

static lbk_status read_halves(lbk__features *f, int64_t first, int64_t count, uint16_t *out) {
    LBK_TRY(lbk__hdf5_read(f->context, f->path, &f->data, (hsize_t)first, (hsize_t)count, f->half, out));
    const size_t values = (size_t)f->info.rows * (size_t)f->info.width, all = (size_t)count * values;
    for (size_t i = 0; i < all; i++)
        if ((out[i] & 0x7C00u) == 0x7C00u)
            return bad_value(f, first + (int64_t)(i / values), i % values,
                             (double)lbk__half_to_float(out[i]));
    return LBK_OK;
}

static lbk_status read_floats(lbk__features *f, int64_t first, int64_t count, uint16_t *out) {
    const size_t values = (size_t)f->info.rows * (size_t)f->info.width;
    const int64_t at_once = LBK_MAX(FLOATS_AT_ONCE / (int64_t)values, 1);
    if (!f->staged) LBK_TRY(LBK_ALLOC(f->context, f->staged, (size_t)at_once * values));
    for (int64_t done = 0; done < count; done += at_once) {
        const int64_t now = LBK_MIN(count - done, at_once);
        LBK_TRY(lbk__hdf5_read(f->context, f->path, &f->data, (hsize_t)(first + done), (hsize_t)now,
                               lbk__h5.NATIVE_FLOAT, f->staged));
        const size_t all = (size_t)now * values;
        for (size_t i = 0; i < all; i++) {
            const uint16_t half = lbk__float_to_half(f->staged[i]);
            if ((half & 0x7C00u) == 0x7C00u)
                return bad_value(f, first + done + (int64_t)(i / values), i % values, (double)f->staged[i]);
            out[(size_t)done * values + i] = half;
        }
    }
    return LBK_OK;
}

lbk_status lbk__features_read(lbk__features *features, int64_t first, int64_t count, uint16_t *out) {
    if (first < 0 || count < 0 || count > features->info.count || first > features->info.count - count)
        return lbk__fail(features->context, LBK_INTERNAL, "%s: images %lld to %lld of %lld", features->path,
                         (long long)first, (long long)(first + count), (long long)features->info.count);
    if (count == 0) return LBK_OK;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    const lbk_status status = features->is_float ? read_floats(features, first, count, out)
                                                 : read_halves(features, first, count, out);
    lbk__hdf5_end_quiet(before);
    return status;
}

/* ---- opening and closing ---- */

static lbk_status open_all(lbk__features *f) {
    LBK_TRY(lbk__hdf5_open(f->context, f->path, &f->file));
    LBK_TRY(open_data(f));
    LBK_TRY(read_names(f));
    LBK_TRY(check_boxes(f));
    LBK_TRY(lbk__hdf5_attributes(f->context, f->path, f->file, &f->attributes));
    f->info.attributes = f->attributes;
    return LBK_OK;
}

lbk_status lbk__features_open(lbk_context *context, const char *path, lbk__features **out) {
    *out = NULL;
    LBK_TRY(lbk__hdf5_start(context, path));
    lbk__features *features;
    LBK_TRY(LBK_ALLOC(context, features, 1));
    features->context = context;
    lbk_status status = lbk__copy_string(context, path, &features->path);
    if (status == LBK_OK) {
        const lbk__hdf5_printing before = lbk__hdf5_quiet();
        status = open_all(features);
        lbk__hdf5_end_quiet(before);
    }
    if (status == LBK_OK)
        *out = features;
    else
        lbk__features_close(features);
    return status;
}

void lbk__features_close(lbk__features *features) {
    if (!features) return;
    lbk_context *context = features->context;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    lbk__hdf5_close_dataset(&features->data);
    if (features->half > 0) lbk__h5.Tclose(features->half);
    if (features->file > 0) lbk__h5.Fclose(features->file);
    lbk__hdf5_end_quiet(before);
    json_decref(features->attributes);
    lbk__text_free(context, &features->names);
    lbk_free(context, features->at);
    lbk_free(context, features->by_name);
    lbk_free(context, features->staged);
    lbk_free(context, features->path);
    lbk_free(context, features);
}
