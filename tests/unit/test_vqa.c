/* VQA v2: answers as the official scorer takes them, scores and the metric against its arithmetic
 * (oracle/vqa.py), what is bad in its files. */
#include "benchmark_fixture.h"

#include "data/vqa_answers.h"
#include "study/bootstrap.h"

#define GOLDEN "tests/golden/vqa/"

static json_t *load(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s: %s", path, error.text);
    return root;
}

static void answers_are_normalised(void **state) {
    (void)state;
    lbk_context *context = check_context();
    json_t *cases = load(GOLDEN "answers.json");
    lbk__text out = {0};
    assert_true(json_array_size(cases) > 800);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const char *answer = json_string_value(json_array_get(json_array_get(cases, i), 0));
        const char *wanted = json_string_value(json_array_get(json_array_get(cases, i), 1));
        check_ok(context, lbk__vqa_normalize(context, answer, &out));
        if (strcmp(out.data, wanted) != 0 || out.length != strlen(wanted))
            fail_msg("\"%s\" becomes \"%s\", must be \"%s\"", answer, out.data, wanted);
    }
    check_ok(context, lbk__vqa_strip(context, " \n a\tb. \xc2\xa0", &out));
    assert_string_equal(out.data, "a b.");
    lbk__text_free(context, &out);
    json_decref(cases);
    lbk_context_destroy(context);
}

static void accuracy_leaves_one_out(void **state) {
    (void)state;
    static const double ten[] = {0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1};
    for (int32_t same = 0; same <= 10; same++) check_near(lbk__vqa_accuracy(10, same), ten[same], 1e-15);
    check_near(lbk__vqa_accuracy(1, 1), 0, 0); /* without the one there is nobody to agree with */
    check_near(lbk__vqa_accuracy(1, 0), 0, 0);
    check_near(lbk__vqa_accuracy(3, 3), 2. / 3, 1e-15);
    check_near(lbk__vqa_accuracy(3, 1), 2. / 9, 1e-15);
}

/* ---- the data set of oracle/vqa.py ---- */

static lbk_pack *build_golden(fixture *f) {
    *f = fixture_open(NULL);
    fixture_start(f);
    fixture_source(f, LBK_SOURCE_VQA_V2, LBK_LABEL_SOFT);
    f->options.path = GOLDEN;
    f->options.visual = LBK_VISUAL_NONE;
    return build(f);
}

/* Official accuracy of each class for a sample; NULL: unlabelled. */
static json_t *official(const json_t *expected, lbk_sample sample) {
    char id[32];
    snprintf(id, sizeof id, "%.*s", (int)sample.id_length, sample.id);
    return json_object_get(json_object_get(expected, "accuracy"), id);
}

static float score_of(lbk_sample sample, int32_t class) {
    for (int32_t k = 0; k < sample.num_labels; k++)
        if (sample.classes[k] == class) return sample.scores[k];
    return 0;
}

static void scores_are_the_scorers(void **state) {
    (void)state;
    fixture f;
    lbk_pack *pack = build_golden(&f);
    json_t *expected = load(GOLDEN "expected.json");
    const json_t *classes = json_object_get(expected, "classes");
    assert_int_equal(lbk_pack_num_classes(pack), json_array_size(classes));
    for (int32_t c = 0; c < lbk_pack_num_classes(pack); c++)
        assert_string_equal(lbk_pack_class_name(pack, c),
                            json_string_value(json_array_get(classes, (size_t)c)));
    check_count(&f, pack, "train", NULL, 150);
    check_count(&f, pack, "dev", NULL, 40);
    check_count(&f, pack, "test", NULL, 4);
    int labelled = 0, without = 0;
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) {
        const lbk_sample sample = sample_of(&f, pack, i);
        const json_t *wanted = official(expected, sample);
        assert_int_equal(sample.labelled, wanted != NULL);
        labelled += sample.labelled;
        without += sample.labelled && sample.num_labels == 0;
        for (int32_t c = 0; wanted && c < lbk_pack_num_classes(pack); c++)
            check_near(score_of(sample, c), json_number_value(json_array_get(wanted, (size_t)c)), 3e-8);
    }
    assert_int_equal(labelled, 190);
    assert_true(without > 5);
    json_decref(expected);
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* What the bootstrap makes of a draw that has each sample once. */
static double score_once(fixture *f, const lbk__metrics_input *input) {
    lbk__scorer scorer;
    int32_t *times = malloc((size_t)input->num_samples * sizeof *times);
    for (int64_t i = 0; i < input->num_samples; i++) times[i] = 1;
    check_ok(f->context, lbk__scorer_create(f->context, "vqa_accuracy", input, &scorer));
    const double score = lbk__scorer_score(&scorer, times);
    lbk__scorer_free(f->context, &scorer);
    free(times);
    return score;
}

/* The metric on the first `count` labelled samples with the given logits, and the official accuracy of what
 * they decide. */
static void compare_metric(fixture *f, const lbk_pack *pack, const json_t *expected, int64_t count,
                           const float *logits) {
    const int32_t classes = lbk_pack_num_classes(pack);
    int32_t *labelled = malloc((size_t)count * sizeof *labelled);
    lbk__labels targets;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const lbk_sample sample = sample_of(f, pack, i);
        int32_t decided = 0;
        for (int32_t c = 0; c < classes; c++)
            if (logits[i * classes + c] > logits[i * classes + decided]) decided = c;
        labelled[i] = (int32_t)i;
        sum += json_number_value(json_array_get(official(expected, sample), (size_t)decided));
    }
    check_ok(f->context, lbk__labels_read(f->context, pack, labelled, count, &targets));
    const lbk__metrics_input input = {.label_kind = LBK_LABEL_SOFT,
                                      .num_samples = count,
                                      .num_classes = classes,
                                      .logits = logits,
                                      .targets = &targets};
    lbk__metrics metrics;
    check_ok(f->context, lbk__metrics_compute(f->context, &input, &metrics));
    check_near(metrics.vqa_accuracy, sum / (double)count, 1e-9);
    check_near(score_once(f, &input), metrics.vqa_accuracy, 1e-13);
    lbk__labels_free(f->context, &targets);
    free(labelled);
}

static void the_metric_is_the_scorers(void **state) {
    (void)state;
    fixture f;
    lbk_pack *pack = build_golden(&f);
    json_t *expected = load(GOLDEN "expected.json");
    const int32_t classes = lbk_pack_num_classes(pack);
    float *logits = calloc(190 * (size_t)classes, sizeof *logits);
    compare_metric(&f, pack, expected, 190, logits); /* all equal: the first class */
    uint32_t seed = 7;
    for (int round = 0; round < 20; round++) {
        for (int64_t i = 0; i < 190 * classes; i++) {
            seed = seed * 1664525 + 1013904223;
            logits[i] = (float)(seed >> 29); /* eight values: ties */
        }
        compare_metric(&f, pack, expected, 190, logits);
        compare_metric(&f, pack, expected, 1, logits);
    }
    free(logits);
    json_decref(expected);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void given_classes_are_taken(void **state) {
    (void)state;
    static const char *const classes[] = {"yes", "t shirt", "99.5"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    fixture_source(&f, LBK_SOURCE_VQA_V2, LBK_LABEL_SOFT);
    f.options.path = GOLDEN;
    f.options.visual = LBK_VISUAL_NONE;
    f.options.classes = classes;
    f.options.num_classes = 3;
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_classes(pack), 3);
    int found[3] = {0};
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++)
        for (int32_t c = 0; c < 3; c++) found[c] += score_of(sample_of(&f, pack, i), c) > 0;
    assert_true(found[0] > 0 && found[1] > 0 && found[2] > 0);
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* ---- small sets by hand ---- */

#define TEN(a) "{\"answer\":\"" a "\"},{\"answer\":\"" a "\"},{\"answer\":\"" a "\"}"
#define QUESTION(id, image) "{\"question_id\":" id ",\"image_id\":" image ",\"question\":\"Is it?\"}"
#define ANNOTATION(id, answers) \
    "{\"question_id\":" id ",\"multiple_choice_answer\":\"no\",\"answers\":[" answers "]}"
#define QUESTIONS(items) "{\"data_subtype\":\"x\",\"questions\":[" items "],\"info\":{}}"
#define ANNOTATIONS(items) "{\"annotations\":[" items "]}"

static void put_questions(fixture *f) {
    static const char *const classes[] = {"no", "yes"};
    fixture_source(f, LBK_SOURCE_VQA_V2, LBK_LABEL_SOFT);
    f->options.classes = classes;
    f->options.num_classes = 2;
    put_text(f, "v2_OpenEnded_mscoco_train2014_questions.json",
             QUESTIONS(QUESTION("1", "9") "," QUESTION("2", "9")));
    put_text(f, "v2_mscoco_train2014_annotations.json",
             ANNOTATIONS(ANNOTATION("2", TEN("no")) "," ANNOTATION("1", TEN("yes"))));
    put_text(f, "v2_OpenEnded_mscoco_val2014_questions.json", QUESTIONS(QUESTION("3", "11")));
    put_text(f, "v2_mscoco_val2014_annotations.json", ANNOTATIONS(ANNOTATION("3", TEN("yes"))));
    copy_file(f, IMAGES "turned.jpg", "train2014/COCO_train2014_000000000009.jpg");
    copy_file(f, IMAGES "rgb.png", "val2014/COCO_val2014_000000000011.png");
}

static void questions_find_annotations_and_pictures(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_questions(&f);
    put_text(&f, "v2_OpenEnded_mscoco_test2015_questions.json", QUESTIONS(QUESTION("4", "13")));
    put_text(&f, "v2_OpenEnded_mscoco_test-dev2015_questions.json", QUESTIONS(QUESTION("4", "13")));
    copy_file(&f, IMAGES "turned.jpg", "test2015/COCO_test2015_000000000013.jpg");
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 4);
    check_sample(&f, pack, 0, "1", "train", "Is it?", "yes");
    check_sample(&f, pack, 1, "2", "train", "Is it?", "no");
    check_sample(&f, pack, 2, "3", "dev", "Is it?", "yes");
    check_sample(&f, pack, 3, "4", "test", "Is it?", NULL);
    check_image(pack, 0, "train2014/COCO_train2014_000000000009.jpg");
    check_image(pack, 1, "val2014/COCO_val2014_000000000011.png");
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* Both are what the scorer compares as "0", unless all annotators wrote the one. */
static void given_classes_may_be_one_answer(void **state) {
    (void)state;
    static const char *const classes[] = {"none", "yes", "0", "the"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_questions(&f);
    f.options.visual = LBK_VISUAL_NONE;
    f.options.classes = classes;
    f.options.num_classes = 4;
    put_text(
        &f, "v2_mscoco_train2014_annotations.json",
        ANNOTATIONS(ANNOTATION("1", TEN("none") ",{\"answer\":\"0\"}") "," ANNOTATION("2", TEN("none"))));
    lbk_pack *pack = build(&f);
    const lbk_sample mixed = sample_of(&f, pack, 0), agreed = sample_of(&f, pack, 1);
    check_near(score_of(mixed, 0), 1, 0);
    check_near(score_of(mixed, 2), 1, 0);
    check_near(score_of(agreed, 0), lbk__vqa_accuracy(3, 3), 1e-7);
    for (int32_t c = 1; c < 4; c++) check_near(score_of(agreed, c), 0, 0);
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* More subsets than anybody's folder has, each with its questions and annotations. */
static void all_subsets_may_be_there(void **state) {
    (void)state;
    static const char *const more[] = {"test2015", "train", "dev", "test"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_questions(&f);
    f.options.visual = LBK_VISUAL_NONE;
    for (size_t i = 0; i < LBK_COUNT(more); i++) {
        char name[96], questions[256], annotations[512];
        snprintf(questions, sizeof questions,
                 QUESTIONS("{\"question_id\":%zu,\"image_id\":9,\"question\":\"Is?\"}"), 10 + i);
        snprintf(name, sizeof name, "v2_OpenEnded_mscoco_%s_questions.json", more[i]);
        put_text(&f, name, questions);
        snprintf(annotations, sizeof annotations,
                 ANNOTATIONS(
                     "{\"question_id\":%zu,\"multiple_choice_answer\":\"no\",\"answers\":[" TEN("no") "]}"),
                 10 + i);
        snprintf(name, sizeof name, "v2_mscoco_%s_annotations.json", more[i]);
        put_text(&f, name, annotations);
    }
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 7);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void bad_questions_are_named(void **state) {
    (void)state;
#define Q "v2_OpenEnded_mscoco_val2014_questions.json"
#define A "v2_mscoco_val2014_annotations.json"
    static const trouble cases[] = {
        {Q, QUESTIONS(QUESTION("3", "12")), "val2014/COCO_val2014_000000000012.jpg: no such image"},
        {Q, QUESTIONS(QUESTION("\"3\"", "11")), "item 1: key \"question_id\": is a string"},
        {Q, QUESTIONS(QUESTION("3", "-1")), "\"image_id\": is -1"},
        {Q, QUESTIONS(QUESTION("1", "11")), "val2014_questions.json, item 1: has no annotation"},
        {Q, QUESTIONS("{\"question_id\":3,\"image_id\":11}"), "has no key \"question\""},
        {Q, QUESTIONS("7"), "must be a JSON object"},
        {Q, QUESTIONS("{\"question_id\":3,}"), "val2014_questions.json, item 1, column"},
        {A, ANNOTATIONS("{\"question_id\":3}"), "has no key \"answers\""},
        {A, ANNOTATIONS(ANNOTATION("3", "")), "has 0 answers"},
        {A, ANNOTATIONS(ANNOTATION("3", "\"no\"")), "must be a JSON object with the key \"answer\""},
        {A, ANNOTATIONS(ANNOTATION("3", "{\"answer\":1}")), "\"answer\": is an integer"},
        {A, ANNOTATIONS(ANNOTATION("true", TEN("no"))), "\"question_id\": is a truth value"},
        {A, ANNOTATIONS("{\"question_id\" 3}"), "val2014_annotations.json, item 1, column"},
        {A, ANNOTATIONS(""), "has no annotation"},
    };
    check_troubles(put_questions, cases, LBK_COUNT(cases), 3);
}

/* A file that was cut, or is another one, is refused even when bad records are skipped. */
static void broken_files_are_refused(void **state) {
    (void)state;
    static const trouble cases[] = {
        {Q, "{\"questions\":[" QUESTION("3", "11"), "val2014_questions.json, byte"},
        {Q, "{\"questions\":[" QUESTION("3", "11") "]", "val2014_questions.json, byte"},
        {Q, "{\"questions\":[{\"question_id\":3,\"ima", "the file ends within a value; is it whole?"},
        {Q, "{\"question\":[]}", "has no key \"questions\""},
        {Q, "{\"questions\":{}}", "\"[\" is missing"},
        {Q, "[]", "\"{\" is missing"},
        {Q, "", "\"{\" is missing"},
        {A, "{\"annotations\":[" ANNOTATION("3", TEN("no")) "]} x", "the file goes on after the object"},
        {A, "{\"annotations\":[" ANNOTATION("3", TEN("no")) " " ANNOTATION("4", TEN("no")) "]}",
         "\",\" is missing"},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        fixture f = fixture_open(NULL);
        fixture_start(&f);
        put_questions(&f);
        f.options.skip_bad = 1;
        put_text(&f, cases[i].file, cases[i].text);
        check_fails(f.context, LBK_BAD_DATA, cases[i].sentence,
                    lbk_pack_build(f.context, &f.options, f.pack, NULL));
        fixture_close(&f);
    }
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_questions(&f);
    put_text(&f, A,
             ANNOTATIONS(
                 ANNOTATION("3", TEN("no")) "," ANNOTATION("5", TEN("no")) "," ANNOTATION("6", TEN("no"))));
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    check_contains(summary, "\"annotation without a question\": 2");
    lbk_free(f.context, summary);
    f.options.num_classes = 0; /* no answer of train comes nine times */
    check_fails(f.context, LBK_BAD_DATA, "no answer of train",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    put_questions(&f);
    f.options.label_kind = LBK_LABEL_SINGLE;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "must be soft",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.label_kind = LBK_LABEL_SOFT;
    f.options.path = "tests/golden";
    check_fails(f.context, LBK_BAD_DATA, "has no v2_OpenEnded",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void lack_of_memory_is_survived(void **state) {
    (void)state;
    check_scarce_memory(put_questions);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_normalised),
        cmocka_unit_test(accuracy_leaves_one_out),
        cmocka_unit_test(scores_are_the_scorers),
        cmocka_unit_test(the_metric_is_the_scorers),
        cmocka_unit_test(given_classes_are_taken),
        cmocka_unit_test(questions_find_annotations_and_pictures),
        cmocka_unit_test(given_classes_may_be_one_answer),
        cmocka_unit_test(all_subsets_may_be_there),
        cmocka_unit_test(bad_questions_are_named),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("vqa", tests, NULL, NULL);
}
