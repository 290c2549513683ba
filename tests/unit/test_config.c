/* Configuration: reading, overrides, every error, and that what is written reads back the same. */
#include "check.h"

#include "base/file.h"
#include "study/recipe.h"

static lbk_status load(lbk_context *context, const char *yaml, const char *override, lbk_config **out) {
    char *folder = check_folder(), path[256];
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    check_ok(context, lbk__write_file(context, path, yaml, strlen(yaml)));
    lbk_status status = lbk_config_load(context, path, &override, override != NULL, out);
    remove(path);
    remove(folder);
    free(folder);
    return status;
}

static void everything_has_a_default(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk_config *config, *empty;
    check_ok(context, lbk_config_load(context, NULL, NULL, 0, &config));
    assert_string_equal(config->pack, "");
    assert_int_equal(config->model.hidden_size, 768);
    check_near(config->train.learning_rate, 5e-5, 0);
    assert_string_equal(config->train.metric, "auto");
    assert_int_equal(config->distill.method, LBK__METHOD_MSD);
    char *text, *other;
    check_ok(context, lbk_config_text(config, &text));
    check_ok(context, load(context, "# nothing\n", NULL, &empty));
    check_ok(context, lbk_config_text(empty, &other));
    assert_string_equal(text, other);
    lbk_free(context, text);
    lbk_free(context, other);
    lbk_config_close(config);
    lbk_config_close(empty);
    lbk_context_destroy(context);
}

static void a_file_then_overrides(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[256];
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    const char *yaml = "pack: \"a b: #c\"\nseed: 7\nmodel:\n  hidden_size: 312\n  num_attention_heads: 12\n"
                       "train: {batch_size: 8, learning_rate: 3e-4}\n"
                       "distill:\n  method: kd\n  fixed_weights: [0.5, 0.25, .25]\n"
                       "  unlabelled_splits: [extra, 'more: x']\n";
    check_ok(context, lbk__write_file(context, path, yaml, strlen(yaml)));
    const char *const overrides[] = {"train.batch_size=16",       "pack=x=y # z\n\"\\",
                                     "train.batch_size=4",        "distill.fixed_weights=[1, 0, 2e-1]",
                                     "distill.weights=fixed",     "distill.unlabelled_splits=[]",
                                     "distill.temperature=0.125", "train.dev_split="};
    lbk_config *config, *again;
    check_ok(context, lbk_config_load(context, path, overrides, LBK_COUNT(overrides), &config));
    assert_string_equal(config->pack, "x=y # z\n\"\\");
    assert_int_equal(config->seed, 7);
    assert_int_equal(config->model.hidden_size, 312);
    assert_int_equal(config->train.batch_size, 4);
    check_near(config->train.learning_rate, 3e-4, 0);
    assert_int_equal(config->distill.method, LBK__METHOD_KD);
    assert_int_equal(config->distill.weights, LBK__WEIGHTS_FIXED);
    assert_int_equal(config->distill.fixed_weights.count, 3);
    check_near(config->distill.fixed_weights.items[2], 0.2, 0);
    assert_int_equal(config->distill.unlabelled_splits.count, 0);
    assert_string_equal(config->train.dev_split, "");

    char *text, *other, hash[65], other_hash[65];
    check_ok(context, lbk_config_text(config, &text));
    check_ok(context, load(context, text, NULL, &again));
    check_ok(context, lbk_config_text(again, &other));
    assert_string_equal(text, other);
    assert_string_equal(again->pack, config->pack);
    check_ok(context, lbk__config_hash(config, hash));
    lbk_free(context, again->pack);
    check_ok(context, lbk__copy_string(context, "elsewhere", &again->pack));
    again->train.memory_limit = 100;
    again->train.save_seconds = 7;
    check_ok(context, lbk__config_hash(again, other_hash));
    assert_string_equal(hash, other_hash);
    again->distill.alpha = 0.25;
    check_ok(context, lbk__config_hash(again, other_hash));
    assert_string_not_equal(hash, other_hash);

    lbk_free(context, text);
    lbk_free(context, other);
    lbk_config_close(config);
    lbk_config_close(again);
    remove(path);
    remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

/* yaml, override, parts of the sentence */
static const struct {
    const char *yaml, *override, *part, *also;
} wrong[] = {
    {"model:\n  hiden_size: 3\n", NULL, "c.yaml: there is no key model.hiden_size", "model.hidden_size?"},
    {"epochs: 3\n", NULL, "there is no key epochs", "train.epochs?"},
    {"trian:\n  epochs: 3\n", NULL, "there is no key trian", "mean train?"},
    {"zzzzzzzzz: 3\n", NULL, "there is no key zzzzzzzzz", "docs/configuration.md"},
    {"model:\n  hidden_size: 1.5\n", NULL, "c.yaml: model.hidden_size is \"1.5\"",
     "a whole number from 1 to 4096"},
    {"model:\n  hidden_size: 12abc\n", NULL, "\"12abc\"", "whole number"},
    {"model:\n  hidden_size: 0x10\n", NULL, "\"0x10\"", "whole number"},
    {"model:\n  hidden_size:\n", NULL, "\"\"", "whole number"},
    {"model:\n  hidden_size: 99999999999999999999\n", NULL, "model.hidden_size is", "from 1 to 4096"},
    {"model:\n  hidden_size: [1]\n", NULL, "line 2: model.hidden_size", "one value is wanted"},
    {"model:\n  hidden_size: 10\n", NULL, "no multiple of num_attention_heads", "c.yaml: model: "},
    {"model: 3\n", NULL, "line 1: model:", "keys with their values are wanted"},
    {"model:\n  init_layers: 3\n", NULL, "line 2: model.init_layers", "a list is wanted"},
    {"model:\n  init_layers: [1, x]\n", NULL, "model.init_layers is \"x\"", "from 0 to 999"},
    {"model:\n  init_layers: [1]\n", NULL, "init_from names no model", ""},
    {"model:\n  init_from: no/such\n", NULL, "model.init_from", "no/such"},
    {"train:\n  learning_rate: 0\n", NULL, "train.learning_rate is \"0\"", "a number in (0, 100]"},
    {"train:\n  learning_rate: nan\n", NULL, "\"nan\"", "a number in"},
    {"train:\n  learning_rate: inf\n", NULL, "\"inf\"", "a number in"},
    {"train:\n  learning_rate: 1e999\n", NULL, "\"1e999\"", "a number in"},
    {"train:\n  metric: acuracy\n", NULL, "did you mean accuracy", "one of auto, accuracy"},
    {"distill:\n  method: msdd\n", NULL, "distill.method is \"msdd\"", "alone, kd or msd"},
    {"distill:\n  alpha: 1.01\n", NULL, "\"1.01\"", "[0, 1]"},
    {"distill:\n  temperature: 0\n", NULL, "\"0\"", "(0, 1000]"},
    {"distill:\n  weights: fixed\n", NULL, "c.yaml: distill.weights is fixed", "fixed_weights is not given"},
    {"", "distill.weights=fixed", "c.yaml, or what overrides it: distill.weights is fixed", ""},
    {"distill:\n  fixed_weights: [1, 2]\n", NULL, "has 2 numbers", "three"},
    {"distill:\n  fixed_weights: [1, 2, -3]\n", NULL, "\"-3\"", "[0, 1e+06]"},
    {"seed: 1\n\npack: a\n\nseed: 2\n", NULL, "c.yaml, line 3 or below: seed stands there twice", ""},
    {"train:\n  epochs: 1\n  epochs: 1\n", NULL, "line 2 or below: train.epochs stands there twice", ""},
    {"a: b: c\n", NULL, "c.yaml", ""},
    {"seed: 1\ntrain:\n\tepochs: 3\n", NULL, "c.yaml, line 3: a tab", "spaces only"},
    {"train:\n  epochs: 3\n\tseed: 3\n", NULL, "c.yaml, line 3: a tab", "spaces only"},
    {"distill:\n  fixed_weights: [1,\n\t1, 1]\n  rho: @x\n", NULL, "c.yaml, line", "cannot start any token"},
    {"seed: `1`\ntrain:\n  metric: \"a\n\tb\"\n", NULL, "c.yaml", "cannot start any token"},
    {"seed: 1\npack: @a\n", NULL, "c.yaml, line 2 or below: found character that cannot start any token", ""},
    {"- 1\n", NULL, "keys with their values are wanted", ""},
    {"pack: \"\xff\"\n", NULL, "c.yaml", "UTF-8"},
    {"pack: &x a\nseed: *x\n", NULL, "c.yaml, line 2: seed", "alias"},
    {"", "train.batchsize=3", "override \"train.batchsize=3\": there is no key", "train.batch_size?"},
    {"", "train.batch_size=0", "override \"train.batch_size=0\": train.batch_size is \"0\"", "from 1 to"},
    {"", "train.batch_size", "write key=value", ""},
    {"", "=3", "write key=value", ""},
    {"", "model.init_layers=[1, 2}", "override \"model.init_layers=[1, 2}\"", ""},
    {"", "model.init_layers=1]}, seed: [3", "override", ""},
    {"", "pack=\xff", "not UTF-8", ""},
    {"", "train=3", "there is no key train", ""},
};

static void each_mistake_is_named(void **state) {
    (void)state;
    lbk_context *context = check_context();
    for (size_t i = 0; i < LBK_COUNT(wrong); i++) {
        lbk_config *config;
        lbk_status status = load(context, wrong[i].yaml, wrong[i].override, &config);
        const char *sentence = lbk_error(context);
        if (status == LBK_OK) fail_msg("case %zu was accepted", i);
        if (status != LBK_INVALID_ARGUMENT && !strstr(sentence, "no/such"))
            fail_msg("case %zu: %s", i, lbk_status_name(status));
        if (!strstr(sentence, wrong[i].part) || !strstr(sentence, wrong[i].also))
            fail_msg("case %zu: \"%s\" lacks \"%s\" or \"%s\"", i, sentence, wrong[i].part, wrong[i].also);
        assert_null(config);
    }
    lbk_config *config;
    check_fails(context, LBK_IO, "nowhere.yaml", lbk_config_load(context, "nowhere.yaml", NULL, 0, &config));
    lbk_context_destroy(context);
}

/* A model's folder gives the sizes that were not written. */
static void sizes_come_from_the_model_to_start_from(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[256], key[300];
    snprintf(path, sizeof path, "%s/config.json", folder);
    snprintf(key, sizeof key, "model.init_from=%s", folder);
    const char *json = "{\"vocab_size\": 99, \"hidden_size\": 24, \"num_hidden_layers\": 6,"
                       "\"num_attention_heads\": 3, \"intermediate_size\": 48,"
                       "\"hidden_dropout_prob\": 0.2, \"max_position_embeddings\": 64}";
    check_ok(context, lbk__write_file(context, path, json, strlen(json)));
    const char *overrides[] = {key, "model.init_layers=[1,3]", "model.intermediate_size=30",
                               "model.init_layers=[1,6]"};
    lbk_config *config;
    check_ok(context, lbk_config_load(context, NULL, overrides, 3, &config));
    assert_int_equal(config->model.hidden_size, 24);
    assert_int_equal(config->model.num_hidden_layers, 2);
    assert_int_equal(config->model.num_attention_heads, 3);
    assert_int_equal(config->model.intermediate_size, 30);
    assert_int_equal(config->model.max_position_embeddings, 64);
    check_near(config->model.hidden_dropout_prob, 0.2, 0);
    lbk_config_close(config);
    check_fails(context, LBK_INVALID_ARGUMENT, "no layer 6",
                lbk_config_load(context, NULL, overrides, 4, &config));
    remove(path);
    remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

static size_t left, live;
static void *scarce(void *user, void *pointer, size_t size) {
    (void)user;
    if (size == 0) {
        live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (left == 0) return NULL;
    left--;
    void *block = realloc(pointer, size);
    live += block && !pointer;
    return block;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    lbk_context_options options = {.allocate = scarce};
    const char *const overrides[] = {"distill.fixed_weights=[1, 2, 3]", "distill.unlabelled_splits=[a, b]"};
    for (size_t n = 1;; n++) {
        lbk_context *context;
        lbk_config *config = NULL;
        char *text = NULL;
        left = n;
        assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
        lbk_status status = lbk_config_load(context, NULL, overrides, 2, &config);
        if (status == LBK_OK) status = lbk_config_text(config, &text);
        if (status != LBK_OK) assert_int_equal(status, LBK_NO_MEMORY);
        lbk_free(context, text);
        lbk_config_close(config);
        lbk_context_destroy(context);
        assert_int_equal(live, 0);
        if (status == LBK_OK) break;
    }
}

/* What a method does not read, a study does not choose for it. */
static void methods_read_their_keys(void **state) {
    (void)state;
    enum { ALONE, KD, UNIFORM, INSTANCE, LEARNED, POPULATION, METHODS };
    static const lbk__recipe_method methods[METHODS] = {
        [ALONE] = {.method = LBK__METHOD_ALONE},
        [KD] = {.method = LBK__METHOD_KD},
        [UNIFORM] = {.method = LBK__METHOD_MSD, .weighting = LBK__WEIGHTS_UNIFORM},
        [INSTANCE] = {.method = LBK__METHOD_MSD, .weighting = LBK__WEIGHTS_INSTANCE},
        [LEARNED] = {.method = LBK__METHOD_MSD, .weighting = LBK__WEIGHTS_LEARNED},
        [POPULATION] = {.method = LBK__METHOD_MSD, .weighting = LBK__WEIGHTS_LEARNED_POPULATION},
    };
    static const struct {
        const char *section, *name;
        bool read[METHODS];
    } keys[] = {
        {"train", "epochs", {true, true, true, true, true, true}},
        {"train", "unimodal_weight", {[ALONE] = true}},
        {"distill", "alpha", {false, true, true, true, true, true}},
        {"distill", "rho", {[INSTANCE] = true}},
        {"distill", "saliency", {[INSTANCE] = true, [LEARNED] = true}},
        {"distill", "fixed_weights", {false}},
        {"distill", "weight_learning_rate", {[LEARNED] = true, [POPULATION] = true}},
        {"distill", "meta_fraction", {[LEARNED] = true, [POPULATION] = true}},
        {"distill", "weight_features", {[LEARNED] = true}},
        {"distill", "weight_hidden_size", {[LEARNED] = true}},
    };
    for (size_t k = 0; k < LBK_COUNT(keys); k++)
        for (int m = 0; m < METHODS; m++)
            if (lbk__recipe_reads(&methods[m], lbk__config_find(keys[k].section, keys[k].name)) !=
                keys[k].read[m])
                fail_msg("%s: method %d", keys[k].name, m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_a_default),
        cmocka_unit_test(a_file_then_overrides),
        cmocka_unit_test(each_mistake_is_named),
        cmocka_unit_test(sizes_come_from_the_model_to_start_from),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(methods_read_their_keys),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
