/* mmimdb_rows.c: visual rows that multimodal_imdb.hdf5 has itself: the features of a whole poster as one row,
 * or the poster cut into patches. An image is named by its film's id. */
#include "base/file.h"
#include "data/image.h"
#include "data/name_map.h"
#include "data/row_source.h"
#include "format/hdf5_mmimdb.h"

#include <string.h>

typedef struct mmimdb_rows {
    lbk__row_source base;
    lbk__mmimdb *file;
    char *path;
    lbk__name_map ids;              /* → index of the film */
    int32_t image_size, patch_size; /* 0: features */
    float *features;
    uint8_t *poster, *square; /* [height, width, 3]; [image_size, image_size, 3] */
} mmimdb_rows;

static lbk_status find(const mmimdb_rows *source, const char *image, int64_t *index) {
    *index = lbk__name_map_find(&source->ids, image, strlen(image), -1);
    if (*index >= 0) return LBK_OK;
    return lbk__fail(source->base.context, LBK_BAD_DATA, "%s: has no film \"%s\"", source->path, image);
}

static lbk_status count_rows(lbk__row_source *base, const char *image, int32_t *num_rows) {
    const mmimdb_rows *source = (const mmimdb_rows *)base;
    int64_t index;
    *num_rows = source->image_size ? lbk__image_num_patches(source->image_size, source->patch_size) : 1;
    return find(source, image, &index);
}

static lbk_status read_poster(mmimdb_rows *source, int64_t index, uint16_t *rows) {
    const lbk__mmimdb_info *info = lbk__mmimdb_describe(source->file);
    lbk__image_error error = {.text = ""};
    LBK_TRY(lbk__mmimdb_image(source->file, index, source->poster));
    const lbk_status status = lbk__image_resize(source->poster, info->image_width, info->image_height,
                                                source->path, source->image_size, source->square, &error);
    if (status != LBK_OK) return lbk__fail(source->base.context, status, "%s", error.text);
    lbk__image_patches(source->square, source->image_size, source->patch_size, rows);
    return LBK_OK;
}

static lbk_status read_rows(lbk__row_source *base, const char *image, uint16_t *rows) {
    mmimdb_rows *source = (mmimdb_rows *)base;
    int64_t index;
    LBK_TRY(find(source, image, &index));
    if (source->image_size) return read_poster(source, index, rows);
    LBK_TRY(lbk__mmimdb_features(source->file, index, source->features));
    return lbk__rows_from_file(base->context, source->path, source->features, 1, base->dim, rows);
}

static json_t *describe(const lbk__row_source *base) {
    const mmimdb_rows *source = (const mmimdb_rows *)base;
    if (source->image_size)
        return json_pack("{s:s, s:i, s:i, s:i}", "kind", "patches", "dim", base->dim, "image_size",
                         source->image_size, "patch_size", source->patch_size);
    return json_pack("{s:s, s:i, s:i, s:{s:s}}", "kind", "vgg", "dim", base->dim, "rows", 1, "features",
                     "name", lbk__base_name(source->path));
}

static void close_mmimdb_rows(lbk__row_source *base) {
    mmimdb_rows *source = (mmimdb_rows *)base;
    lbk__mmimdb_close(source->file);
    lbk__name_map_free(&source->ids);
    lbk_free(base->context, source->features);
    lbk_free(base->context, source->poster);
    lbk_free(base->context, source->square);
    lbk_free(base->context, source->path);
    lbk_free(base->context, source);
}

static lbk_status index_ids(mmimdb_rows *source) {
    const int64_t count = lbk__mmimdb_describe(source->file)->num_films;
    for (int64_t i = 0; i < count; i++) {
        lbk__mmimdb_film film;
        int32_t *index;
        bool added;
        LBK_TRY(lbk__mmimdb_read(source->file, i, &film));
        LBK_TRY(lbk__name_map_place(&source->ids, film.id, strlen(film.id), &index, &added));
        if (added) *index = (int32_t)i;
    }
    source->base.num_images = count;
    return LBK_OK;
}

static lbk_status make_buffers(mmimdb_rows *source, bool patches, int32_t image_size, int32_t patch_size) {
    lbk_context *context = source->base.context;
    const lbk__mmimdb_info *info = lbk__mmimdb_describe(source->file);
    if (patches ? !info->image_width : !info->feature_width)
        return lbk__fail(context, LBK_BAD_DATA, "%s: has no \"%s\"", source->path,
                         patches ? "images" : "vgg_features");
    if (!patches) {
        source->base.dim = info->feature_width;
        return LBK_ALLOC(context, source->features, info->feature_width);
    }
    LBK_TRY(lbk__image_check_sizes(context, image_size, patch_size));
    source->image_size = image_size;
    source->patch_size = patch_size;
    source->base.dim = lbk__image_patch_dim(patch_size);
    LBK_TRY(LBK_ALLOC(context, source->square, (size_t)image_size * (size_t)image_size * 3));
    return LBK_ALLOC(context, source->poster, (size_t)info->image_width * (size_t)info->image_height * 3);
}

lbk_status lbk__mmimdb_rows_open(lbk_context *context, const char *path, bool patches, int32_t image_size,
                                 int32_t patch_size, lbk__row_source **out) {
    *out = NULL;
    mmimdb_rows *source;
    LBK_TRY(LBK_ALLOC(context, source, 1));
    source->base = (lbk__row_source){.context = context,
                                     .count = count_rows,
                                     .read = read_rows,
                                     .describe = describe,
                                     .close = close_mmimdb_rows};
    lbk__name_map_start(context, &source->ids);
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, path, &source->path));
    LBK_GO(lbk__mmimdb_open(context, path, &source->file));
    LBK_GO(make_buffers(source, patches, image_size, patch_size));
    LBK_GO(index_ids(source));
    *out = &source->base;
done:
    if (status != LBK_OK) close_mmimdb_rows(&source->base);
    return status;
}
