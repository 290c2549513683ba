/* hdf5_object.c: files and data sets. */
#include "format/hdf5_object.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define MEBIBYTE ((hsize_t)1 << 20)
static const hsize_t largest_chunk = 256 * MEBIBYTE, largest_cache = 256 * MEBIBYTE;
enum { CACHE_SLOTS = 12421 };

static herr_t keep_reason(unsigned n, const H5E_error2_t *error, void *reason) {
    if (n == 0) snprintf(reason, 160, "%s", error->desc ? error->desc : "");
    return 0;
}

lbk_status lbk__hdf5_fail(lbk_context *context, const char *path, const char *format, ...) {
    char what[256], reason[160] = "", shown[320];
    lbk__h5.Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, reason);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    lbk__printable(shown, sizeof shown, reason, strlen(reason));
    return lbk__fail(context, LBK_BAD_DATA, "%s: %s%s%s", path, what, *shown ? ": " : "", shown);
}

lbk_status lbk__hdf5_open(lbk_context *context, const char *path, hid_t *out) {
    if (lbk__is_folder(path)) return lbk__fail(context, LBK_IO, "%s: is a folder, not an HDF5 file", path);
    FILE *file; /* for the system's reason */
    LBK_TRY(lbk__open_regular(context, path, &file));
    fclose(file);
    if (lbk__h5.Fis_hdf5(path) == 0) return lbk__fail(context, LBK_BAD_DATA, "%s: is no HDF5 file", path);
    *out = lbk__h5.Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*out >= 0) return LBK_OK;
    return lbk__hdf5_fail(context, path, "cannot be opened as an HDF5 file; is it damaged?");
}

hid_t lbk__hdf5_half(hid_t single) {
    hid_t half = lbk__h5.Tcopy(single);
    lbk__h5.Tset_fields(half, 15, 10, 5, 0, 10);
    lbk__h5.Tset_size(half, 2);
    lbk__h5.Tset_ebias(half, 15);
    return half;
}

bool lbk__hdf5_has(hid_t file, const char *name) {
    return lbk__h5.Lexists(file, name, H5P_DEFAULT) > 0;
}

static lbk_status check_shape(lbk_context *context, const char *path, lbk__dataset *dataset, int rank,
                              int other_rank) {
    dataset->space = lbk__h5.Dget_space(dataset->id);
    dataset->type = lbk__h5.Dget_type(dataset->id);
    if (dataset->space < 0 || dataset->type < 0)
        return lbk__hdf5_fail(context, path, "data set \"%s\" cannot be read", dataset->name);
    dataset->rank = lbk__h5.Sget_simple_extent_ndims(dataset->space);
    if (dataset->rank != rank && dataset->rank != other_rank) {
        char other[16] = "";
        if (other_rank != rank) snprintf(other, sizeof other, " or %d", other_rank);
        return lbk__fail(context, LBK_BAD_DATA, "%s: data set \"%s\" has %d dimensions, must have %d%s", path,
                         dataset->name, dataset->rank, rank, other);
    }
    lbk__h5.Sget_simple_extent_dims(dataset->space, dataset->shape, NULL);
    for (int i = 0; i < dataset->rank; i++)
        if (dataset->shape[i] == 0)
            return lbk__fail(context, LBK_BAD_DATA, "%s: data set \"%s\" is empty: its dimension %d is 0",
                             path, dataset->name, i + 1);
    return LBK_OK;
}

static lbk_status unfinished(lbk_context *context, const char *path, const char *name) {
    return lbk__fail(context, LBK_BAD_DATA,
                     "%s: data set \"%s\" was not written to its end; make the file anew", path, name);
}

/* All chunks must be there. *cache: bytes that hold all chunks with one first index, so that reading image by
 * image decodes each chunk once. */
static lbk_status check_chunks(lbk_context *context, const char *path, const lbk__dataset *dataset,
                               hid_t creation, size_t *cache) {
    hsize_t chunk[LBK__HDF5_MAX_RANK], bytes = lbk__h5.Tget_size(dataset->type), beside = 1, present;
    if (lbk__h5.Pget_chunk(creation, dataset->rank, chunk) != dataset->rank ||
        lbk__h5.Dget_num_chunks(dataset->id, dataset->space, &present) < 0)
        return lbk__hdf5_fail(context, path, "the chunks of data set \"%s\" cannot be read", dataset->name);
    bool overflow = false;
    for (int i = 0; i < dataset->rank; i++) {
        overflow |= __builtin_mul_overflow(bytes, chunk[i], &bytes);
        if (i > 0)
            overflow |= __builtin_mul_overflow(beside, (dataset->shape[i] - 1) / chunk[i] + 1, &beside);
    }
    if (overflow || bytes > largest_chunk)
        return lbk__fail(
            context, LBK_BAD_DATA,
            "%s: data set \"%s\" has chunks above %d MiB; rewrite it with smaller ones, for example "
            "by h5repack",
            path, dataset->name, (int)(largest_chunk / MEBIBYTE));
    hsize_t expected, wanted;
    if (__builtin_mul_overflow(beside, (dataset->shape[0] - 1) / chunk[0] + 1, &expected) ||
        present != expected)
        return unfinished(context, path, dataset->name);
    if (__builtin_mul_overflow(bytes, beside, &wanted)) wanted = largest_cache;
    *cache = (size_t)LBK_MAX(LBK_MIN(wanted, largest_cache), MEBIBYTE);
    return LBK_OK;
}

/* *cache: bytes of chunk cache to open the data set with, 0: it has no chunks. */
static lbk_status check_storage(lbk_context *context, const char *path, const lbk__dataset *dataset,
                                size_t *cache) {
    lbk_status status = LBK_OK;
    *cache = 0;
    H5D_space_status_t written = H5D_SPACE_STATUS_ERROR;
    hid_t creation = lbk__h5.Dget_create_plist(dataset->id);
    if (creation < 0 || lbk__h5.Dget_space_status(dataset->id, &written) < 0)
        LBK_GO(lbk__hdf5_fail(context, path, "data set \"%s\" cannot be read", dataset->name));
    const H5D_layout_t layout = lbk__h5.Pget_layout(creation);
    if (layout == H5D_VIRTUAL || lbk__h5.Pget_external_count(creation) != 0)
        LBK_GO(lbk__fail(context, LBK_BAD_DATA,
                         "%s: data set \"%s\" keeps its data in other files; copy them into this one", path,
                         dataset->name));
    if (written == H5D_SPACE_STATUS_NOT_ALLOCATED) LBK_GO(unfinished(context, path, dataset->name));
    if (layout == H5D_CHUNKED) LBK_GO(check_chunks(context, path, dataset, creation, cache));
done:
    if (creation > 0) lbk__h5.Pclose(creation);
    return status;
}

lbk_status lbk__hdf5_open_dataset(lbk_context *context, const char *path, hid_t file, const char *name,
                                  int rank, int other_rank, lbk__dataset *out) {
    *out = (lbk__dataset){.name = name};
    H5L_info_t link;
    if (!lbk__hdf5_has(file, name))
        return lbk__fail(context, LBK_BAD_DATA, "%s: has no data set \"%s\"", path, name);
    if (lbk__h5.Lget_info(file, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
        return lbk__fail(context, LBK_BAD_DATA, "%s: \"%s\" is a link, must be a data set", path, name);
    lbk_status status = LBK_OK;
    size_t cache;
    out->id = lbk__h5.Dopen2(file, name, H5P_DEFAULT);
    if (out->id < 0) LBK_GO(lbk__hdf5_fail(context, path, "\"%s\" cannot be opened as a data set", name));
    LBK_GO(check_shape(context, path, out, rank, other_rank));
    LBK_GO(check_storage(context, path, out, &cache));
    if (cache) { /* is set when a data set is opened */
        lbk__h5.Dclose(out->id);
        hid_t access = lbk__h5.Pcreate(lbk__h5.DATASET_ACCESS);
        lbk__h5.Pset_chunk_cache(access, CACHE_SLOTS, cache, H5D_CHUNK_CACHE_W0_DEFAULT);
        out->id = lbk__h5.Dopen2(file, name, access);
        lbk__h5.Pclose(access);
        if (out->id < 0) LBK_GO(lbk__hdf5_fail(context, path, "data set \"%s\" cannot be opened", name));
    }
done:
    if (status != LBK_OK) lbk__hdf5_close_dataset(out);
    return status;
}

void lbk__hdf5_close_dataset(lbk__dataset *dataset) {
    if (dataset->type > 0) lbk__h5.Tclose(dataset->type);
    if (dataset->space > 0) lbk__h5.Sclose(dataset->space);
    if (dataset->id > 0) lbk__h5.Dclose(dataset->id);
    *dataset = (lbk__dataset){0};
}

lbk_status lbk__hdf5_read(lbk_context *context, const char *path, const lbk__dataset *dataset, hsize_t first,
                          hsize_t count, hid_t type, void *out) {
    hsize_t start[LBK__HDF5_MAX_RANK] = {first}, size[LBK__HDF5_MAX_RANK];
    memcpy(size, dataset->shape, sizeof size);
    size[0] = count;
    lbk_status status = LBK_OK;
    hid_t memory = lbk__h5.Screate_simple(dataset->rank, size, NULL);
    if (memory < 0 ||
        lbk__h5.Sselect_hyperslab(dataset->space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        lbk__h5.Dread(dataset->id, type, memory, dataset->space, H5P_DEFAULT, out) < 0)
        status = lbk__hdf5_fail(context, path, "data set \"%s\" cannot be read from entry %llu on",
                                dataset->name, (unsigned long long)first);
    if (memory > 0) lbk__h5.Sclose(memory);
    return status;
}
