/* The fitted visual projection against the normal equations of its regression, written out sample by sample.
 */
#define _GNU_SOURCE /* memmem */
#include "small_run.h"

#include "base/half.h"
#include "data/pack.h"
#include "format/safetensors.h"
#include "model/parameters.h"
#include "train/visual_init.h"

enum { HIDDEN = 12, DIM = 48 };

static lbk__model *make_model(small_run *run) {
    lbk__model_config sizes = {.vocab_size = 10,
                               .hidden_size = HIDDEN,
                               .num_hidden_layers = 1,
                               .num_attention_heads = 3,
                               .intermediate_size = 8,
                               .max_position_embeddings = 16,
                               .type_vocab_size = 2,
                               .visual_embedding_dim = DIM,
                               .num_labels = 3,
                               .layer_norm_eps = 1e-12f,
                               .initializer_range = 0.2f};
    lbk__model *model;
    check_ok(run->context, lbk__model_create(run->context, &sizes, &model));
    lbk__model_init_random(model, 3);
    model->max_text_tokens = 5;
    return model;
}

static float *numbers(const lbk__model *model, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "visual_bert.embeddings.%s", name);
    return model->values + lbk__model_find(model, full)->offset;
}

/* Every row that counts, with what it should look like: rows [n, DIM], wanted [n, HIDDEN]. */
typedef struct table {
    double rows[TRAIN * 4][DIM], wanted[TRAIN * 4][HIDDEN], words[TRAIN * 8][HIDDEN];
    int n, num_words;
} table;

static void tabulate(const small_run *run, const lbk_pack *pack, const lbk__model *model, table *t) {
    const float *embeddings = numbers(model, "word_embeddings.weight");
    int32_t *train;
    int64_t count;
    check_ok(run->context, lbk__pack_split(pack, "train", &train, &count));
    for (int64_t i = 0; i < count; i++) {
        lbk_sample s;
        check_ok(run->context, lbk_pack_sample(pack, train[i], &s));
        if (s.image < 0) continue;
        for (int w = 1; w < s.num_tokens - 1; w++, t->num_words++)
            for (int d = 0; d < HIDDEN; d++) t->words[t->num_words][d] = embeddings[s.tokens[w] * HIDDEN + d];
        for (int r = 0; r < s.num_rows; r++, t->n++) {
            for (int c = 0; c < DIM; c++) t->rows[t->n][c] = lbk__half_to_float(s.visual[r * DIM + c]);
            for (int d = 0; d < HIDDEN; d++)
                for (int w = 1; w < s.num_tokens - 1; w++)
                    t->wanted[t->n][d] += embeddings[s.tokens[w] * HIDDEN + d] / (double)(s.num_tokens - 2);
        }
    }
    lbk_free(run->context, train);
}

static void fit(const small_run *run, lbk__model *model, const lbk_pack *pack, char **report) {
    int32_t *train;
    int64_t count;
    check_ok(run->context, lbk__pack_split(pack, "train", &train, &count));
    check_ok(run->context, lbk__visual_init_words(model, pack, train, count, report));
    lbk_free(run->context, train);
}

static double mean_of(const double *column, int n, int stride) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += column[i * stride];
    return sum / n;
}

static void the_projection_solves_the_regression(void **state) {
    small_run *run = *state;
    char *path = small_run_path(run, "pack"), *report;
    lbk_pack *pack;
    check_ok(run->context, lbk_pack_open(run->context, path, &pack));
    lbk__model *model = make_model(run);
    table *t = calloc(1, sizeof *t);
    tabulate(run, pack, model, t);
    fit(run, model, pack, &report);
    assert_int_equal(t->n, 160); /* 40 of 45 have a picture, of four patches */
    assert_non_null(strstr(report, "160 rows"));

    double row_mean[DIM], word_mean[HIDDEN], variance = 0, word_variance = 0, row_variance = 0;
    for (int c = 0; c < DIM; c++) row_mean[c] = mean_of(&t->rows[0][c], t->n, DIM);
    for (int d = 0; d < HIDDEN; d++) word_mean[d] = mean_of(&t->words[0][d], t->num_words, HIDDEN);
    const float *weight = numbers(model, "visual_projection.weight"),
                *bias = numbers(model, "visual_projection.bias");
    for (int i = 0; i < t->n; i++)
        for (int c = 0; c < DIM; c++) row_variance += pow(t->rows[i][c] - row_mean[c], 2);
    double(*projected)[HIDDEN] = calloc((size_t)t->n, sizeof *projected);
    for (int i = 0; i < t->n; i++)
        for (int d = 0; d < HIDDEN; d++) {
            projected[i][d] = bias[d];
            for (int c = 0; c < DIM; c++) projected[i][d] += weight[d * DIM + c] * t->rows[i][c];
            variance += pow(projected[i][d] - word_mean[d], 2) / t->n / HIDDEN;
        }
    for (int i = 0; i < t->num_words; i++)
        for (int d = 0; d < HIDDEN; d++)
            word_variance += pow(t->words[i][d] - word_mean[d], 2) / t->num_words / HIDDEN;
    /* Spread as words are, around where words are. */
    check_near(variance, word_variance, 1e-5 * word_variance);
    for (int d = 0; d < HIDDEN; d++) check_near(mean_of(&projected[0][d], t->n, HIDDEN), word_mean[d], 1e-5);
    /* With the spread taken back, each gradient of Σ (wᵀx − t)² + ridge · w² is 0. */
    double scale;
    assert_int_equal(sscanf(strstr(report, "spread "), "spread %lf", &scale), 1);
    const double ridge = 0.1 * row_variance / DIM;
    for (int d = 0; d < HIDDEN; d++)
        for (int c = 0; c < DIM; c++) {
            double gradient = ridge * weight[d * DIM + c] / scale, size = fabs(gradient);
            for (int i = 0; i < t->n; i++) {
                const double error =
                    (projected[i][d] - word_mean[d]) / scale - (t->wanted[i][d] - word_mean[d]);
                gradient += error * (t->rows[i][c] - row_mean[c]);
                size += fabs(error * (t->rows[i][c] - row_mean[c]));
            }
            check_near(gradient, 0, 5e-3 * size); /* the scale is told to three digits */
        }
    for (int d = 0; d < HIDDEN; d++) {
        double place = 0;
        for (int p = 0; p < 5; p++)
            place += numbers(model, "position_embeddings.weight")[p * HIDDEN + d] / 5.0;
        check_near(numbers(model, "visual_position_embeddings.weight")[d], place, 1e-6);
        assert_true(numbers(model, "visual_token_type_embeddings.weight")[HIDDEN + d] ==
                    numbers(model, "token_type_embeddings.weight")[d]);
    }
    lbk_free(run->context, report);
    lbk__model_free(model);
    lbk_pack_close(pack);
    free(projected), free(t), free(path);
}

static void samples_without_text_and_image_are_refused(void **state) {
    small_run *run = *state;
    char *path = small_run_path(run, "pack"), *report;
    lbk_pack *pack;
    check_ok(run->context, lbk_pack_open(run->context, path, &pack));
    lbk__model *model = make_model(run);
    const int32_t bare[] = {4}; /* has no picture */
    check_fails(run->context, LBK_INVALID_ARGUMENT, "both a text and an image",
                lbk__visual_init_words(model, pack, bare, 1, &report));
    lbk__model_free(model);
    lbk_pack_close(pack);
    free(path);
}

/* All rows become the last image's, which is not of the training split. */
static void take_rows_away(const small_run *run) {
    char *path = small_run_path(run, "pack");
    lbk__safetensors *file;
    size_t size;
    char *bytes = small_run_read(run, "pack", &size);
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    const lbk__tensor_entry *offsets = lbk__safetensors_find(file, "visual.offset");
    char *found = memmem(bytes, size, offsets->data, offsets->bytes);
    assert_non_null(found);
    memset(found, 0, offsets->bytes - sizeof(int64_t));
    lbk__safetensors_close(file);
    check_ok(run->context, lbk__write_file(run->context, path, bytes, size));
    free(bytes), free(path);
}

static void images_without_rows_are_refused(void **state) {
    small_run *run = *state;
    char from[300];
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=1"), NULL, "first", 0, NULL));
    take_rows_away(run);
    snprintf(from, sizeof from, "model.init_from=%s/first", run->folder);
    check_fails(run->context, LBK_INVALID_ARGUMENT, "both a text and an image",
                small_run_go(run, CHANGES(from, "model.visual_init=words"), NULL, "second", 0, NULL));
}

static void a_run_starts_from_it(void **state) {
    small_run *run = *state;
    lbk_config *config;
    const char *const bare[] = {"model.visual_init=words"};
    check_fails(run->context, LBK_INVALID_ARGUMENT, "give model.init_from",
                lbk_config_load(run->context, NULL, bare, 1, &config));
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=1"), NULL, "first", 0, NULL));
    char from[300];
    snprintf(from, sizeof from, "model.init_from=%s/first", run->folder);
    check_ok(run->context, small_run_go(run, CHANGES(from, "model.visual_init=words", "train.epochs=1"), NULL,
                                        "second", 0, NULL));
    assert_non_null(strstr(run->log, "visual projection fitted to the words of"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_projection_solves_the_regression, small_run_set_up,
                                        small_run_tear_down),
        cmocka_unit_test_setup_teardown(samples_without_text_and_image_are_refused, small_run_set_up,
                                        small_run_tear_down),
        cmocka_unit_test_setup_teardown(images_without_rows_are_refused, small_run_set_up,
                                        small_run_tear_down),
        cmocka_unit_test_setup_teardown(a_run_starts_from_it, small_run_set_up, small_run_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
