/* load_appstream.c: the software catalogue of a distribution as a data set: a folder with
 *
 *   components.yml.gz   the catalogue (DEP-11); or components.yml
 *   icons/              the distribution's icons
 *
 * A sample is a desktop application: its icon; name, summary and description; the main categories of the
 * desktop menu that it has. Applications of one package, of one name, with the same icon or the same
 * description form a group, and a group is in one split only, drawn from its first id: about 70 % train, 10 %
 * dev, 20 % test. */
#include "base/random.h"
#include "data/groups.h"
#include "data/loader.h"
#include "data/name_map.h"
#include "format/appstream.h"

#include <stdlib.h>
#include <string.h>

static const double test_part = 0.2, dev_part = 0.1;
enum { SPLIT_SEED = 1 };

typedef struct appstream {
    lbk__loader base;
    char *folder, *images;
    lbk__appstream *catalogue;
    int32_t *parent; /* [count] data/groups.h */
    size_t index;
} appstream;

/* ---- groups ---- */

/* Joins an application with the first one that has the same text under `kind`. */
static lbk_status join_by(appstream *loader, lbk__name_map *seen, const char *kind, const char *text,
                          int32_t index) {
    if (!*text) return LBK_OK;
    char *key;
    int32_t *first;
    bool added;
    LBK_TRY(lbk__format(loader->base.context, &key, "%s %s", kind, text));
    lbk_status status = lbk__name_map_place(seen, key, strlen(key), &first, &added);
    lbk_free(loader->base.context, key);
    LBK_TRY(status);
    if (added) *first = index;
    lbk__groups_join(loader->parent, *first, index);
    return LBK_OK;
}

/* A hash of the icon's content, "" without an icon that can be read: what is wrong with it is said of the
 * record. */
static lbk_status icon_hash(const appstream *loader, const char *icon, char hash[LBK__HASH_SIZE]) {
    lbk_context *context = loader->base.context;
    char *name = NULL, *path = NULL;
    lbk_status status = LBK_OK;
    hash[0] = 0;
    if (!*icon) return LBK_OK;
    LBK_GO(lbk__format(context, &name, "icons/%s", icon));
    status = lbk__join_inside(context, loader->images, name, &path);
    if (status == LBK_BAD_DATA) status = LBK_OK; /* leads out of the folder */
    if (path && lbk__is_regular(path)) status = lbk__hash_file(context, path, hash);
done:
    lbk_free(context, name);
    lbk_free(context, path);
    return status;
}

static lbk_status make_groups(appstream *loader) {
    const size_t count = lbk__appstream_count(loader->catalogue);
    lbk__name_map seen;
    char icon[LBK__HASH_SIZE];
    lbk__name_map_start(loader->base.context, &seen);
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(loader->base.context, loader->parent, count));
    for (int32_t i = 0; i < (int32_t)count; i++) {
        const lbk__application *app = lbk__appstream_at(loader->catalogue, (size_t)i);
        loader->parent[i] = i;
        LBK_GO(icon_hash(loader, app->icon, icon));
        LBK_GO(join_by(loader, &seen, "icon", icon, i));
        LBK_GO(join_by(loader, &seen, "name", app->name, i));
        LBK_GO(join_by(loader, &seen, "package", app->package, i));
        LBK_GO(join_by(loader, &seen, "description", app->description, i));
    }
done:
    lbk__name_map_free(&seen);
    return status;
}

static const char *split_of(appstream *loader, int32_t index) {
    const char *first =
        lbk__appstream_at(loader->catalogue, (size_t)lbk__groups_root(loader->parent, index))->id;
    char hash[LBK__HASH_SIZE];
    lbk__hash_bytes(first, strlen(first), hash);
    hash[16] = 0;
    const double u = lbk__uniform(SPLIT_SEED, LBK__STREAM_SPLIT, 0, strtoull(hash, NULL, 16));
    return u < test_part ? "test" : u < test_part + dev_part ? "dev" : "train";
}

/* ---- records ---- */

/* The main categories of the desktop menu specification. */
static bool is_main(const char *category) {
    static const char *const main[] = {"AudioVideo", "Audio",    "Video",   "Development", "Education",
                                       "Game",       "Graphics", "Network", "Office",      "Science",
                                       "Settings",   "System",   "Utility"};
    for (size_t i = 0; i < LBK_COUNT(main); i++)
        if (strcmp(category, main[i]) == 0) return true;
    return false;
}

/* Whether the application can be a sample; what is left out is counted by its reason. */
static bool is_sample(appstream *loader, size_t index) {
    const lbk__application *app = lbk__appstream_at(loader->catalogue, index);
    const char *reason = "no main category";
    for (size_t k = 0; k < app->num_categories; k++)
        if (is_main(app->categories[k])) reason = NULL;
    if (!*app->icon) reason = "no icon";
    if (index > 0 && strcmp(app->id, lbk__appstream_at(loader->catalogue, index - 1)->id) == 0)
        reason = "an application that was there already";
    if (reason) lbk__loader_leave_out(&loader->base, reason);
    return reason == NULL;
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    appstream *loader = (appstream *)base;
    lbk_context *context = base->context;
    const size_t count = lbk__appstream_count(loader->catalogue);
    while (loader->index < count && !is_sample(loader, loader->index)) loader->index++;
    *more = loader->index < count;
    if (!*more) return LBK_OK;
    const char *split = split_of(loader, (int32_t)loader->index);
    const lbk__application *app = lbk__appstream_at(loader->catalogue, loader->index++);
    LBK_TRY(lbk__record_set(context, &record->where, loader->folder, strlen(loader->folder)));
    LBK_TRY(lbk__record_set(context, &record->id, app->id, strlen(app->id)));
    LBK_TRY(lbk__record_set(context, &record->split, split, strlen(split)));
    record->text.length = record->image.length = 0;
    LBK_TRY(
        lbk__text_printf(context, &record->text, "%s. %s. %s", app->name, app->summary, app->description));
    LBK_TRY(lbk__text_printf(context, &record->image, "icons/%s", app->icon));
    record->labelled = true;
    for (size_t k = 0; k < app->num_categories; k++)
        if (is_main(app->categories[k]))
            LBK_TRY(lbk__record_add_label(context, record, app->categories[k], 1));
    return LBK_OK;
}

static void close_appstream(lbk__loader *base) {
    appstream *loader = (appstream *)base;
    lbk__appstream_close(loader->catalogue);
    lbk_free(base->context, loader->parent);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader->images);
    lbk_free(base->context, loader);
}

static lbk_status open_catalogue(appstream *loader) {
    static const char *const names[] = {"components.yml.gz", "components.yml"};
    lbk_context *context = loader->base.context;
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char *path;
        lbk_status status = LBK_OK;
        LBK_TRY(lbk__join(context, loader->folder, names[i], &path));
        const bool found = lbk__exists(path);
        if (found) status = lbk__loader_add_input(&loader->base, path);
        if (found && status == LBK_OK) status = lbk__appstream_open(context, path, &loader->catalogue);
        lbk_free(context, path);
        if (found) return status;
    }
    return lbk__fail(context, LBK_BAD_DATA,
                     "%s: has no components.yml.gz; recipes/appstream/fetch.sh makes the folder",
                     loader->folder);
}

lbk_status lbk__load_appstream(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_MULTI)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "an application has several categories: the label kind must be multi");
    appstream *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_appstream};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    LBK_GO(lbk__copy_string(context, options->image_root ? options->image_root : options->path,
                            &loader->images));
    LBK_GO(open_catalogue(loader));
    loader->base.total = lbk__appstream_count(loader->catalogue);
    LBK_GO(make_groups(loader));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
