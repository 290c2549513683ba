/* hdf5_texts.c: strings in blocks of a thousand. */
#include "format/hdf5_texts.h"

#include <string.h>

enum { TEXTS_AT_ONCE = 1024 };

typedef struct reader {
    lbk_context *context;
    const char *path;
    const lbk__dataset *dataset;
    lbk__hdf5_text_sink *sink;
    void *user;
} reader;

/* Without what the file's type pads with. */
static size_t text_length(const char *text, size_t size, H5T_str_t padding) {
    size_t length = strnlen(text, size);
    while (padding == H5T_STR_SPACEPAD && length && text[length - 1] == ' ') length--;
    return length;
}

static lbk_status read_fixed(const reader *r) {
    const lbk__dataset *d = r->dataset;
    const size_t size = lbk__h5.Tget_size(d->type);
    const H5T_str_t padding = lbk__h5.Tget_strpad(d->type);
    if (size > LBK__HDF5_LONGEST_TEXT)
        return lbk__fail(r->context, LBK_BAD_DATA, "%s: data set \"%s\" has strings of %zu bytes, above %d",
                         r->path, d->name, size, LBK__HDF5_LONGEST_TEXT);
    char *block;
    LBK_TRY(LBK_ALLOC(r->context, block, TEXTS_AT_ONCE * size));
    lbk_status status = LBK_OK;
    for (hsize_t first = 0; first < d->shape[0]; first += TEXTS_AT_ONCE) {
        const hsize_t count = LBK_MIN(d->shape[0] - first, (hsize_t)TEXTS_AT_ONCE);
        LBK_GO(lbk__hdf5_read(r->context, r->path, d, first, count, d->type, block));
        for (size_t i = 0; i < count; i++)
            LBK_GO(
                r->sink(r->user, first + i, block + i * size, text_length(block + i * size, size, padding)));
    }
done:
    lbk_free(r->context, block);
    return status;
}

static lbk_status pass_on(const reader *r, size_t first, size_t count, char *const *block) {
    for (size_t i = 0; i < count; i++) {
        const char *text = block[i] ? block[i] : "";
        LBK_TRY(r->sink(r->user, first + i, text, strlen(text)));
    }
    return LBK_OK;
}

static lbk_status read_variable(const reader *r) {
    const lbk__dataset *d = r->dataset;
    char *block[TEXTS_AT_ONCE];
    for (hsize_t first = 0; first < d->shape[0]; first += TEXTS_AT_ONCE) {
        const hsize_t count = LBK_MIN(d->shape[0] - first, (hsize_t)TEXTS_AT_ONCE);
        LBK_TRY(lbk__hdf5_read(r->context, r->path, d, first, count, d->type, block));
        const lbk_status status = pass_on(r, first, count, block);
        for (size_t i = 0; i < count; i++) lbk__h5.free_memory(block[i]);
        LBK_TRY(status);
    }
    return LBK_OK;
}

lbk_status lbk__hdf5_read_texts(lbk_context *context, const char *path, const lbk__dataset *dataset,
                                lbk__hdf5_text_sink *sink, void *user) {
    const reader r = {context, path, dataset, sink, user};
    if (lbk__h5.Tget_class(dataset->type) != H5T_STRING)
        return lbk__fail(context, LBK_BAD_DATA, "%s: data set \"%s\" must have strings", path, dataset->name);
    return lbk__h5.Tis_variable_str(dataset->type) > 0 ? read_variable(&r) : read_fixed(&r);
}
