/* A teacher from anywhere: files of logits in three containers are read; distilling from them is distilling
 * from a cache; what is missing, unknown, doubled or not finite is named. */
#include "small_run.h"

#include "distill/cache.h"
#include "format/logits_file.h"
#include "format/npy.h"
#include "format/safetensors.h"

#include <hdf5.h>
#include <zip.h>

#define GOLDEN "tests/golden/teacher_logits/"

/* ---- reading ---- */

static void check_golden(lbk_context *context, const char *name, int32_t views, bool texts) {
    lbk__logits_file *file;
    float row[LBK_NUM_VIEWS * 2];
    check_ok(context, lbk__logits_file_open(context, name, &file));
    assert_int_equal(lbk__logits_file_num_views(file), views);
    assert_int_equal(lbk__logits_file_count(file), 5);
    assert_int_equal(lbk__logits_file_num_classes(file), 2);
    assert_string_equal(lbk__logits_file_id(file, 1), texts ? "ü1" : "1");
    assert_string_equal(lbk__logits_file_id(file, 4), texts ? "s4" : "4");
    for (int i = 0; i < 5; i++) {
        check_ok(context, lbk__logits_file_read(file, i, row));
        for (int k = 0; k < 2 * views; k++)
            assert_true(row[k] == (float)(100 * (k / 2) + 10 * i + k % 2) + 0.5f);
    }
    lbk__logits_file_close(file);
}

static void all_containers_are_read(void **state) {
    (void)state;
    lbk_context *context = check_context();
    check_golden(context, GOLDEN "texts.safetensors", 3, true);
    check_golden(context, GOLDEN "texts.npz", 3, true);
    check_golden(context, GOLDEN "bytes.npz", 3, true);
    check_golden(context, GOLDEN "texts.h5", 3, true);
    check_golden(context, GOLDEN "joint.safetensors", 1, false);
    check_golden(context, GOLDEN "joint.npz", 1, false);
    check_golden(context, GOLDEN "joint.h5", 1, false);
    lbk_context_destroy(context);
}

static void what_is_no_such_file_is_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {GOLDEN "fortran.npz", "logits.npy: is in Fortran's order"},
        {GOLDEN "objects.npz", "ids.npy: has Python objects"},
        {"tests/golden/torch/zip.bin", "has no array logits.npy"},
        {"tests/golden/dtypes.safetensors", "has no tensor \"logits\""},
        {"tests/golden/features/half.h5", "has no data set \"logits\""},
        {"tests/golden/export/float32.onnx", "is neither safetensors nor .npz nor HDF5"},
    };
    lbk_context *context = check_context();
    lbk__logits_file *file;
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        check_fails(context, LBK_BAD_DATA, cases[i][1], lbk__logits_file_open(context, cases[i][0], &file));
        assert_null(file);
    }
    lbk_context_destroy(context);
}

static void wrong_arrays_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *part;
        size_t data;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "big-endian", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "as many bytes", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "as many bytes", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 8), }", "as many bytes", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "shape", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "8 dimensions", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", "shape", 4},
        {"{'descr': '<f4', 'fortran_order': False, }", "has no shape", 4},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "not supported", 8},
        {"{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': (1,), }", "not supported", 4},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "no type", 4},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects", 8},
        {"{'descr': '<f4', 'shape': (1,), }", "Fortran", 4},
    };
    lbk_context *context = check_context();
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char bytes[256] = "\x93NUMPY\1";
        const size_t length = strlen(cases[i].header);
        lbk__npy array;
        bytes[8] = (char)length;
        memcpy(bytes + 10, cases[i].header, length);
        check_fails(context, LBK_BAD_DATA, cases[i].part,
                    lbk__npy_read(context, "x", bytes, 10 + length + cases[i].data, &array));
        for (size_t cut = 0; cut < 10 + length; cut++)
            check_fails(context, LBK_BAD_DATA, "x: ", lbk__npy_read(context, "x", bytes, cut, &array));
    }
    lbk_context_destroy(context);
}

static void wrong_shapes_are_refused(void **state) {
    (void)state;
    static const struct {
        int rank;
        int64_t shape[4];
        const char *part;
    } cases[] = {
        {1, {6}, "must be [3, samples, classes]"},          {3, {2, 3, 1}, "must be [3, samples, classes]"},
        {4, {1, 1, 6, 1}, "must be [3, samples, classes]"}, {2, {0, 3}, "no samples or no classes"},
        {3, {3, 2, 0}, "no samples or no classes"},
    };
    static const float zeros[6];
    lbk_context *context = check_context();
    char *folder = check_folder(), path[128];
    snprintf(path, sizeof path, "%s/logits.safetensors", folder);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        lbk__tensor_spec spec = {"logits", LBK__F32, cases[i].rank, {0}};
        lbk__safetensors_writer *writer;
        lbk__logits_file *file;
        size_t values = 1;
        for (int d = 0; d < cases[i].rank; d++) values *= (size_t)(spec.shape[d] = cases[i].shape[d]);
        check_ok(context, lbk__safetensors_writer_open(context, path, &spec, 1, NULL, 0, NULL, &writer));
        check_ok(context, lbk__safetensors_writer_put(writer, zeros, values * sizeof *zeros));
        check_ok(context, lbk__safetensors_writer_commit(writer, NULL));
        lbk__safetensors_writer_close(writer);
        check_fails(context, LBK_BAD_DATA, cases[i].part, lbk__logits_file_open(context, path, &file));
    }
    remove(path), remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

/* An .npy array in memory: its header, padded, and zeros. */
static zip_source_t *make_array(zip_t *zip, const char *header, size_t data) {
    const size_t length = strlen(header), size = 10 + length + data;
    char *bytes = calloc(1, size);
    memcpy(bytes, "\x93NUMPY\1", 7);
    bytes[8] = (char)length;
    memcpy(bytes + 10, header, length);
    return zip_source_buffer(zip, bytes, size, 1);
}

static void wrong_ids_of_npz_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *part;
        size_t data;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "\"ids\" must be one dimension", 8},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1), }", "\"ids\" must be one dimension", 16},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", "texts or integers of 32 or 64 bits",
         4},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", "are not of the same samples", 8},
    };
    lbk_context *context = check_context();
    char *folder = check_folder(), path[128];
    snprintf(path, sizeof path, "%s/logits.npz", folder);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        lbk__logits_file *file;
        zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
        zip_file_add(zip, "logits.npy",
                     make_array(zip, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24), 0);
        zip_file_add(zip, "ids.npy", make_array(zip, cases[i].header, cases[i].data), 0);
        assert_int_equal(zip_close(zip), 0);
        check_fails(context, LBK_BAD_DATA, cases[i].part, lbk__logits_file_open(context, path, &file));
    }
    remove(path), remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

static void as_many_ids_as_logits_in_hdf5(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__logits_file *file;
    char *folder = check_folder(), path[128];
    static const int64_t ids[1];
    snprintf(path, sizeof path, "%s/logits.h5", folder);
    hid_t made = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t two = H5Screate_simple(2, (const hsize_t[]){2, 3}, NULL),
          one = H5Screate_simple(1, (const hsize_t[]){1}, NULL);
    static const float zeros[6];
    hid_t set = H5Dcreate2(made, "logits", H5T_IEEE_F32LE, two, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros);
    H5Dclose(set);
    set = H5Dcreate2(made, "ids", H5T_STD_I64LE, one, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, ids);
    H5Dclose(set), H5Sclose(one), H5Sclose(two), H5Fclose(made);
    check_fails(context, LBK_BAD_DATA, "are not of the same samples",
                lbk__logits_file_open(context, path, &file));
    remove(path), remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

/* ---- distilling ---- */

/* The cache's logits as a user's file, in the opposite order. `ids` and the changed logit make it wrong. */
static void write_logits(small_run *run, int views, const char *const ids[2], float changed) {
    lbk__cache *cache;
    lbk__safetensors_writer *writer;
    lbk__text names = {0};
    char *path = small_run_path(run, "cache"), *out = small_run_path(run, "logits.safetensors");
    check_ok(run->context, lbk__cache_open(run->context, path, &cache));
    for (int i = 0; i < SAMPLES; i++) {
        char own[16];
        snprintf(own, sizeof own, "s%d", SAMPLES - 1 - i);
        check_ok(run->context, lbk__text_printf(run->context, &names, "%s\"%s\"", i ? ", " : "[",
                                                ids && strcmp(own, ids[0]) == 0 ? ids[1] : own));
    }
    check_ok(run->context, lbk__text_append(run->context, &names, "]", 1));
    const lbk__tensor_spec spec = {
        "logits", LBK__F32, views == 1 ? 2 : 3, {views == 1 ? SAMPLES : 3, views == 1 ? 3 : SAMPLES, 3}};
    const lbk__metadata metadata = {"ids", names.data};
    check_ok(run->context,
             lbk__safetensors_writer_open(run->context, out, &spec, 1, &metadata, 1, NULL, &writer));
    for (int v = 0; v < views; v++)
        for (int i = SAMPLES; i-- > 0;) {
            float row[3];
            memcpy(row, lbk__cache_logits(cache, (lbk_view)v, i), sizeof row);
            if (v == views - 1 && i == 7) row[1] += changed;
            check_ok(run->context, lbk__safetensors_writer_put(writer, row, sizeof row));
        }
    check_ok(run->context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
    lbk__text_free(run->context, &names);
    lbk__cache_close(cache);
    free(path), free(out);
}

static void logits_teach_as_a_cache_does(void **state) {
    small_run *run = *state;
    static const char *const weights[] = {"distill.weights=uniform", "distill.weights=population",
                                          "distill.weights=instance"};
    write_logits(run, 3, NULL, 0);
    for (size_t i = 0; i < LBK_COUNT(weights); i++) {
        char ours[16], theirs[16], a[64], b[64];
        const char *const *changes = CHANGES(SMALL_STUDENT, "distill.method=msd", weights[i]);
        snprintf(ours, sizeof ours, "ours%zu", i);
        snprintf(theirs, sizeof theirs, "theirs%zu", i);
        check_ok(run->context, small_run_go(run, changes, "cache", ours, 0, NULL));
        check_ok(run->context, small_run_go(run, changes, "logits.safetensors", theirs, 0, NULL));
        snprintf(a, sizeof a, "%s/metrics.jsonl", ours);
        snprintf(b, sizeof b, "%s/metrics.jsonl", theirs);
        small_run_same_file(run, a, b);
    }
}

static void an_interrupted_run_goes_on_with_its_logits(void **state) {
    small_run *run = *state;
    write_logits(run, 3, NULL, 0);
    check_ok(run->context, small_run_go(run, NULL, "logits.safetensors", "whole", 0, NULL));
    run->asked = 0, run->stop_at = 9;
    assert_int_equal(small_run_go(run, NULL, "logits.safetensors", "parts", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    check_ok(run->context, small_run_go(run, NULL, "logits.safetensors", "parts", 1, NULL));
    small_run_same_file(run, "whole/metrics.jsonl", "parts/metrics.jsonl");
    run->asked = 0, run->stop_at = 9;
    assert_int_equal(small_run_go(run, NULL, "logits.safetensors", "changed", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    size_t size, size_after;
    char *before = small_run_read(run, "changed/teacher.cache", &size);
    write_logits(run, 3, NULL, 1);
    check_fails(run->context, LBK_MISMATCH, "was made from other logits than",
                small_run_go(run, NULL, "logits.safetensors", "changed", 1, NULL));
    char *after = small_run_read(run, "changed/teacher.cache", &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(before), free(after);
}

static void the_joint_view_alone_serves_kd(void **state) {
    small_run *run = *state;
    write_logits(run, 1, NULL, 0);
    check_ok(run->context, small_run_go(run, CHANGES("distill.method=kd"), "cache", "ours", 0, NULL));
    check_ok(run->context,
             small_run_go(run, CHANGES("distill.method=kd"), "logits.safetensors", "theirs", 0, NULL));
    small_run_same_file(run, "ours/metrics.jsonl", "theirs/metrics.jsonl");
    check_fails(run->context, LBK_MISMATCH, "under the joint view only",
                small_run_go(run, CHANGES("distill.method=msd"), "logits.safetensors", "msd", 0, NULL));
    check_ok(run->context, small_run_go(run, CHANGES("distill.method=alone", "train.unimodal_weight=0.5"),
                                        "logits.safetensors", "alone", 0, NULL));

    char *text, *cache = small_run_path(run, "theirs/teacher.cache"), *pack = small_run_path(run, "pack"),
                *model = small_run_path(run, "theirs");
    check_ok(run->context, lbk_info(run->context, cache, &text));
    json_t *about = small_run_json(run, text);
    assert_int_equal(json_integer_value(json_object_get(about, "views")), 1);
    assert_null(json_object_get(about, "mean_saliency"));
    json_decref(about);
    /* An evaluation knows the divergence from it under the joint view only. */
    const lbk_evaluate_options options = {.model = model, .pack = pack, .split = "dev", .cache = cache};
    check_ok(run->context, lbk_evaluate(run->context, &options, &text));
    about = small_run_json(run, text);
    const json_t *views = json_object_get(about, "views");
    assert_non_null(json_object_get(json_object_get(json_object_get(views, "joint"), "model"), "kl"));
    assert_null(json_object_get(json_object_get(json_object_get(views, "text"), "model"), "kl"));
    json_decref(about);
    free(cache), free(pack), free(model);
}

static void wrong_samples_are_named(void **state) {
    small_run *run = *state;
    static const struct {
        const char *ids[2];
        lbk_status status;
        const char *part;
    } cases[] = {{{"s3", "s4"}, LBK_BAD_DATA, "\"ids\" has \"s4\" twice"},
                 {{"s3", "t3"}, LBK_MISMATCH, "has no logits of sample \"s3\""},
                 {{"s3", ""}, LBK_BAD_DATA, "\"ids\", entry 68"}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        write_logits(run, 3, cases[i].ids, 0);
        check_fails(run->context, cases[i].status, cases[i].part,
                    small_run_go(run, NULL, "logits.safetensors", "none", 0, NULL));
    }
    write_logits(run, 3, NULL, NAN);
    check_fails(run->context, LBK_NUMERIC, "logits of \"s7\": entry 64 has a number that is not finite",
                small_run_go(run, NULL, "logits.safetensors", "none", 0, NULL));
}

static void other_classes_or_samples_are_refused(void **state) {
    small_run *run = *state;
    lbk__safetensors_writer *writer;
    char *out = small_run_path(run, "logits.safetensors"), ids[2048] = "[\"unknown\"";
    static const float zeros[4 * (SAMPLES + 1)];
    for (int i = 0; i < SAMPLES; i++) sprintf(ids + strlen(ids), ", \"s%d\"", i);
    strcat(ids, "]");
    const lbk__metadata metadata = {"ids", ids};
    for (int64_t classes = 3; classes <= 4; classes++) {
        const lbk__tensor_spec spec = {"logits", LBK__F32, 2, {SAMPLES + 1, classes}};
        check_ok(run->context,
                 lbk__safetensors_writer_open(run->context, out, &spec, 1, &metadata, 1, NULL, &writer));
        check_ok(run->context,
                 lbk__safetensors_writer_put(writer, zeros, (SAMPLES + 1) * (size_t)classes * 4));
        check_ok(run->context, lbk__safetensors_writer_commit(writer, NULL));
        lbk__safetensors_writer_close(writer);
        check_fails(run->context, LBK_MISMATCH,
                    classes == 3 ? "has logits of \"unknown\", which is no sample of the pack"
                                 : "has logits of 4 classes, the pack has 3; `limbeck info`",
                    small_run_go(run, NULL, "logits.safetensors", "none", 0, NULL));
    }
    free(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up_cache, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_containers_are_read),
        cmocka_unit_test(what_is_no_such_file_is_refused),
        cmocka_unit_test(wrong_arrays_are_refused),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(wrong_ids_of_npz_are_refused),
        cmocka_unit_test(as_many_ids_as_logits_in_hdf5),
        TEST(logits_teach_as_a_cache_does),
        TEST(an_interrupted_run_goes_on_with_its_logits),
        TEST(the_joint_view_alone_serves_kd),
        TEST(wrong_samples_are_named),
        TEST(other_classes_or_samples_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
