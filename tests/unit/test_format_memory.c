/* Memory that runs out while a file is read or written: the n-th allocation fails, for every n. */
#include "scarce.h"

#include "base/file.h"
#include "format/events.h"
#include "format/hdf5_features.h"
#include "format/json.h"
#include "format/onnx.h"
#include "format/safetensors.h"
#include "format/weights.h"

#include <unistd.h>

static char *folder;
static char path[256];

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove(path);
    rmdir(folder);
    free(folder);
    return 0;
}

static lbk_status safetensors_work(lbk_context *context, void *unused) {
    (void)unused;
    const lbk__tensor_spec spec = {"a", LBK__U8, 1, {3}};
    lbk__safetensors_writer *writer = NULL;
    lbk__safetensors *file = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_writer_open(context, path, &spec, 1, NULL, 0, "hash", &writer));
    LBK_GO(lbk__safetensors_writer_put(writer, "abc", 3));
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
    LBK_GO(lbk__safetensors_open(context, path, &file));
    assert_memory_equal(lbk__safetensors_find(file, "a")->data, "abc", 3);
done:
    lbk__safetensors_writer_close(writer);
    lbk__safetensors_close(file);
    return status;
}

static lbk_status json_work(lbk_context *context, void *unused) {
    (void)unused;
    lbk_status status = LBK_OK;
    json_t *root = json_pack("{s:i}", "k", 1), *again = NULL;
    lbk__json_lines *lines = NULL;
    lbk__json_in in;
    char *text = NULL;
    LBK_GO(lbk__json_write_file(context, path, root, JSON_COMPACT));
    LBK_GO(lbk__json_load_file(context, path, &again));
    LBK_GO(lbk__json_dump(context, again, 0, &text));
    LBK_GO(lbk__json_lines_open(context, path, &lines));
    LBK_GO(lbk__json_lines_next(lines, &in));
    assert_true(json_equal(in.object, root));
done:
    lbk__json_lines_close(lines);
    lbk_free(context, text);
    json_decref(again);
    json_decref(root);
    return status;
}

static lbk_status events_work(lbk_context *context, void *unused) {
    (void)unused;
    lbk_status status = LBK_OK;
    lbk__events *events = NULL;
    char kept[512] = "";
    LBK_GO(lbk__events_create(context, folder, 7, &events));
    snprintf(kept, sizeof kept, "%s", lbk__events_path(events));
    LBK_GO(lbk__events_scalar(events, "a tag that needs more memory than the first event had", 1, 8, 9));
    LBK_GO(lbk__events_flush(events));
    const uint64_t offset = lbk__events_tell(events);
    lbk__events_close(events);
    LBK_GO(lbk__events_resume(context, kept, offset, &events));
done:
    lbk__events_close(events);
    if (*kept) remove(kept);
    return status;
}

static lbk_status features_work(lbk_context *context, void *unused) {
    (void)unused;
    static const char *const files[] = {"tests/golden/features/half.h5", "tests/golden/features/float.h5"};
    lbk_status status = LBK_OK;
    lbk__features *features = NULL;
    uint16_t out[2 * 3 * 4];
    for (int i = 0; i < 2; i++) {
        LBK_GO(lbk__features_open(context, files[i], &features));
        LBK_GO(lbk__features_read(features, 0, 2, out));
        lbk__features_close(features);
        features = NULL;
    }
done:
    lbk__features_close(features);
    return status;
}

static lbk_status weights_work(lbk_context *context, void *unused) {
    (void)unused;
    static const char *const files[] = {"tests/golden/torch/zip.bin", "tests/golden/torch/older.bin"};
    lbk_status status = LBK_OK;
    lbk__weights *weights = NULL;
    float out[8];
    for (int i = 0; i < 2; i++) {
        LBK_GO(lbk__weights_open(context, files[i], &weights));
        LBK_GO(lbk__weights_read(weights, (size_t)lbk__weights_find(weights, "middle"), out));
        lbk__weights_close(weights);
        weights = NULL;
    }
    LBK_GO(lbk__weights_open_folder(context, "tests/golden/import/visual_pretraining", &weights));
done:
    lbk__weights_close(weights);
    return status;
}

static void graphs_that_no_file_holds_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    lbk_context *context = check_context();
    lbk__onnx *onnx;
    remove(path);
    check_ok(context, lbk__onnx_create(context, "test", &onnx));
    LBK__ONNX(onnx, "Neg", "x");
    for (size_t i = 0; i < LBK_COUNT(names); i++) lbk__onnx_set_integer(onnx, names[i], 1);
    check_fails(context, LBK_INTERNAL, "too many attributes", lbk__onnx_write(onnx, path));
    lbk__onnx_free(onnx);

    /* What is too large is told before its numbers are looked at. */
    const lbk__tensor_spec large = {"w", LBK__F32, 2, {1 << 16, 1 << 14}};
    check_ok(context, lbk__onnx_create(context, "test", &onnx));
    lbk__onnx_tensor(onnx, &large, names);
    check_fails(context, LBK_INVALID_ARGUMENT, "would exceed 2 GiB", lbk__onnx_write(onnx, path));
    lbk__onnx_free(onnx);
    assert_false(lbk__exists(path));
    lbk_context_destroy(context);
}

static lbk_status onnx_work(lbk_context *context, void *unused) {
    (void)unused;
    const lbk__onnx_extent shape[] = {{"n", 0}, {NULL, 3}};
    lbk_status status = LBK_OK;
    lbk__onnx *onnx = NULL;
    LBK_GO(lbk__onnx_create(context, "test", &onnx));
    lbk__onnx_input(onnx, "x", LBK__F32, 2, shape);
    lbk__onnx_output(onnx, "y", LBK__F32, 2, shape);
    lbk__onnx_node(onnx, "Transpose", "y", (const char *const[]){LBK__ONNX(onnx, "Neg", "x"), NULL});
    lbk__onnx_set_integers(onnx, "perm", (const int64_t[]){0, 1}, 2);
    lbk__onnx_set_integer(onnx, "i", 1);
    lbk__onnx_set_real(onnx, "f", 0.5f);
    lbk__onnx_node(onnx, "Add", NULL, (const char *const[]){"y", lbk__onnx_real(onnx, 2), NULL});
    lbk__onnx_metadata(onnx, "key", "value");
    LBK_GO(lbk__onnx_write(onnx, path));
done:
    lbk__onnx_free(onnx);
    return status;
}

static void safetensors_survive(void **state) {
    (void)state;
    check_starving(safetensors_work, NULL, 8);
}
static void json_survives(void **state) {
    (void)state;
    check_starving(json_work, NULL, 8);
}
static void events_survive(void **state) {
    (void)state;
    check_starving(events_work, NULL, 5);
}
static void features_survive(void **state) {
    (void)state;
    check_starving(features_work, NULL, 12);
}

static void weights_survive(void **state) {
    (void)state;
    check_starving(weights_work, NULL, 30);
}
static void onnx_survives(void **state) {
    (void)state;
    check_starving(onnx_work, NULL, 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_survive),
        cmocka_unit_test(json_survives),
        cmocka_unit_test(events_survive),
        cmocka_unit_test(features_survive),
        cmocka_unit_test(weights_survive),
        cmocka_unit_test(onnx_survives),
        cmocka_unit_test(graphs_that_no_file_holds_are_refused),
    };
    return cmocka_run_group_tests_name("format_memory", tests, set_up, tear_down);
}
