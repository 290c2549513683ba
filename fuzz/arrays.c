/* arrays.c: NumPy's arrays, tables of region features, and files of a teacher's logits. */
#include "data/row_source.h"
#include "format/logits_file.h"
#include "format/npy.h"
#include "format/region_row.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* ---- .npy: as it is, and as rows of an image ---- */

/* Rows of the image "7" by a source that was opened. */
static void read_rows(lbk__row_source *rows, const char *image) {
    enum { MOST = 1 << 22 };
    int32_t count;
    if (rows->count(rows, image, &count) == LBK_OK && (int64_t)count * rows->dim <= MOST) {
        uint16_t *out = malloc((size_t)count * (size_t)rows->dim * sizeof *out);
        (void)!rows->read(rows, image, out);
        free(out);
    }
    json_decref(rows->describe(rows));
}

static void run_npy(lbk_context *context, fuzz_bytes input) {
    lbk__npy array;
    lbk__row_source *rows;
    char *copy = malloc(input.size + 1); /* of exactly its size, for the sanitizers */
    for (size_t i = 0; i < input.size; i++) copy[i] = input.data[i];
    (void)!lbk__npy_read(context, "input", copy, input.size, &array);
    free(copy);
    fuzz_put("rows/7.npy", input);
    if (lbk__npy_rows_open(context, fuzz_path("rows"), &rows) != LBK_OK) return;
    read_rows(rows, "7.jpg");
    rows->close(rows);
}

static void seed_npy(lbk_context *context) {
    static const char *const names[] = {"npy/2.npy",       "npy/vector.npy",  "bad/big.npy",
                                        "bad/fortran.npy", "bad/objects.npy", "bad/integers.npy",
                                        "bad/infinite.npy"};
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "tests/golden/regions/%s", names[i]);
        fuzz_seed_file(context, path);
    }
}

const fuzz_target fuzz_npy = {"npy", run_npy, seed_npy, 64};

/* ---- the table of bottom-up-attention ---- */

static void run_table(lbk_context *context, fuzz_bytes input) {
    lbk__row_source *rows;
    if (lbk__table_rows_open(context, fuzz_put("table.tsv", input), &rows) != LBK_OK) return;
    read_rows(rows, "2.jpg");
    read_rows(rows, "COCO_val2014_000000000001.jpg");
    rows->close(rows);
}

static void seed_table(lbk_context *context) {
    fuzz_seed_file(context, "tests/golden/regions/table.tsv");
    fuzz_seed_text("short", "2\t640\t480\t1\tAAAAAAAAAAAAAAAAAAAAAA==\tAACAPwAAAEA=\n1\t1\t1\t0\t\t\n");
}

const fuzz_target fuzz_table = {"table", run_table, seed_table, 64};

/* ---- a teacher's logits ---- */

static void read_logits(lbk_context *context, const char *path) {
    lbk__logits_file *file;
    if (lbk__logits_file_open(context, path, &file) != LBK_OK) return;
    const int64_t count = lbk__logits_file_count(file);
    float *out = malloc((size_t)lbk__logits_file_num_views(file) *
                        (size_t)lbk__logits_file_num_classes(file) * sizeof *out);
    for (int64_t i = 0; i < LBK_MIN(count, 100); i++) {
        (void)!*lbk__logits_file_id(file, i);
        (void)!lbk__logits_file_read(file, i, out);
    }
    free(out);
    lbk__logits_file_close(file);
}

static void run_logits(lbk_context *context, fuzz_bytes input) {
    read_logits(context, fuzz_put_tensors("logits", &input));
}

static void seed_logits(lbk_context *context) {
    fuzz_seed_tensors(context, "tests/golden/teacher_logits/joint.safetensors");
    fuzz_seed_tensors(context, "tests/golden/teacher_logits/texts.safetensors");
    fuzz_seed_file(context, "tests/golden/teacher_logits/joint.npz");
    fuzz_seed_file(context, "tests/golden/teacher_logits/bytes.npz");
}

const fuzz_target fuzz_logits = {"logits", run_logits, seed_logits, 1100};

/* The same in an .npz whose checksums are right: parts logits.npy, ids.npy. */
static void run_logits_npz(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"logits.npy", "ids.npy"};
    const fuzz_bytes first = fuzz_part(&input), parts[] = {first, input};
    read_logits(context, fuzz_put_zip("logits", names, parts, 2));
}

/* Appends an array as numpy.save writes it. */
static void append_npy(lbk_context *context, lbk__text *seed, const char *type, const char *shape,
                       fuzz_bytes data) {
    char header[128];
    const int length = snprintf(header, sizeof header,
                                "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", type, shape);
    const char lengths[] = {1, 0, (char)length, 0};
    FUZZ_MUST(context, lbk__text_append(context, seed, "\x93NUMPY", 6));
    FUZZ_MUST(context, lbk__text_append(context, seed, lengths, sizeof lengths));
    FUZZ_MUST(context, lbk__text_append(context, seed, header, (size_t)length));
    FUZZ_MUST(context, lbk__text_append(context, seed, data.data, data.size));
}

static void seed_arrays(lbk_context *context, const char *name, const char *type, const char *shape,
                        fuzz_bytes data, const char *id_type, const char *id_shape, fuzz_bytes ids) {
    lbk__text seed = {0};
    append_npy(context, &seed, type, shape, data);
    FUZZ_MUST(context, lbk__text_append(context, &seed, "\n%%\n", 4));
    append_npy(context, &seed, id_type, id_shape, ids);
    fuzz_seed(name, (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
}

static void seed_logits_npz(lbk_context *context) {
    seed_arrays(context, "numbers", "<f4", "(2, 1)", FUZZ_TEXT("01234567"), "<i8", "(2,)",
                FUZZ_TEXT("0000000011111111"));
    seed_arrays(context, "texts", "<f2", "(3, 1, 1)", FUZZ_TEXT("012345"), "<U2", "(1,)",
                FUZZ_TEXT("a\0\0\0\0\0\0\0"));
    seed_arrays(context, "bytes", "<f8", "(1, 2)", FUZZ_TEXT("0123456789abcdef"), "|S3", "(1,)",
                FUZZ_TEXT("id\0"));
}

const fuzz_target fuzz_logits_npz = {"logits_npz", run_logits_npz, seed_logits_npz, 64};
