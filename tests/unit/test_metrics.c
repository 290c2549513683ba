/* Metrics and thresholds against scikit-learn: tests/golden/metrics.safetensors, made by oracle/metrics.py;
 * then what a file cannot show: names, bad input, small cases done by hand. */
#include "golden.h"

#include "eval/metrics.h"

/* `targets` is freed with lbk__labels_free. */
static lbk__metrics_input case_input(lbk_context *context, const lbk__safetensors *file, int k,
                                     lbk__labels *targets) {
    const lbk__tensor_entry *logits = golden(file, k, "logits", LBK__F32);
    *targets = labels_of(context, golden(file, k, "targets", LBK__F32)->data, logits->shape[0],
                         (int32_t)logits->shape[1]);
    return (lbk__metrics_input){
        .label_kind = (lbk_label_kind) * (const int32_t *)golden(file, k, "kind", LBK__I32)->data,
        .num_samples = logits->shape[0],
        .num_classes = (int32_t)logits->shape[1],
        .logits = logits->data,
        .labels = golden(file, k, "labels", LBK__I32)->data,
        .targets = targets,
        .thresholds = golden(file, k, "thresholds", LBK__F32)->data,
        .teacher = golden(file, k, "teacher", LBK__F32)->data,
    };
}

static void metrics_are_scikit_learns(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file;
    bool defined[3][16] = {{false}}; /* by label kind and metric: in some case */
    check_ok(context, lbk__safetensors_open(context, "tests/golden/metrics.safetensors", &file));
    for (int k = 0; k < golden_cases(file); k++) {
        lbk__labels targets;
        lbk__metrics_input input = case_input(context, file, k, &targets);
        lbk__metrics metrics;
        check_ok(context, lbk__metrics_compute(context, &input, &metrics));
        const double *want = golden(file, k, "metrics", LBK__F64)->data;
        for (int m = 0; lbk__metric_names[m]; m++) {
            double value = lbk__metric_value(&metrics, lbk__metric_names[m]);
            bool same =
                isnan(want[m]) ? isnan(value) : fabs(value - want[m]) <= 1e-9 * fmax(1, fabs(want[m]));
            if (!same)
                fail_msg("case %d: %s is %.12g, scikit-learn %.12g", k, lbk__metric_names[m], value, want[m]);
            defined[input.label_kind][m] |= !isnan(value);
        }
        lbk__labels_free(context, &targets);
    }
    for (int kind = 0; kind < 3; kind++)
        for (int m = 0; lbk__metric_names[m]; m++)
            assert_int_equal(lbk__metric_applies(lbk__metric_names[m], (lbk_label_kind)kind),
                             defined[kind][m]);
    assert_false(lbk__metric_applies("elsewhere", LBK_LABEL_SINGLE));
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void thresholds_are_the_best_of_all(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/metrics.safetensors", &file));
    for (int k = 0; k < golden_cases(file); k++) {
        lbk__labels targets;
        lbk__metrics_input input = case_input(context, file, k, &targets);
        const float *want = golden(file, k, "best", LBK__F32)->data;
        float thresholds[8];
        assert_true(input.num_classes <= 8);
        check_ok(context, lbk__choose_thresholds(context, &input, thresholds));
        for (int c = 0; c < input.num_classes; c++)
            if (!(fabsf(thresholds[c] - want[c]) <= 1e-6f * want[c]))
                fail_msg("case %d, class %d: threshold %.9g, not %.9g", k, c, (double)thresholds[c],
                         (double)want[c]);
        lbk__labels_free(context, &targets);
    }
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void names_are_the_fields(void **state) {
    (void)state;
    lbk__metrics metrics = {.accuracy = 1, .f1_macro = 2, .entropy = 3};
    check_near(lbk__metric_value(&metrics, "accuracy"), 1, 0);
    check_near(lbk__metric_value(&metrics, "f1_macro"), 2, 0);
    check_near(lbk__metric_value(&metrics, "entropy"), 3, 0);
    assert_true(isnan(lbk__metric_value(&metrics, "num_samples")));
    assert_true(lbk__metric_rises("auroc") && !lbk__metric_rises("loss") && !lbk__metric_rises("ece"));
}

static void nothing_is_defined_on_no_samples(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__labels none = labels_of(context, NULL, 0, 3);
    lbk__metrics_input input = {.label_kind = LBK_LABEL_MULTI, .num_classes = 3, .targets = &none};
    lbk__metrics metrics;
    check_ok(context, lbk__metrics_compute(context, &input, &metrics));
    for (int m = 0; lbk__metric_names[m]; m++)
        assert_true(isnan(lbk__metric_value(&metrics, lbk__metric_names[m])));
    float thresholds[3];
    check_ok(context, lbk__choose_thresholds(context, &input, thresholds));
    assert_true(thresholds[0] == 0.5f && thresholds[2] == 0.5f);
    lbk__labels_free(context, &none);
    lbk_context_destroy(context);
}

static void a_teacher_and_thresholds_are_optional(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float logits[] = {0, -1, 1, 0};
    lbk__labels targets = labels_of(context, (float[]){1, 0, 1, 1}, 2, 2);
    lbk__metrics_input input = {.label_kind = LBK_LABEL_MULTI,
                                .num_samples = 2,
                                .num_classes = 2,
                                .logits = logits,
                                .targets = &targets};
    lbk__metrics metrics;
    check_ok(context, lbk__metrics_compute(context, &input, &metrics));
    assert_true(isnan(metrics.kl));
    check_near(metrics.accuracy, 1, 0); /* a probability of ½ is a yes */
    lbk__labels_free(context, &targets);
    lbk_context_destroy(context);
}

static void bad_numbers_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float logits[] = {0, 1, 2, 3}, teacher[] = {0, 0, 0, 0};
    int32_t labels[] = {0, 1};
    lbk__metrics_input input = {
        .num_samples = 2, .num_classes = 2, .logits = logits, .labels = labels, .teacher = teacher};
    lbk__metrics metrics;
    check_ok(context, lbk__metrics_compute(context, &input, &metrics));
    labels[1] = 2;
    check_fails(context, LBK_INVALID_ARGUMENT, "the label of sample 1 is 2, but there are 2 classes",
                lbk__metrics_compute(context, &input, &metrics));
    labels[1] = 0, logits[3] = NAN;
    check_fails(context, LBK_NUMERIC, "sample 1, class 1 is not finite",
                lbk__metrics_compute(context, &input, &metrics));
    logits[3] = 1, teacher[0] = INFINITY;
    check_fails(context, LBK_NUMERIC, "teacher's logit of sample 0",
                lbk__metrics_compute(context, &input, &metrics));
    input.num_classes = 0;
    check_fails(context, LBK_INVALID_ARGUMENT, "0 classes", lbk__metrics_compute(context, &input, &metrics));
    lbk_context_destroy(context);
}

static void unlabelled_samples_count_for_entropy_and_kl_only(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float sure[] = {3, -3}, unsure[] = {0, 0};
    lbk__tally *tally;
    lbk__metrics metrics;
    check_ok(context, lbk__tally_create(context, LBK_LABEL_SINGLE, 2, NULL, &tally));
    check_ok(context, lbk__tally_add(tally, sure, 0, NULL, NULL));
    check_ok(context, lbk__tally_add(tally, unsure, -1, NULL, unsure));
    lbk__tally_metrics(tally, &metrics);
    check_near(metrics.accuracy, 1, 0);
    check_near(metrics.loss, log1p(exp(-6)), 1e-15);
    check_near(metrics.kl, 0, 0);
    check_near(metrics.entropy, (log(2) + 0.017311424) / 2, 1e-8);
    assert_int_equal(metrics.num_samples, 2);
    lbk__tally_free(tally);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_scikit_learns),
        cmocka_unit_test(thresholds_are_the_best_of_all),
        cmocka_unit_test(names_are_the_fields),
        cmocka_unit_test(nothing_is_defined_on_no_samples),
        cmocka_unit_test(a_teacher_and_thresholds_are_optional),
        cmocka_unit_test(unlabelled_samples_count_for_entropy_and_kl_only),
        cmocka_unit_test(bad_numbers_are_refused),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
