/* Logits under the three views: against transformers' VisualBERT in float64 (oracle/logits.py); views against
 * masks; the batch's make-up does not change a sample's logits. */
#include "golden_model.h"

/* Logits [3, B, C] of the samples `order`; the caller frees them. */
static float *logits_of(lbk__model *model, const golden_samples *samples, const int32_t *order,
                        int32_t count) {
    lbk__batch batch = golden_batch(samples, order, count);
    const lbk__batch_limits limits = golden_limits(&batch);
    lbk__runner *runner;
    check_ok(model->context, lbk__runner_create(model, NULL, &limits, LBK__RUN_INFER, 0, &runner));
    const size_t bytes = (size_t)(3 * count * model->config.num_labels) * sizeof(float);
    float *logits = malloc(bytes);
    memcpy(logits, lbk__runner_forward(runner, &batch, -1), bytes);
    lbk__runner_free(runner);
    golden_batch_free(&batch);
    return logits;
}

static void compare(const char *name, const char *tensor, double bound) {
    lbk_context *context = check_context();
    lbk__safetensors *file = golden_open(context, name);
    lbk__model *model = golden_model(context, file);
    golden_samples samples = golden_samples_of(file);
    int32_t order[16];
    for (int32_t i = 0; i < samples.num_samples; i++) order[i] = i;
    float *logits = logits_of(model, &samples, order, samples.num_samples);
    size_t count;
    const double *expected = golden_data(file, tensor, LBK__F64, &count);
    assert_int_equal(count, 3 * samples.num_samples * model->config.num_labels);
    const double off = golden_largest(logits, expected, count);
    print_message("%s, %s: off by %.1e (PyTorch's float32: %.1e)\n", name, tensor, off,
                  golden_number(file, "float32", 0));
    check_near(off, 0, bound);
    free(logits);
    free(samples.visual);
    lbk__model_free(model);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void bert_base_gives_the_logits_of_transformers(void **state) {
    (void)state;
    if (getenv("LIMBECK_KERNELS")) skip(); /* the others do for every instruction set: this one is large */
    compare("logits_base", "logits", 1e-4);
}

static void odd_sizes_give_the_logits_of_transformers(void **state) {
    (void)state;
    compare("logits_312", "logits", 1e-5);
    compare("logits_30", "logits", 1e-5);
}

/* transformers ran the joint sequence with attention_mask 0 on what the view lacks. */
static void a_view_equals_the_joint_sequence_masked(void **state) {
    (void)state;
    compare("logits_312", "masked", 1e-5);
    compare("logits_30", "masked", 1e-5);
}

enum { MANY = 64 };

/* 64 samples of 2 … 39 tokens and 0 … 19 rows. */
static golden_samples many_samples(const lbk__model_config *config, int32_t *tokens, int32_t *token_start,
                                   int32_t *row_start) {
    token_start[0] = row_start[0] = 0;
    for (int32_t i = 0; i < MANY; i++) {
        const uint64_t e = (uint64_t)i;
        token_start[i + 1] = token_start[i] + 2 + (int32_t)lbk__below(5, 90, 0, e, 38);
        row_start[i + 1] = row_start[i] + (int32_t)lbk__below(5, 91, 0, e, 20);
    }
    for (int32_t t = 0; t < token_start[MANY]; t++)
        tokens[t] = (int32_t)lbk__below(5, 92, 0, (uint64_t)t, (uint32_t)config->vocab_size);
    return (golden_samples){
        .num_samples = MANY,
        .visual_dim = config->visual_embedding_dim,
        .tokens = tokens,
        .token_start = token_start,
        .row_start = row_start,
        .visual = golden_visual(8, (size_t)row_start[MANY] * (size_t)config->visual_embedding_dim)};
}

static void check_same(const float *all, const float *some, const int32_t *order, int32_t count,
                       int32_t classes) {
    for (int32_t view = 0; view < 3; view++)
        for (int32_t k = 0; k < count; k++)
            for (int32_t c = 0; c < classes; c++)
                check_near(some[(view * count + k) * classes + c],
                           all[(view * MANY + order[k]) * classes + c], 1e-5);
}

static void logits_do_not_depend_on_the_batch(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file = golden_open(context, "logits_30");
    lbk__model *model = golden_model(context, file);
    const int32_t classes = model->config.num_labels;
    static int32_t tokens[MANY * 40], token_start[MANY + 1], row_start[MANY + 1];
    int32_t order[MANY];
    golden_samples samples = many_samples(&model->config, tokens, token_start, row_start);
    for (int32_t i = 0; i < MANY; i++) order[i] = i;
    float *all = logits_of(model, &samples, order, MANY);
    for (int32_t i = 0; i < MANY; i++) {
        float *alone = logits_of(model, &samples, &i, 1);
        check_same(all, alone, &i, 1, classes);
        free(alone);
    }
    for (uint32_t trial = 0; trial < 4; trial++) {
        lbk__shuffle(3, LBK__STREAM_SHUFFLE, trial, order, MANY);
        const int32_t count = trial == 0 ? MANY : 17 + (int32_t)trial;
        float *shuffled = logits_of(model, &samples, order, count);
        check_same(all, shuffled, order, count, classes);
        free(shuffled);
    }
    free(all);
    free(samples.visual);
    lbk__model_free(model);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_sizes_give_the_logits_of_transformers),
        cmocka_unit_test(bert_base_gives_the_logits_of_transformers),
        cmocka_unit_test(a_view_equals_the_joint_sequence_masked),
        cmocka_unit_test(logits_do_not_depend_on_the_batch),
    };
    return cmocka_run_group_tests_name("golden model", tests, NULL, NULL);
}
