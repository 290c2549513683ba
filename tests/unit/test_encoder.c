/* The whole encoder: fast kernels against the references, backward against central differences, tangent
 * against both. */
#include "check.h"

#include "base/half.h"
#include "base/random.h"
#include "model/parameters.h"

enum { SAMPLES = 5, ROWS = 3, DIM = 7, CLASSES = 4 };

typedef struct fixture {
    lbk_context *context;
    lbk__model *model;
    lbk__batch_limits limits;
    lbk__batch batch;
    int32_t tokens[256], position[256], segment[256], start[3 * SAMPLES + 1], sample[3 * SAMPLES];
    uint16_t visual[SAMPLES * ROWS * DIM];
} fixture;

static float noise(uint32_t stream, uint64_t element) {
    return (float)lbk__normal(9, stream, 0, element);
}

/* Samples of 2 … 20 text tokens under three views, laid out by hand; the last has no picture. */
static void lay_out(fixture *f) {
    static const int32_t lengths[SAMPLES] = {2, 9, 20, 3, 17};
    int32_t t = 0, s = 0;
    for (int view = 0; view < 3; view++)
        for (int i = 0; i < SAMPLES; i++) {
            f->start[s] = t;
            f->sample[s++] = i;
            for (int32_t k = 0; k < lengths[i]; k++) {
                if (view == LBK_VIEW_IMAGE && k > 0 && k < lengths[i] - 1) continue;
                f->tokens[t] = (int32_t)lbk__below(3, 77, 0, (uint64_t)(100 * i + k), 40);
                f->position[t++] = k;
            }
            for (int32_t row = 0; row < ROWS && view != LBK_VIEW_TEXT && i < SAMPLES - 1; row++) {
                f->tokens[t] = -1 - (i * ROWS + row);
                f->segment[t++] = 1;
            }
        }
    f->start[s] = t;
    for (int i = 0; i < SAMPLES * ROWS * DIM; i++) f->visual[i] = lbk__float_to_half(noise(5, (uint64_t)i));
    f->batch = (lbk__batch){.num_tokens = t,
                            .num_sequences = s,
                            .num_rows = (SAMPLES - 1) * ROWS,
                            .visual_dim = DIM,
                            .num_samples = SAMPLES,
                            .num_views = 3,
                            .tokens = f->tokens,
                            .position = f->position,
                            .segment = f->segment,
                            .start = f->start,
                            .sample = f->sample,
                            .visual = f->visual};
    f->limits = (lbk__batch_limits){.num_samples = SAMPLES,
                                    .num_views = 3,
                                    .num_tokens = t + 5,
                                    .num_sequences = s + 1,
                                    .num_rows = SAMPLES * ROWS,
                                    .visual_dim = DIM,
                                    .longest = 24};
}

static void open_fixture(fixture *f, int32_t hidden, int32_t heads) {
    *f = (fixture){.context = check_context()};
    lay_out(f);
    const lbk__model_config config = {.vocab_size = 40,
                                      .hidden_size = hidden,
                                      .num_hidden_layers = 3,
                                      .num_attention_heads = heads,
                                      .intermediate_size = 57,
                                      .max_position_embeddings = 32,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = DIM,
                                      .num_labels = CLASSES,
                                      .hidden_dropout_prob = 0.1f,
                                      .attention_probs_dropout_prob = 0.2f,
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.3f};
    check_ok(f->context, lbk__model_create(f->context, &config, &f->model));
    lbk__model_init_random(f->model, 4);
    for (size_t i = 0; i < f->model->num_parameters; i++) {
        const lbk__parameter *p = &f->model->parameters[i];
        for (int32_t k = 0; p->rank == 1 && k < p->cols; k++)
            f->model->values[p->offset + (size_t)k] += 0.1f * noise(1000 + (uint32_t)i, (uint64_t)k);
    }
}

static void close_fixture(fixture *f) {
    lbk__model_free(f->model);
    lbk_context_destroy(f->context);
}

/* A runner under LIMBECK_KERNELS=`kernels`; NULL: as the environment has it. */
static lbk__runner *runner_under(fixture *f, const char *kernels, lbk__run_mode mode) {
    lbk__runner *runner;
    const char *set = getenv("LIMBECK_KERNELS");
    char *before = set ? strdup(set) : NULL;
    if (kernels) setenv("LIMBECK_KERNELS", kernels, 1);
    check_ok(f->context, lbk__runner_create(f->model, NULL, &f->limits, mode, 11, &runner));
    if (before)
        setenv("LIMBECK_KERNELS", before, 1);
    else
        unsetenv("LIMBECK_KERNELS");
    free(before);
    return runner;
}

static lbk__runner *runner_of(fixture *f, bool reference) {
    return runner_under(f, reference ? "reference" : NULL, LBK__RUN_META);
}

static float *random_array(size_t count, uint32_t stream) {
    float *array = malloc(count * sizeof *array);
    for (size_t i = 0; i < count; i++) array[i] = noise(stream, i);
    return array;
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void check_close(const float *a, const float *b, size_t count, double tolerance) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    check_near(sqrt(difference), 0, tolerance * sqrt(size) + 1e-30);
}

/* Forward, backward and tangent of `fast` against the reference's, each within its bound of the norm. */
static void compare_with_reference(fixture *f, lbk__runner *fast, int64_t step, double bound,
                                   double gradient_bound) {
    lbk__runner *reference = runner_of(f, true);
    const size_t logits = (size_t)f->batch.num_sequences * CLASSES, count = f->model->num_values;
    check_close(lbk__runner_forward(fast, &f->batch, step), lbk__runner_forward(reference, &f->batch, step),
                logits, bound);
    float *d_logits = random_array(logits, 21), *direction = random_array(count, 22);
    lbk__runner_backward(fast, d_logits);
    lbk__runner_backward(reference, d_logits);
    for (size_t i = 0; i < f->model->num_parameters; i++) {
        const lbk__parameter *p = &f->model->parameters[i];
        if (strstr(p->name, "self.key.bias")) { /* its gradient is 0: softmax does not see it */
            for (int32_t k = 0; strstr(p->name, ".2.") && k < p->cols; k++) /* the last layer's exactly */
                assert_true(lbk__runner_gradients(fast)[p->offset + (size_t)k] == 0.0f);
            continue;
        }
        check_close(lbk__runner_gradients(fast) + p->offset, lbk__runner_gradients(reference) + p->offset,
                    (size_t)p->rows * (size_t)p->cols, gradient_bound);
    }
    check_close(lbk__runner_tangent(fast, direction), lbk__runner_tangent(reference, direction), logits,
                bound);
    free(d_logits);
    free(direction);
    lbk__runner_free(reference);
}

static void compare_fast_with_reference(int32_t hidden, int32_t heads, int64_t step) {
    fixture f;
    open_fixture(&f, hidden, heads);
    lbk__runner *fast = runner_of(&f, false);
    compare_with_reference(&f, fast, step, 3e-5, 5e-5);
    lbk__runner_free(fast);
    close_fixture(&f);
}

static void fast_equals_reference(void **state) {
    (void)state;
    compare_fast_with_reference(30, 3, -1);
    compare_fast_with_reference(30, 3, 6);
    compare_fast_with_reference(52, 2, 7);
    compare_fast_with_reference(16, 16, 8);
}

static double value_of(const fixture *f, const char *name, int32_t k) {
    return (double)f->model->values[lbk__model_find(f->model, name)->offset + (size_t)k];
}

/* Of one number, a norm leaves its bias: the last one's is all that the classifier reads. */
static void one_number_a_token_is_enough(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 1, 1);
    const double pooled = tanh(value_of(&f, "visual_bert.pooler.dense.weight", 0) *
                                   value_of(&f, "visual_bert.encoder.layer.2.output.LayerNorm.bias", 0) +
                               value_of(&f, "visual_bert.pooler.dense.bias", 0));
    for (int mode = LBK__RUN_META; mode >= LBK__RUN_INFER; mode--) {
        lbk__runner *runner;
        check_ok(f.context, lbk__runner_create(f.model, NULL, &f.limits, (lbk__run_mode)mode, 11, &runner));
        const float *logits = lbk__runner_forward(runner, &f.batch, -1);
        for (int32_t i = 0; i < f.batch.num_sequences * CLASSES; i++)
            check_near((double)logits[i],
                       value_of(&f, "cls.weight", i % CLASSES) * pooled +
                           value_of(&f, "cls.bias", i % CLASSES),
                       1e-6);
        lbk__runner_free(runner);
    }
    close_fixture(&f);
}

/* Matrices of the size that BERT's have, for its width: what rounding does to activations, it does there. */
static void open_calm_fixture(fixture *f, int32_t hidden, int32_t heads) {
    open_fixture(f, hidden, heads);
    for (size_t i = 0; i < f->model->num_parameters; i++) {
        const lbk__parameter *p = &f->model->parameters[i];
        for (size_t k = 0; p->rank == 2 && k < (size_t)p->rows * (size_t)p->cols; k++)
            f->model->values[p->offset + k] *= 0.25f;
    }
}

/* bfloat16 has 8 bits: each product's inputs are off by up to 2⁻⁹. "bf16" is oneDNN's product, whether the
 * processor has the instructions or not, "avx2" the one for processors without. */
static void bf16_is_near_the_reference(void **state) {
    (void)state;
    static const char *const kernels[] = {NULL, "bf16", "avx2", "sse2"};
    for (size_t k = 0; k < LBK_COUNT(kernels); k++) {
        fixture f;
        open_calm_fixture(&f, 52, 2);
        f.model->precision = LBK__PRECISION_BF16;
        lbk__runner *fast = runner_under(&f, kernels[k], LBK__RUN_META);
        compare_with_reference(&f, fast, 7, 2e-2, 4e-2);
        lbk__runner_free(fast);
        close_fixture(&f);
    }
}

/* Both ways of multiplying bfloat16 differ in the order of their sums only. */
static void both_bf16_products_agree(void **state) {
    (void)state;
    fixture f;
    open_calm_fixture(&f, 30, 3);
    f.model->precision = LBK__PRECISION_BF16;
    const size_t logits = (size_t)f.batch.num_sequences * CLASSES;
    lbk__runner *one = runner_under(&f, "bf16", LBK__RUN_INFER),
                *other = runner_under(&f, "avx2", LBK__RUN_INFER);
    check_close(lbk__runner_forward(one, &f.batch, -1), lbk__runner_forward(other, &f.batch, -1), logits,
                3e-3);
    lbk__runner_free(one);
    lbk__runner_free(other);
    close_fixture(&f);
}

static void int8_is_near_the_reference(void **state) {
    (void)state;
    fixture f;
    open_calm_fixture(&f, 52, 2);
    const size_t logits = (size_t)f.batch.num_sequences * CLASSES, count = f.model->num_values;
    f.model->precision = LBK__PRECISION_INT8;
    lbk__runner *fast = runner_under(&f, NULL, LBK__RUN_INFER), *reference = runner_of(&f, true);
    check_close(lbk__runner_forward(fast, &f.batch, -1), lbk__runner_forward(reference, &f.batch, -1), logits,
                5e-2);
    /* Rounded weights are kept until the runner hears of new ones. */
    float *before = random_array(logits, 0);
    memcpy(before, lbk__runner_forward(fast, &f.batch, -1), logits * sizeof *before);
    for (size_t i = 0; i < count; i++) f.model->values[i] *= 1.25f;
    lbk__runner_weights_changed(fast);
    check_close(lbk__runner_forward(fast, &f.batch, -1), lbk__runner_forward(reference, &f.batch, -1), logits,
                5e-2);
    assert_memory_not_equal(before, lbk__runner_forward(fast, &f.batch, -1), logits * sizeof *before);
    free(before);
    lbk__runner_free(fast);
    lbk__runner_free(reference);
    close_fixture(&f);
}

static void tangent_and_backward_are_adjoint(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 30, 3);
    lbk__runner *runner = runner_of(&f, true);
    const size_t logits = (size_t)f.batch.num_sequences * CLASSES, count = f.model->num_values;
    float *v = random_array(logits, 31), *u = random_array(count, 32);
    lbk__runner_forward(runner, &f.batch, 3);
    lbk__runner_backward(runner, v);
    const double left = dot(v, lbk__runner_tangent(runner, u), logits),
                 right = dot(lbk__runner_gradients(runner), u, count);
    check_near(left, right, 1e-6 * fabs(left));
    free(u);
    free(v);
    lbk__runner_free(runner);
    close_fixture(&f);
}

static void tangent_equals_central_differences(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 30, 3);
    lbk__runner *runner = runner_of(&f, true);
    const size_t logits = (size_t)f.batch.num_sequences * CLASSES, count = f.model->num_values;
    float *u = random_array(count, 41), *kept = random_array(count, 0), *difference = random_array(logits, 0);
    const float h = 0x1p-13f;
    memcpy(kept, f.model->values, count * sizeof *kept);
    for (size_t i = 0; i < count; i++) f.model->values[i] = kept[i] + h * u[i];
    memcpy(difference, lbk__runner_forward(runner, &f.batch, 3), logits * sizeof *difference);
    for (size_t i = 0; i < count; i++) f.model->values[i] = kept[i] - h * u[i];
    const float *below = lbk__runner_forward(runner, &f.batch, 3);
    for (size_t i = 0; i < logits; i++) difference[i] = (difference[i] - below[i]) / (2 * h);
    memcpy(f.model->values, kept, count * sizeof *kept);
    lbk__runner_forward(runner, &f.batch, 3);
    check_close(difference, lbk__runner_tangent(runner, u), logits, 2e-3);
    free(u);
    free(kept);
    free(difference);
    lbk__runner_free(runner);
    close_fixture(&f);
}

static void modes_agree_and_memory_shrinks(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 30, 3);
    const size_t logits = (size_t)f.batch.num_sequences * CLASSES, count = f.model->num_values;
    float *first = malloc(logits * sizeof *first), *d_logits = random_array(logits, 51), *gradients = NULL;
    lbk__plan_size sizes[3];
    for (int mode = LBK__RUN_META; mode >= LBK__RUN_INFER; mode--) {
        lbk__runner *runner;
        check_ok(f.context, lbk__runner_create(f.model, NULL, &f.limits, (lbk__run_mode)mode, 11, &runner));
        check_ok(f.context, lbk__runner_estimate(f.model, &f.limits, (lbk__run_mode)mode, &sizes[mode]));
        const float *z = lbk__runner_forward(runner, &f.batch, -1);
        if (mode == LBK__RUN_META) memcpy(first, z, logits * sizeof *first);
        if (mode == LBK__RUN_INFER) {
            check_close(z, first, logits, 2e-6); /* packed weights: another order of sums */
            lbk__runner_free(runner);
            continue;
        }
        assert_memory_equal(first, z, logits * sizeof *first);
        lbk__runner_backward(runner, d_logits);
        if (!gradients) {
            gradients = malloc(count * sizeof *gradients);
            memcpy(gradients, lbk__runner_gradients(runner), count * sizeof *gradients);
        }
        assert_memory_equal(gradients, lbk__runner_gradients(runner), count * sizeof *gradients);
        lbk__runner_zero_gradients(runner);
        for (size_t i = 0; i < count; i++) assert_true(lbk__runner_gradients(runner)[i] == 0.0f);
        lbk__runner_free(runner);
    }
    assert_true(sizes[LBK__RUN_INFER].activations < sizes[LBK__RUN_TRAIN].activations &&
                sizes[LBK__RUN_TRAIN].activations < sizes[LBK__RUN_META].activations);
    free(first);
    free(d_logits);
    free(gradients);
    close_fixture(&f);
}

/* Logits from the hidden state of [CLS], as the head computes them. */
static void head(const lbk__model *model, const float *state, double logits[CLASSES]) {
    const float *v = model->values;
    const lbk__parameter *wp = lbk__model_find(model, "visual_bert.pooler.dense.weight"),
                         *bp = lbk__model_find(model, "visual_bert.pooler.dense.bias"),
                         *wc = lbk__model_find(model, "cls.weight"), *bc = lbk__model_find(model, "cls.bias");
    for (int c = 0; c < CLASSES; c++) logits[c] = (double)v[bc->offset + (size_t)c];
    for (int32_t i = 0; i < wp->rows; i++) {
        double pooled = (double)v[bp->offset + (size_t)i];
        for (int32_t k = 0; k < wp->cols; k++)
            pooled += (double)v[wp->offset + (size_t)(i * wp->cols + k)] * (double)state[k];
        for (int32_t c = 0; c < CLASSES; c++)
            logits[c] += (double)v[wc->offset + (size_t)(c * wc->cols + i)] * tanh(pooled);
    }
}

static void hidden_states_give_the_logits(void **state) {
    (void)state;
    fixture f;
    lbk__runner *whole, *states;
    open_fixture(&f, 48, 4);
    check_ok(f.context, lbk__runner_create(f.model, NULL, &f.limits, LBK__RUN_INFER, 0, &whole));
    check_ok(f.context, lbk__runner_create(f.model, NULL, &f.limits, LBK__RUN_STATES, 0, &states));
    const float *z = lbk__runner_forward(whole, &f.batch, -1), *x = lbk__runner_forward(states, &f.batch, -1);
    for (int32_t s = 0; s < f.batch.num_sequences; s++) {
        double logits[CLASSES];
        head(f.model, x + (size_t)f.start[s] * 48, logits);
        for (int c = 0; c < CLASSES; c++) check_near((double)z[s * CLASSES + c], logits[c], 1e-5);
    }
    lbk__runner_free(whole);
    lbk__runner_free(states);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_equals_reference),
        cmocka_unit_test(one_number_a_token_is_enough),
        cmocka_unit_test(bf16_is_near_the_reference),
        cmocka_unit_test(both_bf16_products_agree),
        cmocka_unit_test(int8_is_near_the_reference),
        cmocka_unit_test(tangent_and_backward_are_adjoint),
        cmocka_unit_test(tangent_equals_central_differences),
        cmocka_unit_test(modes_agree_and_memory_shrinks),
        cmocka_unit_test(hidden_states_give_the_logits),
    };
    return cmocka_run_group_tests_name("encoder", tests, NULL, NULL);
}
