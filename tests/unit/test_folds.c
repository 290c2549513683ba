/* Probing out of fold: each training sample's logits are those of a teacher that did not see it. */
#include "small_run.h"

#include "distill/cache.h"
#include "train/folds.h"
#include "train/infer.h"

enum { FOLDS = 3, CLASSES = 3 };

static lbk_status probe(small_run *run, const char *teacher, const char *out, int folds, int force) {
    char *teacher_path = small_run_path(run, teacher), *out_path = small_run_path(run, out),
         *pack = small_run_path(run, "pack");
    const lbk_probe_options options = {
        .teacher = teacher_path, .pack = pack, .out = out_path, .force = force, .folds = folds};
    const lbk_status status = lbk_probe(run->context, &options, NULL);
    free(teacher_path), free(out_path), free(pack);
    return status;
}

typedef struct asked {
    float logits[SAMPLES][LBK_NUM_VIEWS * CLASSES];
} asked;

static lbk_status keep(void *user, int64_t position, const float *logits) {
    memcpy(((asked *)user)->logits[position], logits, sizeof(float) * LBK_NUM_VIEWS * CLASSES);
    return LBK_OK;
}

/* What the model in a run folder says of all samples. */
static void ask(small_run *run, const lbk_pack *pack, const char *folder, asked *out) {
    int32_t all[SAMPLES];
    lbk__model *model;
    lbk__inference *inference;
    for (int i = 0; i < SAMPLES; i++) all[i] = i;
    char *path = small_run_path(run, folder);
    check_ok(run->context, lbk__model_load(run->context, path, &model));
    assert_int_equal(model->config.num_labels, CLASSES);
    check_ok(run->context,
             lbk__inference_create(model, NULL, pack, all, SAMPLES, LBK_NUM_VIEWS, 8, &inference));
    check_ok(run->context, lbk__inference_run(inference, NULL, keep, out));
    lbk__inference_free(inference);
    lbk__model_free(model);
    free(path);
}

static bool same(const lbk__cache *cache, int64_t sample, const asked *model) {
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        for (int c = 0; c < CLASSES; c++)
            if (fabsf(lbk__cache_logits(cache, (lbk_view)v, sample)[c] -
                      model->logits[sample][CLASSES * v + c]) > 1e-5f)
                return false;
    return true;
}

static void logits_are_of_a_teacher_that_did_not_see_the_sample(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, NULL, NULL, "teacher", 0, NULL));
    check_ok(run->context, probe(run, "teacher", "cache", FOLDS, 0));
    lbk_pack *pack;
    lbk__cache *cache;
    static asked teacher, fold[FOLDS];
    char *pack_path = small_run_path(run, "pack"), *cache_path = small_run_path(run, "cache");
    check_ok(run->context, lbk_pack_open(run->context, pack_path, &pack));
    check_ok(run->context, lbk__cache_open(run->context, cache_path, &cache));
    assert_int_equal(lbk__cache_made_from(cache)->folds, FOLDS);
    ask(run, pack, "teacher", &teacher);
    for (int k = 0; k < FOLDS; k++) {
        char name[64];
        snprintf(name, sizeof name, "cache.folds/%d-of-%d", k, FOLDS);
        ask(run, pack, name, &fold[k]);
    }
    int dealt[FOLDS] = {0}, from_teacher = 0;
    for (int64_t i = 0; i < SAMPLES; i++) {
        lbk_sample sample;
        int of = -1;
        check_ok(run->context, lbk_pack_sample(pack, i, &sample));
        for (int k = 0; k < FOLDS; k++)
            if (same(cache, i, &fold[k])) of = k;
        const bool learned = strcmp(sample.split, "train") == 0 && sample.labelled;
        if (learned ? of < 0 : !same(cache, i, &teacher)) fail_msg("sample %d has another's logits", (int)i);
        if (learned)
            dealt[of]++;
        else
            from_teacher++;
    }
    for (int k = 0; k < FOLDS; k++) assert_in_range(dealt[k], 12, 17);
    assert_true(from_teacher >= DEV + EXTRA);
    lbk__cache_close(cache);
    lbk_pack_close(pack);
    free(pack_path), free(cache_path);
}

/* Five questions about each of eight pictures. */
static void pack_questions(small_run *run) {
    char *data = small_run_path(run, "questions.jsonl"), *vocab = small_run_path(run, "vocab.txt"),
         *pack = small_run_path(run, "pack");
    FILE *file = fopen(data, "w");
    assert_non_null(file);
    for (int i = 0; i < 40; i++)
        fprintf(file,
                "{\"id\": \"%d\", \"split\": \"%s\", \"text\": \"red\", \"image\": \"%d.tiff\", \"label\": "
                "\"%s\"}\n",
                i, i < 30 ? "train" : "dev", i / 5 + (i >= 20), i % 2 ? "yes" : "no");
    fclose(file);
    const lbk_pack_options options = {
        .path = data, .vocab = vocab, .visual = LBK_VISUAL_PATCHES, .image_size = 8, .patch_size = 4};
    check_ok(run->context, lbk_pack_build(run->context, &options, pack, NULL));
    free(data), free(vocab), free(pack);
}

/* A picture's samples are in one fold, and the training of a fold leaves its samples out. */
static void folds_are_dealt_by_image(void **state) {
    small_run *run = *state;
    lbk_pack *pack;
    lbk__folds folds;
    char *pack_path = small_run_path(run, "pack"), *teacher = small_run_path(run, "teacher"),
         *folder = small_run_path(run, "folds");
    pack_questions(run);
    check_ok(run->context, small_run_go(run, CHANGES("train.max_steps=2"), NULL, "teacher", 0, NULL));
    check_ok(run->context, lbk_pack_open(run->context, pack_path, &pack));
    check_ok(run->context, lbk__folds_train(run->context, teacher, pack_path, pack, FOLDS, folder, &folds));
    int dealt[FOLDS] = {0};
    for (int i = 0; i < 40; i++) {
        assert_true(i < 30 ? folds.of_sample[i] >= 0 : folds.of_sample[i] == -1);
        assert_int_equal(folds.of_sample[i], folds.of_sample[i - i % 5]);
        if (i < 30) dealt[folds.of_sample[i]]++;
    }
    for (int k = 0; k < FOLDS; k++) assert_int_equal(dealt[k], 10);
    assert_non_null(strstr(run->log, "train: alone, 20 samples"));
    lbk__folds_free(run->context, &folds);
    lbk_pack_close(pack);
    free(pack_path), free(teacher), free(folder);
}

static void an_interrupted_probe_goes_on_to_the_same_cache(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, NULL, NULL, "teacher", 0, NULL));
    check_ok(run->context, probe(run, "teacher", "whole", FOLDS, 0));
    run->asked = 0, run->stop_at = 25; /* within the second fold's training */
    check_fails(run->context, LBK_INTERRUPTED, "fold 2 of 3", probe(run, "teacher", "parts", FOLDS, 0));
    run->stop_at = 0;
    check_ok(run->context, probe(run, "teacher", "parts", FOLDS, 0));
    small_run_same_file(run, "whole", "parts");
    check_ok(run->context, probe(run, "teacher", "parts", FOLDS, 0)); /* and is kept */
    assert_non_null(strstr(run->log, "left as it is"));
}

static void what_does_not_fit_is_refused(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, CHANGES("train.max_steps=2"), NULL, "teacher", 0, NULL));
    check_ok(run->context, probe(run, "teacher", "cache", 0, 0));
    check_fails(run->context, LBK_MISMATCH, "made with 0 folds, not 3",
                probe(run, "teacher", "cache", FOLDS, 0));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "need the teacher's run folder",
                probe(run, "teacher/best", "other", FOLDS, 0));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "folds is 1", probe(run, "teacher", "other", 1, 0));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "cannot be made of",
                probe(run, "teacher", "other", LBK_MAX_FOLDS, 0));
    check_ok(run->context, small_run_go(run, CHANGES("train.max_steps=2"), "cache", "distilled", 0, NULL));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "was distilled from a teacher",
                probe(run, "distilled", "other", FOLDS, 0));
    check_ok(run->context, probe(run, "distilled", "assistant", 0, 0));
    /* A student that stopped with one cache does not go on with the other. */
    check_ok(run->context, probe(run, "teacher", "cache", FOLDS, 1));
    check_ok(run->context,
             small_run_go(run, CHANGES("train.max_steps=2", "seed=5"), NULL, "second", 0, NULL));
    check_fails(run->context, LBK_MISMATCH,
                "cache.folds was made for another teacher or pack, or by an older limbeck: remove it",
                probe(run, "second", "cache", FOLDS, 1));
    check_ok(run->context, probe(run, "teacher", "plain", 0, 0));
    run->asked = 0, run->stop_at = 3;
    check_fails(run->context, LBK_INTERRUPTED, "", small_run_go(run, NULL, "cache", "student", 0, NULL));
    run->stop_at = 0;
    check_fails(run->context, LBK_MISMATCH, "the cache is another",
                small_run_go(run, NULL, "plain", "student", 1, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(logits_are_of_a_teacher_that_did_not_see_the_sample), TEST(folds_are_dealt_by_image),
        TEST(an_interrupted_probe_goes_on_to_the_same_cache), TEST(what_does_not_fit_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
