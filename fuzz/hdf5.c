/* hdf5.c: HDF5 files whose structure is the input's and whose bytes are libhdf5's: what is held here are our
 * checks around the library, not its own parsing of damaged files, which is known not to hold
 * (SECURITY.md). */
#include "format/hdf5_features.h"
#include "format/hdf5_mmimdb.h"
#include "format/hdf5_projection.h"
#include "format/logits_file.h"
#include "fuzz.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANK = 4, MOST_EXTENT = 5, MOST_NUMBERS = 625 };

static hid_t text_type(size_t size) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

static hid_t half_type(void) {
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

/* One of many types, *variable: its values are pointers. */
static hid_t choose_type(fuzz_bytes *input, bool *variable) {
    const int choice = fuzz_choice(input, 10);
    *variable = choice == 1 || choice == 2;
    switch (choice) {
    case 0:
        return text_type(1 + (size_t)fuzz_choice(input, 9));
    case 1:
        return text_type(H5T_VARIABLE);
    case 2:
        return H5Tvlen_create(H5T_STD_I32LE);
    case 3:
        return half_type();
    case 4:
        return H5Tcopy(H5T_IEEE_F64LE);
    case 5:
        return H5Tcopy(H5T_STD_I32LE);
    case 6:
        return H5Tcopy(H5T_STD_I64BE);
    case 7:
        return H5Tcopy(H5T_IEEE_F32BE);
    default:
        return H5Tcopy(H5T_IEEE_F32LE);
    }
}

/* Values: bytes of the input, over and over; texts and lists of variable length are taken from there. */
static void write_values(hid_t dataset, hid_t type, bool variable, size_t count, fuzz_bytes *input) {
    static char bytes[MOST_NUMBERS * 16];
    static hvl_t lists[MOST_NUMBERS];
    static const char *texts[MOST_NUMBERS];
    static char words[MOST_NUMBERS][8];
    const size_t size = H5Tget_size(type);
    if (!variable) {
        for (size_t i = 0; i < LBK_MIN(count * size, sizeof bytes); i++)
            bytes[i] = input->size ? input->data[i % input->size] : 0;
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(words[i], sizeof words[i], "%d", fuzz_choice(input, 256));
        texts[i] = words[i];
        lists[i] = (hvl_t){(size_t)fuzz_choice(input, 2), words[i]};
    }
    const bool is_text = H5Tget_class(type) == H5T_STRING;
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             is_text ? (const void *)texts : (const void *)lists);
}

static hid_t choose_layout(fuzz_bytes *input, int rank, const hsize_t *shape) {
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[MOST_RANK];
    for (int i = 0; i < rank; i++) chunk[i] = LBK_MAX(shape[i], 1);
    switch (fuzz_choice(input, 6)) {
    case 1:
        H5Pset_chunk(creation, rank, chunk);
        break;
    case 2:
        chunk[0] = 1;
        H5Pset_chunk(creation, rank, chunk);
        H5Pset_deflate(creation, 1);
        break;
    case 3:
        H5Pset_external(creation, "/etc/hostname", 0, H5F_UNLIMITED);
        break;
    case 4:
        H5Pset_layout(creation, H5D_COMPACT);
        break;
    default:
        break;
    }
    return creation;
}

static void make_dataset(hid_t file, const char *name, fuzz_bytes *input) {
    hsize_t shape[MOST_RANK];
    bool variable;
    size_t count = 1;
    const int rank = fuzz_choice(input, MOST_RANK + 1);
    for (int i = 0; i < rank; i++) count *= shape[i] = (hsize_t)fuzz_choice(input, MOST_EXTENT + 1);
    hid_t type = choose_type(input, &variable), creation = choose_layout(input, rank, shape);
    hid_t space = rank ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (dataset >= 0 && fuzz_choice(input, 8))
        write_values(dataset, type, variable, LBK_MIN(count, MOST_NUMBERS), input);
    if (dataset >= 0) H5Dclose(dataset);
    H5Sclose(space), H5Pclose(creation), H5Tclose(type);
}

static void make_attribute(hid_t object, const char *name, fuzz_bytes *input) {
    const fuzz_bytes text = fuzz_part(input);
    char padded[256] = "";
    memcpy(padded, text.data, LBK_MIN(text.size, sizeof padded - 1));
    const hsize_t length = (hsize_t)fuzz_choice(input, 4);
    hid_t type = fuzz_choice(input, 2) ? text_type(200) : H5Tcopy(H5T_STD_I32LE),
          space = length ? H5Screate_simple(1, &length, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    char values[4 * sizeof padded] = "";
    memcpy(values, padded, sizeof padded);
    if (attribute >= 0) H5Awrite(attribute, type, values), H5Aclose(attribute);
    H5Sclose(space), H5Tclose(type);
}

/* A new file, or a good one, in which objects are replaced until the input ends. */
static void make_file(lbk_context *context, const char *path, fuzz_bytes input) {
    static const char *const bases[] = {
        NULL, "tests/golden/features/half.h5", "tests/golden/mmimdb/multimodal_imdb.hdf5",
        "tests/golden/teacher_logits/joint.h5", "tests/golden/teacher_logits/texts.h5"};
    static const char *const names[] = {
        "image",  "features", "boxes",        "logits", "ids",      "mean",      "components",   "scale",
        "genres", "split",    "target_names", "images", "imdb_ids", "sequences", "vgg_features", "x"};
    const char *base = bases[fuzz_choice(&input, LBK_COUNT(bases))];
    if (base) {
        const fuzz_bytes content = fuzz_read(context, base);
        fuzz_put(lbk__base_name(path), content);
        lbk_free(context, (void *)(uintptr_t)content.data);
    }
    hid_t file = base ? H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)
                      : H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int made = 0; input.size && made < 8; made++) {
        const char *name = names[fuzz_choice(&input, LBK_COUNT(names))];
        hid_t holder = strcmp(name, "target_names") == 0 ? H5Oopen(file, "genres", H5P_DEFAULT)
                                                         : H5Oopen(file, "/", H5P_DEFAULT);
        const int kind = fuzz_choice(&input, 8);
        if (kind != 4) H5Ldelete(file, name, H5P_DEFAULT);
        switch (kind) {
        case 0:
            break;
        case 1:
            H5Lcreate_soft("features", file, name, H5P_DEFAULT, H5P_DEFAULT);
            break;
        case 2:
            H5Lcreate_external("/etc/hostname", "x", file, name, H5P_DEFAULT, H5P_DEFAULT);
            break;
        case 3:
            H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
            break;
        case 4:
            H5Adelete(holder, name);
            make_attribute(holder, name, &input);
            break;
        default:
            make_dataset(file, name, &input);
        }
        if (holder >= 0) H5Oclose(holder);
    }
    H5Fclose(file);
}

static void read_features(lbk_context *context, const char *path) {
    lbk__features *features;
    if (lbk__features_open(context, path, &features) != LBK_OK) return;
    const lbk__features_info *info = lbk__features_describe(features);
    uint16_t *rows = malloc((size_t)info->rows * (size_t)info->width * sizeof *rows);
    for (int64_t i = 0; i < info->count; i++) {
        (void)!lbk__features_find(features, lbk__features_name(features, i));
        (void)!lbk__features_read(features, i, 1, rows);
    }
    free(rows);
    lbk__features_close(features);
}

static void read_films(lbk_context *context, const char *path) {
    lbk__mmimdb *films;
    lbk__mmimdb_film film;
    if (lbk__mmimdb_open(context, path, &films) != LBK_OK) return;
    const lbk__mmimdb_info *info = lbk__mmimdb_describe(films);
    float *features = malloc((size_t)info->feature_width * sizeof *features + 1);
    uint8_t *image = malloc((size_t)info->image_height * (size_t)info->image_width * 3 + 1);
    for (int64_t i = 0; i < info->num_films; i++) {
        (void)!lbk__mmimdb_read(films, i, &film);
        if (info->feature_width) (void)!lbk__mmimdb_features(films, i, features);
        if (info->image_height) (void)!lbk__mmimdb_image(films, i, image);
    }
    free(features), free(image);
    lbk__mmimdb_close(films);
}

static void read_logits(lbk_context *context, const char *path) {
    lbk__logits_file *file;
    if (lbk__logits_file_open(context, path, &file) != LBK_OK) return;
    float *out = malloc((size_t)lbk__logits_file_num_views(file) *
                        (size_t)lbk__logits_file_num_classes(file) * sizeof *out);
    for (int64_t i = 0; i < lbk__logits_file_count(file); i++) (void)!lbk__logits_file_read(file, i, out);
    free(out);
    lbk__logits_file_close(file);
}

static void read_projection(lbk_context *context, const char *path) {
    lbk__projection projection = {0};
    if (lbk__projection_read(context, path, 3, &projection) == LBK_OK)
        lbk__projection_free(context, &projection);
}

static void run_hdf5(lbk_context *context, fuzz_bytes input) {
    static void (*const readers[])(lbk_context * context, const char *path) = {read_features, read_films,
                                                                               read_logits, read_projection};
    const char *path = fuzz_path("file.h5");
    const int reader = fuzz_choice(&input, LBK_COUNT(readers));
    H5E_BEGIN_TRY {
        make_file(context, path, input);
    }
    H5E_END_TRY;
    readers[reader](context, path);
}

/* Bytes as run_hdf5 takes them: reader, base; then name, kind, rank, extents, type, (its size,) layout,
 * whether written, values. */
static void seed_hdf5(lbk_context *context) {
    (void)context;
    fuzz_seed("features", FUZZ_TEXT("\x00\x00"
                                    "\x01\x05\x03\x01\x02\x02\x08\x00\x01"
                                    "\x02\x05\x02\x02\x04\x08\x01\x01"
                                    "\x00\x05\x01\x01\x00\x02\x00\x01"));
    fuzz_seed("features_base", FUZZ_TEXT("\x00\x01\x0f\x05\x00\x08\x00\x01"));
    fuzz_seed("films_base", FUZZ_TEXT("\x01\x02\x0f\x05\x00\x08\x00\x01"));
    fuzz_seed("logits", FUZZ_TEXT("\x02\x00"
                                  "\x03\x05\x02\x02\x02\x03\x02\x01"
                                  "\x04\x05\x01\x02\x01\x00\x01"
                                  "ab"));
    fuzz_seed("logits_base", FUZZ_TEXT("\x02\x03\x0f\x05\x00\x08\x00\x01"));
    fuzz_seed("texts_base", FUZZ_TEXT("\x02\x04\x0f\x05\x00\x08\x00\x01"));
    fuzz_seed("projection", FUZZ_TEXT("\x03\x00"
                                      "\x05\x05\x01\x03\x08\x00\x01"
                                      "\x06\x05\x02\x02\x03\x04\x00\x01"
                                      "\x07\x05\x00\x08\x00\x01"));
}

const fuzz_target fuzz_hdf5 = {"hdf5", run_hdf5, seed_hdf5, 4096};
