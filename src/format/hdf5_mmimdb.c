/* hdf5_mmimdb.c: films of multimodal_imdb.hdf5, one at a time. */
#include "format/hdf5_mmimdb.h"

#include "format/hdf5_object.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

enum { MOST_WORDS = 1 << 20, MOST_ENTRIES = 1024, MOST_WIDTH = 1 << 20, MOST_SIDE = 4096 };

struct lbk__mmimdb {
    lbk_context *context;
    char *path;
    hid_t file;
    lbk__dataset genres, ids, sequences, features, images;
    lbk__mmimdb_info info;
    int32_t *words, *pixels; /* of the film that was read last; [3, height, width] */
    size_t words_capacity;
};

static lbk_status bad(const lbk__mmimdb *f, const char *what) {
    return lbk__fail(f->context, LBK_BAD_DATA, "%s: %s", f->path, what);
}

/* ---- genres and their names ---- */

static lbk_status copy_genres(lbk__mmimdb *f, const char *text) {
    json_t *names;
    LBK_TRY(lbk__json_load_bytes(f->context, f->path, text, strlen(text), &names));
    lbk_status status = LBK_OK;
    const size_t count = json_array_size(names);
    if (count != f->genres.shape[1] || count > LBK__MMIMDB_MOST_GENRES)
        LBK_GO(bad(f, "\"target_names\" must have a name for each column of \"genres\""));
    for (size_t c = 0; c < count; c++) {
        const char *name = json_string_value(json_array_get(names, c));
        if (!name || !*name || strlen(name) >= LBK__MMIMDB_NAME)
            LBK_GO(bad(f, "\"target_names\" has a name that is none"));
        snprintf(f->info.genres[c], LBK__MMIMDB_NAME, "%s", name);
    }
    f->info.num_genres = (int32_t)count;
done:
    json_decref(names);
    return status;
}

static lbk_status open_genres(lbk__mmimdb *f) {
    json_t *attributes;
    LBK_TRY(lbk__hdf5_open_dataset(f->context, f->path, f->file, "genres", 2, 2, &f->genres));
    f->info.num_films = (int64_t)f->genres.shape[0];
    LBK_TRY(lbk__hdf5_attributes(f->context, f->path, f->genres.id, &attributes));
    const char *text = json_string_value(json_object_get(attributes, "target_names"));
    lbk_status status = text ? copy_genres(f, text) : bad(f, "\"genres\" has no attribute \"target_names\"");
    json_decref(attributes);
    return status;
}

/* ---- splits ---- */

typedef struct entry {
    char split[LBK__MMIMDB_NAME], source[LBK__MMIMDB_NAME];
    int64_t start, stop;
} entry;

static hid_t entry_type(void) {
    hid_t name = lbk__h5.Tcopy(lbk__h5.C_S1), type = lbk__h5.Tcreate(H5T_COMPOUND, sizeof(entry));
    lbk__h5.Tset_size(name, LBK__MMIMDB_NAME);
    lbk__h5.Tinsert(type, "split", offsetof(entry, split), name);
    lbk__h5.Tinsert(type, "source", offsetof(entry, source), name);
    lbk__h5.Tinsert(type, "start", offsetof(entry, start), lbk__h5.NATIVE_INT64);
    lbk__h5.Tinsert(type, "stop", offsetof(entry, stop), lbk__h5.NATIVE_INT64);
    lbk__h5.Tclose(name);
    return type;
}

static lbk_status add_split(lbk__mmimdb *f, entry *e) {
    e->split[LBK__MMIMDB_NAME - 1] = e->source[LBK__MMIMDB_NAME - 1] = 0;
    if (strcmp(e->source, "genres") != 0) return LBK_OK;
    if (!*e->split || e->start < 0 || e->stop < e->start || e->stop > f->info.num_films ||
        f->info.num_splits == LBK__MMIMDB_MOST_SPLITS)
        return bad(f, "\"split\" has a range that is none");
    struct lbk__mmimdb_split *out = f->info.splits + f->info.num_splits++;
    memcpy(out->name, e->split, sizeof out->name);
    out->start = e->start;
    out->stop = e->stop;
    return LBK_OK;
}

static lbk_status read_splits(lbk__mmimdb *f) {
    entry *entries = NULL;
    lbk_status status = LBK_OK;
    hid_t attribute = lbk__h5.Aopen(f->file, "split", H5P_DEFAULT);
    hid_t space = attribute > 0 ? lbk__h5.Aget_space(attribute) : -1, type = entry_type();
    const hssize_t count = space > 0 ? lbk__h5.Sget_simple_extent_npoints(space) : 0;
    if (count < 1 || count > MOST_ENTRIES) LBK_GO(bad(f, "has no attribute \"split\" as Fuel writes it"));
    LBK_GO(LBK_ALLOC(f->context, entries, count));
    if (lbk__h5.Aread(attribute, type, entries) < 0)
        LBK_GO(lbk__hdf5_fail(f->context, f->path, "its attribute \"split\" cannot be read"));
    for (hssize_t i = 0; i < count; i++) LBK_GO(add_split(f, entries + i));
    if (!f->info.num_splits) LBK_GO(bad(f, "\"split\" says nothing of \"genres\""));
done:
    if (type > 0) lbk__h5.Tclose(type);
    if (space > 0) lbk__h5.Sclose(space);
    if (attribute > 0) lbk__h5.Aclose(attribute);
    lbk_free(f->context, entries);
    return status;
}

/* ---- opening ---- */

static lbk_status open_column(lbk__mmimdb *f, const char *name, int rank, lbk__dataset *out) {
    LBK_TRY(lbk__hdf5_open_dataset(f->context, f->path, f->file, name, rank, rank, out));
    if ((int64_t)out->shape[0] == f->info.num_films) return LBK_OK;
    return lbk__fail(f->context, LBK_BAD_DATA, "%s: \"%s\" has %llu films, \"genres\" has %lld", f->path,
                     name, (unsigned long long)out->shape[0], (long long)f->info.num_films);
}

static lbk_status open_texts(lbk__mmimdb *f) {
    LBK_TRY(open_column(f, "imdb_ids", 1, &f->ids));
    LBK_TRY(open_column(f, "sequences", 1, &f->sequences));
    if (lbk__h5.Tget_class(f->ids.type) != H5T_STRING || lbk__h5.Tis_variable_str(f->ids.type) > 0 ||
        lbk__h5.Tget_size(f->ids.type) >= LBK__MMIMDB_NAME)
        return bad(f, "\"imdb_ids\" must have strings of 7 bytes");
    if (lbk__h5.Tget_class(f->sequences.type) != H5T_VLEN)
        return bad(f, "\"sequences\" must have lists of numbers");
    return LBK_OK;
}

static lbk_status open_pictures(lbk__mmimdb *f) {
    if (lbk__hdf5_has(f->file, "vgg_features")) {
        LBK_TRY(open_column(f, "vgg_features", 2, &f->features));
        if (f->features.shape[1] > MOST_WIDTH) return bad(f, "\"vgg_features\" are too wide");
        f->info.feature_width = (int32_t)f->features.shape[1];
    }
    if (!lbk__hdf5_has(f->file, "images")) return LBK_OK;
    LBK_TRY(open_column(f, "images", 4, &f->images));
    const hsize_t *shape = f->images.shape;
    if (shape[1] != 3 || shape[2] > MOST_SIDE || shape[3] > MOST_SIDE)
        return bad(f, "\"images\" must have 3 channels and at most 4096 pixels a side");
    f->info.image_height = (int32_t)shape[2];
    f->info.image_width = (int32_t)shape[3];
    return LBK_ALLOC(f->context, f->pixels, 3 * shape[2] * shape[3]);
}

static lbk_status open_all(lbk__mmimdb *f) {
    LBK_TRY(lbk__hdf5_open(f->context, f->path, &f->file));
    LBK_TRY(open_genres(f));
    LBK_TRY(open_texts(f));
    LBK_TRY(open_pictures(f));
    return read_splits(f);
}

lbk_status lbk__mmimdb_open(lbk_context *context, const char *path, lbk__mmimdb **out) {
    lbk__mmimdb *f;
    *out = NULL;
    LBK_TRY(lbk__hdf5_start(context, path));
    LBK_TRY(LBK_ALLOC(context, f, 1));
    f->context = context;
    lbk_status status = lbk__copy_string(context, path, &f->path);
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    if (status == LBK_OK) status = open_all(f);
    lbk__hdf5_end_quiet(before);
    if (status == LBK_OK)
        *out = f;
    else
        lbk__mmimdb_close(f);
    return status;
}

void lbk__mmimdb_close(lbk__mmimdb *f) {
    if (!f) return;
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    lbk__dataset *const all[] = {&f->genres, &f->ids, &f->sequences, &f->features, &f->images};
    for (size_t i = 0; i < LBK_COUNT(all); i++) lbk__hdf5_close_dataset(all[i]);
    if (f->file > 0) lbk__h5.Fclose(f->file);
    lbk__hdf5_end_quiet(before);
    lbk_free(f->context, f->words);
    lbk_free(f->context, f->pixels);
    lbk_free(f->context, f->path);
    lbk_free(f->context, f);
}

const lbk__mmimdb_info *lbk__mmimdb_describe(const lbk__mmimdb *f) {
    return &f->info;
}

/* ---- films ---- */

static lbk_status read_row(lbk__mmimdb *f, const lbk__dataset *dataset, int64_t index, hid_t type,
                           void *out) {
    const lbk__hdf5_printing before = lbk__hdf5_quiet();
    const lbk_status status = lbk__hdf5_read(f->context, f->path, dataset, (hsize_t)index, 1, type, out);
    lbk__hdf5_end_quiet(before);
    return status;
}

static lbk_status read_words(lbk__mmimdb *f, int64_t index, lbk__mmimdb_film *out) {
    hvl_t list = {0};
    hid_t type = lbk__h5.Tvlen_create(lbk__h5.NATIVE_INT32);
    lbk_status status = read_row(f, &f->sequences, index, type, &list);
    if (status == LBK_OK && list.len > MOST_WORDS) status = bad(f, "a plot has more than a million words");
    if (status == LBK_OK) status = LBK_GROW(f->context, f->words, f->words_capacity, list.len);
    if (status == LBK_OK && list.len) memcpy(f->words, list.p, list.len * sizeof *f->words);
    out->words = f->words;
    out->num_words = list.len;
    if (list.p) lbk__h5.free_memory(list.p);
    lbk__h5.Tclose(type);
    return status;
}

lbk_status lbk__mmimdb_read(lbk__mmimdb *f, int64_t index, lbk__mmimdb_film *out) {
    int32_t genres[LBK__MMIMDB_MOST_GENRES];
    *out = (lbk__mmimdb_film){0};
    LBK_TRY(read_row(f, &f->ids, index, f->ids.type, out->id)); /* shorter than the field, which ends it */
    LBK_TRY(read_row(f, &f->genres, index, lbk__h5.NATIVE_INT32, genres));
    for (int32_t c = 0; c < f->info.num_genres; c++) {
        if (genres[c] != 0 && genres[c] != 1)
            return lbk__fail(f->context, LBK_BAD_DATA, "%s: film %lld: genre %d is %d, must be 0 or 1",
                             f->path, (long long)index, c, genres[c]);
        out->genres[c] = (uint8_t)genres[c];
    }
    return read_words(f, index, out);
}

lbk_status lbk__mmimdb_features(lbk__mmimdb *f, int64_t index, float *out) {
    return read_row(f, &f->features, index, lbk__h5.NATIVE_FLOAT, out);
}

/* The value before its mean was taken off and the rest cut towards 0, which is exact but for the two values
 * next to the mean. */
static uint8_t pixel(int32_t stored, double mean) {
    const double value = stored < 0 ? floor(stored + mean) : stored > 0 ? ceil(stored + mean) : round(mean);
    return (uint8_t)LBK_MIN(LBK_MAX(value, 0), 255);
}

lbk_status lbk__mmimdb_image(lbk__mmimdb *f, int64_t index, uint8_t *out) {
    static const double means[] = {103.939, 116.779, 123.68}; /* of blue, green, red */
    const size_t area = (size_t)f->info.image_height * (size_t)f->info.image_width;
    LBK_TRY(read_row(f, &f->images, index, lbk__h5.NATIVE_INT32, f->pixels));
    for (size_t i = 0; i < area; i++)
        for (size_t channel = 0; channel < 3; channel++)
            out[3 * i + 2 - channel] = pixel(f->pixels[channel * area + i], means[channel]);
    return LBK_OK;
}
