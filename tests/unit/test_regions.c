/* Visual rows from .npy files and from the table of bottom-up-attention: as many rows as each image has, and
 * what is bad in them (oracle/regions.py). */
#include "benchmark_fixture.h"

#include "base/half.h"
#include "data/row_source.h"
#include "format/npy.h"

#include <sys/stat.h>

#define GOLDEN "tests/golden/regions/"

static void use(fixture *f, lbk_visual visual, const char *features) {
    f->options.visual = visual;
    f->options.features = features;
}

static void put_images(fixture *f, size_t count, const char *const *images) {
    lbk__text text = {0};
    for (size_t i = 0; i < count; i++)
        check_ok(f->context,
                 lbk__text_printf(f->context, &text, "{\"id\":\"%zu\",\"text\":\"t\",\"image\":\"%s\"}\n", i,
                                  images[i]));
    put_file(f, "data.jsonl", text.data, text.length);
    lbk__text_free(f->context, &text);
}

/* The rows of the rule for image `number` of the oracle. */
static void check_rows(fixture *f, const lbk_pack *pack, int64_t index, int number, int regions) {
    const lbk_sample sample = sample_of(f, pack, index);
    assert_int_equal(sample.num_rows, regions);
    for (int r = 0; r < regions; r++)
        for (int c = 0; c < 4; c++)
            check_near(lbk__half_to_float(sample.visual[4 * r + c]),
                       ((7 * number + 3 * r + c) % 61 - 30) / 8., 0);
}

static void arrays_are_found_and_read(void **state) {
    (void)state;
    static const char *const images[] = {"val2014/COCO_val2014_000000000001.jpg", "elsewhere/2.png",
                                         "img/03.png", "vector.webp", "COCO_train2014_000000000002.jpg"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use(&f, LBK_VISUAL_NPY, GOLDEN "npy");
    put_images(&f, LBK_COUNT(images), images);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), 4);
    check_rows(&f, pack, 0, 1, 3);
    check_rows(&f, pack, 1, 2, 5);
    check_rows(&f, pack, 2, 3, 1);
    check_rows(&f, pack, 3, 4, 1);
    check_rows(&f, pack, 4, 2, 5);
    check_contains(lbk__pack_visual_description(pack),
                   "{\"kind\":\"npy\",\"dim\":4,\"features\":{\"name\":\"npy\"}}");
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void rows_of_the_table_are_found_and_read(void **state) {
    (void)state;
    static const char *const images[] = {"val2014/COCO_val2014_000000000004.jpg", "2", "img/3.png",
                                         "00001.jpg"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use(&f, LBK_VISUAL_TSV, GOLDEN "table.tsv");
    put_images(&f, LBK_COUNT(images), images);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), 4);
    check_rows(&f, pack, 0, 4, 2);
    check_rows(&f, pack, 1, 2, 5);
    check_rows(&f, pack, 2, 3, 1);
    check_rows(&f, pack, 3, 1, 3);
    check_contains(lbk__pack_visual_description(pack),
                   "{\"kind\":\"tsv\",\"dim\":4,\"features\":{\"name\":\"table.tsv\",");
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* Nobody waits for who writes into it. */
static void a_pipe_is_no_table(void **state) {
    (void)state;
    static const char *const images[] = {"1"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    char path[400];
    snprintf(path, sizeof path, "%s/pipe.tsv", f.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    use(&f, LBK_VISUAL_TSV, path);
    put_images(&f, 1, images);
    check_fails(f.context, LBK_IO, "pipe.tsv: is not a regular file",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void an_image_has_many_names(void **state) {
    (void)state;
    static const char *const wanted[] = {"a/b.c/COCO_000042.jpg", "a/b.c/COCO_000042", "COCO_000042.jpg",
                                         "COCO_000042", "42"};
    char name[100];
    for (int i = 0; i < 5; i++) {
        assert_true(lbk__feature_name("a/b.c/COCO_000042.jpg", i, name, sizeof name));
        assert_string_equal(name, wanted[i]);
    }
    assert_false(lbk__feature_name("a/b.c/COCO_000042.jpg", 5, name, sizeof name));
    assert_true(lbk__feature_name("x/000.png", 4, name, sizeof name));
    assert_string_equal(name, "0");
    assert_false(lbk__feature_name("x/none.png", 4, name, sizeof name));
}

static void check_bad(fixture *f, const char *sentence) {
    check_fails(f->context, LBK_BAD_DATA, sentence, lbk_pack_build(f->context, &f->options, f->pack, NULL));
}

/* The second of two images is bad: it fails, and skipped it leaves the first. */
static void check_second(fixture *f, const char *image, const char *sentence) {
    const char *const images[] = {"2", image};
    put_images(f, 2, images);
    check_bad(f, sentence);
    check_contains(lbk_error(f->context), "record \"1\"");
    f->options.skip_bad = 1;
    lbk_pack *pack = build(f);
    f->options.skip_bad = 0;
    assert_int_equal(lbk_pack_num_samples(pack), 1);
    check_rows(f, pack, 0, 2, 5);
    lbk_pack_close(pack);
}

static void bad_arrays_are_named(void **state) {
    (void)state;
    static const struct {
        const char *name, *sentence;
    } cases[] = {{"objects", "objects.npy: has Python objects"},
                 {"width", "width.npy: has 5 numbers a region, but other files have 4"},
                 {"rank", "rank.npy: its shape must be [regions, width]"},
                 {"empty", "empty.npy: its shape must be [regions, width]"},
                 {"integers", "integers.npy: must have numbers of float16, float32 or float64"},
                 {"big", "big.npy: is big-endian"},
                 {"fortran", "fortran.npy: is in Fortran's order"},
                 {"infinite", "infinite.npy: number 2 of visual row 1 is inf"},
                 {"cut", "cut.npy: does not have as many bytes"},
                 {"text", "text.npy: is no array"}};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    char folder[400], name[40], from[200];
    snprintf(folder, sizeof folder, "%s/features", f.folder);
    use(&f, LBK_VISUAL_NPY, folder);
    copy_file(&f, GOLDEN "npy/2.npy", "features/2.npy");
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        snprintf(from, sizeof from, GOLDEN "bad/%s.npy", cases[i].name);
        snprintf(name, sizeof name, "features/%s.npy", cases[i].name);
        copy_file(&f, from, name);
        check_second(&f, cases[i].name, cases[i].sentence);
    }
    check_second(&f, "img/9.png", "has no features of the image \"img/9.png\", such as 9.npy");
    f.options.features = f.folder;
    remove_all(folder);
    check_bad(&f, "has no .npy files");
    f.options.features = NULL;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "need the file or folder",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

/* Rows by hand: one box of zeros, one region of one, two, … zeros. */
#define ZEROS_4 "AAAAAAAAAAAAAAAAAAAAAA=="
#define ZEROS_8 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HUGE_4 "AACAfwAAAAAAAAAAAAAAAA==" /* +inf, 0, 0, 0 */

static void bad_rows_of_the_table_are_named(void **state) {
    (void)state;
    static const struct {
        const char *row, *sentence;
    } cases[] = {
        {"9\t640\t480", "line 5: has 3 columns"},
        {"9\t640\t480\t1\t" ZEROS_4, "line 5: has 5 columns"},
        {"9\t640\t480\t1\t" ZEROS_4 "\t" ZEROS_4 "\tx", "line 5: has more than 6 columns"},
        {"9\t640\t480\tone\t" ZEROS_4 "\t" ZEROS_4, "num_boxes is no number from 1"},
        {"9\t640\t480\t0\t\t", "num_boxes is no number from 1"},
        {"9\t640\t480\t-1\t" ZEROS_4 "\t" ZEROS_4, "num_boxes is no number from 1"},
        {"9\t640\t480\t2\t" ZEROS_4 "\t" ZEROS_4, "has 16 bytes of boxes, but num_boxes is 2"},
        {"9\t640\t480\t1\t" ZEROS_4 "\t" ZEROS_8, "has 8 numbers a region, but other rows have 4"},
        {"9\t640\t480\t1\t" ZEROS_4 "\tAAAAAA==", "has 1 numbers a region, but other rows have 4"},
        {"9\t640\t480\t1\t" ZEROS_4 "\tAAAA", "has 3 bytes of features"},
        {"9\t640\t480\t1\t" ZEROS_4 "\tAAAAAAAAAAAAAAAAAAAAA", "its features are no base64"},
        {"9\t640\t480\t1\tb'AAAA'\t" ZEROS_4, "its boxes are no base64"},
        {"9\t640\t480\t1\t" ZEROS_4 "\t" HUGE_4, "line 5: number 0 of visual row 0 is inf"},
    };
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    char path[400];
    snprintf(path, sizeof path, "%s/table.tsv", f.folder);
    use(&f, LBK_VISUAL_TSV, path);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char *good;
        size_t size;
        lbk__text text = {0};
        check_ok(f.context, lbk__read_file(f.context, GOLDEN "table.tsv", 1 << 20, &good, &size));
        check_ok(f.context,
                 lbk__text_printf(f.context, &text, "%s%s", good, cases[i].row)); /* ends without a newline */
        put_file(&f, "table.tsv", text.data, text.length);
        lbk__text_free(f.context, &text);
        lbk_free(f.context, good);
        check_second(&f, "9", cases[i].sentence);
    }
    check_second(&f, "7.jpg", "table.tsv: has no features of the image \"7.jpg\"");
    put_text(&f, "table.tsv", "");
    check_bad(&f, "has no row");
    put_text(&f, "table.tsv", "\t1\t2\n");
    check_bad(&f, "line 1: has no image_id");
    put_text(&f, "table.tsv", "1\t");
    assert_int_equal(truncate(path, (64 << 20) + 1), 0); /* a hole, read as zeros */
    check_bad(&f, "line 1: is longer than 64 MiB");
    put_text(&f, "table.tsv", "1\t640\t480\n2\t640\t480\n");
    check_bad(&f, "line 2: has 3 columns"); /* no row says how wide all are */
    f.options.features = "absent.tsv";
    check_fails(f.context, LBK_IO, "absent.tsv", lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

typedef struct told {
    bool unused, shared;
} told;

static void listen(void *user, lbk_log_level level, const char *line) {
    told *heard = user;
    (void)level;
    heard->unused |= strstr(line, "the features of 3 images belong to no sample") != NULL;
    heard->shared |= strstr(line, "has the same features as an image before it") != NULL;
}

static void features_without_a_sample_are_told(void **state) {
    (void)state;
    static const struct {
        lbk_visual visual;
        const char *features, *images[2];
    } cases[] = {{LBK_VISUAL_TSV, GOLDEN "table.tsv", {"2.jpg"}},
                 {LBK_VISUAL_NPY, GOLDEN "npy", {"2.jpg"}},
                 {LBK_VISUAL_HDF5, "tests/golden/features/half.h5", {"a/2.webp", "a/0.webp"}}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        told heard = {0};
        const lbk_context_options options = {.log = listen, .user = &heard};
        fixture f = fixture_open(&options);
        fixture_start(&f);
        use(&f, cases[i].visual, cases[i].features);
        put_images(&f, cases[i].images[1] ? 2 : 1, cases[i].images);
        lbk_pack_close(build(&f));
        assert_true(heard.unused && !heard.shared);
        fixture_close(&f);
    }
}

static void features_of_two_images_are_told(void **state) {
    (void)state;
    static const char *const images[] = {"train/2.jpg", "test/2.jpg"};
    told heard = {0};
    const lbk_context_options options = {.log = listen, .user = &heard};
    fixture f = fixture_open(&options);
    fixture_start(&f);
    use(&f, LBK_VISUAL_TSV, GOLDEN "table.tsv");
    put_images(&f, 2, images);
    lbk_pack_close(build(&f));
    assert_true(heard.shared);
    fixture_close(&f);
}

/* Rows longer than the pieces that are read, the same image again, lines that end with \r\n. */
static void large_tables_are_read(void **state) {
    (void)state;
    enum { COUNT = 40, REGIONS = 60, DIM = 512 }; /* 160 KiB a row, 6 MiB in all */
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    char path[400];
    snprintf(path, sizeof path, "%s/table.tsv", f.folder);
    use(&f, LBK_VISUAL_TSV, path);
    lbk__text text = {0}, lines = {0};
    static const char four_a[] = "AAAAAAAAAAAAAAAA",
                      one[] = "AACAPwAAgD8AAIA/"; /* 12 bytes: zeros; 1, 1, 1 */
    for (int i = 0; i < COUNT + 1; i++) {
        const int id = i % COUNT;
        check_ok(f.context, lbk__text_printf(f.context, &text, "%d\t1\t1\t%d\t", 1000 + id, REGIONS));
        for (int k = 0; k < REGIONS * 16 / 12; k++)
            check_ok(f.context, lbk__text_append(f.context, &text, four_a, 16));
        check_ok(f.context, lbk__text_append(f.context, &text, "\t", 1));
        for (int k = 0; k < REGIONS * DIM * 4 / 12; k++)
            check_ok(f.context, lbk__text_append(f.context, &text, i == COUNT || id % 2 ? one : four_a, 16));
        check_ok(f.context, lbk__text_append(f.context, &text, "\r\n", 2));
    }
    put_file(&f, "table.tsv", text.data, text.length);
    for (int i = 0; i < COUNT; i++)
        check_ok(f.context,
                 lbk__text_printf(f.context, &lines, "{\"id\":%d,\"text\":\"t\",\"image\":\"%d.jpg\"}\n", i,
                                  1000 + i));
    put_file(&f, "data.jsonl", lines.data, lines.length);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), DIM);
    for (int i = 0; i < COUNT; i++) {
        const lbk_sample sample = sample_of(&f, pack, i);
        assert_int_equal(sample.num_rows, REGIONS);
        for (int k = 0; k < REGIONS * DIM; k += 997)
            check_near(lbk__half_to_float(sample.visual[k]), i % 2, 0); /* the row that came first, too */
    }
    lbk_pack_close(pack);
    lbk__text_free(f.context, &text);
    lbk__text_free(f.context, &lines);
    fixture_close(&f);
}

static void put_arrays(fixture *f) {
    static const char *const images[] = {"2", "img/03.png"};
    use(f, LBK_VISUAL_NPY, GOLDEN "npy");
    put_images(f, 2, images);
}

static void put_table(fixture *f) {
    static const char *const images[] = {"2", "4.png"};
    use(f, LBK_VISUAL_TSV, GOLDEN "table.tsv");
    put_images(f, 2, images);
}

static void lack_of_memory_is_survived(void **state) {
    (void)state;
    check_scarce_memory(put_arrays);
    check_scarce_memory(put_table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_found_and_read),
        cmocka_unit_test(rows_of_the_table_are_found_and_read),
        cmocka_unit_test(a_pipe_is_no_table),
        cmocka_unit_test(an_image_has_many_names),
        cmocka_unit_test(bad_arrays_are_named),
        cmocka_unit_test(bad_rows_of_the_table_are_named),
        cmocka_unit_test(features_without_a_sample_are_told),
        cmocka_unit_test(features_of_two_images_are_told),
        cmocka_unit_test(large_tables_are_read),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
