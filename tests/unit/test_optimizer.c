/* AdamW, clipping and the learning rate against PyTorch's float64 (oracle/optimizer.py has the rules). */
#include "check.h"

#include "format/safetensors.h"
#include "train/optimizer.h"
#include "train/schedule.h"

enum { COUNT = 320, STEPS = 8 };

static const double *results(const lbk__safetensors *file, const char *name, int64_t cols) {
    const lbk__tensor_entry *entry;
    const int64_t shape[] = {STEPS, cols};
    assert_int_equal(lbk__safetensors_expect(file, name, LBK__F64, 2, shape, &entry), LBK_OK);
    return entry->data;
}

static lbk__model *small_model(lbk_context *context) {
    const lbk__model_config config = {.vocab_size = 7,
                                      .hidden_size = 6,
                                      .num_hidden_layers = 1,
                                      .num_attention_heads = 2,
                                      .intermediate_size = 5,
                                      .max_position_embeddings = 3,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = 3,
                                      .num_labels = 2,
                                      .layer_norm_eps = 1e-12f};
    lbk__model *model;
    check_ok(context, lbk__model_create(context, &config, &model));
    assert_true(model->num_values >= COUNT);
    return model;
}

/* The weights that belong to parameters, each against the run with or without decay that is its own. */
static void compare(const lbk__model *model, const double *decayed, const double *plain) {
    size_t with = 0, without = 0;
    for (size_t p = 0; p < model->num_parameters; p++) {
        const lbk__parameter *parameter = &model->parameters[p];
        const size_t end = parameter->offset + (size_t)parameter->rows * (size_t)parameter->cols;
        for (size_t i = parameter->offset; i < end && i < COUNT; i++)
            check_near((double)model->values[i], parameter->decay ? decayed[i] : plain[i], 2e-6);
        if (parameter->offset < COUNT) parameter->decay ? with++ : without++;
    }
    assert_true(with > 3 && without > 2);
}

static void follow_pytorch(void) {
    lbk_context *context = check_context();
    lbk__model *model = small_model(context);
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, "tests/golden/optimizer.safetensors", &file));
    const double *decayed = results(file, "decayed", COUNT), *plain = results(file, "plain", COUNT);
    const double *norm = results(file, "norm", 1), *rate = results(file, "rate", 1);
    lbk__optimizer optimizer;
    check_ok(context, lbk__optimizer_create(model, &optimizer));
    const lbk__schedule schedule = lbk__schedule_make(0.02, 0.375, STEPS);
    assert_int_equal(schedule.warmup, 3);
    float *gradients;
    check_ok(context, lbk__alloc_aligned(context, &gradients, model->num_values * sizeof *gradients));
    for (int i = 0; i < COUNT; i++) model->values[i] = (float)sin(0.37 * i);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < COUNT; i++)
            gradients[i] = (float)(cos(1.3 * i + 0.9 * step) * (i % 7 == 0 ? 5.0 : 0.01));
        const lbk__adamw_options options = {.learning_rate = lbk__schedule_rate(&schedule, step),
                                            .weight_decay = 0.1,
                                            .beta1 = 0.8,
                                            .beta2 = 0.95,
                                            .epsilon = 1e-6};
        check_near(options.learning_rate, rate[step], 1e-15);
        const double ours = lbk__gradient_norm(model, gradients, NULL);
        check_near(ours, norm[step], 1e-6 * norm[step]);
        lbk__optimizer_step(&optimizer, gradients, NULL, lbk__clip_scale(ours, 1.5), &options);
        compare(model, decayed + (ptrdiff_t)step * COUNT, plain + (ptrdiff_t)step * COUNT);
    }
    lbk__free_aligned(context, gradients);
    lbk__optimizer_free(&optimizer);
    lbk__safetensors_close(file);
    lbk__model_free(model);
    lbk_context_destroy(context);
}

/* Two hundred steps in which few words occur, some never: through the whole table at once, and by rows that
 * wait. */
static void compare_rows_that_wait(void) {
    enum { VOCAB = 40, HIDDEN = 99, WORDS = 5, LONG = 200 };
    lbk_context *context = check_context();
    const lbk__model_config config = {.vocab_size = VOCAB,
                                      .hidden_size = HIDDEN,
                                      .num_hidden_layers = 1,
                                      .num_attention_heads = 3,
                                      .intermediate_size = 5,
                                      .max_position_embeddings = 3,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = 3,
                                      .num_labels = 2,
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.02f};
    lbk__model *models[2];
    lbk__optimizer optimizers[2];
    float *gradients;
    for (int k = 0; k < 2; k++) {
        check_ok(context, lbk__model_create(context, &config, &models[k]));
        lbk__model_init_random(models[k], 5);
        check_ok(context, lbk__optimizer_create(models[k], &optimizers[k]));
    }
    const size_t size = models[0]->num_values * sizeof(float);
    check_ok(context, lbk__alloc_aligned(context, &gradients, size));
    for (int step = 0; step < LONG; step++) {
        uint8_t touched[VOCAB] = {0};
        int32_t words[WORDS + 1] = {[WORDS] = -3};
        const lbk__adamw_options options = {.learning_rate = 0.01 / (1 + step % 7),
                                            .weight_decay = step % 3 ? 0.1 : 0,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .epsilon = 1e-8};
        memset(gradients, 0, size);
        for (int w = 0; w < WORDS; w++) {
            words[w] = (step * step + 11 * w) % (step < 100 ? 20 : 30);
            touched[words[w]] = 1;
            for (int i = 0; i < HIDDEN; i++) gradients[words[w] * HIDDEN + i] += (float)sin(step + 3 * w + i);
        }
        for (size_t i = VOCAB * HIDDEN; i < models[0]->num_values; i++)
            gradients[i] = (float)cos((double)i + step);
        lbk__optimizer_refresh(&optimizers[1], words, WORDS + 1);
        for (int w = 0; w < WORDS; w++)
            assert_memory_equal(models[0]->values + words[w] * HIDDEN, models[1]->values + words[w] * HIDDEN,
                                HIDDEN * sizeof(float));
        const double norm = lbk__gradient_norm(models[0], gradients, NULL);
        check_near(lbk__gradient_norm(models[1], gradients, touched), norm, 1e-12 * norm);
        lbk__optimizer_step(&optimizers[0], gradients, NULL, 0.5, &options);
        lbk__optimizer_step(&optimizers[1], gradients, touched, 0.5, &options);
        if (step == 77) lbk__optimizer_settle(&optimizers[1]);
    }
    assert_memory_not_equal(models[0]->values, models[1]->values, size); /* some wait */
    lbk__optimizer_settle(&optimizers[1]);
    assert_memory_equal(models[0]->values, models[1]->values, size);
    assert_memory_equal(optimizers[0].first, optimizers[1].first, size);
    assert_memory_equal(optimizers[0].second, optimizers[1].second, size);
    for (int k = 0; k < 2; k++) {
        lbk__optimizer_free(&optimizers[k]);
        lbk__model_free(models[k]);
    }
    lbk__free_aligned(context, gradients);
    lbk_context_destroy(context);
}

/* With every instruction set that this processor has. */
static void everywhere(void (*follow)(void)) {
    static const char *const kernels[] = {"sse2", "avx2", "avx512"};
    for (size_t i = 0; i < LBK_COUNT(kernels); i++) {
        setenv("LIMBECK_KERNELS", kernels[i], 1);
        follow();
    }
    unsetenv("LIMBECK_KERNELS");
}

static void steps_follow_pytorch(void **state) {
    (void)state;
    everywhere(follow_pytorch);
}

static void rows_that_wait_end_with_the_same_bits(void **state) {
    (void)state;
    everywhere(compare_rows_that_wait);
}

static void norms_know_what_is_not_finite(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__model *model = small_model(context);
    float *gradients;
    check_ok(context, lbk__alloc_aligned(context, &gradients, model->num_values * sizeof *gradients));
    gradients[3] = 1e30f, gradients[model->num_values - 1] = -1e30f;
    check_near(lbk__gradient_norm(model, gradients, NULL) / (sqrt(2.0) * 1e30), 1, 1e-6);
    gradients[7] = INFINITY;
    assert_int_equal(isfinite(lbk__gradient_norm(model, gradients, NULL)) != 0, 0);
    gradients[7] = NAN;
    assert_int_equal(isfinite(lbk__gradient_norm(model, gradients, NULL)) != 0, 0);
    check_near(lbk__clip_scale(5, 0), 1, 0);
    check_near(lbk__clip_scale(0.5, 1), 1, 0);
    lbk__free_aligned(context, gradients);
    lbk__model_free(model);
    lbk_context_destroy(context);
}

static void schedules_have_edges(void **state) {
    (void)state;
    lbk__schedule none = lbk__schedule_make(2, 0, 4), all = lbk__schedule_make(2, 1, 4),
                  one = lbk__schedule_make(2, 0, 1);
    check_near(lbk__schedule_rate(&none, 0), 2, 0);
    check_near(lbk__schedule_rate(&none, 3), 0.5, 0);
    check_near(lbk__schedule_rate(&none, 4), 0, 0);
    check_near(lbk__schedule_rate(&all, 0), 0, 0);
    check_near(lbk__schedule_rate(&all, 3), 1.5, 0);
    check_near(lbk__schedule_rate(&one, 0), 2, 0);
    assert_int_equal(lbk__schedule_make(1, 0.1, 11).warmup, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_pytorch),
        cmocka_unit_test(rows_that_wait_end_with_the_same_bits),
        cmocka_unit_test(norms_know_what_is_not_finite),
        cmocka_unit_test(schedules_have_edges),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
