/* A folder of pictures to a file of features: what is in it, bad pictures, runs that were stopped, packs of
 * the same rows. The encoder is the one of oracle/encoder.py. */
#include "encoder_fixture.h"
#include "pack_fixture.h"

#include "data/image.h"
#include "format/hdf5_features.h"
#include "vision/extractor.h"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/file.h>

enum { PICTURES = 140, GRID = 2, ROWS = GRID * GRID, VALUES = ROWS * LBK__EFFICIENTNET_DIM };

static fixture f;
static char weights[300], pictures[300], out[300], part[300];
static int stop_after; /* asked so many times, the run is told to stop; −1: never */

static int interrupted(void *user) {
    (void)user;
    return stop_after >= 0 && stop_after-- == 0;
}

/* Links to a few pictures under many names, some in a folder of their own. */
static void fill_folder(void) {
    static const char *const real[] = {"rgb.png", "turned.jpg", "smooth.png", "grey.gif", "rgb.webp"};
    char path[600], target[600], *here = realpath(IMAGES, NULL);
    snprintf(path, sizeof path, "%s/inner", pictures);
    check_ok(f.context, lbk__make_folder(f.context, path));
    for (int i = 0; i < PICTURES; i++) {
        const char *name = real[i % 5];
        snprintf(target, sizeof target, "%s/%s", here, name);
        snprintf(path, sizeof path, "%s/%s%03d%s", pictures, i < 3 ? "inner/" : "", i, strrchr(name, '.'));
        assert_int_equal(symlink(target, path), 0);
    }
    free(here);
    put_text(&f, "pictures/notes.txt", "no picture");
    put_text(&f, "pictures/.hidden.png", "no picture either");
}

static int set_up(void **state) {
    (void)state;
    f = fixture_open(&(lbk_context_options){
        .interrupted = interrupted, .num_threads = 2, .allow_outside = 1 /* as the links below do */});
    fixture_start(&f);
    snprintf(pictures, sizeof pictures, "%s/pictures", f.folder);
    snprintf(out, sizeof out, "%s/out.h5", f.folder);
    snprintf(part, sizeof part, "%s/out.h5.part", f.folder);
    fill_folder();
    stop_after = -1;
    return 0;
}

static int write_weights(void **state) {
    (void)state;
    lbk_context *context = check_context();
    snprintf(weights, sizeof weights, "%s", "/tmp/limbeck-test-weights-XXXXXX");
    const int file = mkstemp(weights);
    assert_true(file >= 0);
    close(file);
    encoder_write(context, weights, NULL);
    lbk_context_destroy(context);
    return 0;
}

static int remove_weights(void **state) {
    (void)state;
    return remove(weights);
}

static int tear_down(void **state) {
    (void)state;
    fixture_close(&f);
    return 0;
}

static lbk_encoder_options encoder(void) {
    return (lbk_encoder_options){"efficientnet-lite0", weights, NULL, ENCODER_SIZE, GRID};
}

static lbk_status build_features(int skip_bad, char **summary) {
    const lbk_features_options options = {.path = pictures, .encoder = encoder(), .skip_bad = skip_bad};
    return lbk_features_build(f.context, &options, out, summary);
}

static char *read_out(size_t *size) {
    char *bytes;
    check_ok(f.context, lbk__read_file(f.context, out, 1 << 26, &bytes, size));
    return bytes;
}

/* Rows of one picture, straight from the extractor. */
static void rows_of(const char *path, uint16_t *rows) {
    lbk__extractor *extractor;
    uint8_t *pixels = malloc(ENCODER_SIZE * ENCODER_SIZE * 3);
    const lbk_encoder_options options = encoder();
    check_ok(f.context, lbk__extractor_open(f.context, &options, 1, &extractor));
    check_ok(f.context,
             lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_BICUBIC, ENCODER_SIZE, pixels, NULL));
    check_ok(f.context, lbk__extractor_run(extractor, pixels, 1, rows));
    lbk__extractor_close(extractor);
    free(pixels);
}

static void a_folder_becomes_a_file(void **state) {
    (void)state;
    char *summary;
    check_ok(f.context, build_features(0, &summary));
    assert_non_null(strstr(summary, "\"images\": 140"));
    assert_non_null(strstr(summary, "\"extractor\": \"efficientnet-lite0\""));
    lbk_free(f.context, summary);
    assert_false(lbk__exists(part));
    lbk__features *features;
    check_ok(f.context, lbk__features_open(f.context, out, &features));
    const lbk__features_info *info = lbk__features_describe(features);
    assert_int_equal(info->count, PICTURES);
    assert_int_equal(info->rows, ROWS);
    assert_int_equal(info->width, LBK__EFFICIENTNET_DIM);
    assert_non_null(lbk__extractor_identity_in(info->attributes));
    assert_string_equal(lbk__features_name(features, 0), "003.gif");
    assert_string_equal(lbk__features_name(features, PICTURES - 1), "inner/002.png");
    float boxes[ROWS * 4];
    const hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "boxes", H5P_DEFAULT);
    assert_int_equal(H5Sget_simple_extent_npoints(H5Dget_space(set)), ROWS * 4);
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, boxes) >= 0);
    check_near(boxes[2], 2.0 / 3, 1e-6);
    H5Dclose(set);
    H5Fclose(file);
    uint16_t *got = malloc(2 * VALUES * sizeof *got), *wanted = got + VALUES;
    check_ok(f.context, lbk__features_read(features, lbk__features_find(features, "inner/001.jpg"), 1, got));
    rows_of(IMAGES "turned.jpg", wanted);
    assert_memory_equal(got, wanted, VALUES * sizeof *got);
    free(got);
    lbk__features_close(features);
}

/* Stopped, killed within a chunk, with another thread count: the same bytes. */
static void a_stopped_run_goes_on(void **state) {
    (void)state;
    size_t size, again;
    check_ok(f.context, build_features(0, NULL));
    char *whole = read_out(&size);
    remove(out);
    stop_after = 2;
    check_fails(f.context, LBK_INTERRUPTED, "stopped after 128 of 140 pictures", build_features(0, NULL));
    assert_false(lbk__exists(out));
    struct stat kept;
    assert_int_equal(stat(part, &kept), 0);
    assert_int_equal(truncate(part, kept.st_size - 1001), 0);
    stop_after = 1; /* 64 pictures are there */
    f.context->num_threads = 1;
    check_fails(f.context, LBK_INTERRUPTED, "stopped after 128 of 140", build_features(0, NULL));
    stop_after = -1;
    check_ok(f.context, build_features(0, NULL));
    char *resumed = read_out(&again);
    assert_int_equal(size, again);
    assert_memory_equal(whole, resumed, size);
    lbk_free(f.context, whole);
    lbk_free(f.context, resumed);
}

static void what_was_kept_of_another_run_is_not_used(void **state) {
    (void)state;
    stop_after = 2;
    check_fails(f.context, LBK_INTERRUPTED, "128 of 140", build_features(0, NULL));
    put_text(&f, "pictures/z.png", "");
    stop_after = 1;
    check_fails(f.context, LBK_INTERRUPTED, "stopped after 64 of 141", build_features(0, NULL));
    char lock[700];
    snprintf(lock, sizeof lock, "%s.lock", out);
    const int other = open(lock, O_RDWR | O_CREAT, 0666);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    check_fails(f.context, LBK_BUSY, "another process is writing it", build_features(0, NULL));
    close(other);
}

static void folders_without_end_and_odd_names_are_refused(void **state) {
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/inner/again", pictures);
    assert_int_equal(symlink("..", path), 0);
    check_fails(f.context, LBK_BAD_DATA, "folders deep; does a link lead back?", build_features(0, NULL));
    assert_int_equal(remove(path), 0);
    put_text(&f, "pictures/\xff.png", "");
    check_fails(f.context, LBK_BAD_DATA, "or not valid UTF-8; rename it", build_features(0, NULL));
    snprintf(path, sizeof path, "%s/\xff.png", pictures);
    assert_int_equal(remove(path), 0);
    check_ok(f.context, lbk__make_folder(f.context, part));
    check_fails(f.context, LBK_IO, "out.h5.part: cannot create", build_features(0, NULL));
}

static void what_it_is_made_from_is_not_written_over(void **state) {
    (void)state;
    char projection[400];
    lbk_features_options options = {.path = pictures, .encoder = encoder()};
    copy_file(&f, "tests/golden/features/half.h5", "projection.h5");
    snprintf(projection, sizeof projection, "%s/./projection.h5", f.folder);
    check_fails(f.context, LBK_INVALID_ARGUMENT, "is there and is no HDF5 file",
                lbk_features_build(f.context, &options, weights, NULL));
    snprintf(out, sizeof out, "%s/projection.h5", f.folder);
    options.encoder.projection = projection;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "is the projection, and would be written over",
                lbk_features_build(f.context, &options, out, NULL));
}

static void as_many_pictures_as_were_promised(void **state) {
    (void)state;
    const lbk__features_info info = {.count = 1, .rows = 1, .width = 2};
    static const float box[4] = {0, 0, 1, 1};
    static const uint16_t rows[4];
    static const char *const names[] = {"a", "b"};
    lbk__features_writer *writer;
    check_ok(f.context, lbk__features_writer_open(f.context, out, &info, 1, box, &writer));
    check_fails(f.context, LBK_INTERNAL, "more than the 1 images",
                lbk__features_writer_put(writer, names, rows, 2));
    check_fails(f.context, LBK_INTERNAL, "0 images instead of 1", lbk__features_writer_commit(writer));
    lbk__features_writer_close(writer);
    assert_false(lbk__exists(out));
}

static void bad_pictures_are_named_or_skipped(void **state) {
    (void)state;
    put_text(&f, "pictures/100.bad.png", "text");
    check_fails(f.context, LBK_BAD_DATA, "pictures/100.bad.png: is not a JPEG", build_features(0, NULL));
    assert_false(lbk__exists(out));
    char *summary;
    check_ok(f.context, build_features(1, &summary));
    assert_non_null(strstr(summary, "\"images\": 140"));
    assert_non_null(strstr(summary, "\"skipped\": 1"));
    lbk_free(f.context, summary);
    lbk__features *features;
    check_ok(f.context, lbk__features_open(f.context, out, &features));
    assert_int_equal(lbk__features_find(features, "100.bad.png"), -1);
    assert_true(lbk__features_find(features, "139.webp") >= 0);
    lbk__features_close(features);
    remove_all(pictures);
    put_text(&f, "pictures/only.png", "text");
    check_fails(f.context, LBK_BAD_DATA, "none of its 1 pictures can be read", build_features(1, NULL));
    remove_all(pictures);
    put_text(&f, "pictures/notes.txt", "text");
    check_fails(f.context, LBK_BAD_DATA, "has no pictures", build_features(0, NULL));
    remove_all(pictures);
    check_fails(f.context, LBK_IO, "cannot open the folder", build_features(0, NULL));
}

static void a_pack_can_be_made_at_once(void **state) {
    (void)state;
    put_text(&f, "data.jsonl",
             "{\"id\": \"a\", \"text\": \"red\", \"image\": \"turned.jpg\", \"label\": \"x\"}\n"
             "{\"id\": \"b\", \"text\": \"blue\", \"label\": \"y\"}\n");
    f.options.visual = LBK_VISUAL_ENCODER;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "file of weights",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.encoder = encoder();
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    assert_non_null(strstr(summary, "\"kind\": \"encoder\""));
    assert_non_null(strstr(summary, "\"weights_sha256\": "));
    lbk_free(f.context, summary);
    lbk_pack *pack;
    check_ok(f.context, lbk_pack_open(f.context, f.pack, &pack));
    lbk_sample sample = sample_of(&f, pack, 0);
    assert_int_equal(sample.num_rows, ROWS);
    uint16_t *wanted = malloc(VALUES * sizeof *wanted);
    rows_of(IMAGES "turned.jpg", wanted);
    assert_memory_equal(sample.visual, wanted, VALUES * sizeof *wanted);
    free(wanted);
    lbk_pack_close(pack);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_becomes_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_run_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_kept_of_another_run_is_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_without_end_and_odd_names_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_is_made_from_is_not_written_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_pictures_as_were_promised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_pictures_are_named_or_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pack_can_be_made_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("features_build", tests, write_weights, remove_weights);
}
