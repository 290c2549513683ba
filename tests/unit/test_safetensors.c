/* The container of all our binary files: what is written comes back, and what is damaged is refused with a
 * sentence. */
#include "check.h"

#include "base/half.h"
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

static double value_at(const lbk__tensor_entry *entry, int k) {
    switch (entry->dtype) {
    case LBK__F64:
        return ((const double *)entry->data)[k];
    case LBK__F32:
        return (double)((const float *)entry->data)[k];
    case LBK__F16:
        return (double)lbk__half_to_float(((const uint16_t *)entry->data)[k]);
    case LBK__BF16: {
        const uint32_t bits = (uint32_t)((const uint16_t *)entry->data)[k] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    case LBK__I64:
        return (double)((const int64_t *)entry->data)[k];
    case LBK__I32:
        return ((const int32_t *)entry->data)[k];
    case LBK__I16:
        return ((const int16_t *)entry->data)[k];
    case LBK__I8:
        return ((const int8_t *)entry->data)[k];
    default:
        return ((const uint8_t *)entry->data)[k];
    }
}

static void check_dtypes(lbk_context *context, const lbk__safetensors *file) {
    static const char *const names[] = {"F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL"};
    assert_int_equal(lbk__safetensors_count(file), 12);
    const lbk__tensor_entry *entry;
    for (int t = 0; t < 10; t++) {
        check_ok(context,
                 lbk__safetensors_expect(file, names[t], (lbk__dtype)t, 2, (const int64_t[]){2, 3}, &entry));
        assert_string_equal(lbk__dtype_name(entry->dtype), names[t]);
        for (int k = 0; k < 6; k++)
            assert_true(value_at(entry, k) == (t == LBK__BOOL ? k % 2 : t == LBK__U8 ? k : k - 2));
    }
    check_ok(context, lbk__safetensors_expect(file, "empty", LBK__F32, 2, (const int64_t[]){0, 4}, &entry));
    assert_int_equal(entry->bytes, 0);
    check_ok(context, lbk__safetensors_expect(file, "scalar", LBK__F64, 0, NULL, &entry));
    assert_true(value_at(entry, 0) == 0.1);
    assert_string_equal(lbk__safetensors_metadata(file, "made_by"), "a \"rule\", \xc3\xbc");
}

/* The golden file is the Python package's; written anew, its data section has the same bytes. */
static void files_of_the_python_package_open(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file, *again;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/dtypes.safetensors", &file));
    check_dtypes(context, file);
    lbk__tensor_spec specs[12];
    for (size_t i = 0; i < 12; i++) {
        const lbk__tensor_entry *entry = lbk__safetensors_at(file, i);
        specs[i] = (lbk__tensor_spec){entry->name, entry->dtype, entry->rank, {0}};
        memcpy(specs[i].shape, entry->shape, sizeof entry->shape);
    }
    const lbk__metadata about = {"made_by", lbk__safetensors_metadata(file, "made_by")};
    lbk__safetensors_writer *writer;
    char hash[LBK__HASH_SIZE], golden[LBK__HASH_SIZE];
    check_ok(context, lbk__safetensors_writer_open(context, path, specs, 12, &about, 1, "content", &writer));
    for (size_t i = 0; i < 12; i++)
        check_ok(context, lbk__safetensors_writer_put(writer, lbk__safetensors_at(file, i)->data,
                                                      lbk__safetensors_at(file, i)->bytes));
    check_ok(context, lbk__safetensors_writer_commit(writer, hash));
    lbk__safetensors_writer_close(writer);
    lbk__safetensors_hash(file, golden);
    assert_string_equal(hash, golden);
    check_ok(context, lbk__safetensors_open(context, path, &again));
    check_dtypes(context, again);
    lbk__safetensors_close(again);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void impossible_headers_are_not_written(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors_writer *writer;
    const lbk__tensor_spec twice[] = {{"a", LBK__U8, 1, {1}}, {"a", LBK__U8, 1, {1}}},
                           nine = {"a", LBK__U8, 9, {1}}, negative = {"a", LBK__U8, 1, {-1}},
                           huge = {"a", LBK__F64, 2, {INT64_MAX, 2}}, bad_name = {"\xff", LBK__U8, 1, {1}};
    const lbk__metadata keys[] = {{"k", "1"}, {"k", "2"}};
    check_fails(context, LBK_INTERNAL, "there twice",
                lbk__safetensors_writer_open(context, path, twice, 2, NULL, 0, NULL, &writer));
    assert_null(writer);
    check_fails(context, LBK_INTERNAL, "there twice",
                lbk__safetensors_writer_open(context, path, twice, 1, keys, 2, NULL, &writer));
    check_fails(context, LBK_INTERNAL, "there twice",
                lbk__safetensors_writer_open(context, path, twice, 1, keys, 1, "k", &writer));
    check_fails(context, LBK_INTERNAL, "9 dimensions",
                lbk__safetensors_writer_open(context, path, &nine, 1, NULL, 0, NULL, &writer));
    check_fails(context, LBK_INTERNAL, "impossible shape",
                lbk__safetensors_writer_open(context, path, &negative, 1, NULL, 0, NULL, &writer));
    check_fails(context, LBK_INTERNAL, "impossible shape",
                lbk__safetensors_writer_open(context, path, &huge, 1, NULL, 0, NULL, &writer));
    check_fails(context, LBK_INTERNAL, "no UTF-8",
                lbk__safetensors_writer_open(context, path, &bad_name, 1, NULL, 0, NULL, &writer));
    lbk_context_destroy(context);
}

/* A metadata value that looks like the place of a hash is left alone. */
static void metadata_are_kept_as_they_are(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const lbk__metadata about = {"other_sha256", zeros};
    for (int hashed = 0; hashed < 2; hashed++) {
        lbk__safetensors_writer *writer;
        lbk__safetensors *file;
        check_ok(context, lbk__safetensors_writer_open(context, path, NULL, 0, &about, 1,
                                                       hashed ? "hash" : NULL, &writer));
        check_ok(context, lbk__safetensors_writer_commit(writer, NULL));
        lbk__safetensors_writer_close(writer);
        check_ok(context, lbk__safetensors_open(context, path, &file));
        assert_string_equal(lbk__safetensors_metadata(file, "other_sha256"), zeros);
        if (hashed)
            assert_string_equal(lbk__safetensors_metadata(file, "hash"),
                                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        lbk__safetensors_close(file);
    }
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
    write_file(context, "{}", 3, NULL, 0);
    check_fails(context, LBK_BAD_DATA, "truncated, or no safetensors file: its header would have 3 bytes, 2",
                lbk__safetensors_open(context, path, &file));
    write_file(context, "{}", (size_t)1 << 63, NULL, 0);
    check_fails(context, LBK_BAD_DATA, "is no safetensors file", lbk__safetensors_open(context, path, &file));
    FILE *sparse = fopen(path, "wb"); /* says 200 MB of header, and has them */
    fwrite("\0\xc2\xeb\x0b\0\0\0\0", 1, 8, sparse);
    fseek(sparse, 200000000, SEEK_SET);
    fwrite("12345678", 1, 8, sparse);
    fclose(sparse);
    check_fails(context, LBK_BAD_DATA, "header has 200000000 bytes, at most 100000000",
                lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__write_file(context, path, "1234", 4));
    check_fails(context, LBK_BAD_DATA, "too few", lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__write_file(context, path, "", 0));
    check_fails(context, LBK_BAD_DATA, "too few", lbk__safetensors_open(context, path, &file));
    check_fails(context, LBK_IO, "No such file", lbk__safetensors_open(context, "/nowhere/file", &file));
    lbk_context_destroy(context);
}

/* A new file each time: cutting one that is there waits for the disk. */
static void write_bytes(const char *bytes, size_t size) {
    remove(path);
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *bytes;
    size_t size;
    lbk__safetensors *file;
    check_ok(context, lbk__read_file(context, "tests/golden/dtypes.safetensors", 1 << 20, &bytes, &size));
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(bytes, cut);
        check_fails(context, LBK_BAD_DATA, path, lbk__safetensors_open(context, path, &file));
    }
    lbk_free(context, bytes);
    lbk_context_destroy(context);
}

/* Each byte of a header wrong in some ways: refused or read, without a fault. */
static void any_wrong_byte_is_survived(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *bytes;
    size_t size;
    check_ok(context, lbk__read_file(context, "tests/golden/dtypes.safetensors", 1 << 20, &bytes, &size));
    unsigned refused = 0;
    static const char wrong[] = {0, '9', '"', '}', '[', '\x80'};
    for (size_t at = 0; at < size * sizeof wrong; at++) {
        const size_t place = at / sizeof wrong;
        const char right = bytes[place];
        bytes[place] = wrong[at % sizeof wrong];
        write_bytes(bytes, size);
        bytes[place] = right;
        lbk__safetensors *file;
        const lbk_status status = lbk__safetensors_open(context, path, &file);
        assert_true(status == LBK_OK || status == LBK_BAD_DATA);
        refused += status != LBK_OK;
        lbk__safetensors_close(file);
    }
    assert_true(refused > 3000);
    lbk_free(context, bytes);
    lbk_context_destroy(context);
}

static int tear_down(void **state) {
    (void)state;
    remove(path);
    remove(folder);
    free(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(files_of_the_python_package_open),
        cmocka_unit_test(impossible_headers_are_not_written),
        cmocka_unit_test(metadata_are_kept_as_they_are),
        cmocka_unit_test(an_unfinished_file_never_appears),
        cmocka_unit_test(unaligned_tensors_are_aligned),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(any_wrong_byte_is_survived),
    };
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
