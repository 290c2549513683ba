/* Distilling with learned weights: what is learned and logged, exact resumption, what is not finite. */
#define _GNU_SOURCE /* memmem */
#include "small_run.h"

#include "format/safetensors.h"

/* Whether the id is among those of a run's meta split. */
static bool in_meta_split(const json_t *split, const char *id) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(split, "ids"), i, item) if (strcmp(json_string_value(item), id) == 0) {
        return true;
    }
    return false;
}

/* Of sample i of the pack, of the file small_run_data writes: weights it was last learned with, 0 if never.
 */
static void check_sample_weights(const small_run *run, const char *folder, const json_t *split,
                                 bool softmax) {
    char name[64], id[16];
    snprintf(name, sizeof name, "%s/weight_network.safetensors", folder);
    char *path = small_run_path(run, name);
    lbk__safetensors *file;
    const lbk__tensor_entry *entry;
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    check_ok(run->context, lbk__safetensors_expect(file, "sample_weights", LBK__F32, 2,
                                                   (int64_t[]){SAMPLES, LBK_NUM_VIEWS}, &entry));
    const float *w = entry->data;
    for (int i = 0; i < SAMPLES; i++, w += LBK_NUM_VIEWS) {
        snprintf(id, sizeof id, "s%d", i);
        const bool learned_from = i < TRAIN && !in_meta_split(split, id);
        const double sum = (double)w[0] + (double)w[1] + (double)w[2];
        assert_int_equal(sum > 0, learned_from);
        if (learned_from && softmax) check_near(sum, 1, 1e-6);
        if (learned_from) assert_true(w[1] > 0 && w[1] < 1);
    }
    lbk__safetensors_close(file);
    free(path);
}

static void learned_weights_are_learned(void **state) {
    small_run *run = *state;
    static const char *const cases[][3] = {
        {"distill.weights=learned", "seed=0", "distill.weight_learning_rate=0.01"},
        {"distill.weights=learned", "distill.weight_activation=softmax",
         "distill.weight_features=[divergence_image, entropy]"},
        {"distill.weights=learned-population", "distill.weight_learning_rate=0.05", "distill.meta_steps=2"},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        char out[16], name[64], *text;
        snprintf(out, sizeof out, "student%zu", i);
        run->steps = run->steps_with_allocations = 0;
        check_ok(run->context, small_run_go(run,
                                            CHANGES(SMALL_STUDENT, cases[i][0], cases[i][1], cases[i][2],
                                                    "distill.meta_fraction=0.2", "train.epochs=4"),
                                            "cache", out, 0, &text));
        json_t *summary = small_run_json(run, text);
        assert_int_equal(run->steps, 20);
        assert_true(run->steps_with_allocations <= 5); /* after the set-up and the measurements */
        snprintf(name, sizeof name, "%s/meta_split.json", out);
        json_t *split = small_run_read_json(run, name);
        /* 40 of the 45 training samples have a label. */
        check_near(small_run_number(summary, "meta_samples"), 8, 0);
        check_near(small_run_number(split, "count"), 8, 0);
        check_near(small_run_number(summary, "num_samples"), TRAIN - 8, 0);
        check_near(small_run_number(summary, "skipped_meta_steps"), 0, 0);
        check_sample_weights(run, out, split, i == 1);
        int count;
        json_t *meta = small_run_last(run, out, "meta", &count),
               *weights = small_run_last(run, out, "weights", &count);
        assert_int_equal(count, 4);
        assert_true(small_run_number(meta, "gradient_norm") > 0);
        assert_true(small_run_number(meta, "gain") != small_run_number(meta, "gain_uniform"));
        assert_true(fabs(small_run_number(meta, "cosine_joint")) <= 1);
        assert_true(fabs(small_run_number(weights, "joint_mean") - 1.0 / 3) > 1e-3);
        assert_true(small_run_number(weights, "text_deviation") > 0);
        json_t *classes = small_run_last(run, out, "weights_by_class", &count);
        assert_true(small_run_number(classes, "dog_image_mean") > 0);
        json_decref(summary), json_decref(split), json_decref(meta), json_decref(weights),
            json_decref(classes);
    }
}

static double first_of(small_run *run, const char *const *changes, const char *out, const char *kind,
                       const char *key) {
    int count;
    check_ok(run->context, small_run_go(run, changes, "cache", out, 0, NULL));
    json_t *line = small_run_last(run, out, kind, &count);
    const double value = small_run_number(line, key);
    json_decref(line);
    return value;
}

/* One step from the same start, again and again, without dropout and at a rate so small that a virtual step
 * is its tangent: what "meta" tells against what plain runs tell. */
static void what_is_watched_adds_up(void **state) {
    small_run *run = *state;
#define ONE(rate, ...)                                                                            \
    CHANGES(SMALL_STUDENT, "model.hidden_dropout_prob=0", "model.attention_probs_dropout_prob=0", \
            "precision=fp32", "train.warmup_ratio=0", "train.max_steps=1", "train.batch_size=50", \
            "distill.meta_split=extra", "train.logging_steps=1", "distill.alpha=1",               \
            "train.learning_rate=" rate, __VA_ARGS__)
    /* Before the step: weights are 1/3, so that the two gains are one. */
    const double before = first_of(run, ONE("1e-9", "distill.weights=learned"), "a", "meta", "meta_loss"),
                 after = first_of(run, ONE("1e-3", "distill.weights=learned"), "b", "meta", "meta_loss");
    int count;
    json_t *meta = small_run_last(run, "b", "meta", &count);
    const double gain = small_run_number(meta, "gain");
    check_near(before - after, gain, 0.05 * fabs(gain));
    check_near(small_run_number(meta, "gain_uniform"), gain, 1e-6 * fabs(gain));
    /* gain = η·Σ_m ⅓·cos_m·‖g'‖·‖∇D_m‖ */
    const double norm = first_of(
        run, ONE("1e-9", "distill.method=alone", "train.train_split=extra", "distill.meta_split=dev"), "c",
        "train", "gradient_norm");
    const double views[] = {
        first_of(run, ONE("1e-9", "distill.weights=fixed", "distill.fixed_weights=[1, 0, 0]"), "d", "train",
                 "gradient_norm"),
        first_of(run, ONE("1e-9", "distill.weights=fixed", "distill.fixed_weights=[0, 1, 0]"), "e", "train",
                 "gradient_norm"),
        first_of(run, ONE("1e-9", "distill.weights=fixed", "distill.fixed_weights=[0, 0, 1]"), "f", "train",
                 "gradient_norm")};
    const double sum = small_run_number(meta, "cosine_joint") * views[0] +
                       small_run_number(meta, "cosine_text") * views[1] +
                       small_run_number(meta, "cosine_image") * views[2];
    check_near(1e-3 / 3 * norm * sum, gain, 0.02 * fabs(gain));
    assert_true(fabs(small_run_number(meta, "cosine_joint")) > 0.01);
    json_decref(meta);
#undef ONE
}

/* Batches that do not fit the tape together: the meta gradient is that of all of them. */
static void accumulation_does_not_change_what_is_learned(void **state) {
    small_run *run = *state;
    const char *common[] = {SMALL_STUDENT,
                            "distill.weights=learned",
                            "distill.meta_split=extra",
                            "model.hidden_dropout_prob=0",
                            "model.attention_probs_dropout_prob=0",
                            "train.logging_steps=1",
                            "train.max_steps=5",
                            NULL,
                            NULL,
                            NULL};
    /* B' is a batch: with 12 samples to choose from it is all of them in both runs. */
    common[8] = "train.batch_size=24";
    check_ok(run->context, small_run_go(run, common, "cache", "one", 0, NULL));
    common[8] = "train.batch_size=12", common[9] = "train.gradient_accumulation_steps=2";
    check_ok(run->context, small_run_go(run, common, "cache", "two", 0, NULL));
    static const char *const kinds[] = {"train", "train", "train", "meta", "meta", "meta", "meta", "weights"};
    static const char *const keys[] = {"loss", "weight_text",  "weight_image", "meta_loss",
                                       "gain", "gain_uniform", "cosine_text",  "text_deviation"};
    for (size_t i = 0; i < LBK_COUNT(keys); i++) {
        int count;
        json_t *one = small_run_last(run, "one", kinds[i], &count),
               *two = small_run_last(run, "two", kinds[i], &count);
        const double value = small_run_number(one, keys[i]);
        check_near(small_run_number(two, keys[i]), value, 2e-3 * fabs(value));
        json_decref(one), json_decref(two);
    }
}

static void learned_weights_resume_to_the_byte(void **state) {
    small_run *run = *state;
    static const char *const kinds[] = {"distill.weights=learned", "distill.weights=learned-population"};
    for (int k = 0; k < 2; k++) {
        const char *const *changes = CHANGES(SMALL_STUDENT, kinds[k], "train.epochs=3", "train.eval_steps=3",
                                             "distill.meta_fraction=0.3", "distill.meta_steps=2");
        const char *whole = k ? "whole1" : "whole0", *part = k ? "part1" : "part0";
        check_ok(run->context, small_run_go(run, changes, "cache", whole, 0, NULL));
        lbk_status status = LBK_INTERRUPTED;
        for (int resume = 0; status == LBK_INTERRUPTED; resume = 1) {
            run->asked = 0, run->stop_at = 4;
            status = small_run_go(run, changes, "cache", part, resume, NULL);
        }
        run->stop_at = 0;
        check_ok(run->context, status);
        static const char *const files[] = {"best/model.safetensors", "metrics.jsonl",
                                            "weight_network.safetensors", "meta_split.json"};
        for (size_t f = 0; f < LBK_COUNT(files); f++) {
            char a[64], b[64];
            snprintf(a, sizeof a, "%s/%s", whole, files[f]);
            snprintf(b, sizeof b, "%s/%s", part, files[f]);
            small_run_same_file(run, a, b);
        }
    }
}

/* Makes the first visual number of the first or the last sample that has a picture, one of split "train" or
 * "extra", NaN. */
static void damage_a_picture(const small_run *run, bool first) {
    enum { DIM = 4 * 4 * 3, ROWS = 4 };
    char *path = small_run_path(run, "pack");
    lbk__safetensors *file;
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    const lbk__tensor_entry *rows = lbk__safetensors_find(file, "visual.rows");
    assert_int_equal(rows->shape[1], DIM);
    size_t size;
    char *bytes = small_run_read(run, "pack", &size);
    const size_t at = first ? 0 : 2 * (size_t)(rows->shape[0] - ROWS) * DIM;
    char *found = memmem(bytes, size, rows->data, rows->bytes);
    assert_non_null(found);
    memcpy(found + at, "\xff\x7f", 2);
    check_ok(run->context, lbk__write_file(run->context, path, bytes, size));
    lbk__safetensors_close(file);
    free(bytes), free(path);
}

/* Nothing is learned from such a meta batch, and the student goes on. */
static void meta_gradients_that_are_not_finite_are_skipped(void **state) {
    small_run *run = *state;
    char *text;
    int count;
    damage_a_picture(run, false);
    check_ok(run->context,
             small_run_go(run,
                          CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_split=extra",
                                  "train.max_steps=12", "train.batch_size=6"),
                          "cache", "out", 0, &text));
    json_t *summary = small_run_json(run, text), *line = small_run_last(run, "out", "meta", &count);
    /* A meta batch is 6 of the split's 11 labelled samples: some have it, some do not. */
    const double skipped = small_run_number(summary, "skipped_meta_steps");
    assert_in_range((int)skipped, 1, 10);
    check_near(small_run_number(line, "skipped"), skipped, 0);
    check_near(small_run_number(summary, "skipped_steps"), 0, 0);
    assert_true(isfinite(small_run_number(line, "meta_loss")));
    assert_non_null(strstr(run->log, "the meta gradient is not finite"));
    json_decref(summary), json_decref(line);
}

/* Each step sees the damaged sample: none counts, and the statistics of the features stay as they began. */
static void steps_that_are_not_finite_teach_no_statistics(void **state) {
    small_run *run = *state;
    char *text, *path = small_run_path(run, "out/weight_network.safetensors");
    lbk__safetensors *file;
    damage_a_picture(run, true);
    check_ok(run->context,
             small_run_go(run,
                          CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_split=extra",
                                  "train.batch_size=50", "train.epochs=4"),
                          "cache", "out", 0, &text));
    json_t *summary = small_run_json(run, text);
    check_near(small_run_number(summary, "skipped_steps"), 4, 0);
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    const double *mean = lbk__safetensors_find(file, "feature_mean")->data,
                 *variance = lbk__safetensors_find(file, "feature_variance")->data;
    for (int f = 0; f < LBK__NUM_FEATURES; f++) assert_true(mean[f] == 0 && variance[f] == 1);
    const lbk__tensor_entry *kept = lbk__safetensors_find(file, "sample_weights");
    const float *weights = kept->data;
    for (int64_t i = 0; i < kept->shape[0] * LBK_NUM_VIEWS; i++) assert_true(isfinite(weights[i]));
    lbk__safetensors_close(file);
    int count;
    json_t *line = small_run_last(run, "out", "weights", &count);
    assert_true(isfinite(small_run_number(line, "joint_mean")));
    json_decref(line);
    json_decref(summary);
    free(path);
}

/* In the middle of an epoch, whose lines would else be written at its end. */
static void a_run_that_stops_early_tells_its_last_steps(void **state) {
    small_run *run = *state;
    static const char *const kinds[] = {"train", "weights", "weights_by_class", "meta"};
    check_ok(run->context,
             small_run_go(run,
                          CHANGES(SMALL_STUDENT, "distill.weights=learned", "distill.meta_split=extra",
                                  "train.batch_size=4", "train.epochs=4", "train.learning_rate=1e-9",
                                  "train.warmup_ratio=0", "train.logging_steps=100", "train.eval_steps=1",
                                  "train.early_stopping_patience=1"),
                          "cache", "out", 0, NULL));
    for (size_t k = 0; k < LBK_COUNT(kinds); k++) {
        int count;
        json_t *line = small_run_last(run, "out", kinds[k], &count);
        assert_int_equal(count, 1);
        check_near(small_run_number(line, "step"), 2, 0);
        json_decref(line);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up_cache, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(learned_weights_are_learned),
        TEST(what_is_watched_adds_up),
        TEST(accumulation_does_not_change_what_is_learned),
        TEST(learned_weights_resume_to_the_byte),
        TEST(meta_gradients_that_are_not_finite_are_skipped),
        TEST(steps_that_are_not_finite_teach_no_statistics),
        TEST(a_run_that_stops_early_tells_its_last_steps),
    };
    return cmocka_run_group_tests_name("learned weights", tests, NULL, NULL);
}
