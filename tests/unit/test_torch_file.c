/* torch's files: what torch.save wrote is read, and what is damaged or made to harm is refused with a
 * sentence. Nothing of a pickle is ever run. */
#define _GNU_SOURCE /* memmem */
#include "check.h"

#include "base/file.h"
#include "format/torch_file.h"

#include <zip.h>

static char *folder;
static char path[256];

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(path, sizeof path, "%s/file.bin", folder);
    return 0;
}

/* A new file each time: cutting one that is there waits for the disk. */
static void write_bytes(const char *data, size_t size) {
    remove(path);
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, size, out), size);
    fclose(out);
}

/* ---- what torch wrote ---- */

static int find(const lbk__torch_file *file, const char *name) {
    for (size_t i = 0; i < lbk__torch_file_count(file); i++)
        if (strcmp(lbk__torch_file_at(file, i)->name, name) == 0) return (int)i;
    fail_msg("no tensor %s", name);
    return -1;
}

static void expect(lbk__torch_file *file, lbk_context *context, const char *name, lbk__dtype dtype, int rank,
                   const int64_t *shape, size_t count, const float *values) {
    const int index = find(file, name);
    const lbk__tensor_spec *spec = lbk__torch_file_at(file, (size_t)index);
    float read[8] = {0};
    assert_int_equal(spec->dtype, dtype);
    assert_int_equal(spec->rank, rank);
    for (int i = 0; i < rank; i++) assert_int_equal(spec->shape[i], shape[i]);
    check_ok(context, lbk__torch_file_read(file, (size_t)index, read));
    for (size_t i = 0; i < count; i++)
        if (read[i] != values[i])
            fail_msg("%s[%zu] is %g, must be %g", name, i, (double)read[i], (double)values[i]);
}

static void check_golden(const char *name) {
    static const float ramp[] = {-2, -1, 0, 1, 2, 3}, bytes[] = {0, 1, 2, 3, 4, 5},
                       odd[] = {0, 1, 0, 1, 0, 1};
    static const struct {
        const char *name;
        lbk__dtype dtype;
        const float *values;
    } plain[] = {{"F64", LBK__F64, ramp}, {"I64", LBK__I64, ramp}, {"F32", LBK__F32, ramp},
                 {"I32", LBK__I32, ramp}, {"F16", LBK__F16, ramp}, {"BF16", LBK__BF16, ramp},
                 {"I16", LBK__I16, ramp}, {"I8", LBK__I8, ramp},   {"U8", LBK__U8, bytes},
                 {"BOOL", LBK__BOOL, odd}};
    lbk_context *context = check_context();
    lbk__torch_file *file;
    check_ok(context, lbk__torch_file_open(context, name, &file));
    assert_int_equal(lbk__torch_file_count(file), 21);
    for (size_t i = 0; i < LBK_COUNT(plain); i++)
        expect(file, context, plain[i].name, plain[i].dtype, 2, (const int64_t[]){2, 3}, 6, plain[i].values);
    expect(file, context, "scalar", LBK__F64, 0, NULL, 1, (const float[]){0.1f});
    expect(file, context, "empty", LBK__F32, 2, (const int64_t[]){0, 4}, 0, NULL);
    expect(file, context, "transposed", LBK__F32, 2, (const int64_t[]){3, 2}, 6,
           (const float[]){-2, 1, -1, 2, 0, 3});
    expect(file, context, "middle", LBK__F32, 3, (const int64_t[]){2, 2, 2}, 8,
           (const float[]){2, 4, 6, 8, 14, 16, 18, 20});
    expect(file, context, "parameter", LBK__F32, 1, (const int64_t[]){3}, 3, ramp);
    expect(file, context, "tied", LBK__F32, 1, (const int64_t[]){3}, 3, ramp);
    expect(file, context, "norm.running_var", LBK__F32, 1, (const int64_t[]){2}, 2, (const float[]){1, 1});
    expect(file, context, "norm.num_batches_tracked", LBK__I64, 0, NULL, 1, (const float[]){0});
    lbk__torch_file_close(file);
    lbk_context_destroy(context);
}

static void both_containers_and_checkpoints_are_read(void **state) {
    (void)state;
    check_golden("tests/golden/torch/zip.bin");
    check_golden("tests/golden/torch/older.bin");
    check_golden("tests/golden/torch/checkpoint.pth");
}

static void every_protocol_is_read(void **state) {
    (void)state;
    for (int protocol = 3; protocol <= 5; protocol++)
        for (int older = 0; older < 2; older++) {
            char name[64];
            snprintf(name, sizeof name, "tests/golden/torch/%s_%d.bin", older ? "older" : "zip", protocol);
            check_golden(name);
        }
}

static void refuse(const char *name, const char *part) {
    lbk_context *context = check_context();
    lbk__torch_file *file;
    check_fails(context, LBK_BAD_DATA, part, lbk__torch_file_open(context, name, &file));
    assert_null(file);
    lbk_context_destroy(context);
}

static void a_pickled_module_is_refused(void **state) {
    (void)state;
    refuse("tests/golden/torch/whole_model.bin",
           "asks for torch.nn.modules.linear.Linear, which is not allowed");
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"tests/golden/torch/zip.bin", "tests/golden/torch/older.bin",
                                        "tests/golden/torch/older_5.bin"};
    for (size_t n = 0; n < LBK_COUNT(names); n++) {
        lbk_context *context = check_context();
        char *data;
        size_t size;
        check_ok(context, lbk__read_file(context, names[n], 1 << 20, &data, &size));
        for (size_t cut = 0; cut < size; cut += n ? 1 : 13) {
            write_bytes(data, cut);
            refuse(path, path);
        }
        lbk_free(context, data);
        lbk_context_destroy(context);
    }
}

static void a_file_with_any_bit_flipped_is_read_or_refused(void **state) {
    (void)state;
    static float out[4096];
    lbk_context *context = check_context();
    char *data;
    size_t size;
    check_ok(context, lbk__read_file(context, "tests/golden/torch/older.bin", 1 << 20, &data, &size));
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(data[i] ^ (1 << i % 8));
        write_bytes(data, size);
        data[i] = (char)(data[i] ^ (1 << i % 8));
        lbk__torch_file *file;
        const lbk_status status = lbk__torch_file_open(context, path, &file);
        assert_true(status == LBK_OK || (status == LBK_BAD_DATA && *lbk_error(context)));
        for (size_t k = 0; status == LBK_OK && k < lbk__torch_file_count(file); k++)
            check_ok(context, lbk__torch_file_read(file, k, out));
        lbk__torch_file_close(file);
    }
    lbk_free(context, data);
    lbk_context_destroy(context);
}

/* ---- what nobody's torch would write ---- */

/* The older container around one pickle; `storages` is the pickle that lists them. */
static void write_older_with(const char *pickle, size_t size, const char *storages) {
    static const char magic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                      before[] = "\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.";
    remove(path);
    FILE *out = fopen(path, "wb");
    fwrite(magic, 1, sizeof magic - 1, out);
    fwrite(before, 1, sizeof before - 1, out);
    fwrite(pickle, 1, size, out);
    fwrite(storages, 1, strlen(storages), out);
    fclose(out);
}

static void write_older(const char *pickle, size_t size) {
    write_older_with(pickle, size, "\x80\x02].");
}

#define REFUSE(pickle, part)                    \
    do {                                        \
        write_older(pickle, sizeof pickle - 1); \
        refuse(path, part);                     \
    } while (0)

static void calls_of_anything_else_are_refused(void **state) {
    (void)state;
    REFUSE("\x80\x02"
           "cos\nsystem\nX\x02\0\0\0id\x85R.",
           "asks for os.system, which is not allowed");
    REFUSE("\x80\x02"
           "cposix\nsystem\nX\x02\0\0\0id\x85R.",
           "asks for posix.system");
    REFUSE("\x80\x02"
           "c__builtin__\neval\nX\x02\0\0\0id\x85R.",
           "asks for __builtin__.eval");
    REFUSE("\x80\x02"
           "cbuiltins\nexec\nX\x02\0\0\0id\x85R.",
           "asks for builtins.exec");
    REFUSE("\x80\x02"
           "ctorch.hub\nload\n)R.",
           "asks for torch.hub.load");
    REFUSE("\x80\x02"
           "ccollections\nOrderedDictX\n)R.",
           "asks for collections.OrderedDictX");
    REFUSE("(cos\nsystem\nX\x02\0\0\0ido.", "asks for os.system");       /* OBJ */
    REFUSE("(X\x02\0\0\0idios\nsystem\n.", "instruction 0x69");          /* INST */
    REFUSE("X\x02\0\0\0osX\x06\0\0\0system\x93.", "asks for os.system"); /* STACK_GLOBAL */
    REFUSE("\x8c\x08"
           "builtins\x94\x8c\x04"
           "eval\x94\x93.",
           "asks for builtins.eval");
    REFUSE("NN\x93.", "does not name");
    REFUSE("N\x93.", "not there");
    REFUSE("\x82\x01.", "instruction 0x82");                                   /* EXT1 */
    REFUSE("ccollections\nOrderedDict\n)\x81.", "instruction 0x81");           /* NEWOBJ */
    REFUSE("X\x02\0\0\0id)R.", "calls something that is no allowed function"); /* a text */
    REFUSE("ccollections\nOrderedDict\n)R)R.", "calls something that is no allowed function");
    REFUSE("ctorch\nFloatStorage\n)R.", "calls torch.FloatStorage with arguments");
    REFUSE("ccollections\nOrderedDict\n]\x85R.", "calls collections.OrderedDict with arguments");
    REFUSE("\x80\x06}.", "has protocol 6");
    REFUSE("\x80\x01}.", "has protocol 1");
    REFUSE("\x80\x04\x95\xff\xff", "ends within an instruction");
    REFUSE("\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.", "ends within an instruction");
    REFUSE("\x94.", "not there");
}

static void broken_stacks_are_refused(void **state) {
    (void)state;
    REFUSE(".", "takes a value that is not there");
    REFUSE("(.", "takes a value that is not there");
    REFUSE("}.", "holds no state dict");
    REFUSE("N.", "holds no state dict");
    REFUSE("\x85.", "takes a value that is not there");
    REFUSE("(N\x86.", "takes a value that is not there");
    REFUSE("t.", "looks for a mark");
    REFUSE("}(Nu.", "key without a value");
    REFUSE("](NNu.", "adds items to what is no dict");
    REFUSE("(NNu.", "adds items to what is no dict");
    REFUSE("}Na.", "adds items to what is no list");
    REFUSE("]Nb.", "adds items to what is no dict");
    REFUSE("h\x05.", "takes from its memo");
    REFUSE("Nr\xff\xff\xff\xff.", "has a memo larger");
    REFUSE("q\x01.", "takes a value that is not there");
    REFUSE("X\xff\xff\xff\xff"
           "abc",
           "ends within an instruction");
    REFUSE("\x8a\x09"
           "123456789.",
           "beyond 64 bits");
    REFUSE("NQ.", "refers to something that is no storage");
}

/* Without the list of the storages that follow. */
static void a_list_of_storages_is_needed(void **state) {
    (void)state;
    write_older_with("}.", 2, "\x80\x02}.");
    refuse(path, "has no list of storages");
    write_older_with("}.", 2, "\x80\x02N.");
    refuse(path, "has no list of storages");
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    enum { DEPTH = 1000000 };
    static const char *const steps[] = {"]", "(", "}", "\x85", "]q\x01"};
    char *pickle = malloc(2 * 3 * DEPTH + 2);
    for (size_t s = 0; s < LBK_COUNT(steps); s++) {
        size_t at = 0;
        pickle[at++] = ')';
        for (size_t i = 0; i < DEPTH; i++) at += (size_t)sprintf(pickle + at, "%s", steps[s]);
        pickle[at++] = '.';
        write_older(pickle, at);
        refuse(path, s == 3 ? "holds no state dict" : "nested deeper");
    }
    /* A list within itself. */
    REFUSE("]q\x01h\x01"
           "a.",
           "holds no state dict");
    free(pickle);
}

/* {"w": tensor(storage "0" of `count`, offset, size, stride)}; numbers are LONG1 operands. */
static void refuse_tensor(const char *count, const char *offset, const char *size, const char *stride,
                          const char *part) {
    char text[512];
    const int length = snprintf(text, sizeof text,
                                "}U\1wctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\n"
                                "U\1"
                                "0U\3cpu%stQ%s%s%s\x89NtRs.",
                                count, offset, size, stride);
    write_older(text, (size_t)length);
    refuse(path, part);
}

static void claims_beyond_the_storage_are_refused(void **state) {
    (void)state;
    static const char huge[] = "\x8a\6\x01\x10\xa5\xd4\xe8\x02";    /* more than 10^12 */
    static const char row[] = "\x8a\6\x01\x10\xa5\xd4\xe8\x01\x85"; /* (over 10^12,) */
    static const char largest[] = "\x8a\10\xff\xff\xff\xff\xff\xff\xff\x7f\x85";
    refuse_tensor("K\4", "J\1\1\1\1", "K\4\x85", "K\1\x85", "more elements than its storage of 4");
    refuse_tensor("K\4", "K\1", "K\4\x85", "K\1\x85", "more elements than its storage of 4");
    refuse_tensor("K\4", "K\1", row, "K\1\x85", "more elements");
    refuse_tensor("K\4", "K\1", row, ")", "size and strides");
    refuse_tensor("K\4", "K\1", largest, largest, "more elements");
    refuse_tensor("K\4", "K\1", "K\2\x85", largest, "more elements");
    refuse_tensor("K\4", "J\xff\xff\xff\xff", "K\2\x85", "K\1\x85", "impossible offset");
    refuse_tensor("K\4", "K\1", "J\xff\xff\xff\xff\x85", "K\1\x85", "size and strides");
    refuse_tensor("K\4", "K\1", "K\2\x85", "J\xff\xff\xff\xff\x85", "size and strides");
    refuse_tensor("J\xff\xff\xff\xff", "K\1", "K\2\x85", "K\1\x85", "impossible size");
    refuse_tensor(huge, "K\1", row, "K\1\x85", "storage \"0\" is missing");
    refuse_tensor("K\4", "K\1", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                  "size and strides");
}

/* {"w": a tensor of numbers 1 and 2 of storage "0", as often as `times` says}; returns its length. */
static size_t make_pickle(char *out, size_t size, const char *count, int times) {
    size_t at = (size_t)snprintf(out, size, "}(");
    for (int i = 0; i < times; i++)
        at += (size_t)snprintf(out + at, size - at,
                               "U\1wctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\n"
                               "U\1"
                               "0U\3cpu%stQK\1K\2\x85K\1\x85\x89NtR",
                               count);
    return at + (size_t)snprintf(out + at, size - at, "u.");
}

/* A zip of torch's around a pickle and one storage. */
static void write_zip(const char *pickle, size_t length, const char *storage, size_t size,
                      const char *order) {
    const struct {
        const char *name, *data;
        size_t size;
    } entries[] = {
        {"a/data.pkl", pickle, length}, {"a/byteorder", order, strlen(order)}, {"a/data/0", storage, size}};
    remove(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, NULL);
    assert_non_null(zip);
    for (size_t i = 0; i < LBK_COUNT(entries); i++) {
        if (!entries[i].data) continue;
        zip_source_t *source = zip_source_buffer(zip, entries[i].data, entries[i].size, 0);
        const int64_t index = zip_file_add(zip, entries[i].name, source, 0);
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
}

static void wrong_zips_are_refused(void **state) {
    (void)state;
    static const float numbers[4] = {1, 2, 3, 4};
    static const char huge[] = "\x8a\6\x01\x10\xa5\xd4\xe8\x01";
    const char *storage = (const char *)numbers;
    lbk_context *context = check_context();
    lbk__torch_file *file;
    float out[2];
    char pickle[512];
    size_t length = make_pickle(pickle, sizeof pickle, "K\4", 1);
    write_zip(pickle, length, storage, 16, "little");
    check_ok(context, lbk__torch_file_open(context, path, &file));
    check_ok(context, lbk__torch_file_read(file, 0, out));
    assert_true(out[0] == 2 && out[1] == 3);
    lbk__torch_file_close(file);

    const struct {
        const char *count, *storage, *part;
        size_t size;
    } bad[] = {{"K\4", NULL, "storage \"0\" is missing", 0},
               {"K\4", storage, "storage \"0\" has fewer bytes", 12},
               {huge, storage, "storage \"0\" has fewer bytes", 16},
               {"K\3", storage, "entry \"a/data/0\" is larger than it may be", 16}};
    for (size_t i = 0; i < LBK_COUNT(bad); i++) {
        const size_t bad_length = make_pickle(pickle, sizeof pickle, bad[i].count, 1);
        write_zip(pickle, bad_length, bad[i].storage, bad[i].size, "little");
        check_ok(context, lbk__torch_file_open(context, path, &file));
        check_fails(context, LBK_BAD_DATA, bad[i].part, lbk__torch_file_read(file, 0, out));
        lbk__torch_file_close(file);
    }
    write_zip(pickle, length, storage, 16, "big");
    refuse(path, "big-endian");
    length = make_pickle(pickle, sizeof pickle, "K\4", 2);
    write_zip(pickle, length, storage, 16, "little");
    refuse(path, "has two tensors \"w\"");
    lbk_context_destroy(context);
}

static void a_flipped_byte_fails_the_checksum(void **state) {
    (void)state;
    static const float numbers[4] = {1, 2, 3, 4};
    lbk_context *context = check_context();
    char *data, pickle[512];
    size_t size;
    const size_t length = make_pickle(pickle, sizeof pickle, "K\4", 1);
    write_zip(pickle, length, (const char *)numbers, sizeof numbers, "little");
    check_ok(context, lbk__read_file(context, path, 1 << 20, &data, &size));
    char *at = memmem(data, size, numbers, sizeof numbers);
    assert_non_null(at);
    at[3] ^= 1;
    write_bytes(data, size);
    lbk__torch_file *file;
    float out[2];
    check_ok(context, lbk__torch_file_open(context, path, &file));
    check_fails(context, LBK_BAD_DATA, "truncated or damaged", lbk__torch_file_read(file, 0, out));
    lbk__torch_file_close(file);
    lbk_free(context, data);
    lbk_context_destroy(context);
}

static void other_files_are_refused(void **state) {
    (void)state;
    refuse("tests/golden/dtypes.safetensors", "is no file that torch.save wrote");
    write_bytes("PK\3\4 and then nothing", 20);
    refuse(path, "cannot be read as a zip");
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
        cmocka_unit_test(both_containers_and_checkpoints_are_read),
        cmocka_unit_test(every_protocol_is_read),
        cmocka_unit_test(a_pickled_module_is_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_file_with_any_bit_flipped_is_read_or_refused),
        cmocka_unit_test(calls_of_anything_else_are_refused),
        cmocka_unit_test(a_list_of_storages_is_needed),
        cmocka_unit_test(broken_stacks_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(claims_beyond_the_storage_are_refused),
        cmocka_unit_test(wrong_zips_are_refused),
        cmocka_unit_test(a_flipped_byte_fails_the_checksum),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
