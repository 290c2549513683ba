/* The bootstrap: scores of a resample against the metrics' own code, intervals against numpy
 * (tests/golden/statistics.safetensors) and against what is known of a mean. */
#include "golden.h"

#include "base/random.h"
#include "study/bootstrap.h"

/* A resample written out is scored by lbk__metrics_compute as the scorer says from the counts. */
static void check_scorer(lbk_context *context, const lbk__metrics_input *input, const char *metric) {
    const int64_t n = input->num_samples, classes = input->num_classes;
    lbk__metrics_input drawn = *input;
    float *logits = malloc((size_t)(n * classes) * sizeof *logits),
          *targets = malloc((size_t)(n * classes) * sizeof *targets);
    lbk__labels drawn_labels;
    int32_t *labels = malloc((size_t)n * sizeof *labels), *times = calloc((size_t)n, sizeof *times);
    for (int64_t i = 0; i < n; i++) {
        const int64_t from = lbk__below(3, LBK__STREAM_SYNTHETIC, 0, (uint64_t)i, (uint32_t)n);
        memcpy(logits + i * classes, input->logits + from * classes, (size_t)classes * sizeof *logits);
        lbk__labels_row(input->targets, from, (int32_t)classes, targets + i * classes);
        labels[i] = input->labels[from];
        times[from]++;
    }
    drawn_labels = labels_of(context, targets, n, (int32_t)classes);
    drawn.logits = logits, drawn.targets = &drawn_labels, drawn.labels = labels, drawn.teacher = NULL;
    lbk__metrics metrics;
    lbk__scorer scorer;
    check_ok(context, lbk__metrics_compute(context, &drawn, &metrics));
    check_ok(context, lbk__scorer_create(context, metric, input, &scorer));
    const double score = lbk__scorer_score(&scorer, times), wanted = lbk__metric_value(&metrics, metric);
    if (!(fabs(score - wanted) <= 1e-12) && !(isnan(score) && isnan(wanted)))
        fail_msg("%s: %.15g, not %.15g", metric, score, wanted);
    lbk__scorer_free(context, &scorer);
    lbk__labels_free(context, &drawn_labels);
    free(logits), free(targets), free(labels), free(times);
}

static void scorers_are_the_metrics(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file;
    int known = 0;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/metrics.safetensors", &file));
    for (int k = 0; k < golden_cases(file); k++) {
        const lbk__tensor_entry *logits = golden(file, k, "logits", LBK__F32);
        lbk__labels targets = labels_of(context, golden(file, k, "targets", LBK__F32)->data, logits->shape[0],
                                        (int32_t)logits->shape[1]);
        const lbk__metrics_input input = {
            .label_kind = (lbk_label_kind) * (const int32_t *)golden(file, k, "kind", LBK__I32)->data,
            .num_samples = logits->shape[0],
            .num_classes = (int32_t)logits->shape[1],
            .logits = logits->data,
            .labels = golden(file, k, "labels", LBK__I32)->data,
            .targets = &targets,
            .thresholds = golden(file, k, "thresholds", LBK__F32)->data};
        for (int m = 0; input.num_samples && lbk__metric_names[m]; m++)
            if (lbk__scorer_knows(lbk__metric_names[m], input.label_kind, input.num_classes)) {
                check_scorer(context, &input, lbk__metric_names[m]);
                known++;
            }
        lbk__labels_free(context, &targets);
    }
    assert_true(known > 20);
    assert_true(lbk__scorer_knows("f1_micro", LBK_LABEL_SINGLE, 3));
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void intervals_are_numpys(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/statistics.safetensors", &file));
    const lbk__tensor_entry *right = lbk__safetensors_find(file, "right");
    const double *wanted = lbk__safetensors_find(file, "bootstrap")->data;
    enum { MOST = 200 };
    const int64_t n = right->shape[1];
    double part[2][MOST];
    for (int64_t i = 0; i < 2 * n; i++) part[i / n][i % n] = ((const uint8_t *)right->data)[i];
    const lbk__scorer a = {.count = n, .part = part[0]}, b = {.count = n, .part = part[1]};
    lbk__interval interval;
    check_ok(context, lbk__paired_bootstrap(context, &a, &b, 1, 500, 9, &interval));
    check_near(interval.low, wanted[0], 1e-9);
    check_near(interval.high, wanted[1], 1e-9);
    check_near(interval.p, wanted[2], 1e-9);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

/* The interval of a mean of independent samples is ±1.96 standard errors. */
static void intervals_are_right_for_a_mean(void **state) {
    (void)state;
    enum { N = 400 };
    lbk_context *context = check_context();
    double part[N], nothing[N] = {0}, whole[N], mean = 0, square = 0;
    for (int i = 0; i < N; i++) {
        part[i] = 0.1 + lbk__normal(1, LBK__STREAM_SYNTHETIC, 0, (uint64_t)i);
        whole[i] = 1;
        mean += part[i] / N;
    }
    for (int i = 0; i < N; i++) square += (part[i] - mean) * (part[i] - mean) / N;
    const double error = sqrt(square / N), p = erfc(mean / error / sqrt(2));
    const lbk__scorer a = {.count = N, .part = part, .whole = whole},
                      b = {.count = N, .part = nothing, .whole = whole};
    lbk__interval interval;
    check_ok(context, lbk__paired_bootstrap(context, &a, &b, 1, 10000, 1, &interval));
    check_near(interval.low, mean - 1.96 * error, 0.1 * error);
    check_near(interval.high, mean + 1.96 * error, 0.1 * error);
    check_near(interval.p, p, 0.25 * p + 0.002);
    check_ok(context, lbk__paired_bootstrap(context, &b, &b, 1, 100, 1, &interval));
    assert_true(interval.low == 0 && interval.high == 0 && interval.p == 1);
    check_ok(context, lbk__paired_bootstrap(context, &a, &b, 0, 100, 1, &interval));
    assert_true(isnan(interval.p));
    lbk_context_destroy(context);
}

/* Two seeds that are right on X and Y, against two that are right on X ∪ Y but for one sample, and on X ∩ Y:
 * in the draws without that sample, (1 − 1/N)^N of all, they are right as often, however the four scores are
 * rounded. */
static void equal_sums_are_equal(void **state) {
    (void)state;
    enum { N = 37 };
    lbk_context *context = check_context();
    double part[4][N];
    int either = 0; /* a sample of X ∪ Y, not of X ∩ Y */
    for (int i = 0; i < N; i++) {
        const bool x = lbk__uniform(4, LBK__STREAM_SYNTHETIC, 0, (uint64_t)i) < 0.4,
                   y = lbk__uniform(4, LBK__STREAM_SYNTHETIC, 1, (uint64_t)i) < 0.6;
        part[0][i] = x, part[1][i] = y, part[2][i] = x || y, part[3][i] = x && y;
        if (x != y) either = i;
    }
    part[2][either] = 0;
    lbk__scorer scorers[4];
    for (int k = 0; k < 4; k++) scorers[k] = (lbk__scorer){.count = N, .part = part[k]};
    lbk__interval interval;
    check_ok(context, lbk__paired_bootstrap(context, scorers, scorers + 2, 2, 4000, 1, &interval));
    check_near(interval.p, 2 * pow(1 - 1.0 / N, N), 0.05);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scorers_are_the_metrics), cmocka_unit_test(intervals_are_numpys),
        cmocka_unit_test(equal_sums_are_equal), cmocka_unit_test(intervals_are_right_for_a_mean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
