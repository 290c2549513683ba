/* Export: the files that other tools agreed with (oracle/exports.py) are written byte for byte; a Hugging
 * Face folder holds the model and nothing else, as float32 or float16. */
#include "check.h"
#include "own_weights.h"

#include "base/file.h"
#include "base/half.h"
#include "format/json.h"
#include "format/weights.h"

static lbk_context *context;
static char *folder;

static const char *inside(const char *name) {
    static char path[4][400];
    static int next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static int set_up(void **state) {
    (void)state;
    context = check_context();
    folder = check_folder();
    check_ok(context, lbk_import(context, "tests/golden/import/visual_reasoning", inside("visual"), NULL));
    check_ok(context, lbk_import(context, "tests/golden/import/visual_answers", inside("answers"), NULL));
    check_ok(context, lbk_import(context, "tests/golden/import/bert", inside("bert"), NULL));
    return 0;
}

static lbk_status export(const char *model, const char *out, lbk_export_format format, int half) {
    const lbk_export_options options = {inside(model), inside(out), format, half};
    return lbk_export(context, &options, NULL);
}

static void check_same(const char *path, const char *golden) {
    char *a, *b, expected[128];
    size_t a_size, b_size;
    snprintf(expected, sizeof expected, "tests/golden/export/%s", golden);
    check_ok(context, lbk__read_file(context, path, 1 << 20, &a, &a_size));
    check_ok(context, lbk__read_file(context, expected, 1 << 20, &b, &b_size));
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    lbk_free(context, a);
    lbk_free(context, b);
}

static void onnx_files_are_those_that_onnxruntime_agreed_with(void **state) {
    (void)state;
    check_ok(context, export("visual", "a.onnx", LBK_EXPORT_ONNX, 0));
    check_ok(context, export("visual", "b.onnx", LBK_EXPORT_ONNX, 1));
    check_same(inside("a.onnx"), "float32.onnx");
    check_same(inside("b.onnx"), "float16.onnx");
    check_ok(context, export("answers", "c.onnx", LBK_EXPORT_ONNX, 0));
    check_same(inside("c.onnx"), "last_word.onnx");
}

static void folders_have_every_tokenizer_file(void **state) {
    (void)state;
    check_ok(context, export("bert", "hf-bert", LBK_EXPORT_HF, 0));
    check_same(inside("hf-bert/tokenizer.json"), "tokenizer.json");
    assert_true(lbk__exists(inside("hf-bert/vocab.txt")));
    assert_true(lbk__exists(inside("hf-bert/tokenizer_config.json")));
    assert_true(lbk__exists(inside("hf-bert/special_tokens_map.json")));
    /* A model without a vocabulary has none to give. */
    check_ok(context, export("visual", "hf-visual", LBK_EXPORT_HF, 0));
    assert_false(lbk__exists(inside("hf-visual/tokenizer.json")));
    lbk__model *model;
    check_ok(context, lbk__model_load(context, inside("bert"), &model));
    memcpy(strstr(model->vocab, "[CLS]"), "[cls]", 5);
    check_ok(context, lbk__model_save(model, NULL, inside("no-cls")));
    check_fails(context, LBK_BAD_DATA, "lacks [CLS]", export("no-cls", "hf-no-cls", LBK_EXPORT_HF, 0));
    lbk__model_free(model);
}

static void folders_hold_the_model_and_nothing_else(void **state) {
    (void)state;
    for (int half = 0; half < 2; half++) {
        const char *out = half ? "half" : "single";
        lbk__model *model, *again;
        lbk__weights *weights;
        json_t *config;
        char path[64];
        check_ok(context, lbk__model_load(context, inside("visual"), &model));
        own_weights(model)[0] = 1 + 0x1p-20f; /* no float16 */
        check_ok(context, lbk__model_save(model, NULL, inside("changed")));
        check_ok(context, export("changed", out, LBK_EXPORT_HF, half));
        check_ok(context, lbk__weights_open_folder(context, inside(out), &weights));
        assert_int_equal(lbk__weights_count(weights), model->num_parameters);
        assert_int_equal(lbk__weights_at(weights, 0)->dtype, half ? LBK__F16 : LBK__F32);
        check_ok(context, lbk__model_load(context, inside(out), &again));
        assert_true(again->weights[0] == (half ? 1.0f : 1 + 0x1p-20f));
        for (size_t i = 1; i < model->num_values; i++) assert_true(model->weights[i] == again->weights[i]);
        assert_string_equal(again->class_names[2], "owl");
        snprintf(path, sizeof path, "%s/config.json", out);
        check_ok(context, lbk__json_load_file(context, inside(path), &config));
        assert_string_equal(json_string_value(json_object_get(config, "torch_dtype")),
                            half ? "float16" : "float32");
        json_decref(config);
        lbk__weights_close(weights);
        lbk__model_free(model);
        lbk__model_free(again);
    }
}

static void folders_say_what_their_classifier_reads(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"visual", "VisualBertForVisualReasoning"},
                                           {"answers", "VisualBertForQuestionAnswering"}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char out[64];
        lbk__weights *weights;
        json_t *config;
        snprintf(out, sizeof out, "of-%s", cases[i][0]);
        check_ok(context, export(cases[i][0], out, LBK_EXPORT_HF, 0));
        check_ok(context, lbk__weights_open_folder(context, inside(out), &weights));
        /* transformers' model has a pooler either way. */
        assert_true(lbk__weights_find(weights, "visual_bert.pooler.dense.weight") >= 0);
        snprintf(out, sizeof out, "of-%s/config.json", cases[i][0]);
        check_ok(context, lbk__json_load_file(context, inside(out), &config));
        assert_string_equal(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                            cases[i][1]);
        json_decref(config);
        lbk__weights_close(weights);
    }
}

/* Into an empty folder, or where a killed export left weights and temporaries; no file of the user's goes. */
static void folders_that_are_in_use_are_refused(void **state) {
    (void)state;
    check_ok(context, lbk__make_folder(context, inside("used")));
    check_ok(context, export("visual", "used", LBK_EXPORT_HF, 0));
    assert_int_equal(remove(inside("used/config.json")), 0);
    check_ok(context, lbk__write_file(context, inside("used/config.json.tmp-1-0"), "{", 1));
    check_ok(context, export("visual", "used", LBK_EXPORT_HF, 1));
    assert_false(lbk__exists(inside("used/config.json.tmp-1-0")));
    static const char *const files[] = {"vocab.txt", "config.yaml", "model.safetensors"};
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        char out[32], file[64], sentence[96];
        snprintf(out, sizeof out, "mine%zu", i);
        snprintf(file, sizeof file, "%s/%s", out, files[i]);
        snprintf(sentence, sizeof sentence, "is not empty, \"%s\" lies in it", files[i]);
        check_ok(context, lbk__make_folder(context, inside(out)));
        check_ok(context, lbk__write_file(context, inside(file), "mine", 4));
        snprintf(file, sizeof file, "%s/theirs.tmp-1-0", out);
        check_ok(context, lbk__write_file(context, inside(file), "theirs", 6));
        check_fails(context, LBK_INVALID_ARGUMENT, sentence,
                    lbk_import(context, "tests/golden/import/bert", inside(out), NULL));
        check_fails(context, LBK_INVALID_ARGUMENT, sentence, export("bert", out, LBK_EXPORT_HF, 0));
        assert_true(lbk__exists(inside(file))); /* of a process that writes there */
    }
}

static void what_cannot_be_written_is_refused(void **state) {
    (void)state;
    lbk__model *model;
    check_fails(context, LBK_INVALID_ARGUMENT, "is a model already",
                export("bert", "visual", LBK_EXPORT_HF, 0));
    check_ok(context, lbk__write_file(context, inside("notes.txt"), "mine", 4));
    check_fails(context, LBK_INVALID_ARGUMENT, "notes.txt: is there and is no ONNX file",
                export("visual", "notes.txt", LBK_EXPORT_ONNX, 0));
    check_fails(context, LBK_INVALID_ARGUMENT, "is there and is no ONNX file",
                export("visual", "visual/model.safetensors", LBK_EXPORT_ONNX, 0));
    check_ok(context, export("visual", "twice.onnx", LBK_EXPORT_ONNX, 1));
    check_ok(context, export("visual", "twice.onnx", LBK_EXPORT_ONNX, 0));
    check_same(inside("twice.onnx"), "float32.onnx");
    check_ok(context, lbk__model_load(context, inside("visual"), &model));
    own_weights(model)[lbk__model_find(model, "cls.weight")->offset] = 65520;
    check_ok(context, lbk__model_save(model, NULL, inside("large")));
    check_fails(context, LBK_NUMERIC, "cls.weight has the number 65520",
                export("large", "large.onnx", LBK_EXPORT_ONNX, 1));
    check_fails(context, LBK_NUMERIC, "cls.weight", export("large", "large16", LBK_EXPORT_HF, 1));
    assert_false(lbk__exists(inside("large.onnx")) || lbk__exists(inside("large16/config.json")));
    check_fails(context, LBK_IO, "no/such", export("visual", "no/such/file.onnx", LBK_EXPORT_ONNX, 0));
    lbk__model_free(model);
}

static int tear_down(void **state) {
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    free(folder);
    lbk_context_destroy(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(onnx_files_are_those_that_onnxruntime_agreed_with),
        cmocka_unit_test(folders_have_every_tokenizer_file),
        cmocka_unit_test(folders_hold_the_model_and_nothing_else),
        cmocka_unit_test(folders_say_what_their_classifier_reads),
        cmocka_unit_test(folders_that_are_in_use_are_refused),
        cmocka_unit_test(what_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
