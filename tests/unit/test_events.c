/* TensorBoard event files: sums, bytes, going on after an interruption. */
#include "check.h"

#include "base/file.h"
#include "format/events.h"

#include <unistd.h>

/* RFC 3720, B.4. */
static void sums_are_the_published_ones(void **state) {
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(lbk__crc32c("", 0), 0);
    assert_int_equal(lbk__crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(lbk__crc32c(bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, 32);
    assert_int_equal(lbk__crc32c(bytes, 32), 0x62A8AB43u);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(lbk__crc32c(bytes, 32), 0x46DD794Eu);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(lbk__crc32c(bytes, 32), 0x113FDB5Cu);
}

static const struct {
    const char *tag;
    int64_t step;
    float value;
} scalars[] = {{"train/loss", 0, 1.5f},
               {"train/loss", 1, 0},
               {"dev/accuracy", 1, 0.625f},
               {"gr\xc3\xb6\xc3\x9f\x65", 300, INFINITY},
               {"train/loss", (int64_t)1 << 40, -1e-30f}};

static void add(lbk_context *context, lbk__events *events, size_t first) {
    for (size_t i = first; i < LBK_COUNT(scalars); i++)
        check_ok(context, lbk__events_scalar(events, scalars[i].tag, scalars[i].step, 1700000001 + (double)i,
                                             scalars[i].value));
    check_ok(context, lbk__events_flush(events));
}

static void check_same(lbk_context *context, const char *path) {
    char *golden, *ours;
    size_t golden_size, size;
    check_ok(context,
             lbk__read_file(context, "tests/golden/events.tfevents", 1 << 20, &golden, &golden_size));
    check_ok(context, lbk__read_file(context, path, 1 << 20, &ours, &size));
    assert_int_equal(size, golden_size);
    assert_memory_equal(ours, golden, size);
    lbk_free(context, golden);
    lbk_free(context, ours);
}

static void bytes_are_those_of_tensorboards_writer(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder();
    lbk__events *events, *other;
    check_ok(context, lbk__events_create(context, folder, 1700000000.25, &events));
    assert_non_null(strstr(lbk__events_path(events), "/events.out.tfevents.1700000000."));
    check_ok(context, lbk__events_create(context, folder, 1700000000.25, &other)); /* the same second */
    assert_string_not_equal(lbk__events_path(events), lbk__events_path(other));
    remove(lbk__events_path(other));
    lbk__events_close(other);
    add(context, events, 0);
    check_fails(context, LBK_INVALID_ARGUMENT, "no UTF-8", lbk__events_scalar(events, "\xff", 0, 0, 0));
    check_same(context, lbk__events_path(events));
    assert_int_equal(lbk__events_tell(events), 283);
    remove(lbk__events_path(events));
    lbk__events_close(events);
    check_fails(context, LBK_IO, "cannot create", lbk__events_create(context, "/nowhere", 0, &events));
    assert_null(events);
    rmdir(folder);
    free(folder);
    lbk_context_destroy(context);
}

static void a_resumed_file_ends_the_same(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), *path, *bytes;
    lbk__events *events;
    check_ok(context, lbk__events_create(context, folder, 1700000000.25, &events));
    check_ok(context, lbk__copy_string(context, lbk__events_path(events), &path));
    check_ok(context, lbk__events_scalar(events, scalars[0].tag, scalars[0].step, 1700000001, 1.5f));
    check_ok(context, lbk__events_flush(events));
    const uint64_t offset = lbk__events_tell(events);
    for (int i = 0; i < 1000; i++) check_ok(context, lbk__events_scalar(events, "lost", i, 1700000002, 7));
    lbk__events_close(events);

    check_fails(context, LBK_BAD_DATA, "the record at byte 40 is damaged",
                lbk__events_resume(context, path, offset - 1, &events));
    assert_null(events);
    check_fails(context, LBK_BAD_DATA, "the checkpoint was made when it had 1000000",
                lbk__events_resume(context, path, 1000000, &events));
    check_ok(context, lbk__events_resume(context, path, offset, &events));
    assert_int_equal(lbk__events_tell(events), offset);
    add(context, events, 1);
    lbk__events_close(events);
    check_same(context, path);

    size_t size;
    check_ok(context, lbk__read_file(context, path, 1 << 20, &bytes, &size));
    for (size_t at = 0; at < size; at++) { /* any wrong byte is found */
        bytes[at] ^= 4;
        check_ok(context, lbk__write_file(context, path, bytes, size));
        bytes[at] ^= 4;
        check_fails(context, LBK_BAD_DATA, "is damaged", lbk__events_resume(context, path, size, &events));
    }
    lbk_free(context, bytes);
    remove(path);
    check_fails(context, LBK_IO, "No such file", lbk__events_resume(context, path, 0, &events));
    lbk_free(context, path);
    rmdir(folder);
    free(folder);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_published_ones),
        cmocka_unit_test(bytes_are_those_of_tensorboards_writer),
        cmocka_unit_test(a_resumed_file_ends_the_same),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
