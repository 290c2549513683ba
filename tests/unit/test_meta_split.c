/* Which samples judge learned weights: strata of each kind of label, a split of its own, refusals. */
#include "small_run.h"

/* Each class gives its share of the meta split; the seed decides which samples. */
static void meta_splits_are_stratified(void **state) {
    small_run *run = *state;
    static const char *const seeds[] = {"seed=1", "seed=2"};
    json_t *split[2];
    for (int k = 0; k < 2; k++) {
        int per_class[3] = {0};
        const char *out = k ? "two" : "one";
        char name[64];
        check_ok(run->context,
                 small_run_go(run,
                              CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_fraction=0.5",
                                      "train.max_steps=1", seeds[k]),
                              "cache", out, 0, NULL));
        snprintf(name, sizeof name, "%s/meta_split.json", out);
        split[k] = small_run_read_json(run, name);
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(split[k], "ids"), i, item) {
            const int number = atoi(json_string_value(item) + 1);
            assert_true(number < TRAIN && number % 10 != 5); /* those have no label */
            per_class[number % 3]++;
        }
        for (int c = 0; c < 3; c++) assert_in_range(per_class[c], 6, 7); /* half of 14, 13, 13 */
    }
    assert_false(json_equal(split[0], split[1]));
    json_decref(split[0]), json_decref(split[1]);
}

/* What a run that learns weights sets aside: half of the training samples. Freed by json_decref. */
static json_t *half_set_aside(small_run *run, const char *cache) {
    check_ok(run->context, small_run_go(run,
                                        CHANGES(SMALL_STUDENT, "distill.weights=learned",
                                                "distill.meta_fraction=0.5", "train.epochs=1"),
                                        cache, "out", 0, NULL));
    return small_run_read_json(run, "out/meta_split.json");
}

/* Samples with several labels count to the rarest: half of those with "owl" are taken, and of the others. */
static void strata_of_several_labels(void **state) {
    small_run *run = *state;
    small_run_pack(run, "pack", true);
    small_run_teach(run, "multi_teacher", "multi_cache");
    json_t *split = half_set_aside(run, "multi_cache"), *item;
    int owls = 0, others = 0, count;
    size_t i;
    json_array_foreach(json_object_get(split, "ids"), i, item) {
        const int number = atoi(json_string_value(item) + 1);
        *(number % 4 == 0 ? &owls : &others) += 1;
    }
    assert_in_range(owls, 5, 6);     /* of 12 */
    assert_in_range(others, 14, 15); /* of 29 */
    json_t *classes = small_run_last(run, "out", "weights_by_class", &count);
    assert_true(small_run_number(classes, "owl_text_mean") > 0);
    json_decref(split), json_decref(classes);
}

/* Scores for all classes, most of them 0: the highest is the sample's class, sample i's i % 3. */
static void score_all_classes(json_t *sample) {
    static const char *const classes[] = {"cat", "dog", "fox"};
    const int number = atoi(json_string_value(json_object_get(sample, "id")) + 1);
    if (!json_object_get(sample, "label")) return;
    json_t *scores = json_object();
    for (int c = 0; c < 3; c++)
        json_object_set_new(scores, classes[c], json_real(c == number % 3 ? 0.6 : number % 2 * 0.3));
    json_object_set_new(scores, "owl", json_real(0.4));
    json_object_del(sample, "label");
    json_object_set_new(sample, "scores", scores);
}

/* Soft labels count to the class with the highest score, and tell of those with at least one half. */
static void strata_of_soft_labels(void **state) {
    small_run *run = *state;
    int per_class[3] = {0}, count;
    small_run_repack(run, "pack", LBK_LABEL_SOFT, score_all_classes);
    small_run_teach(run, "soft_teacher", "soft_cache");
    json_t *split = half_set_aside(run, "soft_cache"), *item;
    size_t i;
    json_array_foreach(json_object_get(split, "ids"), i, item)
        per_class[atoi(json_string_value(item) + 1) % 3]++;
    for (int c = 0; c < 3; c++) assert_in_range(per_class[c], 6, 7); /* half of 14, 13, 13 */
    json_t *classes = small_run_last(run, "out", "weights_by_class", &count);
    assert_true(small_run_number(classes, "fox_text_mean") > 0);
    assert_null(json_object_get(classes, "owl_text_mean"));
    json_decref(split), json_decref(classes);
}

static void score_one_class(json_t *sample) {
    const int number = atoi(json_string_value(json_object_get(sample, "id")) + 1);
    if (!json_object_get(sample, "label")) return;
    json_object_del(sample, "label");
    json_object_set_new(sample, "scores", json_pack("{s:f}", "cat", number % 4 / 4.0));
}

/* Of one class, scores tell samples apart. */
static void one_class_with_scores_is_enough(void **state) {
    small_run *run = *state;
    small_run_repack(run, "pack", LBK_LABEL_SOFT, score_one_class);
    small_run_teach(run, "soft_teacher", "soft_cache");
    check_ok(run->context,
             small_run_go(run, CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_split=extra"),
                          "soft_cache", "out", 0, NULL));
    int count;
    json_t *meta = small_run_last(run, "out", "meta", &count);
    assert_true(small_run_number(meta, "gradient_norm") > 0);
    json_decref(meta);
}

static void label_all(json_t *sample) {
    const int number = atoi(json_string_value(json_object_get(sample, "id")) + 1);
    json_object_set_new(sample, "label", json_string(number % 2 ? "cat" : "dog"));
}

static void a_meta_split_leaves_something_to_learn_from(void **state) {
    small_run *run = *state;
    small_run_repack(run, "pack", LBK_LABEL_SINGLE, label_all);
    small_run_teach(run, "labelled_teacher", "labelled_cache");
    check_fails(run->context, LBK_INVALID_ARGUMENT, "leaves nothing of the training split",
                small_run_go(run,
                             CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_fraction=0.999"),
                             "labelled_cache", "out", 0, NULL));
}

static void unlabel_extra(json_t *sample) {
    if (strcmp(json_string_value(json_object_get(sample, "split")), "extra") == 0)
        json_object_del(sample, "label");
}

static void wrong_meta_splits_are_refused(void **state) {
    small_run *run = *state;
    const lbk_status bad = LBK_INVALID_ARGUMENT;
    const char *learned = "distill.weights=learned";
#define GO(...) small_run_go(run, CHANGES(SMALL_STUDENT, learned, __VA_ARGS__), "cache", "out", 0, NULL)
    check_fails(run->context, bad, "is empty", GO("distill.meta_fraction=0.001"));
    check_fails(run->context, bad, "have the same label", GO("distill.meta_fraction=0.025"));
    check_fails(run->context, bad, "\"train\" is named twice", GO("distill.meta_split=train"));
    check_fails(run->context, bad, "\"dev\" is named twice", GO("distill.meta_split=dev"));
    check_fails(run->context, bad, "\"extra\" is named twice",
                GO("distill.meta_split=extra", "distill.unlabelled_splits=[extra]"));
    check_fails(run->context, bad, "elsewhere", GO("distill.meta_split=elsewhere"));
#undef GO
    small_run_repack(run, "pack", LBK_LABEL_SINGLE, unlabel_extra);
    small_run_teach(run, "other_teacher", "other_cache");
    check_fails(run->context, bad,
                "no sample of the training split \"extra\" has a label, and learned weights",
                small_run_go(run, CHANGES(SMALL_STUDENT, learned, "train.train_split=extra"), "other_cache",
                             "out", 0, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up_cache, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(meta_splits_are_stratified),
        TEST(strata_of_several_labels),
        TEST(strata_of_soft_labels),
        TEST(one_class_with_scores_is_enough),
        TEST(a_meta_split_leaves_something_to_learn_from),
        TEST(wrong_meta_splits_are_refused),
    };
    return cmocka_run_group_tests_name("meta split", tests, NULL, NULL);
}
