/* npy_rows.c: a folder with one .npy an image. */
#include "base/file.h"
#include "data/row_source.h"
#include "format/npy.h"
#include "format/numbers.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 4096, DEEPEST = 8 };
static const size_t most_values = 1 << 24;

typedef struct npy_rows {
    lbk__row_source base;
    char *folder;
    lbk__map map; /* of the file that was opened last */
    char *path;
    lbk__npy array;
    float *values;
    size_t capacity;
} npy_rows;

/* The array's rows and their width, whatever its rank. */
static lbk_status shape_of(lbk_context *context, const char *where, const lbk__npy *array, int32_t *rows,
                           int32_t *dim) {
    const int64_t *shape = array->shape;
    int rank = array->rank;
    if (rank == 3 && shape[0] == 1) rank--, shape++;
    const int64_t r = rank == 1 ? 1 : shape[0], d = rank == 1 ? shape[0] : shape[1];
    if (array->kind != 'f')
        return lbk__fail(context, LBK_BAD_DATA, "%s: must have numbers of float16, float32 or float64",
                         where);
    if (rank < 1 || rank > 2 || r < 1 || d < 1 || (uint64_t)r > most_values ||
        (uint64_t)(r * d) > most_values)
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s: its shape must be [regions, width], with at most %zu numbers in all", where,
                         most_values);
    *rows = (int32_t)r;
    *dim = (int32_t)d;
    return LBK_OK;
}

static void close_file(npy_rows *source) {
    lbk__map_close(&source->map);
    lbk_free(source->base.context, source->path);
    source->path = NULL;
    source->map = (lbk__map){0};
}

/* Opens `path`, which the source then owns. */
static lbk_status open_file(npy_rows *source, char *path) {
    close_file(source);
    source->path = path;
    LBK_TRY(lbk__map_open(source->base.context, path, &source->map));
    return lbk__npy_read(source->base.context, path, (const char *)source->map.data, source->map.size,
                         &source->array);
}

static lbk_status find_file(npy_rows *source, const char *image) {
    lbk_context *context = source->base.context;
    char name[LONGEST_NAME];
    for (int which = 0; lbk__feature_name(image, which, name, sizeof name); which++) {
        char *file, *path;
        LBK_TRY(lbk__format(context, &file, "%s.npy", name));
        const lbk_status status = lbk__join_inside(context, source->folder, file, &path);
        lbk_free(context, file);
        LBK_TRY(status);
        if (lbk__exists(path)) return open_file(source, path);
        lbk_free(context, path);
    }
    lbk__feature_name(image, 3, name, sizeof name);
    return lbk__fail(context, LBK_BAD_DATA, "%s: has no features of the image \"%s\", such as %s.npy",
                     source->folder, image, name);
}

static lbk_status count_rows(lbk__row_source *base, const char *image, int32_t *num_rows) {
    npy_rows *source = (npy_rows *)base;
    int32_t dim;
    LBK_TRY(find_file(source, image));
    LBK_TRY(shape_of(base->context, source->path, &source->array, num_rows, &dim));
    if (dim == base->dim) return LBK_OK;
    return lbk__fail(base->context, LBK_BAD_DATA, "%s: has %d numbers a region, but other files have %d",
                     source->path, dim, base->dim);
}

static lbk_status read_rows(lbk__row_source *base, const char *image, uint16_t *rows) {
    npy_rows *source = (npy_rows *)base;
    int32_t num_rows;
    LBK_TRY(count_rows(base, image, &num_rows));
    const size_t values = (size_t)num_rows * (size_t)base->dim;
    LBK_TRY(LBK_GROW(base->context, source->values, source->capacity, values));
    lbk__numbers_to_floats(source->array.dtype, source->array.data, values, 1, source->values);
    base->last = source->path;
    return lbk__rows_from_file(base->context, source->path, source->values, num_rows, base->dim, rows);
}

static json_t *describe(const lbk__row_source *base) {
    const npy_rows *source = (const npy_rows *)base;
    return json_pack("{s:s, s:i, s:{s:s}}", "kind", "npy", "dim", base->dim, "features", "name",
                     lbk__base_name(source->folder));
}

static void close_npy_rows(lbk__row_source *base) {
    npy_rows *source = (npy_rows *)base;
    close_file(source);
    lbk_free(base->context, source->values);
    lbk_free(base->context, source->folder);
    lbk_free(base->context, source);
}

/* The first array below `folder` in the order of names, so that the same file decides the width everywhere,
 * and how many there are. Files that MMF writes beside the arrays, STEM_info.npy, hold Python objects. */
static lbk_status find_arrays(lbk_context *context, const char *folder, int depth, char **first,
                              int64_t *total) {
    struct dirent **entries;
    lbk_status status = LBK_OK;
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) return lbk__fail_errno(context, "%s: cannot read the folder", folder);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name, *end = strrchr(name, '.'), *info = strstr(name, "_info.npy");
        char *path = NULL;
        const bool array = end && strcmp(end, ".npy") == 0;
        if (status == LBK_OK && name[0] != '.' && !info && (depth > 0 || array)) {
            status = lbk__format(context, &path, "%s/%s", folder, name);
            const bool below = status == LBK_OK && !array && lbk__is_folder(path);
            if (below) status = find_arrays(context, path, depth - 1, first, total);
            *total += status == LBK_OK && array;
            if (status == LBK_OK && array && !*first) *first = path, path = NULL;
        }
        lbk_free(context, path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

lbk_status lbk__npy_rows_open(lbk_context *context, const char *folder, lbk__row_source **out) {
    *out = NULL;
    npy_rows *source;
    char *first = NULL;
    int32_t rows;
    LBK_TRY(LBK_ALLOC(context, source, 1));
    source->base = (lbk__row_source){.context = context,
                                     .count = count_rows,
                                     .read = read_rows,
                                     .describe = describe,
                                     .close = close_npy_rows};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, folder, &source->folder));
    status = find_arrays(context, folder, DEEPEST, &first, &source->base.num_images);
    if (status != LBK_OK) lbk_free(context, first);
    LBK_GO(status);
    if (!first) LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: has no .npy files", folder));
    LBK_GO(open_file(source, first));
    LBK_GO(shape_of(context, source->path, &source->array, &rows, &source->base.dim));
    *out = &source->base;
done:
    if (status != LBK_OK) close_npy_rows(&source->base);
    return status;
}
