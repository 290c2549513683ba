/* load_mmimdb.c: the layout of MM-IMDB (Arevalo et al., 2017):
 *
 *   split.json       {"train": [ID, …], "dev": […], "test": […]}
 *   dataset/ID.json  {"title" (may be absent), "plot": text or [text, …], "genres": [text, …]}
 *   dataset/ID.jpeg  poster; .jpg, .png or .webp
 *
 * The text is "TITLE. PLOT", of several plots the longest, as the benchmark's users take it. The four genres
 * that the benchmark drops are dropped: 23 stay. Files are read one at a time, in the order of split.json. A
 * source that is a file is the other edition, multimodal_imdb.hdf5. */
#include "base/file.h"
#include "data/loader.h"
#include "format/json.h"

#include <string.h>

typedef struct mmimdb {
    lbk__loader base;
    char *folder, *images;
    json_t *splits;
    void *split;  /* iterator of `splits` */
    size_t index; /* of the next id in the split */
} mmimdb;

static bool is_dropped(const char *genre) {
    static const char *const dropped[] = {"News", "Adult", "Talk-Show", "Reality-TV"};
    for (size_t i = 0; i < LBK_COUNT(dropped); i++)
        if (strcmp(genre, dropped[i]) == 0) return true;
    return false;
}

static lbk_status add_genres(lbk__json_in in, lbk__record *record) {
    const json_t *genres;
    LBK_TRY(lbk__json_get_array(in, "genres", &genres));
    record->labelled = true;
    for (size_t i = 0; i < json_array_size(genres); i++) {
        const char *name;
        LBK_TRY(lbk__json_string_at(in, "genres", genres, i, &name));
        if (!is_dropped(name)) LBK_TRY(lbk__record_add_label(in.context, record, name, 1));
    }
    return LBK_OK;
}

/* Characters of valid UTF-8. */
static size_t length_of(const char *text) {
    size_t length = 0;
    for (; *text; text++) length += ((unsigned char)*text & 0xC0) != 0x80;
    return length;
}

/* The longest, in characters, as the benchmark's own script takes it. */
static lbk_status find_plot(lbk__json_in in, const char **plot) {
    if (json_is_string(json_object_get(in.object, "plot"))) return lbk__json_get_string(in, "plot", plot);
    const json_t *plots;
    LBK_TRY(lbk__json_get_array(in, "plot", &plots));
    *plot = "";
    for (size_t i = 0; i < json_array_size(plots); i++) {
        const char *text;
        LBK_TRY(lbk__json_string_at(in, "plot", plots, i, &text));
        if (length_of(text) > length_of(*plot)) *plot = text;
    }
    return LBK_OK;
}

/* A film without a plot has no text, whatever its title. */
static lbk_status add_text(lbk__json_in in, lbk__record *record) {
    const char *plot = "", *title = "";
    LBK_TRY(find_plot(in, &plot));
    if (!*plot) return LBK_OK;
    if (lbk__json_has(in, "title")) LBK_TRY(lbk__json_get_string(in, "title", &title));
    return lbk__text_printf(in.context, &record->text, "%s%s%s", title, *title ? ". " : "", plot);
}

static lbk_status add_image(const mmimdb *loader, const char *id, lbk__record *record) {
    char *stem;
    LBK_TRY(lbk__format(loader->base.context, &stem, "dataset/%s", id));
    lbk_status status = lbk__find_image(loader->base.context, loader->images, stem, "jpeg", &record->image);
    lbk_free(loader->base.context, stem);
    return status;
}

static lbk_status read_film(const mmimdb *loader, const char *id, lbk__record *record) {
    lbk_context *context = loader->base.context;
    char *name = NULL, *path = NULL;
    json_t *root = NULL;
    lbk_status status = LBK_OK;
    if (strchr(id, '/'))
        return lbk__fail(context, LBK_BAD_DATA, "%s: id \"%s\" has a '/'", record->where.data, id);
    LBK_GO(lbk__format(context, &name, "dataset/%s.json", id));
    LBK_GO(lbk__join_inside(context, loader->folder, name, &path));
    LBK_GO(lbk__record_set(context, &record->where, path, strlen(path)));
    LBK_GO(lbk__record_set(context, &record->id, id, strlen(id)));
    if (!lbk__exists(path))
        LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: is not there, but split.json has it", path));
    LBK_GO(lbk__json_load_file(context, path, &root));
    const lbk__json_in in = {context, path, root};
    LBK_GO(add_text(in, record));
    LBK_GO(add_genres(in, record));
    LBK_GO(add_image(loader, id, record));
done:
    json_decref(root);
    lbk_free(context, name);
    lbk_free(context, path);
    return status;
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    mmimdb *loader = (mmimdb *)base;
    while (loader->split && loader->index >= json_array_size(json_object_iter_value(loader->split))) {
        loader->split = json_object_iter_next(loader->splits, loader->split);
        loader->index = 0;
    }
    *more = loader->split != NULL;
    if (!*more) return LBK_OK;
    const char *split = json_object_iter_key(loader->split);
    LBK_TRY(lbk__record_set(base->context, &record->where, "split.json", 10));
    LBK_TRY(lbk__record_set(base->context, &record->split, split, strlen(split)));
    const char *id;
    const lbk__json_in in = {base->context, "split.json", loader->splits};
    LBK_TRY(lbk__json_string_at(in, split, json_object_iter_value(loader->split), loader->index++, &id));
    return read_film(loader, id, record);
}

static void close_mmimdb(lbk__loader *base) {
    mmimdb *loader = (mmimdb *)base;
    json_decref(loader->splits);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader->images);
    lbk_free(base->context, loader);
}

static lbk_status read_splits(mmimdb *loader) {
    lbk_context *context = loader->base.context;
    char *path;
    LBK_TRY(lbk__join(context, loader->folder, "split.json", &path));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__loader_add_input(&loader->base, path));
    LBK_GO(lbk__json_load_file(context, path, &loader->splits));
    if (!json_is_object(loader->splits))
        LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: is no object of split names and lists of ids", path));
    const char *name;
    json_t *ids;
    json_object_foreach(loader->splits, name, ids) {
        const json_t *array;
        LBK_GO(lbk__json_get_array((lbk__json_in){context, path, loader->splits}, name, &array));
        loader->base.total += json_array_size(array);
    }
    loader->split = json_object_iter(loader->splits);
done:
    lbk_free(context, path);
    return status;
}

lbk_status lbk__load_mmimdb(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_MULTI)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "MM-IMDB's films have several genres: the label kind must be multi");
    if (lbk__exists(options->path) && !lbk__is_folder(options->path))
        return lbk__load_mmimdb_hdf5(context, options, out);
    mmimdb *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_mmimdb};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    LBK_GO(lbk__copy_string(context, options->image_root ? options->image_root : options->path,
                            &loader->images));
    LBK_GO(read_splits(loader));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
