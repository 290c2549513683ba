/* Region features in HDF5: files of h5py, files made wrong on purpose, the shared data. */
#include "check.h"

#include "base/file.h"
#include "base/half.h"
#include "format/hdf5_features.h"

#include <hdf5.h>
#include <sys/stat.h>

static char *folder;
static char path[256];

/* libhdf5 1.10 itself loses a block where it meets a damaged header. Read by LeakSanitizer. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
}

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(path, sizeof path, "%s/features.h5", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove(path);
    remove(folder);
    free(folder);
    return 0;
}

static void halves_of_h5py_come_back(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    check_ok(context, lbk__features_open(context, "tests/golden/features/half.h5", &features));
    const lbk__features_info *info = lbk__features_describe(features);
    assert_int_equal(info->count, 5);
    assert_int_equal(info->rows, 3);
    assert_int_equal(info->width, 4);
    char *text = json_dumps(info->attributes, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"comment\":\"variable length, \xc3\xbc\",\"extractor\":\"made by a rule\","
                              "\"input_size\":224,\"scales\":[1.0,0.25],\"variance\":0.5}");
    free(text);
    assert_string_equal(lbk__features_name(features, 0), "a/0.webp");
    assert_int_equal(lbk__features_find(features, "a/2.webp"), 2);
    assert_int_equal(lbk__features_find(features, "\xc3\xa9.webp"), 4);
    assert_int_equal(lbk__features_find(features, "a/9.webp"), -1);
    assert_int_equal(lbk__features_find(features, ""), -1);
    uint16_t all[5 * 3 * 4], one[3 * 4];
    check_ok(context, lbk__features_read(features, 0, 5, all));
    for (int i = 0; i < 5; i++)
        for (int v = 0; v < 3; v++)
            for (int d = 0; d < 4; d++)
                assert_true(lbk__half_to_float(all[(i * 3 + v) * 4 + d]) ==
                            (float)((7 * i + 3 * v + d) % 61 - 30) / 8);
    check_ok(context, lbk__features_read(features, 3, 1, one));
    assert_memory_equal(one, all + 3 * 12, sizeof one);
    check_ok(context, lbk__features_read(features, 5, 0, NULL));
    check_fails(context, LBK_INTERNAL, "images 4 to 6 of 5", lbk__features_read(features, 4, 2, all));
    lbk__features_close(features);
    lbk_context_destroy(context);
}

/* Chunked, deflated, big endian, rounded as numpy rounds; HDF5's own view of `bits` is the answer. */
static void floats_of_h5py_are_rounded(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    check_ok(context, lbk__features_open(context, "tests/golden/features/float.h5", &features));
    const lbk__features_info *info = lbk__features_describe(features);
    assert_int_equal(info->count, 17);
    assert_int_equal(json_object_size(info->attributes), 0);
    uint16_t bits[17 * 2 * 5], got[17 * 2 * 5];
    hid_t file = H5Fopen("tests/golden/features/float.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t data = H5Dopen2(file, "bits", H5P_DEFAULT);
    assert_true(H5Dread(data, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, bits) >= 0);
    H5Dclose(data);
    H5Fclose(file);
    check_ok(context, lbk__features_read(features, 0, 17, got));
    assert_memory_equal(got, bits, sizeof bits);
    for (int i = 16; i >= 0; i--) {
        char name[32];
        snprintf(name, sizeof name, "%s%d", i % 3 == 0 ? "" : i % 3 == 1 ? "long " : "long long ", i);
        assert_int_equal(lbk__features_find(features, name), 16 - i);
        check_ok(context, lbk__features_read(features, i, 1, got));
        assert_memory_equal(got, bits + i * 10, 20);
    }
    lbk__features_close(features);
    lbk_context_destroy(context);
}

/* What a file made for a test has; names NULL: no such data set. */
typedef struct recipe {
    const char *names; /* [num_names] of 4 bytes, padded with 0 */
    hsize_t num_names;
    hid_t type; /* of the features in the file */
    int rank;
    hsize_t shape[4];
    const float *values;
    hsize_t box_rows;
    const float *boxes; /* [box_rows, 4], or of each image: [num_names, box_rows, 4] */
    bool boxes_of_each;
} recipe;

static void put(hid_t file, const char *name, hid_t stored, hid_t memory, int rank, const hsize_t *shape,
                const void *data) {
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t set = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    if (data) assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void make(const recipe *r) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 4);
    H5Tset_strpad(text, H5T_STR_NULLPAD);
    if (r->names) put(file, "image", text, text, 1, &r->num_names, r->names);
    if (r->rank) put(file, "features", r->type, H5T_NATIVE_FLOAT, r->rank, r->shape, r->values);
    const hsize_t boxes[] = {r->num_names, r->box_rows, 4};
    if (r->box_rows)
        put(file, "boxes", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, r->boxes_of_each ? 3 : 2,
            boxes + !r->boxes_of_each, r->boxes);
    H5Tclose(text);
    H5Fclose(file);
}

static const float four[] = {1, 2, 3, 4};

static void wrong_files_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const hid_t f32 = H5T_IEEE_F32LE;
    const float boxes[16] = {0};
    const struct {
        recipe recipe;
        const char *sentence;
    } cases[] = {
        {{NULL, 0, f32, 3, {2, 1, 2}, four, 0, NULL, false}, "has no data set \"image\""},
        {{"a\0\0\0b\0\0\0", 2, f32, 0, {0}, NULL, 0, NULL, false}, "has no data set \"features\""},
        {{"a\0\0\0b\0\0\0", 2, f32, 2, {2, 2}, four, 0, NULL, false},
         "data set \"features\" has 2 dimensions, must have 3"},
        {{"a\0\0\0b\0\0\0", 2, f32, 4, {2, 1, 1, 2}, four, 0, NULL, false}, "has 4 dimensions"},
        {{"a\0\0\0b\0\0\0", 2, f32, 3, {0, 1, 2}, NULL, 0, NULL, false},
         "\"features\" is empty: its dimension 1 is 0"},
        {{"a\0\0\0b\0\0\0", 2, f32, 3, {2, 1, 2}, NULL, 0, NULL, false},
         "\"features\" was not written to its end"},
        {{"a\0\0\0b\0\0\0", 2, H5T_IEEE_F64LE, 3, {2, 1, 2}, four, 0, NULL, false},
         "must be of float16 or float32"},
        {{"a\0\0\0b\0\0\0", 2, H5T_STD_I32LE, 3, {2, 1, 2}, four, 0, NULL, false},
         "must be of float16 or float32"},
        {{"a\0\0\0b\0\0\0", 2, f32, 3, {1, 1, 4}, four, 0, NULL, false},
         "has 2 entries, but \"features\" has 1"},
        {{"a\0\0\0a\0\0\0", 2, f32, 3, {2, 1, 2}, four, 0, NULL, false},
         "\"a\" is there twice, as entries 0 and 1"},
        {{"a\0\0\0\0\0\0\0", 2, f32, 3, {2, 1, 2}, four, 0, NULL, false}, "\"image\", entry 1: is empty"},
        {{"a\0\0\0\xff\0\0\0", 2, f32, 3, {2, 1, 2}, four, 0, NULL, false}, "entry 1: is no valid UTF-8"},
        {{"a\0\0\0b\0\0\0", 2, f32, 3, {2, 1, 2}, four, 2, boxes, false}, "\"boxes\" must be floats [1, 4]"},
        {{"a\0\0\0b\0\0\0", 2, f32, 3, {2, 1, 2}, four, 2, boxes, true}, "or [2, 1, 4]"},
    };
    lbk__features *features;
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        make(&cases[i].recipe);
        check_fails(context, LBK_BAD_DATA, cases[i].sentence, lbk__features_open(context, path, &features));
        assert_null(features);
    }
    lbk_context_destroy(context);
}

static void boxes_may_be_of_each_image(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    const float boxes[] = {0, 0, 1, 1, 0, 0.5f, 1, 1};
    make(&(recipe){"a\0\0\0b\0\0\0", 2, H5T_IEEE_F32LE, 3, {2, 1, 2}, four, 1, boxes, true});
    check_ok(context, lbk__features_open(context, path, &features));
    lbk__features_close(features);
    lbk_context_destroy(context);
}

static void values_beyond_float16_name_the_image(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    uint16_t out[4];
    static const struct {
        float value;
        const char *sentence;
    } cases[] = {{65520, "image \"b\", row 0, column 1: 65520 is beyond the range of float16"},
                 {-1e30f, "-1e+30 is beyond"},
                 {NAN, "nan is not finite"},
                 {INFINITY, "inf is not finite"}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        const float values[] = {1, 2, 3, cases[i].value};
        make(&(recipe){"a\0\0\0b\0\0\0", 2, H5T_IEEE_F32LE, 3, {2, 1, 2}, values, 0, NULL, false});
        check_ok(context, lbk__features_open(context, path, &features));
        check_ok(context, lbk__features_read(features, 0, 1, out));
        check_fails(context, LBK_BAD_DATA, cases[i].sentence, lbk__features_read(features, 0, 2, out));
        check_fails(context, LBK_BAD_DATA, cases[i].sentence, lbk__features_read(features, 1, 1, out));
        lbk__features_close(features);
    }
    lbk_context_destroy(context);
}

static void infinite_halves_name_the_image(void **state) {
    (void)state;
    lbk_context *context = check_context();
    hid_t half = H5Tcopy(H5T_IEEE_F32BE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const float values[] = {1, 2, 3, 1e6f};
    make(&(recipe){"a\0\0\0b\0\0\0", 2, half, 3, {2, 2, 1}, values, 0, NULL, false});
    lbk__features *features;
    uint16_t out[4];
    check_ok(context, lbk__features_open(context, path, &features));
    check_ok(context, lbk__features_read(features, 0, 1, out));
    assert_true(lbk__half_to_float(out[1]) == 2);
    check_fails(context, LBK_BAD_DATA, "image \"b\", row 1, column 0: inf is not finite",
                lbk__features_read(features, 1, 1, out));
    lbk__features_close(features);
    H5Tset_ebias(half, 14); /* no float16 */
    make(&(recipe){"a\0\0\0b\0\0\0", 2, half, 3, {2, 2, 1}, values, 0, NULL, false});
    check_fails(context, LBK_BAD_DATA, "float16 or float32", lbk__features_open(context, path, &features));
    H5Tclose(half);
    lbk_context_destroy(context);
}

static void other_files_are_never_followed(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "features", file, "features", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "\"features\" is a link",
                lbk__features_open(context, path, &features));
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, "/etc/hostname", 0, 8);
    hid_t space = H5Screate_simple(3, (const hsize_t[]){1, 1, 2}, NULL);
    hid_t set = H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set), H5Sclose(space), H5Pclose(creation), H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "keeps its data in other files",
                lbk__features_open(context, path, &features));
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "\"features\" cannot be opened as a data set: ",
                lbk__features_open(context, path, &features));
    lbk_context_destroy(context);
}

/* Chunks of one image each; the second of two was never written. */
static void missing_chunks_are_noticed(void **state) {
    (void)state;
    lbk_context *context = check_context();
    make(&(recipe){"a\0\0\0b\0\0\0", 2, 0, 0, {0}, NULL, 0, NULL, false});
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t shape[] = {2, 1, 2}, chunk[] = {1, 1, 2};
    H5Pset_chunk(creation, 3, chunk);
    hid_t space = H5Screate_simple(3, shape, NULL), memory = H5Screate_simple(3, chunk, NULL);
    hid_t set = H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, (const hsize_t[]){0, 0, 0}, NULL, chunk, NULL);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, four) >= 0);
    H5Dclose(set), H5Sclose(space), H5Sclose(memory), H5Pclose(creation), H5Fclose(file);
    lbk__features *features;
    check_fails(context, LBK_BAD_DATA, "\"features\" was not written to its end",
                lbk__features_open(context, path, &features));
    lbk_context_destroy(context);
}

/* Room for 64 MiB an image, which no model reads; names of 5,000 bytes. */
static void sizes_without_measure_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__features *features;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
          creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    hid_t space = H5Screate_simple(3, (const hsize_t[]){1, 4097, 4096}, NULL);
    hid_t set = H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Dclose(set), H5Sclose(space), H5Pclose(creation), H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "has 4097 x 4096 values an image, at most 16777216 are possible",
                lbk__features_open(context, path, &features));

    make(&(recipe){NULL, 0, H5T_IEEE_F32LE, 3, {2, 1, 2}, four, 0, NULL, false});
    static const char names[2][5000] = {"a", "b"};
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, sizeof names[0]);
    put(file, "image", text, text, 1, (const hsize_t[]){2}, names);
    H5Tclose(text), H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "\"image\" has strings of 5000 bytes, above 4096",
                lbk__features_open(context, path, &features));
    lbk_context_destroy(context);
}

static lbk_status open_and_read(lbk_context *context) {
    lbk__features *features;
    uint16_t out[4];
    lbk_status status = lbk__features_open(context, path, &features);
    if (status != LBK_OK) return status;
    const lbk__features_info *info = lbk__features_describe(features);
    for (int64_t i = 0; i < info->count && info->rows * info->width <= 4 && status == LBK_OK; i++)
        status = lbk__features_read(features, i, 1, out);
    lbk__features_close(features);
    return status;
}

static void damaged_files_are_refused_quietly(void **state) {
    (void)state;
    lbk_context *context = check_context();
    H5E_auto2_t before, after;
    void *data;
    H5Eget_auto2(H5E_DEFAULT, &before, &data);
    check_ok(context, lbk__write_file(context, path, "text", 4));
    check_fails(context, LBK_BAD_DATA, "features.h5: is no HDF5 file", open_and_read(context));
    make(&(recipe){"a\0\0\0b\0\0\0", 2, H5T_IEEE_F32LE, 3, {2, 1, 2}, four, 1, four, false});
    check_ok(context, open_and_read(context));
    char *bytes;
    size_t size;
    check_ok(context, lbk__read_file(context, path, 1 << 20, &bytes, &size));
    check_ok(context, lbk__write_file(context, path, bytes, size - 1));
    check_fails(context, LBK_BAD_DATA,
                "cannot be opened as an HDF5 file; is it damaged?: ", open_and_read(context));
    unsigned refused = 0;
    for (size_t at = 0; at < size; at++) { /* one byte wrong: all that are not 0, some that are */
        if (bytes[at] == 0 && at % 16) continue;
        bytes[at] = (char)(bytes[at] ^ 0xFF);
        check_ok(context, lbk__write_file(context, path, bytes, size));
        bytes[at] = (char)(bytes[at] ^ 0xFF);
        const lbk_status status = open_and_read(context);
        assert_true(status == LBK_OK || status == LBK_BAD_DATA);
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
        refused += status != LBK_OK;
    }
    assert_true(refused > 100);
    lbk_free(context, bytes);
    H5Eget_auto2(H5E_DEFAULT, &after, &data);
    assert_true(before == after);
    remove(path);
    check_fails(context, LBK_IO, "No such file", open_and_read(context));
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody waits for who writes into a pipe */
    check_fails(context, LBK_IO, "is not a regular file", open_and_read(context));
    remove(path);
    lbk_context_destroy(context);
}

/* Sums that h5py and numpy give. */
static void shared_features_are_what_h5py_reads(void **state) {
    (void)state;
    static const char shared[] = "../shared/data/movies/features.h5";
    if (!lbk__exists(shared)) {
        print_message("skipped: %s is not here\n", shared);
        skip();
    }
    lbk_context *context = check_context();
    lbk__features *features;
    check_ok(context, lbk__features_open(context, shared, &features));
    const lbk__features_info *info = lbk__features_describe(features);
    assert_int_equal(info->count, 6629);
    const size_t values = (size_t)info->rows * (size_t)info->width;
    assert_int_equal(values, 9 * 160);
    uint16_t *block;
    check_ok(context, LBK_ALLOC(context, block, 1000 * values));
    uint64_t sum = 0, weighted = 0, k = 0;
    for (int64_t first = 0; first < info->count; first += 1000) {
        const int64_t count = LBK_MIN(info->count - first, 1000);
        check_ok(context, lbk__features_read(features, first, count, block));
        for (size_t i = 0; i < (size_t)count * values; i++, k++)
            sum += block[i], weighted += block[i] * (k % 65521);
    }
    assert_int_equal(sum, 289568646647u);
    assert_int_equal(weighted, 9474788423812733u);
    assert_int_equal(lbk__features_find(features, lbk__features_name(features, 6628)), 6628);
    assert_string_equal(lbk__features_name(features, 100), "dataset/0020336.webp");
    assert_int_equal(json_integer_value(json_object_get(info->attributes, "input_size")), 224);
    lbk_free(context, block);
    lbk__features_close(features);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_of_h5py_come_back),
        cmocka_unit_test(floats_of_h5py_are_rounded),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(boxes_may_be_of_each_image),
        cmocka_unit_test(values_beyond_float16_name_the_image),
        cmocka_unit_test(infinite_halves_name_the_image),
        cmocka_unit_test(other_files_are_never_followed),
        cmocka_unit_test(missing_chunks_are_noticed),
        cmocka_unit_test(damaged_files_are_refused_quietly),
        cmocka_unit_test(sizes_without_measure_are_refused),
        cmocka_unit_test(shared_features_are_what_h5py_reads),
    };
    return cmocka_run_group_tests_name("features", tests, set_up, tear_down);
}
