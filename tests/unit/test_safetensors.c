/* The container of all our binary files: what is written comes back, and what is damaged is refused with a
 * sentence. */
#include "check.h"

#include "format/safetensors.h"

static char *folder;
static char path[256];

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(path, sizeof path, "%s/file.safetensors", folder);
    return 0;
}

static void write_file(lbk_context *context, const char *header, size_t claimed, const char *data,
                       size_t size) {
    char all[4096];
    const size_t length = strlen(header);
    for (int i = 0; i < 8; i++) all[i] = (char)((uint64_t)claimed >> (8 * i));
    memcpy(all + 8, header, length);
    if (size) memcpy(all + 8 + length, data, size);
    check_ok(context, lbk__write_file(context, path, all, 8 + length + size));
}

static void what_is_written_comes_back(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const lbk__tensor_spec specs[] = {{"long", LBK__I64, 1, {2}},
                                      {"a", LBK__F32, 2, {2, 3}},
                                      {"none", LBK__F16, 2, {0, 7}},
                                      {"b", LBK__U8, 0, {0}}};
    const lbk__metadata about[] = {{"kind", "test \"quoted\""}};
    const int64_t longs[] = {-1, INT64_MAX};
    const float floats[] = {1, 2, 3, 4, 5, 6.5f};
    char hash[LBK__HASH_SIZE], again[LBK__HASH_SIZE];
    lbk__safetensors_writer *writer;
    check_ok(context,
             lbk__safetensors_writer_open(context, path, specs, 4, about, 1, "content_sha256", &writer));
    check_ok(context, lbk__safetensors_writer_put(writer, longs, sizeof longs));
    check_ok(context, lbk__safetensors_writer_put(writer, floats, 8));
    check_fails(context, LBK_INTERNAL, "missing", lbk__safetensors_writer_commit(writer, hash));
    check_ok(context, lbk__safetensors_writer_put(writer, floats + 2, 16));
    check_ok(context, lbk__safetensors_writer_put(writer, "x", 1));
    check_fails(context, LBK_INTERNAL, "more data", lbk__safetensors_writer_put(writer, "x", 1));
    check_ok(context, lbk__safetensors_writer_commit(writer, hash));
    lbk__safetensors_writer_close(writer);

    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, path, &file));
    assert_int_equal(lbk__safetensors_count(file), 4);
    assert_string_equal(lbk__safetensors_at(file, 0)->name, "long");
    assert_string_equal(lbk__safetensors_metadata(file, "kind"), "test \"quoted\"");
    assert_string_equal(lbk__safetensors_metadata(file, "content_sha256"), hash);
    assert_null(lbk__safetensors_metadata(file, "other"));
    lbk__safetensors_hash(file, again);
    assert_string_equal(again, hash);
    const lbk__tensor_entry *entry;
    check_ok(context, lbk__safetensors_expect(file, "a", LBK__F32, 2, (const int64_t[]){-1, 3}, &entry));
    assert_memory_equal(entry->data, floats, sizeof floats);
    assert_int_equal((uintptr_t)lbk__safetensors_at(file, 0)->data % 64, 0);
    check_fails(context, LBK_BAD_DATA, "tensor \"a\" is F32 [2, 3], must be F32 [?, 4]",
                lbk__safetensors_expect(file, "a", LBK__F32, 2, (const int64_t[]){-1, 4}, &entry));
    check_fails(context, LBK_BAD_DATA, "has no tensor \"c\"",
                lbk__safetensors_expect(file, "c", LBK__F32, 0, NULL, &entry));
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void an_unfinished_file_never_appears(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const lbk__tensor_spec spec = {"a", LBK__F32, 1, {2}};
    lbk__safetensors_writer *writer;
    char other[300];
    snprintf(other, sizeof other, "%s.other", path);
    check_ok(context, lbk__safetensors_writer_open(context, other, &spec, 1, NULL, 0, NULL, &writer));
    lbk__safetensors_writer_close(writer);
    assert_false(lbk__exists(other));
    lbk_context_destroy(context);
}

static void unaligned_tensors_are_aligned(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const char header[] = "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                          "\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[1,9]}}";
    const double value = 2.5;
    char data[9] = "x";
    memcpy(data + 1, &value, 8);
    write_file(context, header, strlen(header), data, 9);
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, path, &file));
    const lbk__tensor_entry *entry = lbk__safetensors_find(file, "a");
    assert_int_equal((uintptr_t)entry->data % 8, 0);
    assert_true(*(const double *)entry->data == 2.5);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void damaged_files_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const struct {
        const char *header, *sentence;
    } cases[] = {
        {"[]", "no JSON object"},
        {"{\"a\":1}", "not described by an object"},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", "type F31"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "extent"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "extent"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", "8 dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}}",
         "impossibly"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "do not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "after the last"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]},\"b\":{\"dtype\":\"F32\",\"shape\":["
         "1],\"data_offsets\":[4,8]}}",
         "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":"
         "[2],\"data_offsets\":[0,8]}}",
         "duplicate"},
        {"{\"__metadata__\":{\"k\":1}}", "no string"},
        {"{\"__metadata__\":7}", "no JSON object"},
    };
    lbk__safetensors *file;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(context, cases[i].header, strlen(cases[i].header), "12345678", 8);
        check_fails(context, LBK_BAD_DATA, cases[i].sentence, lbk__safetensors_open(context, path, &file));
        assert_null(file);
    }
    write_file(context, "{}", (size_t)1 << 63, NULL, 0);
    check_fails(context, LBK_BAD_DATA, "truncated", lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__write_file(context, path, "1234", 4));
    check_fails(context, LBK_BAD_DATA, "too few", lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__write_file(context, path, "", 0));
    check_fails(context, LBK_BAD_DATA, "too few", lbk__safetensors_open(context, path, &file));
    check_fails(context, LBK_IO, "No such file", lbk__safetensors_open(context, "/nowhere/file", &file));
    lbk_context_destroy(context);
}

static int tear_down(void **state) {
    (void)state;
    free(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(an_unfinished_file_never_appears),
        cmocka_unit_test(unaligned_tensors_are_aligned),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
