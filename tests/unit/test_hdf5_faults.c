/* libhdf5 that refuses in the middle of a file: its n-th call fails, n = 1 … all, for each reader and writer
 * of ours: each time it is said, no block and none of its handles leaks. */
#include "check.h"

#include "format/hdf5_features.h"
#include "format/hdf5_library.h"
#include "format/hdf5_mmimdb.h"
#include "format/hdf5_projection.h"
#include "format/logits_file.h"

#include <jansson.h>
#include <unistd.h>

/* ---- functions of libhdf5 that refuse ---- */

static lbk__hdf5 real;
static struct {
    long calls, at; /* the call that fails; 0: none */
    long handles;   /* that were given and not closed */
    const char *name;
} hdf5;

static bool refuses(const char *name) {
    if (++hdf5.calls != hdf5.at) return false;
    hdf5.name = name;
    return true;
}

#define DOES(name, parameters, arguments)                      \
    static herr_t my_##name parameters {                       \
        return refuses("H5" #name) ? -1 : real.name arguments; \
    }
#define GIVES(name, parameters, arguments)                                   \
    static hid_t my_##name parameters {                                      \
        const hid_t handle = refuses("H5" #name) ? -1 : real.name arguments; \
        hdf5.handles += handle >= 0;                                         \
        return handle;                                                       \
    }
#define MAKES(name, parameters, arguments)        \
    static hid_t my_##name parameters {           \
        const hid_t handle = real.name arguments; \
        hdf5.handles += handle >= 0;              \
        return handle;                            \
    }
#define TAKES(name)                              \
    static herr_t my_##name(hid_t handle) {      \
        const herr_t closed = real.name(handle); \
        hdf5.handles -= closed >= 0;             \
        return closed;                           \
    }

GIVES(Fopen, (const char *path, unsigned flags, hid_t access), (path, flags, access))
GIVES(Fcreate, (const char *path, unsigned flags, hid_t creation, hid_t access),
      (path, flags, creation, access))
GIVES(Dopen2, (hid_t file, const char *name, hid_t access), (file, name, access))
GIVES(Dcreate2,
      (hid_t file, const char *name, hid_t type, hid_t space, hid_t link, hid_t creation, hid_t access),
      (file, name, type, space, link, creation, access))
GIVES(Dget_space, (hid_t set), (set))
GIVES(Dget_type, (hid_t set), (set))
GIVES(Dget_create_plist, (hid_t set), (set))
GIVES(Screate_simple, (int rank, const hsize_t *shape, const hsize_t *most), (rank, shape, most))
GIVES(Aopen, (hid_t at, const char *name, hid_t access), (at, name, access))
GIVES(Aget_space, (hid_t attribute), (attribute))
GIVES(Aget_type, (hid_t attribute), (attribute))
GIVES(Acreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t creation, hid_t access),
      (at, name, type, space, creation, access))
MAKES(Screate, (H5S_class_t class), (class))
MAKES(Tcopy, (hid_t type), (type))
MAKES(Tcreate, (H5T_class_t class, size_t size), (class, size))
MAKES(Tvlen_create, (hid_t type), (type))
MAKES(Pcreate, (hid_t class), (class))
TAKES(Fclose)
TAKES(Tclose)
TAKES(Pclose)
TAKES(Dclose)
TAKES(Sclose)
TAKES(Aclose)
DOES(Dget_space_status, (hid_t set, H5D_space_status_t *status), (set, status))
DOES(Dget_num_chunks, (hid_t set, hid_t space, hsize_t *count), (set, space, count))
DOES(Dread, (hid_t set, hid_t memory, hid_t space, hid_t file, hid_t transfer, void *out),
     (set, memory, space, file, transfer, out))
DOES(Dwrite, (hid_t set, hid_t memory, hid_t space, hid_t file, hid_t transfer, const void *data),
     (set, memory, space, file, transfer, data))
DOES(Awrite, (hid_t attribute, hid_t type, const void *data), (attribute, type, data))
DOES(Aread, (hid_t attribute, hid_t type, void *out), (attribute, type, out))
DOES(Aiterate2,
     (hid_t at, H5_index_t index, H5_iter_order_t order, hsize_t *first, H5A_operator2_t use, void *user),
     (at, index, order, first, use, user))

/* clang-format off */
#define ALL(F) \
    F(Fopen) F(Fcreate) F(Dopen2) F(Dcreate2) F(Dget_space) F(Dget_type) F(Dget_create_plist) \
    F(Screate_simple) F(Aopen) F(Aget_space) F(Aget_type) F(Acreate2) F(Screate) F(Tcopy) F(Tcreate) \
    F(Tvlen_create) F(Pcreate) F(Fclose) F(Tclose) F(Pclose) F(Dclose) F(Sclose) F(Aclose) \
    F(Dget_space_status) F(Dget_num_chunks) F(Dread) F(Dwrite) F(Awrite) F(Aread) F(Aiterate2)
/* clang-format on */
#define REPLACE(name) lbk__h5.name = my_##name;

static void replace_functions(void) {
    lbk_context *context;
    assert_int_equal(lbk_context_create(NULL, &context), LBK_OK);
    check_ok(context, lbk__hdf5_start(context, "a file"));
    lbk_context_destroy(context);
    real = lbk__h5;
    ALL(REPLACE)
}

/* ---- works ---- */

static char *folder;
static char path[256], projection[256];

static lbk_status read_features_of(lbk_context *context, const char *name) {
    lbk__features *features;
    uint16_t rows[64];
    LBK_TRY(lbk__features_open(context, name, &features));
    const lbk_status status = lbk__features_read(features, 0, 2, rows);
    lbk__features_close(features);
    return status;
}

static lbk_status read_features(lbk_context *context) {
    return read_features_of(context, "tests/golden/features/half.h5");
}

static lbk_status read_chunked_features(lbk_context *context) {
    return read_features_of(context, "tests/golden/features/float.h5");
}

static lbk_status write_features(lbk_context *context) {
    static const float box[4] = {0, 0, 1, 1};
    static const uint16_t rows[2];
    static const char *const names[] = {"a"};
    json_t *attributes = json_pack("{s:s, s:i}", "extractor", "none", "grid", 1);
    const lbk__features_info info = {.count = 1, .rows = 1, .width = 2, .attributes = attributes};
    lbk__features_writer *writer;
    lbk_status status = lbk__features_writer_open(context, path, &info, 1, box, &writer);
    if (status == LBK_OK) status = lbk__features_writer_put(writer, names, rows, 1);
    if (status == LBK_OK) status = lbk__features_writer_commit(writer);
    lbk__features_writer_close(writer);
    json_decref(attributes);
    remove(path);
    return status;
}

static lbk_status read_projection(lbk_context *context) {
    lbk__projection read;
    LBK_TRY(lbk__projection_read(context, projection, 2, &read));
    lbk__projection_free(context, &read);
    return LBK_OK;
}

static lbk_status read_logits_of(lbk_context *context, const char *name) {
    lbk__logits_file *file;
    float row[LBK_NUM_VIEWS * 2];
    LBK_TRY(lbk__logits_file_open(context, name, &file));
    const lbk_status status = lbk__logits_file_read(file, 1, row);
    lbk__logits_file_close(file);
    return status;
}

static lbk_status read_logits(lbk_context *context) {
    return read_logits_of(context, "tests/golden/teacher_logits/texts.h5");
}

static lbk_status read_numbered_logits(lbk_context *context) {
    return read_logits_of(context, "tests/golden/teacher_logits/joint.h5");
}

static lbk_status read_films(lbk_context *context) {
    static lbk__mmimdb_film film;
    static uint8_t poster[3 * 16 * 16];
    lbk__mmimdb *file;
    float features[8];
    LBK_TRY(lbk__mmimdb_open(context, "tests/golden/mmimdb/multimodal_imdb.hdf5", &file));
    lbk_status status = lbk__mmimdb_read(file, 1, &film);
    if (status == LBK_OK) status = lbk__mmimdb_features(file, 1, features);
    if (status == LBK_OK) status = lbk__mmimdb_image(file, 1, poster);
    lbk__mmimdb_close(file);
    return status;
}

/* ---- all calls ---- */

static void *count_blocks(void *user, void *pointer, size_t size) {
    long *live = user;
    *live += (pointer == NULL) - (size == 0 && pointer != NULL);
    if (size) return realloc(pointer, size);
    *live -= pointer == NULL;
    free(pointer);
    return NULL;
}

/* An attribute that cannot be read is left out of the description. */
static bool may_be_ignored(void) {
    return strcmp(hdf5.name, "H5Aread") == 0 || strcmp(hdf5.name, "H5Aget_type") == 0 ||
           strcmp(hdf5.name, "H5Aget_space") == 0;
}

static void refuse_each_call(lbk_status (*work)(lbk_context *), lbk_status wanted, long least) {
    long live = 0, refused = 0;
    const lbk_context_options options = {.allocate = count_blocks, .user = &live};
    lbk_context *context;
    assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
    hdf5.at = 0;
    check_ok(context, work(context)); /* after which libhdf5 has what it keeps */
    const long blocks = live, handles = hdf5.handles;
    for (long n = 1;; n++) {
        hdf5.calls = 0, hdf5.at = n;
        const lbk_status status = work(context);
        hdf5.at = 0;
        if (live != blocks) fail_msg("call %ld, %s: blocks leak", n, hdf5.name);
        if (hdf5.handles != handles) fail_msg("call %ld, %s: handles leak", n, hdf5.name);
        if (hdf5.calls < n) {
            check_ok(context, status);
            break;
        }
        refused++;
        if (status != wanted && !(status == LBK_OK && may_be_ignored()))
            fail_msg("call %ld, %s: %s: %s", n, hdf5.name, lbk_status_name(status), lbk_error(context));
    }
    print_message("%ld refused\n", refused);
    assert_true(refused >= least);
    lbk_context_destroy(context);
}

static void readers_say_so(void **state) {
    (void)state;
    refuse_each_call(read_features, LBK_BAD_DATA, 15);
    refuse_each_call(read_chunked_features, LBK_BAD_DATA, 15);
    refuse_each_call(read_projection, LBK_BAD_DATA, 15);
    refuse_each_call(read_logits, LBK_BAD_DATA, 10);
    refuse_each_call(read_numbered_logits, LBK_BAD_DATA, 10);
    refuse_each_call(read_films, LBK_BAD_DATA, 25);
}

static void the_writer_says_so(void **state) {
    (void)state;
    refuse_each_call(write_features, LBK_IO, 10);
}

static int set_up(void **state) {
    (void)state;
    static const float numbers[2] = {1, 2};
    static const struct {
        const char *name;
        int rank;
        hsize_t shape[2];
    } sets[] = {{"mean", 1, {2}}, {"components", 2, {1, 2}}, {"scale", 0, {0}}};
    replace_functions();
    folder = check_folder();
    snprintf(path, sizeof path, "%s/features.h5", folder);
    snprintf(projection, sizeof projection, "%s/projection.h5", folder);
    hid_t file = H5Fcreate(projection, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < LBK_COUNT(sets); i++) {
        hid_t space = H5Screate_simple(sets[i].rank, sets[i].shape, NULL);
        hid_t set =
            H5Dcreate2(file, sets[i].name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Fclose(file);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove(projection);
    const int left = rmdir(folder); /* no temporary */
    free(folder);
    return left;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_say_so),
        cmocka_unit_test(the_writer_says_so),
    };
    return cmocka_run_group_tests_name("hdf5_faults", tests, set_up, tear_down);
}
