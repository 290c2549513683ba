/* Inference and probing of small random models on a small pack: order and batching change nothing, caches are
 * kept or refused. */
#include "probe_fixture.h"

#include "data/pack.h"

/* ---- inference ---- */

typedef struct collected {
    float logits[SAMPLES][LBK_NUM_VIEWS][3];
    int64_t next;
    size_t per_sample;
} collected;

static lbk_status collect(void *user, int64_t position, const float *logits) {
    collected *c = user;
    assert_int_equal(position, c->next++);
    memcpy(c->logits[position], logits, c->per_sample * sizeof *logits);
    return LBK_OK;
}

static void infer(fixture *f, lbk__model *model, const int32_t *indices, int64_t count, int32_t num_views,
                  int32_t batch_size, collected *out) {
    lbk__inference *inference;
    *out = (collected){.per_sample = (size_t)num_views * 3};
    check_ok(f->context,
             lbk__inference_create(model, NULL, f->pack, indices, count, num_views, batch_size, &inference));
    check_ok(f->context, lbk__inference_run(inference, NULL, collect, out));
    assert_int_equal(out->next, count);
    lbk__inference_free(inference);
}

static void order_batching_and_views_change_no_logits(void **state) {
    fixture *f = *state;
    lbk__model *model;
    collected alone, other;
    int32_t forward[SAMPLES], backward[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) forward[i] = i, backward[i] = SAMPLES - 1 - i;
    check_ok(f->context, lbk__model_load(f->context, f->teacher_path, &model));
    infer(f, model, forward, SAMPLES, LBK_NUM_VIEWS, 1, &alone);
    static const int32_t sizes[] = {2, 7, 64};
    for (size_t s = 0; s < LBK_COUNT(sizes); s++) {
        infer(f, model, backward, SAMPLES, LBK_NUM_VIEWS, sizes[s], &other);
        for (int i = 0; i < SAMPLES; i++)
            for (int v = 0; v < LBK_NUM_VIEWS; v++)
                for (int c = 0; c < 3; c++)
                    check_near((double)other.logits[SAMPLES - 1 - i][v][c], (double)alone.logits[i][v][c],
                               1e-5);
    }
    infer(f, model, forward, SAMPLES, 1, 5, &other);
    for (int i = 0; i < SAMPLES; i++)
        check_near((double)other.logits[i][0][2], (double)alone.logits[i][LBK_VIEW_JOINT][2], 1e-5);
    infer(f, model, forward, 0, 3, 5, &other);
    lbk__model_free(model);
}

/* The pack's ids must be the model's words; that it knows more of them, or ends lines otherwise, is no harm.
 */
static void check_vocabularies(fixture *f, lbk__model *model) {
    size_t length;
    const char *theirs = lbk__pack_vocab(f->pack, &length);
    char other[400];
    const struct {
        const char *text, *sentence;
    } cases[] = {{other, "token 0 is \"[PAD]\" in the pack and \"[UNK]\" for the model"},
                 {"[PAD]\r\n[UNK]\r\n", "token 2 is \"[CLS]\" in the pack and nothing for the model"}};
    snprintf(other, sizeof other, "[UNK]\n[PAD]%.*s", (int)(length - 11), theirs + 11);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        model->vocab = (char *)(uintptr_t)cases[i].text, model->vocab_length = strlen(cases[i].text);
        check_fails(f->context, LBK_MISMATCH, cases[i].sentence, lbk__check_fit(model, f->pack, NULL, 0));
    }
    model->vocab_length = (size_t)snprintf(other, sizeof other, "%.*smore", (int)length, theirs);
    model->vocab = other;
    check_ok(f->context, lbk__check_fit(model, f->pack, NULL, 0));
    model->vocab = NULL, model->vocab_length = 0;
}

static void rows_of_another_encoder_are_others(void **state) {
    (void)state;
#define ENCODER(hash) \
    "\"extractor\": \"net\", \"weights_sha256\": \"" hash "\", \"input_size\": 96, \"grid\": 2"
    static const char direct[] = "{\"kind\": \"encoder\", \"dim\": 4, " ENCODER("ab") "}",
                      filed[] = "{\"kind\": \"hdf5\", \"attributes\": {" ENCODER("ab") "}}",
                      other[] = "{\"kind\": \"hdf5\", \"attributes\": {" ENCODER("cd") "}}",
                      projected[] =
                          "{\"kind\": \"encoder\", \"projection_sha256\": \"1\", " ENCODER("ab") "}",
                      unknown[] = "{\"kind\": \"hdf5\", \"attributes\": {}}";
#undef ENCODER
    assert_true(lbk__same_visual_source(direct, direct) && lbk__same_visual_source(direct, filed));
    assert_false(lbk__same_visual_source(filed, other) || lbk__same_visual_source(direct, projected));
    assert_true(lbk__same_visual_source(filed, unknown) && !lbk__same_visual_source(direct, unknown));
}

static void a_model_of_another_shape_is_refused(void **state) {
    fixture *f = *state;
    const int32_t all[] = {0, 1, 2, 3, 4, 5, 6};
    int32_t dim = lbk_pack_visual_dim(f->pack);
    lbk__model *model = make_model(f, 4, dim, 1);
    check_fails(f->context, LBK_MISMATCH, "tells 4 classes apart, the pack has 3: pack the data with",
                lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
    model = make_model(f, 3, dim + 1, 1);
    check_fails(f->context, LBK_MISMATCH, "visual rows of", lbk__check_fit(model, f->pack, all, 7));
    const char *made = "{\"kind\": \"patches\", \"image_size\": 96, \"patch_size\": 24}";
    check_ok(f->context, lbk__copy_string(f->context, made, &model->visual_source));
    check_fails(f->context, LBK_MISMATCH, "training (--image-size 96 --patch-size 24)",
                lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
    model = make_model(f, 3, dim, 1);
    model->random_classifier = true;
    check_fails(f->context, LBK_BAD_DATA, "classifier is random", lbk__check_fit(model, f->pack, all, 7));
    model->random_classifier = false;
    model->config.visual_embedding_dim = 1; /* as an imported BERT has it */
    check_fails(f->context, LBK_MISMATCH, "reads no pictures", lbk__check_fit(model, f->pack, all, 7));
    model->config.visual_embedding_dim = dim;
    model->label_kind = LBK_LABEL_MULTI;
    check_fails(f->context, LBK_MISMATCH, "labels of kind multi, the pack's are single",
                lbk__check_fit(model, f->pack, all, 7));
    model->other_label_kinds = 1U << LBK_LABEL_SINGLE; /* as a model from elsewhere has it */
    check_ok(f->context, lbk__check_fit(model, f->pack, all, 7));
    assert_int_equal(model->label_kind, LBK_LABEL_SINGLE);
    check_ok(f->context,
             lbk__copy_string(f->context, "{\"kind\":\"patches\",\"image_size\":16,\"patch_size\":4}",
                              &model->visual_source));
    check_fails(f->context, LBK_MISMATCH, "visual rows made by", lbk__check_fit(model, f->pack, all, 7));
    lbk_free(f->context, model->visual_source);
    model->visual_source = NULL;
    model->class_names[1][0] = 'f';
    check_fails(f->context, LBK_MISMATCH, "class 1 is \"fog\" for the model and \"dog\" in the pack",
                lbk__check_fit(model, f->pack, all, 7));
    model->class_names[1][0] = 'd';
    check_vocabularies(f, model);
    model->config.vocab_size = 5;
    check_fails(f->context, LBK_MISMATCH, "the model knows 0 … 4", lbk__check_fit(model, f->pack, all, 7));
    model->config.vocab_size = 10, model->config.max_position_embeddings = 5;
    check_fails(f->context, LBK_MISMATCH, "positions for 5", lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
}

/* ---- probing ---- */

static void a_cache_holds_what_the_teacher_says(void **state) {
    fixture *f = *state;
    char *text;
    check_ok(f->context, probe(f, f->teacher_path, 0, &text));
    json_t *summary = parse(f, text);
    lbk__model *model;
    collected direct;
    int32_t indices[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) indices[i] = i;
    check_ok(f->context, lbk__model_load(f->context, f->teacher_path, &model));
    infer(f, model, indices, SAMPLES, LBK_NUM_VIEWS, 1, &direct);
    lbk__model_free(model);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    check_ok(f->context, lbk__cache_verify(cache));
    for (int i = 0; i < SAMPLES; i++)
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            for (int c = 0; c < 3; c++)
                check_near((double)lbk__cache_logits(cache, (lbk_view)v, i)[c],
                           (double)direct.logits[i][v][c], 1e-5);
    lbk__cache_close(cache);
    double text_saliency;
    lbk__metrics metrics = split_metrics(f, "dev", LBK_VIEW_IMAGE, &text_saliency);
    check_near(number(summary, "splits/dev/image/accuracy"), metrics.accuracy, 1e-8);
    check_near(number(summary, "splits/dev/image/entropy"), metrics.entropy, 1e-8);
    check_near(number(summary, "splits/dev/image/num_samples"), 10, 0);
    check_near(number(summary, "saliency/js/text"), text_saliency, 1e-8);
    check_near(number(summary, "saliency_by_class/dog/num_samples"), 13, 0);
    assert_true(number(summary, "saliency_by_class/dog/js/image") > 0);
    check_near(number(summary, "kept"), 0, 0);
    json_decref(summary);
}

static void a_matching_cache_is_kept_another_refused(void **state) {
    fixture *f = *state;
    char *text, before[LBK__HASH_SIZE], after[LBK__HASH_SIZE];
    check_ok(f->context, probe(f, f->teacher_path, 0, NULL));
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, before));
    check_ok(f->context, probe(f, f->teacher_path, 0, &text));
    json_t *summary = parse(f, text);
    check_near(number(summary, "kept"), 1, 0);
    json_decref(summary);
    assert_non_null(strstr(f->log, "left as it is"));
    check_fails(f->context, LBK_MISMATCH,
                "made with another teacher: write over it with --force, or name another",
                probe(f, f->student_path, 0, &text));
    assert_null(text);
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, after));
    assert_string_equal(before, after);
    check_ok(f->context, probe(f, f->student_path, 1, NULL));
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, after));
    assert_string_not_equal(before, after);
}

static void an_interrupted_probe_leaves_nothing(void **state) {
    fixture *f = *state;
    f->interrupt = 1;
    check_fails(f->context, LBK_INTERRUPTED, "stopped on request", probe(f, f->teacher_path, 0, NULL));
    assert_false(lbk__exists(f->cache_path));
}

static void bad_probes_are_refused(void **state) {
    fixture *f = *state;
    lbk_probe_options options = {
        .teacher = f->teacher_path, .pack = f->pack_path, .out = f->cache_path, .batch_size = -1};
    check_fails(f->context, LBK_INVALID_ARGUMENT, "batch_size is -1", lbk_probe(f->context, &options, NULL));
    options.batch_size = 0, options.teacher = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_probe(f->context, &options, NULL));
    options.teacher = f->teacher_path, options.pack = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_probe(f->context, &options, NULL));
    options.pack = f->pack_path, options.out = f->pack_path, options.force = 1;
    check_fails(f->context, LBK_INVALID_ARGUMENT, "is there and is no cache, so that it is not written over",
                lbk_probe(f->context, &options, NULL));
    check_ok(f->context, lbk_pack_verify(f->pack));
    options.out = "/nowhere/cache";
    check_fails(f->context, LBK_IO, "/nowhere/cache", lbk_probe(f->context, &options, NULL));
}

/* A cache of someone who gives the classes that are true of train this much more than the others; what it
 * says of the split that it was trained on. */
static json_t *probe_summary(fixture *f, float certainty, const char *train_split) {
    char zeros[LBK__HASH_SIZE] = {0};
    memset(zeros, '0', LBK__HASH_SIZE - 1);
    const lbk__cache_key key = {zeros, zeros, LBK_LABEL_SINGLE, SAMPLES, 3, 0, false, NULL};
    lbk__cache_writer *writer;
    check_ok(f->context, lbk__cache_writer_open(f->context, f->cache_path, &key, &writer));
    for (int64_t i = 0; i < SAMPLES; i++) {
        float logits[9] = {0};
        lbk_sample sample;
        lbk__saliencies saliencies;
        check_ok(f->context, lbk_pack_sample(f->pack, i, &sample));
        if (strcmp(sample.split, "train") == 0 && sample.labelled) logits[sample.classes[0]] = certainty;
        check_ok(f->context, lbk__cache_writer_put(writer, i, logits, -1, NULL, saliencies));
    }
    check_ok(f->context, lbk__cache_writer_commit(writer));
    lbk__cache_writer_close(writer);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    lbk__model *model = make_model(f, 3, 48, 1);
    json_t *root = json_object();
    check_ok(f->context, lbk__probe_summary(model, f->pack, cache, train_split, "dev", root));
    lbk__model_free(model);
    lbk__cache_close(cache);
    return root;
}

/* Right and sure on train, guessing elsewhere: by heart. Right but not sure: there is something to learn. */
static void a_teacher_that_memorised_is_warned_of(void **state) {
    fixture *f = *state;
    json_t *root = probe_summary(f, 9, "train");
    assert_non_null(strstr(f->log, "by heart"));
    check_near(number(root, "memorised"), 1, 0);
    json_decref(root);
    f->log[0] = 0;
    root = probe_summary(f, 0.5f, "train");
    assert_null(strstr(f->log, "by heart"));
    check_near(number(root, "memorised"), 0, 0);
    json_decref(root);
    root = probe_summary(f, 9, "test"); /* it was trained on another split than the one it knows */
    assert_null(strstr(f->log, "by heart"));
    json_decref(root);
}

/* What removal costs on the label says nothing, 0, of samples without one: they do not count. */
static void label_saliency_is_of_labelled_samples(void **state) {
    fixture *f = *state;
    char *text;
    double sum = 0;
    check_ok(f->context, probe(f, f->teacher_path, 0, &text));
    json_t *summary = parse(f, text);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    for (int i = 0; i < SAMPLES; i++) {
        float saliency[2];
        lbk__cache_saliency(cache, LBK__SALIENCY_LABEL, i, saliency);
        if (i % 10 != 5) sum += (double)saliency[1];
    }
    lbk__cache_close(cache);
    check_near(number(summary, "saliency/label/num_samples"), 37, 0); /* of 41 */
    check_near(number(summary, "saliency/label/image"), sum / 37, 1e-8);
    check_near(number(summary, "saliency/num_samples"), SAMPLES, 0);
    json_decref(summary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(order_batching_and_views_change_no_logits),
        TEST(a_model_of_another_shape_is_refused),
        TEST(rows_of_another_encoder_are_others),
        TEST(a_cache_holds_what_the_teacher_says),
        TEST(a_matching_cache_is_kept_another_refused),
        TEST(an_interrupted_probe_leaves_nothing),
        TEST(bad_probes_are_refused),
        TEST(a_teacher_that_memorised_is_warned_of),
        TEST(label_saliency_is_of_labelled_samples),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
