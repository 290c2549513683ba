/* What can be wrong with raw data, and with the machine: each a sentence that names the place; skip_bad
 * counts it. */
#define _GNU_SOURCE
#include "pack_fixture.h"
#include "scarce.h"

#include "data/pack_parts.h"

#include <signal.h>
#include <sys/resource.h>

#define GOOD "{\"id\":\"good\",\"text\":\"fine\",\"image\":\"rgb.png\",\"label\":\"fruit\"}\n"

typedef struct trouble {
    const char *line;     /* the second line of the file, after GOOD */
    const char *sentence; /* part of the message, beside "line 2" */
} trouble;

static const trouble troubles[] = {
    {"{\"id\":\"x\",\"text\":\"t\",\"image\":\"none.png\",\"label\":\"fruit\"}", "none.png: no such image"},
    {"{\"id\":\"x\",\"text\":\"t\",\"image\":\"cut.png\",\"label\":\"fruit\"}", "cut.png: cannot be decoded"},
    {"{\"id\":\"x\",\"text\":\"t\",\"image\":\"note.txt\",\"label\":\"fruit\"}", "note.txt: is not a JPEG"},
    {"{\"id\":\"x\",\"text\":\"t\",\"image\":7,\"label\":\"fruit\"}", "\"image\""},
    {"{\"id\":\"x\",\"text\":\"t\xff\",\"label\":\"fruit\"}", "UTF-8"},
    {"{\"id\":\"x\",\"text\":\"\",\"label\":\"fruit\"}", "record \"x\": its text is empty"},
    {"{\"id\":\"x\",\"text\":\" \\u200b \\n\",\"label\":\"fruit\"}", "record \"x\": its text is empty"},
    {"{\"id\":\"x\",\"label\":\"fruit\"}", "\"text\""},
    {"{\"id\":\"x\",\"text\":3,\"label\":\"fruit\"}", "\"text\""},
    {"{\"text\":\"t\",\"label\":\"fruit\"}", "\"id\""},
    {"{\"id\":\"\",\"text\":\"t\",\"label\":\"fruit\"}", "its id is empty"},
    {"{\"id\":1.5,\"text\":\"t\",\"label\":\"fruit\"}", "\"id\""},
    {"{\"id\":\"good\",\"text\":\"t\",\"label\":\"fruit\"}",
     "record \"good\": the id was that of record number 1"},
    {"{\"id\":\"x\",\"text\":\"t\",\"label\":\"fruti\"}",
     "label \"fruti\" is none of the 2 classes that were given; \"fruit\""},
    {"{\"id\":\"x\",\"text\":\"t\",\"label\":\"\"}", "label that is empty"},
    {"{\"id\":\"x\",\"text\":\"t\",\"label\":[\"fruit\"]}", "\"label\""},
    {"{\"id\":\"x\",\"text\":\"t\",\"labels\":[\"fruit\"]}",
     "has \"labels\", but the label kind of the pack asks for \"label\""},
    {"{\"id\":\"x\",\"text\":\"t\",\"split\":\"\"}", "its split is empty"},
    {"{\"id\":\"x\",\"text\":\"t\",\"split\":5}", "\"split\""},
    {"[1, 2]", "line 2"},
    {"{\"id\":\"x\", text}", "line 2"},
    {"{\"id\":\"x\",\"id\":\"y\",\"text\":\"t\"}", "line 2"},
};

static fixture *open_fixture(const lbk_context_options *options) {
    static const char *const classes[] = {"fruit", "tool"};
    fixture *f = malloc(sizeof *f);
    *f = fixture_open(options);
    fixture_start(f);
    f->options.classes = classes;
    f->options.num_classes = 2;
    f->options.image_root = NULL;
    f->options.visual = LBK_VISUAL_PATCHES;
    f->options.image_size = 16;
    f->options.patch_size = 8;
    copy_file(f, IMAGES "rgb.png", "rgb.png");
    char *data;
    size_t size;
    check_ok(f->context, lbk__read_file(f->context, IMAGES "smooth.png", 1 << 20, &data, &size));
    put_file(f, "cut.png", data, size / 2);
    lbk_free(f->context, data);
    put_text(f, "note.txt", "this is no picture at all");
    return f;
}

static void close_fixture(fixture *f) {
    fixture_close(f);
    free(f);
}

static void put_lines(fixture *f, const char *second) {
    char text[1000];
    snprintf(text, sizeof text, GOOD "%s\n{\"id\":\"also\",\"text\":\"fine\"}\n", second);
    put_text(f, "data.jsonl", text);
}

static void bad_records_fail_and_are_named(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    for (size_t i = 0; i < LBK_COUNT(troubles); i++) {
        put_lines(f, troubles[i].line);
        print_message("%zu: ", i);
        check_fails(f->context, LBK_BAD_DATA, troubles[i].sentence,
                    lbk_pack_build(f->context, &f->options, f->pack, NULL));
        print_message("%s\n", lbk_error(f->context));
        assert_non_null(strstr(lbk_error(f->context), "data.jsonl, line 2"));
        assert_false(lbk__exists(f->pack));
    }
    assert_int_equal(count_entries(f->folder), 4); /* no temporary is left */
    close_fixture(f);
}

static void count_lines(void *user, lbk_log_level level, const char *line) {
    (void)level;
    int *count = user;
    *count += strstr(line, "skipped: ") != NULL;
}

static void bad_records_are_skipped_and_counted(void **state) {
    (void)state;
    int shown = 0;
    const lbk_context_options options = {.log = count_lines, .user = &shown};
    fixture *f = open_fixture(&options);
    f->options.skip_bad = 1;
    for (size_t i = 0; i < LBK_COUNT(troubles); i++) {
        put_lines(f, troubles[i].line);
        char *summary;
        shown = 0;
        check_ok(f->context, lbk_pack_build(f->context, &f->options, f->pack, &summary));
        assert_non_null(strstr(summary, "\"samples\": 2"));
        assert_non_null(strstr(summary, "\"skipped_records\": 1"));
        assert_int_equal(shown, 1);
        lbk_free(f->context, summary);
    }
    close_fixture(f);
}

/* A bad record of train is shown behind more of test than are shown. */
static void each_split_has_its_warnings(void **state) {
    (void)state;
    int shown = 0;
    const lbk_context_options options = {.log = count_lines, .user = &shown};
    fixture *f = open_fixture(&options);
    char text[20000] = GOOD, *end = text + strlen(text), *summary;
    for (int i = 0; i < 150; i++)
        end += sprintf(end, "{\"id\":\"%d\",\"text\":\"t\",\"image\":\"none.png\",\"split\":\"test\"}\n", i);
    strcpy(end, "{\"id\":\"x\",\"text\":\"\"}\n{\"id\":\"y\",\"text\":5,\"split\":\"dev\"}\nno JSON\n");
    put_text(f, "data.jsonl", text);
    f->options.skip_bad = 1;
    check_ok(f->context, lbk_pack_build(f->context, &f->options, f->pack, &summary));
    assert_int_equal(shown,
                     100 + 1 + 1 + 1 + 1); /* of test, that there are more, of train, of dev, of no split */
    json_t *counts = json_loads(summary, 0, NULL), *split = json_object_get(counts, "counts");
    assert_int_equal(json_integer_value(json_object_get(split, "skipped_records")), 153);
    split = json_object_get(split, "skipped_by_split");
    assert_int_equal(json_integer_value(json_object_get(split, "test")), 150);
    assert_int_equal(json_integer_value(json_object_get(split, "train")), 1);
    assert_int_equal(json_integer_value(json_object_get(split, "dev")), 1);
    assert_int_equal(json_object_size(split), 3);
    json_decref(counts);
    lbk_free(f->context, summary);
    close_fixture(f);
}

static void a_bad_image_spoils_all_its_records(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    f->options.skip_bad = 1;
    put_text(f, "data.jsonl",
             "{\"id\":\"1\",\"text\":\"a\",\"image\":\"cut.png\"}\n{\"id\":\"2\",\"text\":\"b\",\"image\":"
             "\"rgb.png\"}\n"
             "{\"id\":\"3\",\"text\":\"c\",\"image\":\"cut.png\"}\n{\"id\":\"4\",\"text\":\"d\",\"image\":"
             "\"rgb.png\"}\n");
    lbk_pack *pack = build(f);
    assert_int_equal(lbk_pack_num_samples(pack), 2);
    assert_int_equal(lbk_pack_num_images(pack), 1);
    check_bytes(sample_of(f, pack, 1).id, sample_of(f, pack, 1).id_length, "4");
    assert_int_equal(sample_of(f, pack, 1).image, 0);
    lbk_pack_close(pack);
    close_fixture(f);
}

static void a_file_without_records_fails(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    put_text(f, "data.jsonl", "");
    check_fails(f->context, LBK_BAD_DATA, "no usable record",
                lbk_pack_build(f->context, &f->options, f->pack, NULL));
    f->options.path = "absent.jsonl";
    check_fails(f->context, LBK_IO, "absent.jsonl", lbk_pack_build(f->context, &f->options, f->pack, NULL));
    close_fixture(f);
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    put_text(f, "data.jsonl", GOOD);
    const lbk_pack_options good = f->options;
#define REFUSED(field, value, status, part) \
    f->options = good;                      \
    f->options.field = value;               \
    check_fails(f->context, status, part, lbk_pack_build(f->context, &f->options, f->pack, NULL))
    REFUSED(path, NULL, LBK_INVALID_ARGUMENT, "needs a source");
    REFUSED(vocab, NULL, LBK_INVALID_ARGUMENT, "needs a source");
    REFUSED(vocab, "absent.txt", LBK_IO, "absent.txt");
    REFUSED(max_text_tokens, 2, LBK_INVALID_ARGUMENT, "at least 3");
    REFUSED(patch_size, 5, LBK_INVALID_ARGUMENT, "multiple");
    REFUSED(image_size, 1 << 20, LBK_INVALID_ARGUMENT, "multiple");
    REFUSED(visual, LBK_VISUAL_HDF5, LBK_INVALID_ARGUMENT, "need the file or folder");
    REFUSED(visual, (lbk_visual)99, LBK_INVALID_ARGUMENT, "none that limbeck knows");
    REFUSED(source, (lbk_source)99, LBK_INVALID_ARGUMENT, "none that limbeck knows");
    REFUSED(source, LBK_SOURCE_OPENCLIPART, LBK_BAD_DATA, "openclipart-svg");
    REFUSED(source, LBK_SOURCE_MMIMDB, LBK_INVALID_ARGUMENT, "multi");
    REFUSED(num_classes, LBK__MAX_CLASSES + 1, LBK_INVALID_ARGUMENT, "at most 65536 are possible");
    f->options = good;
    f->options.label_kind = LBK_LABEL_MULTI;
    f->options.source = LBK_SOURCE_OPENCLIPART;
    check_fails(f->context, LBK_INVALID_ARGUMENT, "the label kind must be single",
                lbk_pack_build(f->context, &f->options, f->pack, NULL));
    f->options = good;
    check_fails(f->context, LBK_IO, "/nowhere/at/all",
                lbk_pack_build(f->context, &f->options, "/nowhere/at/all", NULL));
    close_fixture(f);
}

/* Of files that are there, only packs and empty ones are written over. */
static void data_are_not_written_over(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    put_text(f, "data.jsonl", GOOD);
    lbk_pack_close(build(f));
    const char *const inputs[] = {f->options.path, f->options.vocab};
    for (size_t i = 0; i < LBK_COUNT(inputs); i++) {
        char *before, *after;
        size_t size, size_after;
        check_ok(f->context, lbk__read_file(f->context, inputs[i], 1 << 20, &before, &size));
        check_fails(f->context, LBK_INVALID_ARGUMENT, "is there and is no pack",
                    lbk_pack_build(f->context, &f->options, inputs[i], NULL));
        check_ok(f->context, lbk__read_file(f->context, inputs[i], 1 << 20, &after, &size_after));
        assert_int_equal(size, size_after);
        assert_memory_equal(before, after, size);
        lbk_free(f->context, before);
        lbk_free(f->context, after);
    }
    lbk_pack_close(build(f)); /* over the first */
    check_ok(f->context, lbk__write_file(f->context, f->pack, "", 0));
    lbk_pack_close(build(f));
    close_fixture(f);
}

/* An id as long, splits and classes as many as nobody means. */
static void names_without_measure_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int digits, count;
        lbk_status status;
        const char *part;
    } cases[] = {
        {"split", 5000, 1, LBK_BAD_DATA, "its id is longer than 4096 bytes"},
        {"split", 1, LBK__MAX_SPLITS + 1, LBK_INVALID_ARGUMENT,
         "more than 256 different splits; is this a split?"},
        {"label", 1, LBK__MAX_CLASSES + 1, LBK_INVALID_ARGUMENT,
         "more than 65536 different labels; is this a label?"},
    };
    for (size_t c = 0; c < LBK_COUNT(cases); c++) {
        fixture *f = open_fixture(NULL);
        lbk__text text = {0};
        f->options.visual = LBK_VISUAL_NONE;
        f->options.num_classes = 0;
        for (int i = 0; i < cases[c].count; i++)
            check_ok(f->context,
                     lbk__text_printf(f->context, &text, "{\"id\":\"%0*d\",\"text\":\"t\",\"%s\":\"%d\"}\n",
                                      cases[c].digits, i, cases[c].key, i));
        put_file(f, "data.jsonl", text.data, text.length);
        lbk__text_free(f->context, &text);
        check_fails(f->context, cases[c].status, cases[c].part,
                    lbk_pack_build(f->context, &f->options, f->pack, NULL));
        close_fixture(f);
    }
}

static int stop(void *user) {
    return ++*(int *)user > 1;
}

static void interruption_leaves_nothing(void **state) {
    (void)state;
    int asked = 0;
    const lbk_context_options options = {.interrupted = stop, .user = &asked};
    fixture *f = open_fixture(&options);
    f->options.visual = LBK_VISUAL_NONE;
    lbk__text text = {0};
    for (int i = 0; i < 2000; i++)
        check_ok(f->context, lbk__text_printf(f->context, &text, "{\"id\":\"%d\",\"text\":\"t\"}\n", i));
    put_file(f, "data.jsonl", text.data, text.length);
    lbk__text_free(f->context, &text);
    check_fails(f->context, LBK_INTERRUPTED, "stopped after 256 records",
                lbk_pack_build(f->context, &f->options, f->pack, NULL));
    assert_int_equal(count_entries(f->folder), 4);
    close_fixture(f);
}

static void a_full_disk_is_said(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    put_text(f, "data.jsonl", GOOD);
    const lbk_pack_options options = f->options;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    static const rlim_t limits[] = {0, 500, 20000, 27000}; /* the parts; the finished file */
    for (size_t i = 0; i < LBK_COUNT(limits); i++) {
        const struct rlimit low = {limits[i], old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
        lbk_status status = lbk_pack_build(f->context, &options, f->pack, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(status, LBK_IO);
        print_message("%s\n", lbk_error(f->context));
        assert_non_null(strstr(lbk_error(f->context), f->pack));
        assert_int_equal(count_entries(f->folder), 4);
    }
    close_fixture(f);
}

static void lack_of_memory_anywhere_is_survived(void **state) {
    (void)state;
    scarce s = {.left = LONG_MAX};
    const lbk_context_options options = {.allocate = scarce_allocate, .user = &s};
    fixture *f = open_fixture(&options);
    put_lines(f, "{\"id\":\"x\",\"text\":\"t\",\"image\":\"rgb.png\",\"label\":\"tool\",\"split\":\"dev\"}");
    int failures = 0;
    for (long n = 0;; n++) {
        s.left = n;
        char *summary;
        lbk_status status = lbk_pack_build(f->context, &f->options, f->pack, &summary);
        s.left = LONG_MAX;
        lbk_free(f->context, summary);
        if (status == LBK_OK) break;
        if (status != LBK_NO_MEMORY)
            fail_msg("allocation %ld: %s: %s", n, lbk_status_name(status), lbk_error(f->context));
        failures++;
    }
    print_message("%d allocations\n", failures);
    assert_true(failures > 50);
    assert_int_equal(count_entries(f->folder), 5);
    close_fixture(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_records_fail_and_are_named),
        cmocka_unit_test(bad_records_are_skipped_and_counted),
        cmocka_unit_test(each_split_has_its_warnings),
        cmocka_unit_test(a_bad_image_spoils_all_its_records),
        cmocka_unit_test(a_file_without_records_fails),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(data_are_not_written_over),
        cmocka_unit_test(names_without_measure_are_refused),
        cmocka_unit_test(interruption_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(lack_of_memory_anywhere_is_survived),
    };
    return cmocka_run_group_tests_name("pack_errors", tests, NULL, NULL);
}
