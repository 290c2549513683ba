/* visual_source.c: visual rows of images, by name. */
#include "data/visual_source.h"

#include "base/file.h"
#include "data/name_map.h"
#include "data/row_source.h"
#include "format/hdf5_features.h"

#include <omp.h>
#include <string.h>

struct lbk__visual_source {
    lbk_context *context;
    lbk__image_kind kind;
    char *root;
    int32_t image_size, patch_size, num_rows, dim;
    uint8_t *pixels; /* [threads; encoder: AT_ONCE; image_size, image_size, 3] */
    lbk__extractor *extractor;
    lbk__features *features;
    char *features_path;
    const char *last; /* of `features`: the name of those that were read last */
    lbk__row_source
        *rows; /* where images have rows of their own number, or the source has them itself; else NULL */
    lbk__name_map used; /* features that some image has, by what they are called */
    int64_t num_used;
    bool watched; /* these two are kept */
    bool shared;  /* a warning was given */
};

enum { AT_ONCE = 64 }; /* pictures that are decoded before the encoder runs on them */
enum { LONGEST_NAME = 4096 };

static size_t pixels_of(const lbk__visual_source *source) {
    return (size_t)source->image_size * (size_t)source->image_size * 3;
}

static lbk_status open_patches(lbk__visual_source *source, const lbk_pack_options *options) {
    source->image_size = options->image_size ? options->image_size : 128;
    source->patch_size = options->patch_size ? options->patch_size : 32;
    LBK_TRY(lbk__image_check_sizes(source->context, source->image_size, source->patch_size));
    source->num_rows = lbk__image_num_patches(source->image_size, source->patch_size);
    source->dim = lbk__image_patch_dim(source->patch_size);
    return LBK_ALLOC(source->context, source->pixels,
                     pixels_of(source) * (size_t)source->context->num_threads);
}

static lbk_status open_encoder(lbk__visual_source *source, const lbk_pack_options *options, int32_t batch) {
    LBK_TRY(lbk__extractor_open(source->context, &options->encoder, batch, &source->extractor));
    source->image_size = lbk__extractor_image_size(source->extractor);
    source->num_rows = lbk__extractor_num_rows(source->extractor);
    source->dim = lbk__extractor_dim(source->extractor);
    return LBK_ALLOC(source->context, source->pixels, pixels_of(source) * AT_ONCE);
}

/* Whether the source is a file that has visual rows itself, and these are asked for. */
static bool is_in_source(const lbk_pack_options *options) {
    return options->source == LBK_SOURCE_MMIMDB && options->path && !lbk__is_folder(options->path) &&
           (options->visual == LBK_VISUAL_PATCHES ||
            (options->visual == LBK_VISUAL_HDF5 && !options->features));
}

static lbk_status open_rows(lbk__visual_source *source, const lbk_pack_options *options) {
    lbk_context *context = source->context;
    if (is_in_source(options))
        LBK_TRY(lbk__mmimdb_rows_open(context, options->path, options->visual == LBK_VISUAL_PATCHES,
                                      options->image_size ? options->image_size : 128,
                                      options->patch_size ? options->patch_size : 32, &source->rows));
    else if (options->visual == LBK_VISUAL_NPY)
        LBK_TRY(lbk__npy_rows_open(context, options->features, &source->rows));
    else
        LBK_TRY(lbk__table_rows_open(context, options->features, &source->rows));
    source->dim = source->rows->dim;
    return LBK_OK;
}

static lbk_status open_features(lbk__visual_source *source, const lbk_pack_options *options) {
    LBK_TRY(lbk__copy_string(source->context, options->features, &source->features_path));
    LBK_TRY(lbk__features_open(source->context, options->features, &source->features));
    source->num_rows = lbk__features_describe(source->features)->rows;
    source->dim = lbk__features_describe(source->features)->width;
    return LBK_OK;
}

static lbk_status open_kind(lbk__visual_source *source, const lbk_pack_options *options, int32_t batch) {
    if (options->visual == LBK_VISUAL_NONE) return LBK_OK;
    if (is_in_source(options)) return open_rows(source, options);
    if (options->visual == LBK_VISUAL_PATCHES) return open_patches(source, options);
    if (options->visual == LBK_VISUAL_ENCODER) return open_encoder(source, options, batch);
    if (!options->features)
        return lbk__fail(source->context, LBK_INVALID_ARGUMENT,
                         "visual rows from features need the file or folder that has them (--features)");
    return options->visual == LBK_VISUAL_HDF5 ? open_features(source, options) : open_rows(source, options);
}

lbk_status lbk__visual_source_open(lbk_context *context, const lbk_pack_options *options, const char *root,
                                   lbk__image_kind kind, int32_t batch, lbk__visual_source **out) {
    *out = NULL;
    lbk__visual_source *source;
    LBK_TRY(LBK_ALLOC(context, source, 1));
    lbk_status status = LBK_OK;
    source->context = context;
    source->kind = kind;
    lbk__name_map_start(context, &source->used);
    LBK_GO(lbk__copy_string(context, root, &source->root));
    LBK_GO(open_kind(source, options, batch));
    *out = source;
done:
    if (status != LBK_OK) lbk__visual_source_close(source);
    return status;
}

void lbk__visual_source_close(lbk__visual_source *source) {
    if (!source) return;
    lbk__features_close(source->features);
    if (source->rows) source->rows->close(source->rows);
    lbk__extractor_close(source->extractor);
    lbk__name_map_free(&source->used);
    lbk_free(source->context, source->features_path);
    lbk_free(source->context, source->pixels);
    lbk_free(source->context, source->root);
    lbk_free(source->context, source);
}

int32_t lbk__visual_source_num_rows(const lbk__visual_source *source) {
    return source->num_rows;
}
int32_t lbk__visual_source_dim(const lbk__visual_source *source) {
    return source->dim;
}

const json_t *lbk__visual_source_attributes(const lbk__visual_source *source) {
    return source->features ? lbk__features_describe(source->features)->attributes : NULL;
}

int64_t lbk__visual_source_num_unused(const lbk__visual_source *source) {
    const int64_t all = source->rows       ? source->rows->num_images
                        : source->features ? lbk__features_describe(source->features)->count
                                           : 0;
    return LBK_MAX(all - source->num_used, 0);
}

lbk_status lbk__visual_source_confine(const lbk__visual_source *source, const char *image) {
    char *path;
    if (source->rows || source->features) return LBK_OK; /* names, looked up */
    LBK_TRY(lbk__join_inside(source->context, source->root, image, &path));
    lbk_free(source->context, path);
    return LBK_OK;
}

lbk_status lbk__visual_source_prepare(const lbk__visual_source *source) {
    return source->image_size ? lbk__image_start(source->context) : LBK_OK;
}

bool lbk__visual_source_lacks(const lbk__visual_source *source, const char *image) {
    char *path;
    if (!source->image_size) return true; /* a name that is looked up */
    if (lbk__join(source->context, source->root, image, &path) != LBK_OK) return false;
    const bool lacks = !lbk__exists(path);
    lbk_free(source->context, path);
    return lacks;
}

lbk_status lbk__visual_source_count(lbk__visual_source *source, const char *image, int32_t *num_rows) {
    *num_rows = source->num_rows;
    return source->rows ? source->rows->count(source->rows, image, num_rows) : LBK_OK;
}

const lbk__extractor *lbk__visual_source_extractor(const lbk__visual_source *source) {
    return source->extractor;
}

static json_t *describe_encoder(const lbk__visual_source *source) {
    json_t *out =
        json_pack("{s:s, s:i, s:i}", "kind", "encoder", "dim", source->dim, "rows", source->num_rows);
    json_t *identity = lbk__extractor_identity(source->extractor);
    if (out && identity) json_object_update(out, identity);
    json_decref(identity);
    return out;
}

lbk_status lbk__visual_source_describe(const lbk__visual_source *source, json_t **out) {
    char hash[LBK__HASH_SIZE];
    if (source->rows) {
        *out = source->rows->describe(source->rows);
    } else if (source->features) {
        LBK_TRY(lbk__hash_file(source->context, source->features_path, hash));
        *out = json_pack("{s:s, s:i, s:i, s:{s:s, s:s}, s:O}", "kind", "hdf5", "dim", source->dim, "rows",
                         source->num_rows, "features", "name", lbk__base_name(source->features_path),
                         "sha256", hash, "attributes", lbk__features_describe(source->features)->attributes);
    } else if (source->extractor) {
        *out = describe_encoder(source);
    } else if (source->dim) {
        *out = json_pack("{s:s, s:i, s:i, s:i}", "kind", "patches", "dim", source->dim, "image_size",
                         source->image_size, "patch_size", source->patch_size);
    } else {
        *out = json_pack("{s:s, s:i}", "kind", "none", "dim", 0);
    }
    return *out ? LBK_OK : lbk__fail(source->context, LBK_NO_MEMORY, "out of memory");
}

/* ---- pictures: decoded on all threads; nothing in the loops touches the context ---- */

static size_t values_of(const lbk__visual_source *source) {
    return (size_t)source->num_rows * (size_t)source->dim;
}

static lbk_status decode(const lbk__visual_source *source, const char *path, uint8_t *pixels,
                         lbk__image_error *error) {
    const lbk__image_filter filter = source->extractor ? LBK__IMAGE_BICUBIC : LBK__IMAGE_SHARP;
    return lbk__image_decode(path, source->kind, filter, source->image_size, pixels, error);
}

static void read_patches(lbk__visual_source *source, char *const *paths, size_t count, uint16_t *rows,
                         bool *failed) {
#pragma omp parallel num_threads((int)LBK_MIN((size_t)source->context->num_threads, count))
    {
        uint8_t *mine = source->pixels + pixels_of(source) * (size_t)omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < count; i++) {
            failed[i] = decode(source, paths[i], mine, NULL) != LBK_OK;
            if (!failed[i])
                lbk__image_patches(mine, source->image_size, source->patch_size,
                                   rows + values_of(source) * i);
        }
        lbk__image_end_thread();
    }
}

/* The encoder runs on what is left of failed pictures, too. */
static lbk_status encode(lbk__visual_source *source, char *const *paths, size_t count, uint16_t *rows,
                         bool *failed) {
    for (size_t done = 0; done < count; done += AT_ONCE) {
        const size_t now = LBK_MIN(count - done, (size_t)AT_ONCE);
#pragma omp parallel num_threads((int)LBK_MIN((size_t)source->context->num_threads, now))
        {
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < now; i++)
                failed[done + i] =
                    decode(source, paths[done + i], source->pixels + pixels_of(source) * i, NULL) != LBK_OK;
            lbk__image_end_thread();
        }
        LBK_TRY(lbk__extractor_run(source->extractor, source->pixels, now, rows + values_of(source) * done));
    }
    return LBK_OK;
}

static lbk_status read_pictures(lbk__visual_source *source, const char *const *images, size_t count,
                                uint16_t *rows, bool *failed) {
    lbk_context *context = source->context;
    char **paths;
    LBK_TRY(LBK_ALLOC(context, paths, count));
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < count; i++) LBK_GO(lbk__join(context, source->root, images[i], paths + i));
    if (source->extractor)
        status = encode(source, paths, count, rows, failed);
    else
        read_patches(source, paths, count, rows, failed);
done:
    for (size_t i = 0; i < count; i++) lbk_free(context, paths[i]);
    lbk_free(context, paths);
    return status;
}

static lbk_status read_one_picture(lbk__visual_source *source, const char *image, uint16_t *rows) {
    char *path;
    LBK_TRY(lbk__join(source->context, source->root, image, &path));
    lbk__image_error error = {.text = ""};
    lbk_status status = decode(source, path, source->pixels, &error);
    lbk_free(source->context, path);
    if (status != LBK_OK) return lbk__fail(source->context, status, "%s", error.text);
    if (source->extractor) return lbk__extractor_run(source->extractor, source->pixels, 1, rows);
    lbk__image_patches(source->pixels, source->image_size, source->patch_size, rows);
    return LBK_OK;
}

/* ---- features: by name ---- */

void lbk__visual_source_watch(lbk__visual_source *source) {
    source->watched = true;
}

/* Notes that `image` has the features that were read last, and warns once of an image that has those of
 * another: one file of the name's end, 9.npy, fits train/9.png and test/9.png. */
static lbk_status note_use(lbk__visual_source *source, const char *image) {
    const char *name = source->rows ? source->rows->last : source->last;
    int32_t *unused;
    bool added;
    char shown[200];
    if (!name) return LBK_OK;
    LBK_TRY(lbk__name_map_place(&source->used, name, strlen(name), &unused, &added));
    source->num_used += added;
    if (added || source->shared) return LBK_OK;
    source->shared = true;
    lbk__log(source->context, LBK_LOG_WARNING,
             "image \"%s\" has the same features as an image before it, %s: features of a path of their own "
             "come first, "
             "then those of its end",
             lbk__printable(shown, sizeof shown, image, strlen(image)), name);
    return LBK_OK;
}

static lbk_status read_one_feature(lbk__visual_source *source, const char *image, uint16_t *rows) {
    char name[LONGEST_NAME];
    int64_t index = -1;
    for (int which = 0; index < 0 && lbk__feature_name(image, which, name, sizeof name); which++)
        index = lbk__features_find(source->features, name);
    if (index >= 0) {
        source->last = lbk__features_name(source->features, index);
        return lbk__features_read(source->features, index, 1, rows);
    }
    char shown[80];
    const char *first =
        lbk__features_describe(source->features)->count ? lbk__features_name(source->features, 0) : "";
    return lbk__fail(source->context, LBK_BAD_DATA,
                     "%s: has no features of the image \"%s\"; its names are like \"%s\"",
                     source->features_path, image, lbk__printable(shown, sizeof shown, first, strlen(first)));
}

static lbk_status read_features(lbk__visual_source *source, const char *const *images, size_t count,
                                uint16_t *rows, bool *failed) {
    for (size_t i = 0; i < count; i++) {
        int32_t num_rows;
        LBK_TRY(lbk__visual_source_count(source, images[i], &num_rows));
        lbk_status status = lbk__visual_source_read_one(source, images[i], rows);
        failed[i] = status == LBK_BAD_DATA;
        if (status == LBK_OK && source->watched) status = note_use(source, images[i]);
        if (status != LBK_OK && !failed[i]) return status;
        rows += (size_t)num_rows * (size_t)source->dim;
    }
    return LBK_OK;
}

lbk_status lbk__visual_source_read(lbk__visual_source *source, const char *const *images, size_t count,
                                   uint16_t *rows, bool *failed) {
    if (count == 0) return LBK_OK;
    if (source->rows || source->features) return read_features(source, images, count, rows, failed);
    return read_pictures(source, images, count, rows, failed);
}

lbk_status lbk__visual_source_read_one(lbk__visual_source *source, const char *image, uint16_t *rows) {
    if (source->rows) return source->rows->read(source->rows, image, rows);
    return source->features ? read_one_feature(source, image, rows) : read_one_picture(source, image, rows);
}
