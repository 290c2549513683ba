/* MM-IMDB's HDF5 edition, on a file with every data set and attribute of the published one
 * (oracle/mmimdb.py). */
#include "benchmark_fixture.h"

#include "base/half.h"
#include "data/row_source.h"

#include <hdf5.h>

#define GOLDEN "tests/golden/mmimdb/"

static fixture open_films(lbk_visual visual) {
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    fixture_source(&f, LBK_SOURCE_MMIMDB, LBK_LABEL_MULTI);
    f.options.path = GOLDEN "multimodal_imdb.hdf5";
    f.options.visual = visual;
    return f;
}

static void films_are_loaded(void **state) {
    (void)state;
    fixture f = open_films(LBK_VISUAL_NONE);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 6);
    check_count(&f, pack, "train", NULL, 3);
    check_count(&f, pack, "dev", NULL, 1);
    check_count(&f, pack, "test", NULL, 2);
    const lbk_sample first = sample_of(&f, pack, 0), last = sample_of(&f, pack, 5);
    check_bytes(first.id, first.id_length, "0000111");
    check_bytes(first.text, first.text_length, "_UNK_ a man");
    check_bytes(last.text, last.text_length, "N years ago lost his dog . he");
    assert_int_equal(first.num_labels, 4); /* columns 0, 7, 14, 21 */
    assert_string_equal(lbk_pack_class_name(pack, first.classes[0]), "Drama");
    assert_string_equal(lbk_pack_class_name(pack, first.classes[1]), "Horror");
    assert_int_equal(last.num_labels, 3); /* 2, 9, 16 */
    assert_string_equal(lbk_pack_class_name(pack, last.classes[0]), "Romance");
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void features_of_posters_are_one_row(void **state) {
    (void)state;
    fixture f = open_films(LBK_VISUAL_HDF5);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), 8);
    for (int i = 0; i < 6; i++) {
        const lbk_sample sample = sample_of(&f, pack, i);
        assert_int_equal(sample.num_rows, 1);
        for (int j = 0; j < 8; j++) check_near(lbk__half_to_float(sample.visual[j]), (i - j) / 4., 0);
    }
    lbk_pack_close(pack);
    f.options.features = "tests/golden/features/half.h5"; /* others' features, by the film's id */
    check_fails(f.context, LBK_BAD_DATA, "has no features of the image \"0000111\"",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

/* Two values of each channel cannot be told apart in the file: 104 of blue, for example, and 103. */
static void posters_get_their_colours_back(void **state) {
    (void)state;
    fixture f = open_films(LBK_VISUAL_PATCHES);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), 16 * 16 * 3);
    int apart = 0;
    for (int i = 0; i < 6; i++) {
        const uint16_t *row = sample_of(&f, pack, i).visual;
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
                for (int c = 0; c < 3; c++) {
                    const int wanted = (37 * i + 11 * y + 5 * x + 67 * c) % 256;
                    const int got =
                        (int)lround(((double)lbk__half_to_float(row[(16 * y + x) * 3 + c]) + 1) * 127.5);
                    apart += got != wanted;
                    assert_in_range(got - wanted + 1, 0, 2);
                }
    }
    assert_in_range(apart, 0, 60); /* one value in 256, of 4,608 */
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* ---- what can be wrong ---- */

static void films_are_known_by_their_ids(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__row_source *rows;
    int32_t count;
    check_ok(context, lbk__mmimdb_rows_open(context, GOLDEN "multimodal_imdb.hdf5", false, 0, 0, &rows));
    check_ok(context, rows->count(rows, "0000111", &count));
    assert_int_equal(count, 1);
    check_fails(context, LBK_BAD_DATA, "has no film \"111\"", rows->count(rows, "111", &count));
    rows->close(rows);
    lbk_context_destroy(context);
}

static void remove_data_set(hid_t file, const char *name) {
    H5Ldelete(file, name, H5P_DEFAULT);
}
static void remove_attribute(hid_t file, const char *name) {
    H5Adelete(file, name);
}
static void remove_names(hid_t file, const char *name) {
    H5Adelete_by_name(file, "genres", name, H5P_DEFAULT);
}
/* Other names for the 23 genres. */
static void put_names(hid_t file, const char *names) {
    remove_names(file, "target_names");
    hid_t set = H5Dopen2(file, "genres", H5P_DEFAULT), text = H5Tcopy(H5T_C_S1),
          space = H5Screate(H5S_SCALAR);
    H5Tset_size(text, strlen(names));
    hid_t attribute = H5Acreate2(set, "target_names", text, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, text, names) >= 0);
    H5Aclose(attribute), H5Sclose(space), H5Tclose(text), H5Dclose(set);
}
static void spoil_genre(hid_t file, const char *name) {
    int32_t genres[6 * 23];
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    H5Dread(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, genres);
    genres[4 * 23 + 1] = 3;
    H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, genres);
    H5Dclose(set);
}

/* Integers in place of what was there. */
static void put_shape(hid_t file, const char *name, int rank, const hsize_t *shape) {
    H5Ldelete(file, name, H5P_DEFAULT);
    static const int32_t values[6 * 2 * 4 * 4] = {0};
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t set = H5Dcreate2(file, name, H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
    H5Sclose(space);
}
static void put_numbers(hid_t file, const char *name) {
    put_shape(file, name, 2, (hsize_t[]){6, 2});
}
static void put_row(hid_t file, const char *name) {
    put_shape(file, name, 1, (hsize_t[]){6});
}
static void put_short_row(hid_t file, const char *name) {
    put_shape(file, name, 1, (hsize_t[]){5});
}
static void put_two_channels(hid_t file, const char *name) {
    put_shape(file, name, 4, (hsize_t[]){6, 2, 4, 4});
}

/* Every range of the attribute ends far behind the films. */
static void spoil_ranges(hid_t file, const char *name) {
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    const size_t size = H5Tget_size(type),
                 stop = H5Tget_member_offset(type, (unsigned)H5Tget_member_index(type, "stop"));
    char *entries = malloc((size_t)H5Aget_storage_size(attribute));
    assert_non_null(entries);
    H5Aread(attribute, type, entries);
    for (size_t i = 0; i < (size_t)H5Aget_storage_size(attribute) / size; i++) entries[i * size + stop] = 100;
    H5Awrite(attribute, type, entries);
    free(entries);
    H5Tclose(type);
    H5Aclose(attribute);
}

static void copy_films(fixture *f) {
    static char path[400];
    copy_file(f, GOLDEN "multimodal_imdb.hdf5", "multimodal_imdb.hdf5");
    copy_file(f, GOLDEN "words.txt", "words.txt");
    snprintf(path, sizeof path, "%s/multimodal_imdb.hdf5", f->folder);
    f->options.path = path;
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    static const struct {
        void (*spoil)(hid_t file, const char *name);
        const char *name, *sentence;
    } cases[] = {{remove_data_set, "genres", "has no data set \"genres\""},
                 {remove_data_set, "imdb_ids", "has no data set \"imdb_ids\""},
                 {remove_data_set, "sequences", "has no data set \"sequences\""},
                 {remove_data_set, "images", "has no \"images\""},
                 {remove_attribute, "split", "has no attribute \"split\""},
                 {remove_names, "target_names", "no attribute \"target_names\""},
                 {put_numbers, "sequences", "\"sequences\" has 2 dimensions"},
                 {put_numbers, "images", "\"images\" has 2 dimensions"},
                 {put_numbers, "genres", "no attribute \"target_names\""},
                 {put_row, "imdb_ids", "\"imdb_ids\" must have strings"},
                 {put_row, "sequences", "\"sequences\" must have lists of numbers"},
                 {put_short_row, "imdb_ids", "\"imdb_ids\" has 5 films, \"genres\" has 6"},
                 {put_two_channels, "images", "\"images\" must have 3 channels"},
                 {spoil_ranges, "split", "\"split\" has a range that is none"},
                 {put_names, "[\"Drama\", \"Comedy\"]", "must have a name for each column of \"genres\""},
                 {put_names, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23]",
                  "\"target_names\" has a name that is none"},
                 {put_names, "Drama, Comedy", "multimodal_imdb.hdf5, line 1"},
                 {spoil_genre, "genres", "film 4: genre 1 is 3, must be 0 or 1"}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        fixture f = open_films(LBK_VISUAL_PATCHES);
        copy_films(&f);
        hid_t file = H5Fopen(f.options.path, H5F_ACC_RDWR, H5P_DEFAULT);
        cases[i].spoil(file, cases[i].name);
        H5Fclose(file);
        check_fails(f.context, LBK_BAD_DATA, cases[i].sentence,
                    lbk_pack_build(f.context, &f.options, f.pack, NULL));
        fixture_close(&f);
    }
}

static void words_are_needed(void **state) {
    (void)state;
    fixture f = open_films(LBK_VISUAL_NONE);
    copy_films(&f);
    put_text(&f, "words.txt", "_UNK_\na\nman\n,\nwho\nN"); /* 0 to 5 */
    check_fails(f.context, LBK_BAD_DATA, "film 2: its plot has word 6, words.txt has 0 to 5",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.skip_bad = 1;
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 2);
    lbk_pack_close(pack);
    char path[400];
    snprintf(path, sizeof path, "%s/words.txt", f.folder);
    assert_int_equal(remove(path), 0);
    check_fails(f.context, LBK_BAD_DATA, "words.txt: is not there",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.path = VOCAB;
    check_fails(f.context, LBK_BAD_DATA, "is no HDF5 file",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void put_posters(fixture *f) {
    fixture_source(f, LBK_SOURCE_MMIMDB, LBK_LABEL_MULTI);
    copy_films(f);
}

static void put_features(fixture *f) {
    put_posters(f);
    f->options.visual = LBK_VISUAL_HDF5;
}

static void genres_that_are_not_given_are_bad(void **state) {
    (void)state;
    check_unknown_label(put_posters, (const char *const[]){"Drama", "Horror", "War", "Short", NULL},
                        "film 1: record \"0000112\": label \"Adventure\" is none of the 4 classes", 1);
}

static void lack_of_memory_is_survived(void **state) {
    (void)state;
    check_scarce_memory(put_features);
    check_scarce_memory(put_posters);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(films_are_loaded),
        cmocka_unit_test(features_of_posters_are_one_row),
        cmocka_unit_test(posters_get_their_colours_back),
        cmocka_unit_test(films_are_known_by_their_ids),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(words_are_needed),
        cmocka_unit_test(genres_that_are_not_given_are_bad),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("mmimdb_hdf5", tests, NULL, NULL);
}
