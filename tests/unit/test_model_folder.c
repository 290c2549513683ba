/* Models as Hugging Face folders: what is saved comes back, weights start from other models, and what does
 * not fit is refused by name. */
#include "check.h"
#include "own_weights.h"

#include "base/half.h"
#include "base/random.h"
#include "format/safetensors.h"

enum { VOCAB = 11, HIDDEN = 6, LAYERS = 3 };

static const lbk__model_config small = {.vocab_size = VOCAB,
                                        .hidden_size = HIDDEN,
                                        .num_hidden_layers = LAYERS,
                                        .num_attention_heads = 2,
                                        .intermediate_size = 5,
                                        .max_position_embeddings = 8,
                                        .type_vocab_size = 2,
                                        .visual_embedding_dim = 4,
                                        .num_labels = 3,
                                        .hidden_dropout_prob = 0.1f,
                                        .attention_probs_dropout_prob = 0.1f,
                                        .layer_norm_eps = 1e-12f,
                                        .initializer_range = 0.02f};

static lbk__model *make(lbk_context *context, lbk__model_config config, uint64_t seed) {
    lbk__model *model;
    check_ok(context, lbk__model_create(context, &config, &model));
    lbk__model_init_random(model, seed);
    return model;
}

static float *values_of(lbk__model *model, const char *name) {
    const lbk__parameter *parameter = lbk__model_find(model, name);
    if (!parameter) fail_msg("no parameter %s", name);
    return model->values + parameter->offset;
}

static void what_is_saved_comes_back(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), before[65], after[65];
    lbk__model *model = make(context, small, 5), *again;
    static const char *const names[] = {"cat", "d\"og", "é"};
    check_ok(context, LBK_ALLOC(context, model->class_names, 3));
    check_ok(context, LBK_ALLOC(context, model->thresholds, 3));
    for (int i = 0; i < 3; i++) {
        check_ok(context, lbk__copy_string(context, names[i], &model->class_names[i]));
        model->thresholds[i] = 0.1f * (float)(i + 1);
    }
    check_ok(context, lbk__copy_string(context, "[PAD]\n[UNK]\n", &model->vocab));
    check_ok(context, lbk__copy_string(context, "{\"kind\":\"none\"}", &model->visual_source));
    model->vocab_length = 12;
    model->label_kind = LBK_LABEL_MULTI;
    model->cased = 1;
    model->max_text_tokens = 7;
    check_ok(context, lbk__model_save(model, NULL, folder));
    check_ok(context, lbk__model_load(context, folder, &again));
    assert_memory_equal(model->weights, again->weights, model->num_values * sizeof(float));
    assert_memory_equal(&model->config, &again->config, sizeof model->config);
    assert_string_equal(again->class_names[1], "d\"og");
    assert_memory_equal(model->thresholds, again->thresholds, 3 * sizeof(float));
    assert_string_equal(again->vocab, "[PAD]\n[UNK]\n");
    assert_string_equal(again->visual_source, "{\"kind\":\"none\"}");
    assert_int_equal(again->label_kind, LBK_LABEL_MULTI);
    assert_true(again->cased && again->max_text_tokens == 7);
    check_ok(context, lbk__model_hash(model, before));
    check_ok(context, lbk__model_hash(again, after));
    assert_string_equal(before, after);
    own_weights(again)[0] += 1.0f;
    check_ok(context, lbk__model_hash(again, after));
    assert_string_not_equal(before, after);
    lbk__model_free(model);
    lbk__model_free(again);
    free(folder);
    lbk_context_destroy(context);
}

/* model.safetensors with the model's tensors in another order. */
static void write_backwards(lbk_context *context, const lbk__model *model, const char *path) {
    lbk__tensor_spec *specs;
    lbk__safetensors_writer *writer;
    const size_t count = model->num_parameters;
    check_ok(context, LBK_ALLOC(context, specs, count));
    for (size_t i = 0; i < count; i++) specs[i] = lbk__parameter_spec(&model->parameters[count - 1 - i]);
    check_ok(context, lbk__safetensors_writer_open(context, path, specs, count, NULL, 0, NULL, &writer));
    for (size_t i = count; i-- > 0;) {
        const lbk__parameter *p = &model->parameters[i];
        check_ok(context, lbk__safetensors_writer_put(writer, model->weights + p->offset,
                                                      (size_t)p->rows * (size_t)p->cols * sizeof(float)));
    }
    check_ok(context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
    lbk_free(context, specs);
}

static void files_of_our_own_are_used_where_they_lie(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[300];
    lbk__model *model = make(context, small, 5), *lent, *copied, *none;
    const size_t bytes = model->num_values * sizeof(float);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    check_ok(context, lbk__model_save(model, NULL, folder));
    check_ok(context, lbk__model_load(context, folder, &lent));
    assert_null(lent->values);
    write_backwards(context, model, path);
    check_ok(context, lbk__model_load(context, folder, &copied));
    assert_non_null(copied->values);
    assert_null(copied->file);
    /* The first file is another one now: its weights stay what they were. */
    assert_memory_equal(lent->weights, model->weights, bytes);
    assert_memory_equal(copied->weights, model->weights, bytes);
    for (int backwards = 0; backwards < 2; backwards++) {
        values_of(model, "cls.weight")[1] = backwards ? NAN : -INFINITY;
        if (backwards)
            write_backwards(context, model, path);
        else
            check_ok(context, lbk__model_save(model, NULL, folder));
        check_fails(context, LBK_NUMERIC, "tensor \"cls.weight\" has a number that is not finite",
                    lbk__model_load(context, folder, &none));
    }
    lbk__model_free(model);
    lbk__model_free(lent);
    lbk__model_free(copied);
    free(folder);
    lbk_context_destroy(context);
}

/* At the ends of the blocks in which the tensors are looked through, and behind the last block. */
static void a_number_that_is_not_finite_is_found_anywhere(void **state) {
    (void)state;
    enum { WORDS = 100 };
    static const int at[] = {0, 255, 256, 511, 512, WORDS * HIDDEN - 1};
    lbk_context *context = check_context();
    char *folder = check_folder();
    lbk__model_config config = small;
    config.vocab_size = WORDS;
    lbk__model *model = make(context, config, 5), *none;
    float *words = values_of(model, "visual_bert.embeddings.word_embeddings.weight");
    for (size_t i = 0; i < LBK_COUNT(at); i++) {
        const float kept = words[at[i]];
        words[at[i]] = i % 2 ? NAN : INFINITY;
        check_ok(context, lbk__model_save(model, NULL, folder));
        check_fails(context, LBK_NUMERIC, "word_embeddings.weight\" has a number that is not finite",
                    lbk__model_load(context, folder, &none));
        words[at[i]] = kept;
    }
    lbk__model_free(model);
    free(folder);
    lbk_context_destroy(context);
}

/* A text encoder as Hugging Face writes it: `prefix` before the names, float16 when `half`. */
static void write_text_encoder(lbk_context *context, lbk__model *model, const char *folder,
                               const char *prefix, bool half) {
    static const char own[] = "visual_bert.";
    lbk__tensor_spec specs[128];
    static char names[128][128];
    size_t count = 0, chosen[128];
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        if (strstr(p->name, "visual_position") || strstr(p->name, "visual_token") ||
            strstr(p->name, "visual_projection") || strncmp(p->name, own, sizeof own - 1) != 0)
            continue;
        snprintf(names[count], sizeof names[count], "%s%s", prefix, p->name + sizeof own - 1);
        specs[count] = (lbk__tensor_spec){
            names[count], half ? LBK__F16 : LBK__F32, p->rank, {p->rank == 2 ? p->rows : p->cols, p->cols}};
        chosen[count++] = i;
    }
    char path[300], config[300];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    lbk__safetensors_writer *writer;
    check_ok(context, lbk__safetensors_writer_open(context, path, specs, count, NULL, 0, NULL, &writer));
    for (size_t i = 0; i < count; i++) {
        const lbk__parameter *p = &model->parameters[chosen[i]];
        const size_t size = (size_t)p->rows * (size_t)p->cols;
        for (size_t k = 0; k < size; k++) {
            const uint16_t narrow = lbk__float_to_half(model->values[p->offset + k]);
            check_ok(context, half ? lbk__safetensors_writer_put(writer, &narrow, 2)
                                   : lbk__safetensors_writer_put(writer, &model->values[p->offset + k], 4));
        }
    }
    check_ok(context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
    snprintf(path, sizeof path, "%s/config.json", folder);
    snprintf(config, sizeof config,
             "{\"model_type\": \"bert\", \"vocab_size\": %d, \"hidden_size\": %d, \"num_hidden_layers\": %d, "
             "\"num_attention_heads\": 2, \"intermediate_size\": 5, \"max_position_embeddings\": 8}",
             VOCAB, HIDDEN, LAYERS);
    check_ok(context, lbk__write_file(context, path, config, strlen(config)));
}

static void check_layer_is(lbk__model *model, int layer, lbk__model *source, int from, float tolerance) {
    static const char *const parts[] = {"attention.self.query.weight", "output.dense.bias",
                                        "output.LayerNorm.weight"};
    static const size_t sizes[] = {HIDDEN * HIDDEN, HIDDEN, HIDDEN};
    for (int i = 0; i < 3; i++) {
        char a[128], b[128];
        snprintf(a, sizeof a, "visual_bert.encoder.layer.%d.%s", layer, parts[i]);
        snprintf(b, sizeof b, "visual_bert.encoder.layer.%d.%s", from, parts[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            check_near((double)values_of(model, a)[k], (double)values_of(source, b)[k], tolerance);
    }
}

static void weights_start_from_a_text_encoder(void **state) {
    (void)state;
    static const char *const prefixes[] = {"", "bert.", "visual_bert."};
    for (int i = 0; i < 3; i++) {
        lbk_context *context = check_context();
        char *folder = check_folder(), *report;
        lbk__model_config config = small;
        config.type_vocab_size = 2 + i;
        lbk__model *source = make(context, config, 1);
        write_text_encoder(context, source, folder, prefixes[i], i == 1);
        config.type_vocab_size = 2;
        config.num_hidden_layers = 2;
        lbk__model *model = make(context, config, 2), *untouched = make(context, config, 2);
        static const int32_t layers[] = {2, 0};
        check_ok(context, lbk__model_init_from(model, folder, layers, 2, 2, &report));
        check_layer_is(model, 0, source, 2, i == 1 ? 1e-4f : 0.0f);
        check_layer_is(model, 1, source, 0, i == 1 ? 1e-4f : 0.0f);
        const char *visual = "visual_bert.embeddings.visual_position_embeddings.weight",
                   *segment = "visual_bert.embeddings.token_type_embeddings.weight"; /* of more, the first */
        check_near((double)values_of(model, segment)[2 * HIDDEN - 1],
                   (double)values_of(source, segment)[2 * HIDDEN - 1], i == 1 ? 1e-4 : 0);
        check_near((double)values_of(model, visual)[3], (double)values_of(untouched, visual)[3], 0);
        assert_memory_equal(values_of(model, "cls.weight"), values_of(untouched, "cls.weight"),
                            3 * HIDDEN * 4);
        assert_non_null(strstr(report, "cls.weight"));
        assert_non_null(strstr(report, "visual_projection.weight"));
        assert_null(strstr(report, "query"));
        lbk_free(context, report);
        lbk__model_free(source);
        lbk__model_free(model);
        lbk__model_free(untouched);
        free(folder);
        lbk_context_destroy(context);
    }
}

/* Word tables are often longer than their vocabulary, up to a round number. */
static void rows_behind_the_last_word_are_left(void **state) {
    (void)state;
    static const char *const words = "visual_bert.embeddings.word_embeddings.weight";
    lbk_context *context = check_context();
    char *folder = check_folder(), path[300], vocab[1000], *end = vocab;
    lbk__model_config config = small;
    config.vocab_size += 6;
    lbk__model *source = make(context, config, 1), *model = make(context, small, 2);
    for (int i = 0; i < small.vocab_size; i++) end += sprintf(end, "w%d\n", i);
    check_ok(context, lbk__copy_string(context, vocab, &model->vocab));
    model->vocab_length = strlen(vocab);
    write_text_encoder(context, source, folder, "", false);
    check_fails(context, LBK_MISMATCH, "pack the data with the vocab.txt",
                lbk__model_init_from(model, folder, NULL, 0, 0, NULL));
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    check_ok(context, lbk__write_file(context, path, vocab, strlen(vocab)));
    check_ok(context, lbk__model_init_from(model, folder, NULL, 0, 0, NULL));
    assert_memory_equal(values_of(model, words), values_of(source, words),
                        (size_t)small.vocab_size * HIDDEN * sizeof(float));
    lbk__model_free(source);
    lbk__model_free(model);
    free(folder);
    lbk_context_destroy(context);
}

/* The model's config.json with `old` replaced by `new` is refused. */
static void check_config_fails(lbk_context *context, lbk__model *model, const char *folder, const char *old,
                               const char *new, const char *sentence) {
    char path[300], changed[8192], *text;
    size_t size;
    lbk__model *none;
    check_ok(context, lbk__model_save(model, NULL, folder));
    snprintf(path, sizeof path, "%s/config.json", folder);
    check_ok(context, lbk__read_file(context, path, sizeof changed / 2, &text, &size));
    const char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    check_ok(context, lbk__write_file(context, path, changed, strlen(changed)));
    check_fails(context, LBK_BAD_DATA, sentence, lbk__model_load(context, folder, &none));
    lbk_free(context, text);
}

static void what_does_not_fit_is_named(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder();
    lbk__model *source = make(context, small, 1), *none;
    write_text_encoder(context, source, folder, "", false);
    lbk__model_config config = small;
    config.hidden_size = 8;
    lbk__model *wide = make(context, config, 2), *deep;
    check_fails(context, LBK_MISMATCH, "word_embeddings.weight",
                lbk__model_init_from(wide, folder, NULL, 0, 0, NULL));
    config = small;
    config.num_hidden_layers = 4;
    deep = make(context, config, 2);
    check_fails(context, LBK_INVALID_ARGUMENT, "no layer 3",
                lbk__model_init_from(deep, folder, NULL, 0, 0, NULL));
    static const int32_t layers[] = {0, 1};
    check_fails(context, LBK_INVALID_ARGUMENT, "init_layers names 2",
                lbk__model_init_from(deep, folder, layers, 2, 0, NULL));
    check_fails(context, LBK_BAD_DATA, "visual_bert", lbk__model_load(context, folder, &none));
    check_fails(context, LBK_IO, "no such folder", lbk__model_load(context, "/nowhere", &none));
    check_ok(context, lbk__model_save(source, NULL, folder));
    char path[300];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    check_ok(context, lbk__write_file(context, path, "\2\0\0\0\0\0\0\0{}", 10));
    check_fails(context, LBK_BAD_DATA, "has no tensor \"visual_bert.embeddings.word_embeddings.weight\"",
                lbk__model_load(context, folder, &none));
    snprintf(path, sizeof path, "%s/config.json", folder);
    check_config_fails(context, source, folder, "\"single\"", "\"double\"", "label_kind");
    check_config_fails(context, source, folder, "\"cased\"", "\"thresholds\": [0.1, true, 0.2], \"cased\"",
                       "no number");
    check_config_fails(context, source, folder, "\"hidden_size\": 6", "\"hidden_size\": \"6\"",
                       "hidden_size");
    check_config_fails(context, source, folder, "\"max_text_tokens\": 128", "\"max_text_tokens\": 0",
                       "max_text_tokens");
    static const char *const twice[] = {"cat", "dog", "cat"};
    check_ok(context, LBK_ALLOC(context, source->class_names, 3));
    for (int i = 0; i < 3; i++)
        check_ok(context, lbk__copy_string(context, twice[i], &source->class_names[i]));
    check_ok(context, lbk__model_save(source, NULL, folder));
    check_fails(context, LBK_BAD_DATA, "has the label of \"0\" for \"2\", too",
                lbk__model_load(context, folder, &none));
    check_ok(context, lbk__write_file(context, path, "{\"model_type\": \"visual_bert\"", 28));
    check_fails(context, LBK_BAD_DATA, "config.json, line 1", lbk__model_load(context, folder, &none));
    lbk__model_free(source);
    lbk__model_free(wide);
    lbk__model_free(deep);
    free(folder);
    lbk_context_destroy(context);
}

static void impossible_sizes_are_named(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__model *model;
    lbk__model_config config = small;
    config.num_attention_heads = 4;
    check_fails(context, LBK_INVALID_ARGUMENT, "no multiple", lbk__model_create(context, &config, &model));
    assert_null(model);
    config = small;
    config.vocab_size = 0;
    check_fails(context, LBK_INVALID_ARGUMENT, "vocab_size is 0",
                lbk__model_create(context, &config, &model));
    config = small;
    config.hidden_dropout_prob = NAN;
    check_fails(context, LBK_INVALID_ARGUMENT, "hidden_dropout_prob",
                lbk__model_create(context, &config, &model));
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_comes_back),
        cmocka_unit_test(files_of_our_own_are_used_where_they_lie),
        cmocka_unit_test(a_number_that_is_not_finite_is_found_anywhere),
        cmocka_unit_test(weights_start_from_a_text_encoder),
        cmocka_unit_test(rows_behind_the_last_word_are_left),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(impossible_sizes_are_named),
    };
    return cmocka_run_group_tests_name("model_folder", tests, NULL, NULL);
}
