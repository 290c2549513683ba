/* 50 MSD steps follow PyTorch's losses in float64 (oracle/curve.py). The bound is four times what PyTorch's
 * own float32 strays from its float64 on the same steps, which the golden file tells. */
#include "golden_model.h"

#include "distill/distill.h"
#include "train/optimizer.h"

enum { STEPS = 50, BATCH = 8, SAMPLES = 24 };

typedef struct training {
    lbk_context *context;
    lbk__safetensors *file;
    lbk__model *model;
    golden_samples samples;
    lbk__batch batch[3];
    lbk__runner *runner;
    lbk__optimizer optimizer;
} training;

static void open_training(training *t, const char *name) {
    *t = (training){.context = check_context()};
    t->file = golden_open(t->context, name);
    t->model = golden_model(t->context, t->file);
    t->samples = golden_samples_of(t->file);
    assert_int_equal(t->samples.num_samples, SAMPLES);
    lbk__batch_limits limits = {0};
    for (int32_t k = 0; k < 3; k++) {
        int32_t order[BATCH];
        for (int32_t i = 0; i < BATCH; i++) order[i] = k * BATCH + i;
        t->batch[k] = golden_batch(&t->samples, order, BATCH);
        limits = golden_limits(&t->batch[k]); /* every batch has texts and rows of the same lengths */
    }
    check_ok(t->context, lbk__runner_create(t->model, NULL, &limits, LBK__RUN_TRAIN, 0, &t->runner));
    check_ok(t->context, lbk__optimizer_create(t->model, &t->optimizer));
}

static void close_training(training *t) {
    lbk__optimizer_free(&t->optimizer);
    lbk__runner_free(t->runner);
    for (int k = 0; k < 3; k++) golden_batch_free(&t->batch[k]);
    free(t->samples.visual);
    lbk__model_free(t->model);
    lbk__safetensors_close(t->file);
    lbk_context_destroy(t->context);
}

/* Loss of batch k under the current weights; gradients are left in the runner. */
static double loss_of(training *t, lbk_label_kind kind, int32_t k) {
    const int32_t classes = t->model->config.num_labels;
    const float *all = golden_data(t->file, "teacher", LBK__F32, NULL); /* [3, SAMPLES, C] */
    float teacher[3 * BATCH * 8], gradient[3 * BATCH * 8];
    assert_true(classes <= 8);
    for (int32_t view = 0; view < 3; view++)
        memcpy(teacher + view * BATCH * classes, all + (view * SAMPLES + k * BATCH) * classes,
               (size_t)(BATCH * classes) * sizeof *teacher);
    const lbk__loss_input input = {
        .method = LBK__METHOD_MSD,
        .label_kind = kind,
        .num_samples = BATCH,
        .num_classes = classes,
        .alpha = golden_number(t->file, "setting", 0),
        .temperature = golden_number(t->file, "setting", 1),
        .student = lbk__runner_forward(t->runner, &t->batch[k], -1),
        .teacher = teacher,
        .targets = (const float *)golden_data(t->file, "targets", LBK__F32, NULL) + k * BATCH * classes,
        .labels = (const int32_t *)golden_data(t->file, "labels", LBK__I32, NULL) + k * BATCH,
        .labelled = (const uint8_t *)golden_data(t->file, "labelled", LBK__U8, NULL) + k * BATCH,
        .weights = (const float *)golden_data(t->file, "weights", LBK__F32, NULL) + 3 * k * BATCH,
        .scale = 1,
    };
    lbk__loss_terms terms;
    lbk__loss(&input, gradient, &terms);
    lbk__runner_zero_gradients(t->runner);
    lbk__runner_backward(t->runner, gradient);
    return terms.loss;
}

static void follow(const char *name, lbk_label_kind kind) {
    training t;
    open_training(&t, name);
    const double *setting = golden_data(t.file, "setting", LBK__F64, NULL);
    const double *expected = golden_data(t.file, "losses", LBK__F64, NULL);
    const double warmup = setting[3], drift = golden_number(t.file, "drift", 0);
    double worst = 0;
    for (int32_t i = 0; i < STEPS; i++) {
        const double loss = loss_of(&t, kind, i % 3);
        worst = fmax(worst, fabs(loss - expected[i]));
        if (!(fabs(loss - expected[i]) <= 4 * drift))
            fail_msg("%s, step %d: loss %.9g, PyTorch's %.9g, bound %.1e", name, i, loss, expected[i],
                     4 * drift);
        const float *gradients = lbk__runner_gradients(t.runner);
        const double share = fmin((i + 1) / warmup, (STEPS - i) / (STEPS - warmup));
        const lbk__adamw_options options = {.learning_rate = setting[4] * share,
                                            .weight_decay = setting[5],
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .epsilon = 1e-8};
        const double norm = lbk__gradient_norm(t.model, gradients, NULL);
        lbk__optimizer_step(&t.optimizer, gradients, NULL, lbk__clip_scale(norm, setting[6]), &options);
    }
    print_message("%s: loss %.4f to %.4f, at most %.1e off (PyTorch's float32: %.1e)\n", name, expected[0],
                  expected[STEPS - 1], worst, drift);
    close_training(&t);
}

static void fifty_steps_follow_pytorch(void **state) {
    (void)state;
    follow("curve_single", LBK_LABEL_SINGLE);
    follow("curve_multi", LBK_LABEL_MULTI);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_steps_follow_pytorch),
    };
    return cmocka_run_group_tests_name("golden curve", tests, NULL, NULL);
}
