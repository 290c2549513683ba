/* What must hold of losses, saliencies and weights on any input: bounds, finiteness, identities; values
 * against PyTorch are test_losses.c's. */
#include "check.h"

#include "base/logits.h"
#include "base/random.h"
#include "distill/distill.h"

enum { CLASSES = 7, TRIALS = 400 };
static const lbk_label_kind KINDS[] = {LBK_LABEL_SINGLE, LBK_LABEL_MULTI, LBK_LABEL_SOFT};

/* Logits of every character: ordinary, tiny, huge, tied, ±10⁴ mixed with 0. */
static void draw(float *out, int count, uint32_t trial, uint32_t salt) {
    static const double scales[] = {1, 1e-6, 30, 1e4};
    for (int c = 0; c < count; c++) {
        double x = lbk__normal(7 + salt, LBK__STREAM_SYNTHETIC, trial, (uint64_t)c) * scales[trial % 4];
        if (trial % 5 == 4)
            x = 1e4 * ((int)lbk__below(9 + salt, LBK__STREAM_SYNTHETIC, trial, (uint64_t)c, 3) - 1);
        out[c] = (float)fmin(fmax(x, -1e4), 1e4);
    }
}

static void check_finite(const float *values, int count) {
    for (int c = 0; c < count; c++) assert_true(isfinite(values[c]));
}

static void losses_are_finite_and_not_negative(void **state) {
    (void)state;
    static const double temperatures[] = {0.1, 0.5, 1, 2, 10};
    float teacher[CLASSES], student[CLASSES], targets[CLASSES], gradient[CLASSES];
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        draw(teacher, CLASSES, trial, 0), draw(student, CLASSES, trial / 7, 1);
        for (int c = 0; c < CLASSES; c++)
            targets[c] = (float)(0.5 * lbk__below(3, LBK__STREAM_SYNTHETIC, trial, (uint64_t)c, 3));
        double value = lbk__cross_entropy(student, CLASSES, (int32_t)(trial % CLASSES), gradient);
        assert_true(value >= 0 && isfinite(value)), check_finite(gradient, CLASSES);
        value = lbk__binary_cross_entropy(student, CLASSES, targets, gradient);
        assert_true(value >= 0 && isfinite(value)), check_finite(gradient, CLASSES);
        for (size_t k = 0; k < LBK_COUNT(KINDS); k++)
            for (size_t t = 0; t < LBK_COUNT(temperatures); t++) {
                value = lbk__divergence(KINDS[k], teacher, student, CLASSES, temperatures[t], gradient);
                assert_true(value >= 0 && isfinite(value)), check_finite(gradient, CLASSES);
                check_near(lbk__divergence(KINDS[k], teacher, student, CLASSES, temperatures[t], NULL), value,
                           1e-12 * value);
            }
    }
}

static void a_model_does_not_diverge_from_itself(void **state) {
    (void)state;
    float logits[CLASSES], gradient[CLASSES];
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        draw(logits, CLASSES, trial, 0);
        for (size_t k = 0; k < LBK_COUNT(KINDS); k++) {
            assert_true(lbk__divergence(KINDS[k], logits, logits, CLASSES, 0.7, gradient) == 0);
            for (int c = 0; c < CLASSES; c++) assert_true(gradient[c] == 0);
            for (int s = 0; s < LBK__NUM_SALIENCIES; s++)
                check_near(lbk__saliency_of((lbk__saliency)s, KINDS[k], logits, logits, CLASSES, -1, NULL), 0,
                           1e-15);
        }
    }
}

/* Opposite certainties: each measure at its upper bound, gradients at ±τ. */
static void opposite_certainties_reach_the_bounds(void **state) {
    (void)state;
    float yes[2] = {1e4f, -1e4f}, no[2] = {-1e4f, 1e4f}, gradient[2], targets[2] = {1, 0};
    for (size_t k = 0; k < LBK_COUNT(KINDS); k++) {
        double tau = 0.1, sides = k == 0 ? 1 : 2;
        check_near(lbk__divergence(KINDS[k], yes, no, 2, tau, gradient), sides * tau * 1e4 * (k == 0 ? 2 : 1),
                   1e-6);
        check_near((double)gradient[0], -tau, 1e-7);
        check_near((double)gradient[1], tau, 1e-7);
        check_near(lbk__saliency_of(LBK__SALIENCY_JS, KINDS[k], yes, no, 2, 0, targets), log(2), 1e-15);
        check_near(lbk__saliency_of(LBK__SALIENCY_TV, KINDS[k], yes, no, 2, 0, targets), 1, 1e-15);
        check_near(lbk__saliency_of(LBK__SALIENCY_LABEL, KINDS[k], yes, no, 2, 0, targets), 2e4, 1e-6);
        check_near(lbk__saliency_of(LBK__SALIENCY_LABEL, KINDS[k], no, yes, 2, 0, targets), 0, 0);
        check_near(lbk__saliency_of(LBK__SALIENCY_LABEL, KINDS[k], yes, no, 2, -1, NULL), 0, 0);
    }
}

static void saliencies_keep_their_bounds(void **state) {
    (void)state;
    float joint[CLASSES], removed[CLASSES];
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        draw(joint, CLASSES, trial, 2), draw(removed, CLASSES, trial / 3, 3);
        for (size_t k = 0; k < LBK_COUNT(KINDS); k++)
            for (int n = 1; n <= CLASSES; n += 3) {
                double kl = lbk__saliency_of(LBK__SALIENCY_KL, KINDS[k], joint, removed, n, -1, NULL);
                double js = lbk__saliency_of(LBK__SALIENCY_JS, KINDS[k], joint, removed, n, -1, NULL);
                double tv = lbk__saliency_of(LBK__SALIENCY_TV, KINDS[k], joint, removed, n, -1, NULL);
                assert_true(kl >= 0 && isfinite(kl));
                assert_true(js >= 0 && js <= log(2) && tv >= 0 && tv <= 1);
                double back = lbk__saliency_of(LBK__SALIENCY_JS, KINDS[k], removed, joint, n, -1, NULL);
                check_near(js, back, 1e-14);
                assert_true(tv * tv <= kl / 2 + 1e-12); /* Pinsker */
            }
    }
}

/* A prediction that lacks a of 1, another that lacks b: to first order in them KL = a·log(a/b) − a + b, JS =
 * ½·(a·log(2a/(a + b)) + b·log(2b/(a + b))), TV = |a − b|, CE differs by b − a. */
static void sure_teachers_are_told_apart(void **state) {
    (void)state;
    const float sure[] = {20, 34, 36, 40, 300};
    for (size_t i = 0; i < LBK_COUNT(sure); i++)
        for (size_t k = 0; k < LBK_COUNT(KINDS); k++) {
            const float joint[2] = {1 + sure[i], 1}, removed[2] = {7 + sure[i] - 0.5f, 7},
                        targets[2] = {1, 0};
            const double a = exp(-(double)sure[i]), b = exp(0.5 - (double)sure[i]);
            const double wanted[] = {a * log(a / b) - a + b,
                                     0.5 * (a * log(2 * a / (a + b)) + b * log(2 * b / (a + b))), b - a,
                                     b - a};
            for (int s = 0; k == 0 && s < LBK__NUM_SALIENCIES; s++)
                check_near(lbk__saliency_of((lbk__saliency)s, KINDS[k], joint, removed, 2, 0, targets),
                           wanted[s], 1e-7 * wanted[s]);
            const float p = sure[i], q = sure[i] - 0.5f;
            for (int s = 0; k > 0 && s < LBK__NUM_SALIENCIES; s++)
                check_near(lbk__saliency_of((lbk__saliency)s, KINDS[k], &p, &q, 1, 0, targets), wanted[s],
                           1e-7 * wanted[s]);
        }
}

static void entropy_is_between_0_and_its_maximum(void **state) {
    (void)state;
    float logits[CLASSES];
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        draw(logits, CLASSES, trial, 4);
        double single = lbk__entropy(LBK_LABEL_SINGLE, logits, CLASSES);
        double multi = lbk__entropy(LBK_LABEL_MULTI, logits, CLASSES);
        assert_true(single >= 0 && single <= log(CLASSES) + 1e-14 && multi >= 0 && multi <= log(2) + 1e-15);
    }
    for (int c = 0; c < CLASSES; c++) logits[c] = -3;
    check_near(lbk__entropy(LBK_LABEL_SINGLE, logits, CLASSES), log(CLASSES), 1e-14);
    check_near(lbk__entropy(LBK_LABEL_MULTI, logits, CLASSES), 0.19086497110644, 1e-10);
}

static void check_weights(const lbk__weight_rule *rule, float text, float image, double joint, double t,
                          double i) {
    float saliency[2] = {text, image}, weights[LBK_NUM_VIEWS];
    lbk__sample_weights(rule, saliency, weights);
    check_near((double)weights[LBK_VIEW_JOINT], joint, 1e-7);
    check_near((double)weights[LBK_VIEW_TEXT], t, 1e-7);
    check_near((double)weights[LBK_VIEW_IMAGE], i, 1e-7);
}

static void weights_follow_their_rules(void **state) {
    (void)state;
    lbk__weight_rule rule = {.rho = 0.4, .fixed = {0.5, 2, 0}, .mean_saliency = {0.2, 0.6}};
    rule.weighting = LBK__WEIGHTS_UNIFORM, check_weights(&rule, 1, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3);
    rule.weighting = LBK__WEIGHTS_FIXED, check_weights(&rule, 1, 0, 0.5, 2, 0);
    rule.weighting = LBK__WEIGHTS_POPULATION, check_weights(&rule, 1, 0, 0.4, 0.15, 0.45);
    rule.weighting = LBK__WEIGHTS_INSTANCE, check_weights(&rule, 1, 0, 0.4, 0.6, 0);
    check_weights(&rule, 0, 0, 0.4, 0.3, 0.3);
    check_weights(&rule, 1e-30f, 3e-30f, 0.4, 0.15, 0.45);
    check_weights(&rule, 2e4f, 2e4f, 0.4, 0.3, 0.3);
    rule.rho = 1, check_weights(&rule, 5, 1, 1, 0, 0);
    rule.rho = 0, check_weights(&rule, 0, 1, 0, 0, 1);
}

/* Against numpy's mean, std and percentile of (1, 2, 4, 8, 16)/32. */
static void weights_are_summarised(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float weights[15];
    for (int i = 0; i < 15; i++) weights[i] = i % 3 ? 0.25f : (float)(1 << (4 - i / 3)) / 32;
    lbk__weight_summary summary[LBK_NUM_VIEWS];
    check_ok(context, lbk__summarise_weights(context, weights, 5, summary));
    check_near(summary[0].mean, 0.19375, 1e-15);
    check_near(summary[0].deviation, 0.17047727121232323, 1e-15);
    check_near(summary[0].percentile_5, 0.0375, 1e-15);
    check_near(summary[0].percentile_50, 0.125, 1e-15);
    check_near(summary[0].percentile_95, 0.45, 1e-15);
    check_near(summary[2].mean, 0.25, 0);
    check_near(summary[2].deviation, 0, 0);
    check_ok(context, lbk__summarise_weights(context, weights, 1, summary));
    check_near(summary[0].percentile_95, 0.5, 0);
    check_ok(context, lbk__summarise_weights(context, NULL, 0, summary));
    check_near(summary[0].mean, 0, 0);
    lbk_context_destroy(context);
}

static void an_empty_batch_has_no_loss(void **state) {
    (void)state;
    lbk__loss_input input = {
        .method = LBK__METHOD_MSD, .num_classes = 3, .alpha = 0.5, .temperature = 1, .scale = 1};
    lbk__loss_terms terms;
    lbk__loss(&input, NULL, &terms);
    assert_true(terms.loss == 0 && terms.cross_entropy == 0 && terms.num_labelled == 0);
}

/* The same batch at scale ¼: a quarter of the gradient, the same terms. */
static void scale_changes_the_gradient_only(void **state) {
    (void)state;
    float student[6], teacher[6], whole[6], quarter[6], weights[] = {0.2f, 0.3f, 0.5f};
    draw(student, 6, 0, 5), draw(teacher, 6, 0, 6);
    int32_t label = 1;
    uint8_t labelled = 1;
    lbk__loss_input input = {.method = LBK__METHOD_MSD,
                             .num_samples = 1,
                             .num_classes = 2,
                             .alpha = 0.5,
                             .temperature = 2,
                             .student = student,
                             .teacher = teacher,
                             .labels = &label,
                             .labelled = &labelled,
                             .weights = weights,
                             .scale = 1};
    lbk__loss_terms first, second;
    lbk__loss(&input, whole, &first);
    input.scale = 0.25;
    lbk__loss(&input, quarter, &second);
    assert_memory_equal(&first, &second, sizeof first);
    for (int c = 0; c < 6; c++) check_near((double)quarter[c], 0.25 * (double)whole[c], 1e-8);
}

/* Large enough for several threads and more than one block of samples. */
static void a_large_batch_is_the_sum_of_its_samples(void **state) {
    (void)state;
    enum { BATCH = 70, MANY = 301, ALL = 3 * BATCH * MANY };
    float *student = calloc(ALL, sizeof *student), *teacher = calloc(ALL, sizeof *teacher);
    float *gradient = calloc(ALL, sizeof *gradient), alone[MANY], weights[3 * BATCH];
    uint8_t labelled[BATCH] = {0};
    draw(student, ALL, 0, 7), draw(teacher, ALL, 0, 8);
    for (int i = 0; i < 3 * BATCH; i++) weights[i] = (float)(i % 11) / 10;
    lbk__loss_input input = {.method = LBK__METHOD_MSD,
                             .label_kind = LBK_LABEL_MULTI,
                             .num_samples = BATCH,
                             .num_classes = MANY,
                             .alpha = 0.5,
                             .temperature = 2,
                             .student = student,
                             .teacher = teacher,
                             .labelled = labelled,
                             .weights = weights,
                             .scale = 1};
    lbk__loss_terms terms;
    lbk__loss(&input, gradient, &terms);
    double loss = 0;
    for (int v = 0; v < 3; v++)
        for (int i = 0; i < BATCH; i++) {
            int at = (v * BATCH + i) * MANY;
            double share = 0.5 * (double)weights[i * 3 + v] / BATCH;
            loss += share * lbk__divergence(LBK_LABEL_MULTI, teacher + at, student + at, MANY, 2, alone);
            for (int c = 0; c < MANY; c++)
                check_near((double)gradient[at + c], share * (double)alone[c], 1e-9);
        }
    check_near(terms.loss, loss, 1e-12 * loss);
    free(student), free(teacher), free(gradient);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_finite_and_not_negative),
        cmocka_unit_test(a_model_does_not_diverge_from_itself),
        cmocka_unit_test(opposite_certainties_reach_the_bounds),
        cmocka_unit_test(saliencies_keep_their_bounds),
        cmocka_unit_test(sure_teachers_are_told_apart),
        cmocka_unit_test(entropy_is_between_0_and_its_maximum),
        cmocka_unit_test(weights_follow_their_rules),
        cmocka_unit_test(weights_are_summarised),
        cmocka_unit_test(a_large_batch_is_the_sum_of_its_samples),
        cmocka_unit_test(an_empty_batch_has_no_loss),
        cmocka_unit_test(scale_changes_the_gradient_only),
    };
    return cmocka_run_group_tests_name("distill", tests, NULL, NULL);
}
