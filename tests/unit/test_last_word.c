/* Models whose classifier reads the text's last word (VisualBertForQuestionAnswering): trained, probed,
 * distilled with learned weights, asked; what no logit reads stays as it was. Their numbers against PyTorch's
 * are in test_golden_gradients.c. */
#include "own_weights.h"
#include "small_run.h"

#define LAST_WORD "model.classifier_pooling=last_word"

static lbk__model *load(const small_run *run, const char *name) {
    char *folder = small_run_path(run, name);
    lbk__model *model;
    check_ok(run->context, lbk__model_load(run->context, folder, &model));
    free(folder);
    return model;
}

static const float *pooler(const lbk__model *model) {
    return model->weights + lbk__model_find(model, "visual_bert.pooler.dense.weight")->offset;
}

static void check_pooling(const small_run *run, const char *name, lbk__pooling pooling) {
    lbk__model *model = load(run, name);
    assert_int_equal(model->config.classifier_pooling, pooling);
    lbk__model_free(model);
}

static void they_are_trained_and_distilled(void **state) {
    small_run *run = *state;
    char *text;
    check_ok(run->context,
             small_run_go(run, CHANGES(LAST_WORD, "train.epochs=8"), NULL, "teacher", 0, &text));
    json_t *summary = small_run_json(run, text);
    const double best = small_run_number(summary, "best");
    if (best < 0.6) fail_msg("learned too little: dev accuracy %g", best);
    json_decref(summary);

    /* Weight decay would have shrunk a pooler that training touches. */
    lbk__model *teacher = load(run, "teacher"), *fresh;
    assert_int_equal(teacher->config.classifier_pooling, LBK__POOL_LAST_WORD);
    check_ok(run->context, lbk__model_create(run->context, &teacher->config, &fresh));
    lbk__model_init_random(fresh, 0);
    assert_memory_equal(pooler(teacher), pooler(fresh), 12 * 12 * sizeof(float));
    lbk__model_free(fresh);
    lbk__model_free(teacher);

    char *folder = small_run_path(run, "teacher"), *pack = small_run_path(run, "pack"),
         *cache = small_run_path(run, "cache");
    const lbk_probe_options options = {.teacher = folder, .pack = pack, .out = cache};
    check_ok(run->context, lbk_probe(run->context, &options, NULL));
    const char *const *changes =
        CHANGES(LAST_WORD, SMALL_STUDENT, "distill.method=msd", "distill.weights=learned", "train.epochs=4");
    check_ok(run->context, small_run_go(run, changes, "cache", "student", 0, NULL));
    check_pooling(run, "student", LBK__POOL_LAST_WORD);
    free(folder), free(pack), free(cache);
}

/* A model that starts from one reads what that one reads, unless its configuration says otherwise; then the
 * classifier is its own. */
static void what_starts_from_one_reads_alike(void **state) {
    small_run *run = *state;
    char from[300];
    check_ok(run->context, small_run_go(run, CHANGES(LAST_WORD), NULL, "first", 0, NULL));
    snprintf(from, sizeof from, "model.init_from=%s/first", run->folder);
    check_ok(run->context, small_run_go(run, CHANGES(from, "train.max_steps=1"), NULL, "alike", 0, NULL));
    check_pooling(run, "alike", LBK__POOL_LAST_WORD);
    assert_non_null(strstr(run->log, "initialised anew: none"));
    check_ok(run->context,
             small_run_go(run, CHANGES(from, "model.classifier_pooling=cls", "train.max_steps=1"), NULL,
                          "other", 0, NULL));
    check_pooling(run, "other", LBK__POOL_CLS);
    assert_non_null(strstr(run->log, "initialised anew: cls.weight, cls.bias"));
}

/* The word before [SEP] decides whom a picture is seen by; without any word, in the image view, [CLS] is. */
static void predictions_read_the_last_word(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, CHANGES(LAST_WORD), NULL, "out", 0, NULL));
    char *folder = small_run_path(run, "out");
    lbk_model *model;
    float red[LBK_NUM_VIEWS * 3], blue[LBK_NUM_VIEWS * 3];
    check_ok(run->context, lbk_model_open(run->context, folder, &model));
    check_ok(run->context, lbk_model_predict(model, &(lbk_input){.text = "old red"}, red, NULL));
    check_ok(run->context, lbk_model_predict(model, &(lbk_input){.text = "old blue"}, blue, NULL));
    for (int c = 0; c < 3; c++) {
        assert_true(red[3 * LBK_VIEW_TEXT + c] == red[3 * LBK_VIEW_JOINT + c]);
        assert_true(red[3 * LBK_VIEW_TEXT + c] != blue[3 * LBK_VIEW_TEXT + c]);
    }
    lbk_model_close(model);
    /* With both words' positions and the layers silenced, the logits are those of the last word alone. */
    lbk__model *inside = load(run, "out");
    for (size_t p = 0; p < inside->num_parameters; p++) {
        const lbk__parameter *parameter = &inside->parameters[p];
        if (strstr(parameter->name, "output.dense") || strstr(parameter->name, "position_embeddings"))
            memset(own_weights(inside) + parameter->offset, 0,
                   (size_t)parameter->rows * (size_t)parameter->cols * sizeof(float));
    }
    char *silenced = small_run_path(run, "silenced");
    check_ok(run->context, lbk__model_save(inside, NULL, silenced));
    lbk__model_free(inside);
    check_ok(run->context, lbk_model_open(run->context, silenced, &model));
    check_ok(run->context, lbk_model_predict(model, &(lbk_input){.text = "old big red"}, red, NULL));
    check_ok(run->context, lbk_model_predict(model, &(lbk_input){.text = "red"}, blue, NULL));
    for (int i = 0; i < LBK_NUM_VIEWS * 3; i++) check_near(red[i], blue[i], 1e-6);
    check_ok(run->context, lbk_model_predict(model, &(lbk_input){.text = "old big blue"}, blue, NULL));
    for (int c = 0; c < 3; c++) {
        assert_true(fabsf(red[c] - blue[c]) > 1e-3f);
        check_near(red[3 * LBK_VIEW_IMAGE + c], blue[3 * LBK_VIEW_IMAGE + c], 1e-6);
    }
    lbk_model_close(model);
    free(folder), free(silenced);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(they_are_trained_and_distilled),
        TEST(what_starts_from_one_reads_alike),
        TEST(predictions_read_the_last_word),
    };
    return cmocka_run_group_tests_name("last word", tests, NULL, NULL);
}
