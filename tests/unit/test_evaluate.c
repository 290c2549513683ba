/* Evaluation of small random models on a small pack: reports say what the metrics say; and memory that runs
 * out while probing and evaluating. */
#include "probe_fixture.h"
#include "scarce.h"

#include "model/parameters.h"

/* ---- evaluation ---- */

static void a_report_says_what_the_metrics_say(void **state) {
    fixture *f = *state;
    char *text;
    double ignored;
    check_ok(f->context, probe(f, f->teacher_path, 0, NULL));
    const lbk_evaluate_options options = {.model = f->student_path,
                                          .pack = f->pack_path,
                                          .cache = f->cache_path,
                                          .teacher = f->teacher_path,
                                          .batch_size = 4,
                                          .timing = 1};
    check_ok(f->context, lbk_evaluate(f->context, &options, &text));
    json_t *report = parse(f, text);
    lbk__metrics metrics = split_metrics(f, "test", LBK_VIEW_TEXT, &ignored);
    check_near(number(report, "views/text/teacher/accuracy"), metrics.accuracy, 1e-8);
    check_near(number(report, "views/text/teacher/f1_macro"), metrics.f1_macro, 1e-8);
    check_near(number(report, "views/text/teacher/loss"), metrics.loss, 1e-5);
    assert_true(number(report, "views/text/teacher/auroc") > 0);
    assert_true(number(report, "views/joint/model/kl") > 1e-3);
    check_near(number(report, "num_samples"), 11, 0);
    assert_true(number(report, "models/model/latency_ms") > 0 &&
                number(report, "models/teacher/samples_per_s") > 0);
    check_near(number(report, "models/model/parameters"), number(report, "models/teacher/parameters"), 0);
    assert_true(number(report, "models/model/file_bytes") >
                4 * number(report, "models/model/parameters") - 1);
    json_decref(report);
}

static void a_narrow_model_is_shown_beside_float32(void **state) {
    fixture *f = *state;
    static const char *const narrow[] = {"int8", "bf16"};
    for (size_t i = 0; i < LBK_COUNT(narrow); i++) {
        char *text;
        const lbk_evaluate_options options = {
            .model = f->student_path, .pack = f->pack_path, .precision = narrow[i], .timing = 1};
        check_ok(f->context, lbk_evaluate(f->context, &options, &text));
        json_t *report = parse(f, text), *models = json_object_get(report, "models");
        const json_t *precision = json_object_get(json_object_get(models, "model"), "precision");
        assert_string_equal(json_string_value(precision), narrow[i]);
        const double loss = number(report, "views/joint/fp32/loss");
        assert_true(number(report, "views/joint/model/loss") != loss);
        check_near(number(report, "views/joint/model/loss"), loss, 0.1 * loss);
        assert_true(number(report, "models/fp32/latency_ms") > 0);
        json_decref(report);
    }
    char *text;
    const lbk_evaluate_options wrong = {.model = f->student_path, .pack = f->pack_path, .precision = "int4"};
    check_fails(f->context, LBK_INVALID_ARGUMENT, "\"int4\" is none of",
                lbk_evaluate(f->context, &wrong, &text));
}

static void a_model_does_not_diverge_from_its_own_cache(void **state) {
    fixture *f = *state;
    char *text;
    check_ok(f->context, probe(f, f->student_path, 0, NULL));
    const lbk_evaluate_options options = {
        .model = f->student_path, .pack = f->pack_path, .split = "dev", .cache = f->cache_path};
    check_ok(f->context, lbk_evaluate(f->context, &options, &text));
    json_t *report = parse(f, text);
    check_near(number(report, "views/image/model/kl"), 0, 1e-9);
    const json_t *models = json_object_get(report, "models");
    assert_int_equal(json_object_size(models), 1);
    assert_null(json_object_get(json_object_get(models, "model"), "latency_ms"));
    json_decref(report);
}

static void bad_evaluations_are_refused(void **state) {
    fixture *f = *state;
    char *text;
    lbk_evaluate_options options = {.model = f->student_path, .pack = f->pack_path, .split = "val"};
    check_fails(f->context, LBK_INVALID_ARGUMENT,
                "no sample in a split \"val\"; its splits:", lbk_evaluate(f->context, &options, &text));
    assert_null(text);
    options.split = "test", options.model = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_evaluate(f->context, &options, &text));
    check_ok(f->context, probe(f, f->student_path, 0, NULL));
    options.model = f->student_path, options.cache = f->cache_path, options.teacher = f->teacher_path;
    check_fails(f->context, LBK_MISMATCH, "another teacher", lbk_evaluate(f->context, &options, &text));
    options.cache = f->pack_path;
    check_fails(f->context, LBK_BAD_DATA, f->pack_path, lbk_evaluate(f->context, &options, &text));
}

/* Weights in a file of another name, which an index tells of, as large models have them. */
static void a_model_in_shards_is_measured(void **state) {
    fixture *f = *state;
    char *text, *whole = path_in(f, "student/model.safetensors"),
                *part = path_in(f, "student/part.safetensors"),
                *index = path_in(f, "student/model.safetensors.index.json");
    lbk__model *model;
    json_t *map = json_object();
    check_ok(f->context, lbk__model_load(f->context, f->student_path, &model));
    for (size_t i = 0; i < model->num_parameters; i++)
        json_object_set_new(map, lbk__parameter_spec(&model->parameters[i]).name,
                            json_string("part.safetensors"));
    const double bytes = (double)model->file_bytes;
    lbk__model_free(model);
    assert_int_equal(rename(whole, part), 0);
    json_t *root = json_pack("{s:o}", "weight_map", map);
    assert_int_equal(json_dump_file(root, index, 0), 0);
    json_decref(root);
    const lbk_evaluate_options options = {.model = f->student_path, .pack = f->pack_path};
    check_ok(f->context, lbk_evaluate(f->context, &options, &text));
    json_t *report = parse(f, text);
    assert_true(bytes > 0);
    check_near(number(report, "models/model/file_bytes"), bytes, 0);
    json_decref(report);
    check_ok(f->context, lbk_info(f->context, f->student_path, &text));
    report = parse(f, text);
    check_near(number(report, "bytes"), bytes, 0);
    json_decref(report);
    free(whole), free(part), free(index);
}

/* ---- memory that runs out ---- */

static lbk_status probe_and_evaluate(lbk_context *context, void *user) {
    const fixture *f = user;
    char *summary = NULL, *report = NULL;
    const lbk_probe_options probing = {
        .teacher = f->teacher_path, .pack = f->pack_path, .out = f->cache_path, .force = 1};
    const lbk_evaluate_options evaluating = {
        .model = f->student_path, .pack = f->pack_path, .cache = f->cache_path, .timing = 1};
    lbk_status status = lbk_probe(context, &probing, &summary);
    if (status == LBK_OK) status = lbk_evaluate(context, &evaluating, &report);
    lbk_free(context, summary);
    lbk_free(context, report);
    return status;
}

static void running_out_of_memory_is_survived(void **state) {
    check_starving(probe_and_evaluate, *state, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_report_says_what_the_metrics_say),
        TEST(a_narrow_model_is_shown_beside_float32),
        TEST(a_model_does_not_diverge_from_its_own_cache),
        TEST(bad_evaluations_are_refused),
        TEST(a_model_in_shards_is_measured),
        TEST(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
