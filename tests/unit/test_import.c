/* Import: one encoder saved by transformers in every way comes back as the same weights, and the summary says
 * what was taken, left and initialised. What is missing or misshapen is named. */
#include "check.h"

#include "base/file.h"
#include "format/json.h"
#include "format/weights.h"
#include "model/parameters.h"

#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN "tests/golden/import/"

static lbk_context *context;
static char *folder;

static int set_up(void **state) {
    (void)state;
    context = check_context();
    folder = check_folder();
    return 0;
}

static const char *inside(const char *name) {
    static char path[4][400];
    static int next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static bool among(const json_t *array, const char *name) {
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item) if (strcmp(json_string_value(item), name) == 0) return true;
    return false;
}

/* Each taken parameter equals the base's; each other one is listed. */
static void check_weights(const lbk__model *model, lbk__weights *base, const json_t *summary) {
    const json_t *taken = json_object_get(summary, "taken"), *rest = json_object_get(summary, "initialised");
    float expected[64];
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        if (among(rest, p->name)) continue;
        const int64_t found = lbk__weights_find(base, p->name);
        assert_non_null(json_object_get(taken, p->name));
        assert_true(found >= 0);
        if (model->config.num_labels == 1 && strncmp(p->name, "cls.", 4) == 0) continue; /* one of its own */
        check_ok(context, lbk__weights_read(base, (size_t)found, expected));
        for (int32_t k = 0; k < p->rows * p->cols; k++)
            if (model->weights[p->offset + (size_t)k] != expected[k]) fail_msg("%s [%d]", p->name, k);
    }
    assert_int_equal(json_object_size(taken) + json_array_size(rest), model->num_parameters);
}

static void every_way_of_saving_gives_the_same_weights(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t initialised, left;
        const char *an_initialised, *a_left;
        int32_t num_labels;
    } cases[] = {
        {"bert", 4, 0, "visual_bert.embeddings.visual_projection.weight", NULL, 3},
        {"minilm", 6, 0, "cls.weight", NULL, 3},
        {"tinybert", 6, 10, "cls.bias", "fit_denses.0.weight", 3},
        {"distilbert", 9, 4, "visual_bert.pooler.dense.weight", "pre_classifier.weight", 3},
        {"distilbert_bare", 9, 0, "visual_bert.embeddings.token_type_embeddings.weight", NULL, 3},
        {"visual_pretraining", 2, 9, "cls.weight", "cls.seq_relationship.weight", 3},
        {"visual_reasoning", 0, 0, NULL, NULL, 3},
        {"visual_choice", 0, 0, NULL, NULL, 1},
        {"visual_answers", 0, 0, NULL, NULL, 3},
        {"visual_phrases", 2, 15, "cls.weight", "attention.query.weight", 3},
    };
    lbk__weights *base;
    check_ok(context, lbk__weights_open(context, GOLDEN "base.safetensors", &base));
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char source[128], *text;
        lbk__model *model;
        snprintf(source, sizeof source, GOLDEN "%s", cases[i].name);
        check_ok(context, lbk_import(context, source, inside(cases[i].name), &text));
        json_t *summary = json_loads(text, 0, NULL);
        const json_t *initialised = json_object_get(summary, "initialised"),
                     *left = json_object_get(summary, "left");
        check_ok(context, lbk__model_load(context, inside(cases[i].name), &model));
        check_weights(model, base, summary);
        assert_int_equal(json_array_size(initialised), cases[i].initialised);
        assert_int_equal(json_array_size(left), cases[i].left);
        assert_true(!cases[i].an_initialised || among(initialised, cases[i].an_initialised));
        assert_true(!cases[i].a_left || among(left, cases[i].a_left));
        assert_int_equal(model->config.num_labels, cases[i].num_labels);
        assert_string_equal(model->class_names[0], "cat");
        lbk__model_free(model);
        lbk_free(context, text);
        json_decref(summary);
    }
    lbk__weights_close(base);
}

/* The classifier is one that reads the last word only where the source's does; what was not taken is said. */
static void heads_are_what_they_are(void **state) {
    (void)state;
    static const struct {
        const char *name, *sentence;
        lbk__pooling pooling;
    } cases[] = {
        {"visual_answers", "reads the last word", LBK__POOL_LAST_WORD},
        {"visual_reasoning", "reads [CLS] through the pooler", LBK__POOL_CLS},
        {"visual_phrases", "scores the regions of the image for phrases", LBK__POOL_CLS},
        {"visual_pretraining", "guess masked words", LBK__POOL_CLS},
        {"distilbert", "a layer more", LBK__POOL_CLS},
        {"minilm", "no classifier", LBK__POOL_CLS},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char source[128], out[64], *text;
        lbk__model *model;
        snprintf(source, sizeof source, GOLDEN "%s", cases[i].name);
        snprintf(out, sizeof out, "head-%s", cases[i].name);
        check_ok(context, lbk_import(context, source, inside(out), &text));
        if (!strstr(text, cases[i].sentence)) fail_msg("%s: %s", cases[i].name, text);
        check_ok(context, lbk__model_load(context, inside(out), &model));
        assert_int_equal(model->config.classifier_pooling, cases[i].pooling);
        assert_int_equal(model->random_classifier, i >= 2);
        lbk__model_free(model);
        lbk_free(context, text);
    }
}

static void copy(const char *from, const char *to, const char *old, const char *new) {
    char *data, changed[16384];
    size_t size;
    check_ok(context, lbk__read_file(context, from, 1 << 20, &data, &size));
    const char *at = old ? strstr(data, old) : NULL;
    if (at) {
        size = (size_t)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - data), data, new,
                                at + strlen(old));
        check_ok(context, lbk__write_file(context, to, changed, size));
    } else {
        assert_null(old);
        check_ok(context, lbk__write_file(context, to, data, size));
    }
    lbk_free(context, data);
}

/* Nor would it be by being imported once more. */
static void a_random_classifier_is_not_used(void **state) {
    (void)state;
    static const char random[] = "the model's classifier is random";
    lbk_model *model;
    char *text;
    float logits[9];
    check_ok(context, lbk_import(context, inside("tinybert"), inside("tinybert-again"), NULL));
    const lbk_export_options options[] = {
        {.model = inside("tinybert-again"), .out = inside("random.onnx"), .format = LBK_EXPORT_ONNX},
        {.model = inside("tinybert-again"), .out = inside("random"), .format = LBK_EXPORT_HF}};
    for (size_t i = 0; i < LBK_COUNT(options); i++) {
        check_fails(context, LBK_BAD_DATA, random, lbk_export(context, &options[i], NULL));
        assert_false(lbk__exists(options[i].out));
    }
    copy(inside("bert/vocab.txt"), inside("tinybert/vocab.txt"), NULL, NULL);
    check_ok(context, lbk_model_open(context, inside("tinybert"), &model));
    check_fails(context, LBK_BAD_DATA, random,
                lbk_model_predict(model, &(lbk_input){.text = "A"}, logits, NULL));
    check_fails(context, LBK_BAD_DATA, random, lbk_model_answer(model, &(lbk_input){.text = "A"}, 0, &text));
    check_ok(context, lbk_model_embed(model, "A", logits)); /* of four numbers */
    lbk_model_close(model);
    check_ok(context, lbk_info(context, inside("tinybert"), &text));
    assert_non_null(strstr(text, "\"classifier\": \"random\""));
    lbk_free(context, text);
}

static void distilbert_has_no_segments(void **state) {
    (void)state;
    lbk__model *model;
    check_ok(context, lbk__model_load(context, inside("distilbert"), &model));
    const lbk__parameter *p = lbk__model_find(model, "visual_bert.embeddings.token_type_embeddings.weight");
    for (int32_t k = 0; k < p->rows * p->cols; k++) assert_true(model->weights[p->offset + (size_t)k] == 0);
    lbk__model_free(model);
}

static void a_vocabulary_comes_from_tokenizer_json(void **state) {
    (void)state;
    lbk__model *model;
    check_ok(context, lbk__model_load(context, inside("bert"), &model));
    assert_string_equal(model->vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nA\n##b\n");
    assert_true(model->cased);
    lbk__model_free(model);
}

/* A BERT whose config.json or tokenizer.json is another. */
static void check_bert_fails(const char *file, const char *old, const char *new, lbk_status status,
                             const char *sentence) {
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json"};
    char from[128], to[64], *summary;
    mkdir(inside("bad"), 0777);
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        const bool changed = strcmp(files[i], file) == 0;
        snprintf(from, sizeof from, GOLDEN "bert/%s", files[i]);
        snprintf(to, sizeof to, "bad/%s", files[i]);
        copy(from, inside(to), changed ? old : NULL, new);
    }
    check_fails(context, status, sentence, lbk_import(context, inside("bad"), inside("out"), &summary));
    assert_null(summary);
    assert_false(lbk__exists(inside("out/config.json")));
}

static void what_does_not_fit_is_named(void **state) {
    (void)state;
    const char *config = "config.json", *tokenizer = "tokenizer.json";
    check_bert_fails(config, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", LBK_BAD_DATA,
                     "no weights for visual_bert.encoder.layer.2.attention.self.query.weight");
    check_bert_fails(config, "\"vocab_size\": 7", "\"vocab_size\": 8", LBK_MISMATCH,
                     "tensor \"bert.embeddings.word_embeddings.weight\" is F32 [7, 4], but "
                     "visual_bert.embeddings.word_embeddings.weight must be F32 [8, 4]");
    check_bert_fails(config, "\"gelu\"", "\"relu\"", LBK_BAD_DATA, "\"hidden_act\" is \"relu\"");
    check_bert_fails(config, "\"model_type\": \"bert\"", "\"model_type\": \"roberta\"", LBK_BAD_DATA,
                     "\"model_type\" is \"roberta\"");
    check_bert_fails(config, "\"is_decoder\": false", "\"is_decoder\": true", LBK_BAD_DATA,
                     "\"is_decoder\" is not supported");
    check_bert_fails(config, "\"num_attention_heads\": 2", "\"num_attention_heads\": 3", LBK_INVALID_ARGUMENT,
                     "config.json: hidden_size 4 is no multiple");
    check_bert_fails(tokenizer, "WordPiece", "Unigram", LBK_BAD_DATA, "only WordPiece is supported");
    check_bert_fails(tokenizer, "\"A\": 5", "\"A\": 4", LBK_BAD_DATA, "each once");
    check_bert_fails(tokenizer, "\"A\": 5", "\"A\": 9", LBK_BAD_DATA, "token \"A\": ids must be 0 to 6");
    check_bert_fails(tokenizer, "\"BertNormalizer\"", "\"NFC\"", LBK_BAD_DATA, "is no BertNormalizer");
    check_bert_fails(tokenizer, "\"strip_accents\": null", "\"strip_accents\": true", LBK_BAD_DATA,
                     "strip_accents is true for a model that knows capitals");
    check_bert_fails(tokenizer, "\"handle_chinese_chars\": true", "\"handle_chinese_chars\": false",
                     LBK_BAD_DATA, "Chinese characters are no tokens");
    check_bert_fails(tokenizer, "\"added_tokens\": []",
                     "\"added_tokens\": [{\"id\": 7, \"content\": \"[ENT]\"}]", LBK_BAD_DATA,
                     "tokenizer.json: \"[ENT]\" is added as a token of its own");
    check_bert_fails(tokenizer, "\"pre_tokenizer\": null", "\"pre_tokenizer\": {\"type\": \"Whitespace\"}",
                     LBK_BAD_DATA, "is no BertPreTokenizer");
    check_bert_fails(tokenizer, "\"clean_text\": true", "\"clean_text\": false", LBK_BAD_DATA,
                     "control characters stay");
    check_bert_fails(config, "\"problem_type\": null", "\"problem_type\": \"regression\"", LBK_BAD_DATA,
                     "limbeck's models classify");
    char *summary;
    check_fails(context, LBK_INVALID_ARGUMENT, "is a model already",
                lbk_import(context, GOLDEN "bert", inside("bert"), &summary));
    check_fails(context, LBK_IO, "config.json", lbk_import(context, "/nowhere", inside("out"), &summary));
}

/* A folder with a tokenizer_config.json, and added_tokens.json, that say `config` and `added`. */
static lbk_status import_with(const char *config, const char *added, char **summary) {
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json"};
    char from[128], to[64], command[320];
    mkdir(inside("with"), 0777);
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        snprintf(from, sizeof from, GOLDEN "bert/%s", files[i]);
        snprintf(to, sizeof to, "with/%s", files[i]);
        copy(from, inside(to), NULL, NULL);
    }
    check_ok(context, lbk__write_file(context, inside("with/tokenizer_config.json"), config, strlen(config)));
    check_ok(context, lbk__write_file(context, inside("with/added_tokens.json"), added, strlen(added)));
    snprintf(command, sizeof command, "rm -rf '%s/imported'", folder);
    assert_int_equal(system(command), 0);
    return lbk_import(context, inside("with"), inside("imported"), summary);
}

static void tokenizer_settings_are_heeded(void **state) {
    (void)state;
    char *summary;
    /* With a vocab.txt beside it, tokenizer.json is looked at as well. */
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nA\n##b\n";
    check_ok(context, import_with("{}", "{}", &summary));
    lbk_free(context, summary);
    check_ok(context, lbk__write_file(context, inside("with/vocab.txt"), vocab, sizeof vocab - 1));
    check_ok(context, import_with("{}", "{}", &summary));
    lbk_free(context, summary);
    copy(GOLDEN "bert/tokenizer.json", inside("with/tokenizer.json"), "\"BertNormalizer\"", "\"NFC\"");
    check_fails(context, LBK_BAD_DATA, "is no BertNormalizer",
                lbk_import(context, inside("with"), inside("none"), &summary));
    unlink(inside("with/vocab.txt"));
    /* What transformers writes where it knows no limit. */
    check_ok(context, import_with("{\"model_max_length\": 1000000000000000019884624838656, "
                                  "\"added_tokens_decoder\": {\"4\": {\"content\": \"[MASK]\"}}}",
                                  "{\"[MASK]\": 4}", &summary));
    lbk_free(context, summary);
    check_fails(context, LBK_BAD_DATA, "strip_accents is false for a model that knows small letters only",
                import_with("{\"do_lower_case\": true, \"strip_accents\": false}", "{}", &summary));
    check_fails(context, LBK_BAD_DATA, "Chinese characters",
                import_with("{\"tokenize_chinese_chars\": false}", "{}", &summary));
    check_fails(context, LBK_BAD_DATA, "tokenizer_config.json: \"[ENT]\" is added",
                import_with("{\"added_tokens_decoder\": {\"7\": {\"content\": \"[ENT]\"}}}", "{}", &summary));
    check_fails(context, LBK_BAD_DATA, "added_tokens.json: \"[ENT]\" is added",
                import_with("{}", "{\"[ENT]\": 7}", &summary));
}

/* An index of shards, with `map` as its weight_map. */
static void check_index_fails(const char *map, const char *sentence) {
    char index[512];
    lbk__weights *weights;
    mkdir(inside("shards"), 0777);
    copy(GOLDEN "base.safetensors", inside("shards/a.safetensors"), NULL, NULL);
    copy(GOLDEN "base.safetensors", inside("shards/b.safetensors"), NULL, NULL);
    snprintf(index, sizeof index, "{\"weight_map\": %s}", map);
    check_ok(context,
             lbk__write_file(context, inside("shards/model.safetensors.index.json"), index, strlen(index)));
    check_fails(context, LBK_BAD_DATA, sentence,
                lbk__weights_open_folder(context, inside("shards"), &weights));
    assert_null(weights);
}

static void wrong_indexes_are_refused(void **state) {
    (void)state;
    check_index_fails("{\"cls.bias\": \"../shards/a.safetensors\"}", "no file of its folder");
    check_index_fails("{\"cls.bias\": \"/etc/passwd\"}", "no file of its folder");
    check_index_fails("{\"cls.bias\": 3}", "key \"cls.bias\"");
    check_index_fails("{\"other\": \"a.safetensors\"}", "tensor \"other\" is not in the file");
    check_index_fails("{\"cls.bias\": \"a.safetensors\", \"cls.weight\": \"b.safetensors\"}", "in two files");
    check_index_fails("[]", "weight_map");
}

static int tear_down(void **state) {
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    free(folder);
    lbk_context_destroy(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_saving_gives_the_same_weights),
        cmocka_unit_test(heads_are_what_they_are),
        cmocka_unit_test(a_random_classifier_is_not_used),
        cmocka_unit_test(distilbert_has_no_segments),
        cmocka_unit_test(a_vocabulary_comes_from_tokenizer_json),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(tokenizer_settings_are_heeded),
        cmocka_unit_test(wrong_indexes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
