/* Distilling from start to end on a small pack: every method and weighting, what is logged, exact resumption,
 * refusals. */
#include "small_run.h"

#include "distill/cache.h"

static void check_train_line(const small_run *run, const char *out, lbk__method method, double alpha) {
    int count;
    json_t *line = small_run_last(run, out, "train", &count);
    assert_true(count > 0);
    const double cross_entropy = small_run_number(line, "cross_entropy");
    if (method == LBK__METHOD_ALONE) {
        assert_null(json_object_get(line, "divergence_joint"));
    } else if (method == LBK__METHOD_KD) {
        assert_null(json_object_get(line, "divergence_text"));
        check_near(small_run_number(line, "loss"),
                   (1 - alpha) * cross_entropy + alpha * small_run_number(line, "divergence_joint"), 1e-6);
    } else {
        const double sum = small_run_number(line, "weight_joint") + small_run_number(line, "weight_text") +
                           small_run_number(line, "weight_image");
        check_near(sum, 1, 1e-5);
        assert_true(small_run_number(line, "divergence_image") > 0);
    }
    json_decref(line);
}

static void every_method_and_weighting_runs(void **state) {
    small_run *run = *state;
    static const struct {
        const char *method, *weights, *other;
        lbk__method number;
    } cases[] = {
        {"distill.method=alone", "seed=0", "seed=0", LBK__METHOD_ALONE},
        {"distill.method=kd", "distill.temperature=0.5", "seed=0", LBK__METHOD_KD},
        {"distill.method=msd", "distill.weights=uniform", "seed=0", LBK__METHOD_MSD},
        {"distill.method=msd", "distill.weights=fixed", "distill.fixed_weights=[0.5, 0.5, 0]",
         LBK__METHOD_MSD},
        {"distill.method=msd", "distill.weights=population", "distill.saliency=js", LBK__METHOD_MSD},
        {"distill.method=msd", "distill.weights=population", "distill.saliency=label", LBK__METHOD_MSD},
        {"distill.method=msd", "distill.weights=instance", "distill.saliency=tv", LBK__METHOD_MSD},
        {"distill.method=msd", "distill.weights=instance", "distill.rho=0.9", LBK__METHOD_MSD},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char out[16], *text;
        snprintf(out, sizeof out, "student%zu", i);
        check_ok(run->context, small_run_go(run,
                                            CHANGES(SMALL_STUDENT, cases[i].method, cases[i].weights,
                                                    cases[i].other, "distill.alpha=0.7"),
                                            "cache", out, 0, &text));
        json_t *summary = small_run_json(run, text);
        assert_string_equal(json_string_value(json_object_get(summary, "method")), cases[i].method + 15);
        check_train_line(run, out, cases[i].number, 0.7);
        int count;
        json_t *weights = small_run_last(run, out, "weights", &count);
        assert_int_equal(count, cases[i].number == LBK__METHOD_MSD ? 3 : 0);
        if (weights && strcmp(cases[i].weights, "distill.weights=instance") != 0) {
            check_near(small_run_number(weights, "text_deviation"), 0, 1e-7);
            check_near(small_run_number(weights, "text_p5"), small_run_number(weights, "text_p95"), 1e-7);
        }
        if (weights && strcmp(cases[i].other, "distill.rho=0.9") == 0) {
            check_near(small_run_number(weights, "joint_mean"), 0.9, 1e-6);
            assert_true(small_run_number(weights, "text_deviation") > 0);
        }
        json_t *dev = small_run_last(run, out, "dev", &count);
        assert_true(small_run_number(dev, "kl") > 0);
        json_decref(dev), json_decref(weights), json_decref(summary);
    }
}

/* Without labels, from the teacher alone, the student comes near the teacher. */
static void a_student_follows_its_teacher(void **state) {
    small_run *run = *state;
    char *text;
    check_ok(run->context,
             small_run_go(run,
                          CHANGES(SMALL_STUDENT, "distill.alpha=1", "distill.unlabelled_splits=[extra]",
                                  "train.epochs=30", "train.metric=kl", "distill.temperature=1",
                                  "model.hidden_dropout_prob=0", "model.attention_probs_dropout_prob=0"),
                          "cache", "student", 0, &text));
    json_t *summary = small_run_json(run, text);
    check_near(small_run_number(summary, "num_samples"), TRAIN + EXTRA, 0);
    const double kl = small_run_number(summary, "best");
    if (!(kl < 0.15)) fail_msg("KL(teacher, student) on dev is %g", kl);
    json_decref(summary);
}

/* What is learned from unlabelled samples does not depend on how batches are split. */
static void accumulation_weighs_labels_rightly(void **state) {
    small_run *run = *state;
    const char *common[] = {SMALL_STUDENT,
                            "distill.unlabelled_splits=[extra]",
                            "model.hidden_dropout_prob=0",
                            "model.attention_probs_dropout_prob=0",
                            "train.logging_steps=1",
                            "train.max_steps=6",
                            NULL,
                            NULL,
                            NULL};
    common[7] = "train.batch_size=16";
    check_ok(run->context, small_run_go(run, common, "cache", "one", 0, NULL));
    common[7] = "train.batch_size=4", common[8] = "train.gradient_accumulation_steps=4";
    check_ok(run->context, small_run_go(run, common, "cache", "four", 0, NULL));
    static const char *const keys[] = {"loss",        "cross_entropy", "divergence_joint", "divergence_image",
                                       "weight_text", "gradient_norm"};
    int count;
    json_t *one = small_run_last(run, "one", "train", &count),
           *four = small_run_last(run, "four", "train", &count);
    for (size_t i = 0; i < LBK_COUNT(keys); i++)
        check_near(small_run_number(one, keys[i]), small_run_number(four, keys[i]), 1e-4);
    json_decref(one), json_decref(four);
}

static void a_resumed_distillation_is_the_uninterrupted_one(void **state) {
    small_run *run = *state;
    const char *const *changes = CHANGES(SMALL_STUDENT, "train.epochs=2", "train.eval_steps=3");
    check_ok(run->context, small_run_go(run, changes, "cache", "whole", 0, NULL));
    lbk_status status = LBK_INTERRUPTED;
    for (int resume = 0; status == LBK_INTERRUPTED; resume = 1) {
        run->asked = 0, run->stop_at = 4;
        status = small_run_go(run, changes, "cache", "part", resume, NULL);
    }
    check_ok(run->context, status);
    small_run_same_file(run, "whole/best/model.safetensors", "part/best/model.safetensors");
    small_run_same_file(run, "whole/metrics.jsonl", "part/metrics.jsonl");
}

/* The same teacher of the same pack, asked with less precision, says something else. */
static void resume_with_narrow_cache(small_run *run) {
    char *teacher = small_run_path(run, "teacher"), *pack = small_run_path(run, "pack"),
         *cache = small_run_path(run, "narrow_cache");
    lbk_probe_options options = {.teacher = teacher, .pack = pack, .out = cache, .precision = "bf16"};
    check_ok(run->context, lbk_probe(run->context, &options, NULL));
    check_fails(run->context, LBK_MISMATCH, "the cache is another than when the run began",
                small_run_go(run, NULL, "narrow_cache", "begun", 1, NULL));
    options.precision = NULL;
    check_fails(run->context, LBK_MISMATCH, "was made with products in bf16, not in fp32",
                lbk_probe(run->context, &options, NULL));
    free(teacher), free(pack), free(cache);
}

static void wrong_teachers_are_refused(void **state) {
    small_run *run = *state;
    lbk_config *config = small_run_config(run, CHANGES(SMALL_STUDENT));
    char *out = small_run_path(run, "out");
    check_fails(run->context, LBK_INVALID_ARGUMENT, "needs a teacher",
                lbk_distill(run->context, config, NULL, out, 0, NULL));
    check_fails(run->context, LBK_IO, "nothing", small_run_go(run, NULL, "nothing", "out", 0, NULL));
    check_fails(run->context, LBK_BAD_DATA, "pack", small_run_go(run, NULL, "pack", "out", 0, NULL));
    check_fails(
        run->context, LBK_INVALID_ARGUMENT, "\"extra\" is named twice",
        small_run_go(run, CHANGES("distill.unlabelled_splits=[extra, extra]"), "cache", "out", 0, NULL));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "train.unimodal_weight is for learning from labels alone",
                small_run_go(run, CHANGES("train.unimodal_weight=1"), "cache", "out", 0, NULL));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "elsewhere",
                small_run_go(run, CHANGES("distill.unlabelled_splits=[elsewhere]"), "cache", "out", 0, NULL));
    lbk_config_close(config);

    config = small_run_config(run, CHANGES(SMALL_STUDENT, "distill.method=alone"));
    check_ok(run->context, lbk_distill(run->context, config, NULL, out, 0, NULL));
    lbk_config_close(config);
    free(out);

    /* A run of one teacher, resumed with another's cache; a cache of another pack. */
    run->asked = 0, run->stop_at = 4;
    assert_int_equal(small_run_go(run, NULL, "cache", "begun", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    check_ok(run->context, small_run_go(run, CHANGES("seed=5"), NULL, "other", 0, NULL));
    char *teacher = small_run_path(run, "other"), *pack = small_run_path(run, "pack"),
         *cache = small_run_path(run, "other_cache");
    const lbk_probe_options options = {.teacher = teacher, .pack = pack, .out = cache};
    check_ok(run->context, lbk_probe(run->context, &options, NULL));
    check_fails(run->context, LBK_MISMATCH, "the cache is another than when the run began",
                small_run_go(run, NULL, "other_cache", "begun", 1, NULL));
    resume_with_narrow_cache(run);
    small_run_pack(run, "pack", true);
    check_fails(run->context, LBK_MISMATCH, "pack", small_run_go(run, NULL, "cache", "new", 0, NULL));
    free(teacher), free(pack), free(cache);
}

/* The pack with changed samples as folder/name, and the teacher's answers to it as folder/bare_cache. */
static void repack_and_probe(small_run *run, const char *name, void (*change)(json_t *sample)) {
    char *teacher = small_run_path(run, "teacher"), *pack = small_run_path(run, name),
         *cache = small_run_path(run, "bare_cache");
    const lbk_probe_options options = {.teacher = teacher, .pack = pack, .out = cache};
    small_run_repack(run, name, LBK_LABEL_SINGLE, change);
    check_ok(run->context, lbk_probe(run->context, &options, NULL));
    free(teacher), free(pack), free(cache);
}

static void drop_extra_label(json_t *sample) {
    if (strcmp(json_string_value(json_object_get(sample, "split")), "extra") == 0)
        json_object_del(sample, "label");
}

/* A saliency made of labels must not carry those of unlabelled splits into the student. */
static void labels_of_unlabelled_splits_are_not_used(void **state) {
    small_run *run = *state;
    static const char *const weights[] = {"distill.weights=population", "distill.weights=instance",
                                          "distill.weights=learned"};
    char *pack = small_run_path(run, "bare"), bare[300];
    repack_and_probe(run, "bare", drop_extra_label);
    snprintf(bare, sizeof bare, "pack=%s", pack);
    for (size_t i = 0; i < LBK_COUNT(weights); i++) {
        char with[16], without[16], a[32], b[40];
        snprintf(with, sizeof with, "with%zu", i), snprintf(without, sizeof without, "without%zu", i);
        snprintf(a, sizeof a, "%s/metrics.jsonl", with), snprintf(b, sizeof b, "%s/metrics.jsonl", without);
#define LABELS SMALL_STUDENT, weights[i], "distill.saliency=label", "distill.unlabelled_splits=[extra]"
        check_ok(run->context, small_run_go(run, CHANGES(LABELS), "cache", with, 0, NULL));
        check_ok(run->context, small_run_go(run, CHANGES(LABELS, bare), "bare_cache", without, 0, NULL));
#undef LABELS
        small_run_same_file(run, a, b);
    }
    free(pack);
}

static void drop_train_label(json_t *sample) {
    if (strcmp(json_string_value(json_object_get(sample, "split")), "train") == 0)
        json_object_del(sample, "label");
}

static void without_labels_there_must_be_a_teacher_to_follow(void **state) {
    small_run *run = *state;
    repack_and_probe(run, "pack", drop_train_label);
#define GO(alpha) \
    small_run_go(run, CHANGES(SMALL_STUDENT, "train.max_steps=2", alpha), "bare_cache", "out", 0, NULL)
    check_fails(run->context, LBK_INVALID_ARGUMENT, "no sample of the training split \"train\" has a label",
                GO("distill.alpha=0"));
    check_ok(run->context, GO("distill.alpha=0.1"));
#undef GO
}

/* (9): shares of the mean saliencies of the samples that are learned from. */
static void population_weights_are_those_of_the_training_samples(void **state) {
    small_run *run = *state;
    char *path = small_run_path(run, "cache");
    lbk__cache *cache;
    double mean[LBK__NUM_MODALITIES] = {0};
    check_ok(run->context, lbk__cache_open(run->context, path, &cache));
    for (int i = 0; i < TRAIN; i++) {
        float saliency[LBK__NUM_MODALITIES];
        lbk__cache_saliency(cache, LBK__SALIENCY_TV, i, saliency);
        mean[0] += (double)saliency[0], mean[1] += (double)saliency[1];
    }
    check_ok(run->context,
             small_run_go(run,
                          CHANGES(SMALL_STUDENT, "distill.weights=population", "distill.saliency=tv",
                                  "distill.rho=0.2", "train.max_steps=1"),
                          "cache", "student", 0, NULL));
    int count;
    json_t *line = small_run_last(run, "student", "weights", &count);
    check_near(small_run_number(line, "joint_mean"), 0.2, 1e-7);
    check_near(small_run_number(line, "text_mean"), 0.8 * mean[0] / (mean[0] + mean[1]), 1e-7);
    check_near(small_run_number(line, "image_mean"), 0.8 * mean[1] / (mean[0] + mean[1]), 1e-7);
    json_decref(line);
    lbk__cache_close(cache);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up_cache, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_method_and_weighting_runs),
        TEST(a_student_follows_its_teacher),
        TEST(accumulation_weighs_labels_rightly),
        TEST(labels_of_unlabelled_splits_are_not_used),
        TEST(without_labels_there_must_be_a_teacher_to_follow),
        TEST(population_weights_are_those_of_the_training_samples),
        TEST(a_resumed_distillation_is_the_uninterrupted_one),
        TEST(wrong_teachers_are_refused),
    };
    return cmocka_run_group_tests_name("distilling", tests, NULL, NULL);
}
