/* hdf5_projection.c: reading a projection. */
#include "format/hdf5_projection.h"

#include "format/hdf5_object.h"

#include <math.h>

enum { LARGEST_OUT = 1 << 16 };

static lbk_status check_numbers(lbk_context *context, const char *path, const char *name,
                                const float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]))
            return lbk__fail(context, LBK_BAD_DATA, "%s: data set \"%s\": number %zu is not finite", path,
                             name, i);
    return LBK_OK;
}

/* The data set as float32, of `rank` dimensions whose last is `in`; *rows: all others together. */
static lbk_status read_floats(lbk_context *context, const char *path, hid_t file, const char *name, int rank,
                              int32_t in, int32_t *rows, float **out) {
    lbk__dataset set;
    LBK_TRY(lbk__hdf5_open_dataset(context, path, file, name, rank, rank, &set));
    lbk_status status = LBK_OK;
    const hsize_t first = rank == 2 ? set.shape[0] : 1;
    if (lbk__h5.Tget_class(set.type) != H5T_FLOAT || set.shape[rank - 1] != (hsize_t)in ||
        first > LARGEST_OUT)
        LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: data set \"%s\" must be floats [%s%d], for %d features",
                         path, name, rank == 2 ? "at most 65536, " : "", in, in));
    *rows = (int32_t)first;
    LBK_GO(LBK_ALLOC(context, *out, (size_t)first * (size_t)in));
    LBK_GO(lbk__hdf5_read(context, path, &set, 0, set.shape[0], lbk__h5.NATIVE_FLOAT, *out));
    LBK_GO(check_numbers(context, path, name, *out, (size_t)first * (size_t)in));
done:
    lbk__hdf5_close_dataset(&set);
    return status;
}

static lbk_status read_scale(lbk_context *context, const char *path, hid_t file, float *out) {
    lbk__dataset set;
    LBK_TRY(lbk__hdf5_open_dataset(context, path, file, "scale", 0, 1, &set));
    lbk_status status = LBK_OK;
    if (lbk__h5.Tget_class(set.type) != H5T_FLOAT || lbk__h5.Sget_simple_extent_npoints(set.space) != 1)
        LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: data set \"scale\" must be one float", path));
    if (lbk__h5.Dread(set.id, lbk__h5.NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        LBK_GO(lbk__hdf5_fail(context, path, "data set \"scale\" cannot be read"));
    LBK_GO(check_numbers(context, path, "scale", out, 1));
done:
    lbk__hdf5_close_dataset(&set);
    return status;
}

static lbk_status read_all(lbk_context *context, const char *path, hid_t file, lbk__projection *out) {
    int32_t one;
    LBK_TRY(read_floats(context, path, file, "mean", 1, out->in, &one, &out->mean));
    LBK_TRY(read_floats(context, path, file, "components", 2, out->in, &out->out, &out->components));
    return read_scale(context, path, file, &out->scale);
}

lbk_status lbk__projection_read(lbk_context *context, const char *path, int32_t in, lbk__projection *out) {
    *out = (lbk__projection){.in = in};
    LBK_TRY(lbk__hdf5_start(context, path));
    hid_t file = 0;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    lbk_status status = lbk__hdf5_open(context, path, &file);
    if (status == LBK_OK) status = read_all(context, path, file, out);
    if (file > 0) lbk__h5.Fclose(file);
    lbk__hdf5_end_quiet(before);
    if (status != LBK_OK) lbk__projection_free(context, out);
    return status;
}

void lbk__projection_free(lbk_context *context, lbk__projection *projection) {
    lbk_free(context, projection->mean);
    lbk_free(context, projection->components);
    *projection = (lbk__projection){0};
}
