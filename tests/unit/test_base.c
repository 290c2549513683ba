/* Errors, memory, texts, random numbers, files, hashes. */
#include "check.h"

#include "base/base.h"
#include "base/file.h"
#include "base/library.h"
#include "base/names.h"
#include "base/random.h"
#include "base/sorted.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void every_status_has_a_name_and_a_sentence(void **state) {
    (void)state;
    assert_string_equal(lbk_status_name(LBK_BAD_DATA), "LBK_BAD_DATA");
    assert_int_equal(lbk_status_exit_code(LBK_OK), 0);
    assert_int_equal(lbk_status_exit_code(LBK_INVALID_ARGUMENT), 2);
    assert_string_equal(lbk_status_name((lbk_status)999), "LBK_INTERNAL");
}

static void sentences_nest(void **state) {
    (void)state;
    lbk_context *context = check_context();
    assert_string_equal(lbk_error(context), "");
    lbk__fail(context, LBK_BAD_DATA, "key %s", "x");
    assert_int_equal(lbk__fail_at(context, LBK_BAD_DATA, "file %d", 7), LBK_BAD_DATA);
    assert_string_equal(lbk_error(context), "file 7: key x");
    lbk_context_destroy(context);
}

static void overflowing_sizes_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    double *numbers;
    check_fails(context, LBK_NO_MEMORY, "out of memory", LBK_ALLOC(context, numbers, SIZE_MAX / 4));
    assert_null(numbers);
    lbk_context_destroy(context);
}

static void aligned_blocks_are_aligned_and_zero(void **state) {
    (void)state;
    lbk_context *context = check_context();
    for (size_t bytes = 0; bytes < 300; bytes += 13) {
        unsigned char *block;
        check_ok(context, lbk__alloc_aligned(context, &block, bytes));
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(block[i], 0);
        lbk__free_aligned(context, block);
    }
    lbk_context_destroy(context);
}

/* Known answers of Random123's kat_vectors. */
static void philox_gives_the_published_vectors(void **state) {
    (void)state;
    uint32_t out[4];
    lbk__philox(0, 0, 0, 0, out);
    assert_int_equal(out[0], 0x6627e8d5), assert_int_equal(out[1], 0xe169c58d);
    assert_int_equal(out[2], 0xbc57ac4c), assert_int_equal(out[3], 0x9b00dbd8);
    lbk__philox(0x299f31d0a4093822u, 0x03707344, 0x13198a2e, 0x85a308d3243f6a88u, out);
    assert_int_equal(out[0], 0xd16cfe09), assert_int_equal(out[1], 0x94fdcceb);
    assert_int_equal(out[2], 0x5001e420), assert_int_equal(out[3], 0x24126ea1);
}

static void normal_numbers_have_mean_0_and_variance_1(void **state) {
    (void)state;
    double sum = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        double x = lbk__normal(5, LBK__STREAM_INIT, 0, (uint64_t)i);
        sum += x, squares += x * x;
    }
    check_near(sum / N, 0, 0.02);
    check_near(squares / N, 1, 0.03);
}

static void files_appear_whole_or_not_at_all(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), *path;
    check_ok(context, lbk__join(context, folder, "a/b", &path));
    check_fails(context, LBK_IO, "cannot create", lbk__write_file(context, path, "x", 1));
    lbk_free(context, path);
    check_ok(context, lbk__join(context, folder, "deep/er", &path));
    check_ok(context, lbk__make_folder(context, path));
    check_ok(context, lbk__make_folder(context, path));
    lbk_free(context, path);
    check_ok(context, lbk__join(context, folder, "deep/er/file", &path));
    lbk__writer writer;
    check_ok(context, lbk__writer_open(context, path, &writer));
    check_ok(context, lbk__writer_put(&writer, "....tail", 8));
    check_ok(context, lbk__writer_seek(&writer, 0));
    check_ok(context, lbk__writer_put(&writer, "head", 4));
    assert_false(lbk__exists(path));
    check_ok(context, lbk__writer_commit(&writer));
    lbk__writer_close(&writer);
    char *data;
    size_t size;
    check_ok(context, lbk__read_file(context, path, 100, &data, &size));
    assert_int_equal(size, 8);
    assert_string_equal(data, "headtail");
    lbk_free(context, data);
    check_fails(context, LBK_IO, "is not a folder", lbk__make_folder(context, path));
    char *below;
    check_ok(context, lbk__join(context, path, "below", &below));
    check_fails(context, LBK_IO, "below: cannot create the folder", lbk__make_folder(context, below));
    lbk_free(context, below);
    check_fails(context, LBK_BAD_DATA, "more than", lbk__read_file(context, path, 7, &data, &size));
    check_fails(context, LBK_IO, "not a regular file", lbk__read_file(context, folder, 7, &data, &size));
    char more[9];
    const int opened = open(path, O_RDONLY);
    check_ok(context, lbk__read_at(context, path, opened, more, 8, 0));
    check_fails(context, LBK_IO, "has changed while it was read: it is shorter now",
                lbk__read_at(context, path, opened, more, 9, 0));
    close(opened);
    lbk_free(context, path);
    free(folder);
    lbk_context_destroy(context);
}

/* Opened as a file, a pipe would wait for somebody who writes, a device would never end. */
static void pipes_and_devices_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[300], hash[LBK__HASH_SIZE];
    lbk__map map;
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_fails(context, LBK_IO, "is not a regular file", lbk__map_open(context, path, &map));
    check_fails(context, LBK_IO, "is not a regular file", lbk__hash_file(context, path, hash));
    check_fails(context, LBK_IO, "is not a regular file", lbk__hash_file(context, "/dev/zero", hash));
    unlink(path);
    rmdir(folder);
    free(folder);
    lbk_context_destroy(context);
}

static void hashes_are_sha256(void **state) {
    (void)state;
    char out[LBK__HASH_SIZE];
    lbk__hash_bytes("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static bool starts;
static bool start_library(void) {
    return starts;
}

static void libraries_are_loaded_whole_or_not(void **state) {
    (void)state;
    double (*cosine)(double) = NULL, (*other)(double) = NULL;
    const lbk__symbol symbols[] = {{"cos", &cosine, false}, {"lbk_no_such", &other, false}};
    char reason[LBK__LIBRARY_REASON];
    lbk__library library = {.file = "libm.so.6",
                            .symbols = symbols,
                            .num_symbols = 2,
                            .start = start_library,
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    assert_false(lbk__library_need(&library, reason));
    assert_non_null(strstr(reason, "lbk_no_such"));
    library.num_symbols = 1;
    assert_false(lbk__library_need(&library, reason));
    assert_non_null(strstr(reason, "libm.so.6 does not start"));
    starts = true; /* it is tried again */
    assert_true(lbk__library_need(&library, reason));
    assert_true(cosine(0) == 1);
    library = (lbk__library){.file = "liblimbeck-none.so.0", .lock = PTHREAD_MUTEX_INITIALIZER};
    assert_false(lbk__library_need(&library, reason));
    assert_non_null(strstr(reason, "liblimbeck-none.so.0"));
}

static void texts_are_made_printable(void **state) {
    (void)state;
    char buffer[64];
    assert_string_equal(lbk__printable(buffer, sizeof buffer, "a\033[1m\xc3\xa9\xff", 8),
                        "a\\x1b[1m\xc3\xa9\\xff");
    assert_string_equal(lbk__printable(buffer, sizeof buffer, "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xaf", 9),
                        "\\xe2\\x80\\xae\\xe2\\x81\\xa6\xe2\x80\xaf"); /* the last is a space */
    assert_int_equal(lbk__utf8_valid("ab\xed\xa0\x80", 5), 2);
    assert_int_equal(lbk__utf8_valid("\xf0\x9f\x98\x80", 4), 4);
    const char *const names[] = {"learning_rate", "batch_size", NULL};
    assert_string_equal(lbk__nearest("learnin_rate", names), "learning_rate");
    assert_string_equal(lbk__nearest("learn", names), "learning_rate");
    assert_null(lbk__nearest("zzzzz", names));
    const char *const metrics[] = {"accuracy", "ece", NULL};
    assert_null(lbk__nearest("bleu", metrics));
    assert_string_equal(lbk__nearest("ec", metrics), "ece");
    assert_string_equal(lbk__nearest("acuracy", metrics), "accuracy");
}

/* As numpy.percentile. */
static void percentiles_lie_between_ranks(void **state) {
    (void)state;
    double values[] = {4, -1, 2, 2, 10};
    lbk__sort(values, 0);
    assert_true(values[0] == 4);
    lbk__sort(values, 5);
    for (int i = 1; i < 5; i++) assert_true(values[i - 1] <= values[i]);
    check_near(lbk__percentile(values, 5, 0), -1, 0);
    check_near(lbk__percentile(values, 5, 10), 0.2, 1e-15);
    check_near(lbk__percentile(values, 5, 50), 2, 0);
    check_near(lbk__percentile(values, 4, 50), 2, 0);
    check_near(lbk__percentile(values, 2, 50), 0.5, 0);
    check_near(lbk__percentile(values, 5, 100), 10, 0);
    check_near(lbk__percentile(values, 1, 97.5), -1, 0);
}

static void label_kinds_have_names(void **state) {
    (void)state;
    lbk_label_kind kind = LBK_LABEL_SINGLE;
    assert_true(lbk__label_kind_of("soft", &kind) && kind == LBK_LABEL_SOFT);
    assert_true(lbk__label_kind_of("multi", &kind) && kind == LBK_LABEL_MULTI);
    assert_false(lbk__label_kind_of("Multi", &kind) || lbk__label_kind_of(NULL, &kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_and_a_sentence),
        cmocka_unit_test(sentences_nest),
        cmocka_unit_test(overflowing_sizes_are_refused),
        cmocka_unit_test(aligned_blocks_are_aligned_and_zero),
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(normal_numbers_have_mean_0_and_variance_1),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(pipes_and_devices_are_refused),
        cmocka_unit_test(hashes_are_sha256),
        cmocka_unit_test(percentiles_lie_between_ranks),
        cmocka_unit_test(label_kinds_have_names),
        cmocka_unit_test(libraries_are_loaded_whole_or_not),
        cmocka_unit_test(texts_are_made_printable),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
