/* One MSD step against PyTorch in float64 (oracle/gradients.py), with the dropout masks of the rule and
 * without, in float32 and in bfloat16: loss, logits, the gradient of every parameter, the tangent of the
 * logits. */
#include "golden_model.h"

#include "distill/distill.h"

/* How far off each may be: logits absolutely, the others by their norm. bfloat16 has 8 bits: the bounds are
 * two to three times what was seen. */
typedef struct bounds {
    lbk__precision precision;
    double logits, loss, gradient, projection, tangent, adjoint;
} bounds;
static const bounds fp32 = {LBK__PRECISION_FP32, 1e-5, 1e-5, 1e-4, 1e-4, 1e-4, 1e-5},
                    bf16 = {LBK__PRECISION_BF16, 0.1, 6e-3, 6e-2, 0.15, 6e-2, 3e-3};

/* A golden step: model and runner, its batch run forward. */
typedef struct step {
    lbk_context *context;
    const bounds *most;
    lbk__safetensors *file;
    lbk__model *model;
    golden_samples samples;
    lbk__batch batch;
    lbk__runner *runner;
    const float *logits; /* [3, B, C] */
    size_t count;        /* of logits */
} step;

static void open_step(step *s, const char *name, const bounds *most) {
    *s = (step){.context = check_context(), .most = most};
    s->file = golden_open(s->context, name);
    s->model = golden_model(s->context, s->file);
    s->model->precision = most->precision;
    s->samples = golden_samples_of(s->file);
    int32_t order[16];
    for (int32_t i = 0; i < s->samples.num_samples; i++) order[i] = i;
    s->batch = golden_batch(&s->samples, order, s->samples.num_samples);
    const lbk__batch_limits limits = golden_limits(&s->batch);
    const int64_t *seeds = golden_data(s->file, "seeds", LBK__I64, NULL); /* weights, dropout, its step */
    check_ok(s->context,
             lbk__runner_create(s->model, NULL, &limits, LBK__RUN_META, (uint64_t)seeds[1], &s->runner));
    s->logits = lbk__runner_forward(s->runner, &s->batch, seeds[2]);
    s->count = (size_t)(s->batch.num_sequences * s->model->config.num_labels);
}

static void close_step(step *s) {
    lbk__runner_free(s->runner);
    golden_batch_free(&s->batch);
    free(s->samples.visual);
    lbk__model_free(s->model);
    lbk__safetensors_close(s->file);
    lbk_context_destroy(s->context);
}

/* ‖a − b‖ / ‖b‖. */
static double relative(const float *a, const float *b, size_t count, double *norm) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    *norm = sqrt(size);
    return sqrt(difference / (size + 1e-300));
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static double loss_and_gradient(const step *s, lbk_label_kind kind, float *gradient) {
    const lbk__loss_input input = {
        .method = LBK__METHOD_MSD,
        .label_kind = kind,
        .num_samples = s->batch.num_samples,
        .num_classes = s->model->config.num_labels,
        .alpha = golden_number(s->file, "setting", 0),
        .temperature = golden_number(s->file, "setting", 1),
        .student = s->logits,
        .teacher = golden_data(s->file, "teacher", LBK__F32, NULL),
        .targets = golden_data(s->file, "targets", LBK__F32, NULL),
        .labels = golden_data(s->file, "labels", LBK__I32, NULL),
        .labelled = golden_data(s->file, "labelled", LBK__U8, NULL),
        .weights = golden_data(s->file, "weights", LBK__F32, NULL),
        .scale = 1,
    };
    lbk__loss_terms terms;
    lbk__loss(&input, gradient, &terms);
    return terms.loss;
}

static void check_gradients(const step *s) {
    double worst = 0, norm;
    for (size_t i = 0; i < s->model->num_parameters; i++) {
        const lbk__parameter *p = &s->model->parameters[i];
        char name[128];
        snprintf(name, sizeof name, "grad/%s", p->name);
        size_t count;
        const float *expected = golden_data(s->file, name, LBK__F32, &count);
        const float *own = lbk__runner_gradients(s->runner) + p->offset;
        assert_int_equal(count, p->rows * p->cols);
        double error = relative(own, expected, count, &norm);
        if (strstr(p->name, "attention.self.key.bias")) { /* 0 in exact numbers: softmax does not see it */
            for (size_t k = 0; k < count; k++) check_near(own[k], 0, 1e-6);
            continue;
        }
        if (!(error <= s->most->gradient))
            fail_msg("gradient of %s: relative error %g, norm %g", p->name, error, norm);
        if (error > worst) worst = error;
    }
    print_message("gradients: largest relative error of a parameter %.1e\n", worst);
}

/* Against norms and projections. */
static void check_projections(const step *s) {
    double worst = 0;
    float *r = calloc(s->model->num_values, sizeof *r);
    golden_fill(s->model, golden_seed(s->file) + 2, r);
    for (size_t i = 0; i < s->model->num_parameters; i++) {
        const lbk__parameter *p = &s->model->parameters[i];
        const size_t count = (size_t)p->rows * (size_t)p->cols;
        const float *own = lbk__runner_gradients(s->runner) + p->offset;
        char name[128];
        snprintf(name, sizeof name, "grad/%s", p->name);
        const double norm = golden_number(s->file, name, 0);
        const double error = fabs(dot(own, r + p->offset, count) - golden_number(s->file, name, 1));
        if (strstr(p->name, "attention.self.key.bias")) continue;
        const double bound = s->most->projection * norm;
        check_near(sqrt(dot(own, own, count)), norm, bound);
        if (!(error <= bound)) fail_msg("gradient of %s: off by %g of %g", p->name, error, norm);
        worst = fmax(worst, error / norm);
    }
    print_message("gradients: largest relative error of a projection %.1e\n", worst);
    free(r);
}

static void compare_step(const char *name, const bounds *most, lbk_label_kind kind,
                         void (*check)(const step *)) {
    step s;
    open_step(&s, name, most);
    const double off = golden_largest(s.logits, golden_data(s.file, "logits", LBK__F64, NULL), s.count);
    float *d_logits = malloc(s.count * sizeof *d_logits);
    const double loss = golden_number(s.file, "loss", 0), own = loss_and_gradient(&s, kind, d_logits);
    print_message("%s, %s: logits off by %.1e, loss by %.1e of it\n", name,
                  lbk__precision_names[most->precision], off, fabs(own / loss - 1));
    check_near(off, 0, most->logits);
    check_near(own, loss, most->loss * fabs(loss));
    lbk__runner_backward(s.runner, d_logits);
    check(&s);
    lbk__runner_zero_gradients(s.runner);
    const float *gradients = lbk__runner_gradients(s.runner);
    check_near(dot(gradients, gradients, s.model->num_values), 0, 0);
    free(d_logits);
    close_step(&s);
}

static void compare_steps(const bounds *most) {
    compare_step("gradients_single", most, LBK_LABEL_SINGLE, check_gradients);
    compare_step("gradients_single_dropout", most, LBK_LABEL_SINGLE, check_gradients);
    compare_step("gradients_multi", most, LBK_LABEL_MULTI, check_gradients);
    compare_step("gradients_multi_dropout", most, LBK_LABEL_SOFT, check_gradients);
    compare_step("gradients_words", most, LBK_LABEL_SINGLE, check_gradients); /* reads the last word */
    compare_step("gradients_words_dropout", most, LBK_LABEL_SINGLE, check_gradients);
    compare_step("gradients_312", most, LBK_LABEL_MULTI, check_projections); /* a larger model */
}

static void gradients_in_float32(void **state) {
    (void)state;
    compare_steps(&fp32);
}

static void gradients_in_bfloat16(void **state) {
    (void)state;
    compare_steps(&bf16);
}

/* J·u against PyTorch's forward mode, and ⟨v, J·u⟩ = ⟨Jᵀ·v, u⟩ within the engine. */
static void compare_tangent(const char *name, const bounds *most) {
    step s;
    open_step(&s, name, most);
    float *u = calloc(s.model->num_values, sizeof *u), *v = malloc(s.count * sizeof *v);
    golden_fill(s.model, golden_seed(s.file) + 1, u);
    const double *expected = golden_data(s.file, "tangent", LBK__F64, NULL);
    float *tangent = malloc(s.count * sizeof *tangent); /* backward may take the runner's */
    memcpy(tangent, lbk__runner_tangent(s.runner, u), s.count * sizeof *tangent);
    double difference = 0, size = 0;
    for (size_t i = 0; i < s.count; i++) {
        difference += pow((double)tangent[i] - expected[i], 2);
        size += pow(expected[i], 2);
        v[i] = (float)lbk__normal(6, LBK__STREAM_SYNTHETIC, 0, i);
    }
    print_message("%s, %s: tangent off by %.1e of its norm\n", name, lbk__precision_names[most->precision],
                  sqrt(difference / size));
    check_near(sqrt(difference / size), 0, most->tangent);
    lbk__runner_backward(s.runner, v);
    const double left = dot(v, tangent, s.count),
                 right = dot(lbk__runner_gradients(s.runner), u, s.model->num_values);
    check_near(left, right, most->adjoint * sqrt(dot(v, v, s.count) * size));
    free(u);
    free(v);
    free(tangent);
    close_step(&s);
}

static void compare_tangents(const bounds *most) {
    compare_tangent("gradients_single", most);
    compare_tangent("gradients_single_dropout", most);
    compare_tangent("gradients_multi_dropout", most);
    compare_tangent("gradients_words_dropout", most);
    compare_tangent("gradients_312", most);
}

static void tangents_in_float32(void **state) {
    (void)state;
    compare_tangents(&fp32);
}

static void tangents_in_bfloat16(void **state) {
    (void)state;
    compare_tangents(&bf16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_in_float32),
        cmocka_unit_test(gradients_in_bfloat16),
        cmocka_unit_test(tangents_in_float32),
        cmocka_unit_test(tangents_in_bfloat16),
    };
    return cmocka_run_group_tests_name("golden gradients", tests, NULL, NULL);
}
