/* Statistics against scipy: tests/golden/statistics.safetensors, made by oracle/study.py; then the ends. */
#include "golden.h"

#include "study/statistics.h"

static lbk__safetensors *open_golden(lbk_context *context) {
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/statistics.safetensors", &file));
    return file;
}

static void check_same(int k, const char *what, double value, double wanted) {
    if (isnan(wanted) ? !isnan(value) : !(fabs(value - wanted) <= 1e-9 * fmax(fabs(wanted), 1e-3)))
        fail_msg("case %d: %s is %.15g, scipy's %.15g", k, what, value, wanted);
}

static void pairs_are_scipys(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file = open_golden(context);
    for (int k = 0; k < golden_cases(file); k++) {
        const lbk__tensor_entry *pairs = golden(file, k, "a", LBK__F64);
        const double *a = pairs->data, *b = golden(file, k, "b", LBK__F64)->data,
                     *wanted = golden(file, k, "results", LBK__F64)->data;
        const int64_t n = pairs->shape[0];
        const lbk__mean mean = lbk__mean_of(a, n);
        double p;
        check_same(k, "the mean", mean.mean, wanted[0]);
        check_same(k, "the deviation", mean.deviation, wanted[1]);
        check_same(k, "the half width", mean.half_width, wanted[2]);
        check_same(k, "p of t", lbk__paired_t(a, b, n), wanted[3]);
        check_ok(context, lbk__wilcoxon(context, a, b, n, &p));
        check_same(k, "p of Wilcoxon", p, wanted[4]);
    }
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void students_are_scipys(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file = open_golden(context);
    const lbk__tensor_entry *table = lbk__safetensors_find(file, "students");
    const double *row = table->data;
    for (int k = 0; k < table->shape[0]; k++, row += 3) {
        const double p = lbk__student_p(row[0], row[1]);
        if (!(fabs(p - row[2]) <= 1e-9 * row[2])) fail_msg("t %g, %g: %.15g", row[0], row[1], p);
        if (p > 0 && p < 1) check_near(lbk__student_quantile(p, row[1]) / row[0], 1, 1e-6);
    }
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void holm_steps_down(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file = open_golden(context);
    const lbk__tensor_entry *table = lbk__safetensors_find(file, "holm");
    const double *p = table->data;
    double corrected[16];
    lbk__holm(p, table->shape[1], corrected);
    for (int k = 0; k < table->shape[1]; k++) check_same(k, "Holm's p", corrected[k], p[table->shape[1] + k]);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void ends_are_defined(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const double a[] = {0.1, 0.2, 0.3}, b[] = {0.2, 0.3, 0.4};
    double p;
    assert_true(isnan(lbk__mean_of(a, 0).mean) && isnan(lbk__paired_t(a, b, 1)));
    /* Both seeds are better by 1/24, but for rounding: p would be 0. Holm counts the others. */
    const double kd[] = {15 / 24., 3 / 24.}, msd[] = {16 / 24., 4 / 24.},
                 beyond[] = {16 / 24., 4 / 24. + 1e-11};
    double corrected[3];
    assert_true(msd[0] - kd[0] != msd[1] - kd[1] && isnan(lbk__paired_t(msd, kd, 2)));
    assert_true(lbk__paired_t(beyond, kd, 2) < 1e-6 && isnan(lbk__paired_t(a, b, 3)));
    lbk__holm((double[]){0.01, NAN, 0.04}, 3, corrected);
    assert_true(corrected[0] == 0.02 && isnan(corrected[1]) && corrected[2] == 0.04);
    assert_true(lbk__student_p(INFINITY, 3) == 0 && isnan(lbk__student_p(NAN, 3)));
    check_ok(context, lbk__wilcoxon(context, a, b, 3, &p)); /* three equal differences but for rounding */
    check_near(p, 0.25, 1e-15);
    check_ok(context, lbk__wilcoxon(context, a, b, 0, &p));
    assert_true(isnan(p));
    check_ok(context, lbk__wilcoxon(context, a, (double[]){0.2, NAN, 0.4}, 3, &p)); /* a score not defined */
    assert_true(isnan(p) && isnan(lbk__paired_t(a, (double[]){0.2, NAN, 0.4}, 3)));
    check_fails(context, LBK_INVALID_ARGUMENT, "at most 1000 pairs",
                lbk__wilcoxon(context, a, b, LBK__MAX_PAIRS + 1, &p));
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_scipys),
                                       cmocka_unit_test(students_are_scipys),
                                       cmocka_unit_test(holm_steps_down), cmocka_unit_test(ends_are_defined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
