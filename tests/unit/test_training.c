/* Training runs from start to end on a small pack: what a run folder holds, refusals. */
#define _GNU_SOURCE /* memmem */
#include "small_run.h"

#include "data/pack.h"
#include "format/safetensors.h"
#include "train/measure.h"

#include <math.h>
#include <unistd.h>

static void a_run_leaves_the_best_model_and_its_traces(void **state) {
    small_run *run = *state;
    char *text;
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=8"), NULL, "out", 0, &text));
    json_t *summary = small_run_json(run, text);
    assert_string_equal(json_string_value(json_object_get(summary, "metric")), "accuracy");
    const double best = small_run_number(summary, "best");
    if (best < 0.7) fail_msg("learned too little: dev accuracy %g", best);
    /* 41 of the 45 training samples are labelled: 6 batches an epoch */
    check_near(small_run_number(summary, "steps"), 48, 0);
    check_near(small_run_number(summary, "epochs"), 8, 0);
    check_near(small_run_number(summary, "skipped_steps"), 0, 0);
    assert_true(small_run_number(summary, "samples_per_s") > 0);

    int count;
    json_t *last = small_run_last(run, "out", "train", &count);
    assert_int_equal(count, 12);
    assert_true(small_run_number(last, "loss") < 0.8);
    check_near(small_run_number(last, "loss"), small_run_number(last, "cross_entropy"), 1e-9);
    json_decref(last);
    last = small_run_last(run, "out", "dev", &count);
    assert_int_equal(count, 8);
    json_decref(last);

    /* The model in best/ is the one that was measured. */
    char *folder = small_run_path(run, "out"), *pack_path = small_run_path(run, "pack");
    lbk__model *model;
    lbk_pack *pack;
    lbk__inference *inference;
    lbk__metrics metrics;
    int32_t *dev;
    int64_t num_dev;
    check_ok(run->context, lbk_pack_open(run->context, pack_path, &pack));
    check_ok(run->context, lbk__model_load(run->context, folder, &model));
    assert_string_equal(model->class_names[2], "fox");
    assert_int_equal(model->config.vocab_size, 10);
    assert_non_null(strstr(model->visual_source, "patches"));
    assert_non_null(strstr(model->made_from, lbk_pack_hash(pack)));
    check_ok(run->context, lbk__pack_split(pack, "dev", &dev, &num_dev));
    check_ok(run->context, lbk__inference_create(model, NULL, pack, dev, num_dev, 1, 4, &inference));
    check_ok(run->context, lbk__measure(inference, model, pack, NULL, NULL, &metrics));
    check_near(metrics.accuracy, best, 1e-8);
    lbk__inference_free(inference);
    lbk__model_free(model);
    lbk_pack_close(pack);
    lbk_free(run->context, dev);

    /* config.yaml is the configuration as resolved. */
    char *yaml = small_run_path(run, "out/config.yaml"), *again;
    lbk_config *config;
    size_t size;
    check_ok(run->context, lbk_config_load(run->context, yaml, NULL, 0, &config));
    check_ok(run->context, lbk_config_text(config, &again));
    char *kept = small_run_read(run, "out/config.yaml", &size);
    assert_string_equal(again, kept);
    assert_int_equal(config->train.epochs, 8);
    lbk_config_close(config);
    lbk_free(run->context, again);
    assert_non_null(strstr(run->log, "plan: "));

    /* A finished run that is resumed says the same and does nothing. */
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=8"), NULL, "out", 1, &text));
    json_t *once_more = small_run_json(run, text);
    check_near(small_run_number(once_more, "best"), best, 0);
    check_fails(run->context, LBK_INVALID_ARGUMENT, "holds a run already",
                small_run_go(run, NULL, NULL, "out", 0, NULL));
    json_decref(once_more), json_decref(summary);
    free(kept), free(yaml), free(folder), free(pack_path);
}

static void steps_allocate_nothing(void **state) {
    small_run *run = *state;
    static const char *const precisions[] = {"precision=fp32", "precision=bf16"};
    for (size_t i = 0; i < LBK_COUNT(precisions); i++) {
        const char *const *changes = CHANGES("train.epochs=4", "train.logging_steps=1", precisions[i]);
        run->steps = run->steps_with_allocations = 0;
        check_ok(run->context, small_run_go(run, changes, NULL, precisions[i], 0, NULL));
        assert_int_equal(run->steps, 24);
        /* The first step comes after the set-up, four others after measurements. */
        if (run->steps_with_allocations > 5)
            fail_msg("%ld of %ld steps allocated", run->steps_with_allocations, run->steps);
    }
}

static void accumulated_gradients_are_those_of_one_batch(void **state) {
    small_run *run = *state;
    static const char *const dropout[] = {"model.hidden_dropout_prob=0",
                                          "model.attention_probs_dropout_prob=0"};
    check_ok(run->context,
             small_run_go(run, CHANGES(dropout[0], dropout[1], "train.batch_size=16"), NULL, "one", 0, NULL));
    check_ok(run->context, small_run_go(run,
                                        CHANGES(dropout[0], dropout[1], "train.batch_size=8",
                                                "train.gradient_accumulation_steps=2"),
                                        NULL, "two", 0, NULL));
    check_ok(run->context, small_run_go(run,
                                        CHANGES(dropout[0], dropout[1], "train.batch_size=5",
                                                "train.gradient_accumulation_steps=4"),
                                        NULL, "four", 0, NULL));
    int count;
    json_t *one = small_run_last(run, "one", "train", &count),
           *two = small_run_last(run, "two", "train", &count);
    check_near(small_run_number(one, "loss"), small_run_number(two, "loss"), 1e-4);
    check_near(small_run_number(one, "gradient_norm"), small_run_number(two, "gradient_norm"),
               1e-3 * small_run_number(one, "gradient_norm"));
    json_decref(one), json_decref(two);
}

/* The loss is CE + λ·(CE of the text view + CE of the image view), in one batch or in parts, and all three
 * are learned. */
static void each_modality_can_be_learned_by_itself(void **state) {
    small_run *run = *state;
#define UNIMODAL                                                                  \
    "precision=fp32", "train.unimodal_weight=0.5", "model.hidden_dropout_prob=0", \
        "model.attention_probs_dropout_prob=0"
    check_ok(run->context, small_run_go(run, CHANGES(UNIMODAL, "train.batch_size=16"), NULL, "one", 0, NULL));
    check_ok(run->context, small_run_go(run, CHANGES(UNIMODAL, "train.gradient_accumulation_steps=2"), NULL,
                                        "two", 0, NULL));
    check_ok(run->context, small_run_go(run, CHANGES(UNIMODAL, "train.epochs=30"), NULL, "long", 0, NULL));
#undef UNIMODAL
    int count;
    json_t *one = small_run_last(run, "one", "train", &count),
           *two = small_run_last(run, "two", "train", &count),
           *later = small_run_last(run, "long", "train", &count);
    const double text = small_run_number(one, "cross_entropy_text"),
                 image = small_run_number(one, "cross_entropy_image");
    check_near(small_run_number(one, "loss"), small_run_number(one, "cross_entropy") + 0.5 * (text + image),
               1e-5);
    check_near(small_run_number(one, "loss"), small_run_number(two, "loss"), 1e-4);
    check_near(small_run_number(one, "gradient_norm"), small_run_number(two, "gradient_norm"),
               1e-3 * small_run_number(one, "gradient_norm"));
    assert_true(small_run_number(later, "cross_entropy_text") < 0.7 * text);
    assert_true(small_run_number(later, "cross_entropy_image") < 0.7 * image);
    json_decref(one), json_decref(two), json_decref(later);
}

static void multi_label_models_get_thresholds(void **state) {
    small_run *run = *state;
    small_run_pack(run, "pack", true);
    char *text;
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=6"), NULL, "out", 0, &text));
    json_t *summary = small_run_json(run, text);
    assert_string_equal(json_string_value(json_object_get(summary, "metric")), "f1_micro");
    lbk__model *model;
    char *folder = small_run_path(run, "out");
    check_ok(run->context, lbk__model_load(run->context, folder, &model));
    assert_int_equal(model->label_kind, LBK_LABEL_MULTI);
    assert_non_null(model->thresholds);
    int other_than_half = 0;
    for (int c = 0; c < 4; c++) other_than_half += model->thresholds[c] != 0.5f;
    assert_true(other_than_half > 0);
    lbk__model_free(model);
    free(folder);
    json_decref(summary);
}

static void a_run_stops_when_nothing_gets_better(void **state) {
    small_run *run = *state;
    char *text;
    check_ok(run->context, small_run_go(run,
                                        CHANGES("train.epochs=50", "train.learning_rate=1e-9",
                                                "train.warmup_ratio=0", "train.early_stopping_patience=2"),
                                        NULL, "out", 0, &text));
    json_t *summary = small_run_json(run, text);
    assert_true(json_is_true(json_object_get(summary, "stopped_early")));
    check_near(small_run_number(summary, "epochs"), 3, 0);
    check_near(small_run_number(summary, "best_step"), 6, 0);
    json_decref(summary);
}

static void a_run_starts_from_another_model(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, NULL, NULL, "first", 0, NULL));
    char from[300];
    snprintf(from, sizeof from, "model.init_from=%s/first", run->folder);
    check_ok(run->context, small_run_go(run,
                                        CHANGES(from, "model.num_hidden_layers=1", "model.init_layers=[1]",
                                                "train.max_steps=1", "train.warmup_ratio=1"),
                                        NULL, "second", 0, NULL));
    /* One step at learning rate 0: the second model is the first one's layer 1. */
    lbk__model *first, *second;
    char *one = small_run_path(run, "first"), *two = small_run_path(run, "second");
    check_ok(run->context, lbk__model_load(run->context, one, &first));
    check_ok(run->context, lbk__model_load(run->context, two, &second));
    for (size_t p = 0; p < second->num_parameters; p++) {
        const lbk__parameter *parameter = &second->parameters[p];
        char name[96];
        snprintf(name, sizeof name, "%s", parameter->name);
        char *layer = strstr(name, "layer.0.");
        if (layer) layer[6] = '1';
        size_t q = 0;
        while (strcmp(first->parameters[q].name, name) != 0) q++;
        assert_memory_equal(second->weights + parameter->offset, first->weights + first->parameters[q].offset,
                            (size_t)parameter->rows * (size_t)parameter->cols * sizeof(float));
    }
    lbk__model_free(first);
    lbk__model_free(second);
    free(one), free(two);
}

/* ---- refusals ---- */

static void make_dev_one_class(json_t *sample) {
    if (strcmp(json_string_value(json_object_get(sample, "split")), "dev") == 0)
        json_object_set_new(sample, "label", json_string("cat"));
}

/* On dev nothing is true of anything. */
static void make_dev_empty_sets(json_t *sample) {
    json_t *labels = json_array();
    if (strcmp(json_string_value(json_object_get(sample, "split")), "dev") != 0)
        json_array_append(labels, json_object_get(sample, "label"));
    json_object_set_new(sample, "labels", labels);
    json_object_del(sample, "label");
}

static void a_metric_that_dev_does_not_define_is_refused_before_the_first_step(void **state) {
    small_run *run = *state;
    small_run_repack(run, "pack", LBK_LABEL_SINGLE, make_dev_one_class);
    check_fails(run->context, LBK_INVALID_ARGUMENT, "auroc is not defined on the dev split \"dev\"",
                small_run_go(run, CHANGES("train.metric=auroc"), NULL, "out", 0, NULL));
    small_run_repack(run, "pack", LBK_LABEL_MULTI, make_dev_empty_sets);
    check_fails(run->context, LBK_INVALID_ARGUMENT, "average_precision is not defined on the dev split",
                small_run_go(run, CHANGES("train.metric=mean_average_precision"), NULL, "out", 0, NULL));
    assert_int_equal(run->steps, 0);
}

static void what_cannot_work_is_refused(void **state) {
    small_run *run = *state;
    const struct {
        const char *change;
        lbk_status status;
        const char *part;
    } cases[] = {
        {"pack=", LBK_INVALID_ARGUMENT, "names no pack"},
        {"pack=nowhere", LBK_IO, "nowhere"},
        {"train.train_split=missing", LBK_INVALID_ARGUMENT, "missing"},
        {"train.dev_split=train", LBK_INVALID_ARGUMENT, "\"train\" is named twice"},
        {"train.metric=f1_samples", LBK_INVALID_ARGUMENT,
         "f1_samples is not defined for labels of kind single"},
        {"train.metric=kl", LBK_INVALID_ARGUMENT, "kl needs a teacher"},
        {"model.max_position_embeddings=3", LBK_MISMATCH, "positions for 3"},
        {"train.memory_limit=1", LBK_OK, ""},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        lbk_status status = small_run_go(run, CHANGES(cases[i].change), NULL, "out", 0, NULL);
        if (status != cases[i].status || (status && !strstr(lbk_error(run->context), cases[i].part)))
            fail_msg("%s: %s: %s", cases[i].change, lbk_status_name(status), lbk_error(run->context));
    }
    check_fails(run->context, LBK_NO_MEMORY, "train.batch_size=",
                small_run_go(run,
                             CHANGES("train.memory_limit=2", "train.batch_size=64",
                                     "model.intermediate_size=200", "model.hidden_size=48"),
                             NULL, "large", 0, NULL));
    check_fails(
        run->context, LBK_NO_MEMORY, "not even a batch_size of 1",
        small_run_go(run, CHANGES("train.memory_limit=1", "model.hidden_size=96"), NULL, "large", 0, NULL));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "nothing to resume",
                small_run_go(run, NULL, NULL, "new", 1, NULL));
}

/* What one context made would be freed by the other's allocator. */
static void a_configuration_is_its_contexts(void **state) {
    small_run *run = *state;
    lbk_context *other = check_context();
    lbk_config *config;
    check_ok(other, lbk_config_load(other, NULL, NULL, 0, &config));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "loaded by another context",
                lbk_train(run->context, config, "none", 0, NULL));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "loaded by another context",
                lbk_distill(run->context, config, "none", "none", 0, NULL));
    lbk_config_close(config);
    lbk_context_destroy(other);
    lbk_context *none;
    assert_int_equal(lbk_context_create(&(lbk_context_options){.num_threads = 4097}, &none),
                     LBK_INVALID_ARGUMENT);
}

/* What is left out of options is said, not read. */
static void what_is_missing_is_said(void **state) {
    lbk_context *context = ((small_run *)*state)->context;
    char *text;
    check_fails(context, LBK_INVALID_ARGUMENT, "a probe needs",
                lbk_probe(context, &(lbk_probe_options){.teacher = "t", .pack = "p"}, NULL));
    check_fails(context, LBK_INVALID_ARGUMENT, "an evaluation needs",
                lbk_evaluate(context, &(lbk_evaluate_options){.model = "m"}, &text));
    check_fails(context, LBK_INVALID_ARGUMENT, "an export needs",
                lbk_export(context, &(lbk_export_options){.model = "m"}, NULL));
    check_fails(context, LBK_INVALID_ARGUMENT, "a format of lbk_export_format",
                lbk_export(context,
                           &(lbk_export_options){.model = "m", .out = "o", .format = (lbk_export_format)2},
                           NULL));
    check_fails(
        context, LBK_INVALID_ARGUMENT, "classes is NULL",
        lbk_pack_build(context, &(lbk_pack_options){.path = "d", .vocab = "v", .num_classes = 3}, "o", NULL));
    check_fails(context, LBK_INVALID_ARGUMENT, "is not UTF-8", lbk_info(context, "caf\xe9", &text));
    check_fails(
        context, LBK_INVALID_ARGUMENT, "caf\\xe9.onnx: the name is not UTF-8",
        lbk_export(context,
                   &(lbk_export_options){.model = "none", .out = "caf\xe9.onnx", .format = LBK_EXPORT_ONNX},
                   NULL));
}

/* Weights that grow ten-thousandfold a step. */
static void numbers_that_run_away_end_the_run(void **state) {
    small_run *run = *state;
#define RUNAWAY                                                                                     \
    "train.learning_rate=100", "train.weight_decay=100", "train.warmup_ratio=0", "train.epochs=20", \
        "train.eval_steps=1000"
    check_fails(run->context, LBK_NUMERIC, "not finite in 10 steps in a row, last on the samples s",
                small_run_go(run, CHANGES(RUNAWAY), NULL, "out", 0, NULL));
    assert_non_null(strstr(lbk_error(run->context), "no checkpoint was written before"));
    assert_non_null(strstr(run->log, "the step is skipped"));
    assert_int_equal(lbk_status_exit_code(LBK_NUMERIC), 7);
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) count++;
    return count;
}

/* The checkpoint that a run which gave up leaves is from before: all of its numbers are finite, and going on
 * from it ends alike. The number of steps to give up after may be another one then. */
static void what_gave_up_leaves_a_good_checkpoint(void **state) {
    small_run *run = *state;
    check_fails(run->context, LBK_NUMERIC, "not finite in 3 steps in a row",
                small_run_go(run, CHANGES(RUNAWAY, "train.save_seconds=0", "train.max_skipped_steps=3"), NULL,
                             "out", 0, NULL));
    assert_non_null(strstr(lbk_error(run->context), "the checkpoint is that of step "));
    assert_int_equal(count_of(run->log, "the step is skipped"), 3);
    char *path = small_run_path(run, "out/checkpoint/state.safetensors");
    lbk__safetensors *file;
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    for (size_t i = 0; i < lbk__safetensors_count(file); i++) {
        const lbk__tensor_entry *entry = lbk__safetensors_at(file, i);
        for (size_t k = 0; entry->dtype == LBK__F32 && k < entry->bytes / sizeof(float); k++)
            if (!isfinite(((const float *)entry->data)[k])) fail_msg("%s [%zu]", entry->name, k);
    }
    lbk__safetensors_close(file);
    size_t size, again_size;
    char *before = small_run_read(run, "out/checkpoint/state.safetensors", &size);
    *run->log = 0;
    check_fails(run->context, LBK_NUMERIC, "not finite in 5 steps in a row",
                small_run_go(run, CHANGES(RUNAWAY, "train.save_seconds=0", "train.max_skipped_steps=5"), NULL,
                             "out", 1, NULL));
    char *after = small_run_read(run, "out/checkpoint/state.safetensors", &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(before, after, size);
    free(before), free(after), free(path);
#undef RUNAWAY
}

static void every_allocation_may_fail(void **state) {
    small_run *run = *state;
    lbk_status status = LBK_NO_MEMORY;
    lbk_config *config = small_run_config(run, CHANGES("train.max_steps=2", "train.logging_steps=1"));
    for (size_t n = 1; status != LBK_OK; n += 1 + n / 12) {
        char name[32];
        snprintf(name, sizeof name, "out%zu", n);
        char *folder = small_run_path(run, name), *summary = NULL;
        const size_t live = run->live;
        run->allocations = 0, run->fail_at = n;
        status = lbk_train(run->context, config, folder, 0, &summary);
        run->fail_at = 0;
        if (status != LBK_OK && status != LBK_NO_MEMORY)
            fail_msg("allocation %zu: %s: %s", n, lbk_status_name(status), lbk_error(run->context));
        lbk_free(run->context, summary);
        assert_int_equal(run->live, live);
        free(folder);
    }
    lbk_config_close(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_run_leaves_the_best_model_and_its_traces),
        TEST(steps_allocate_nothing),
        TEST(accumulated_gradients_are_those_of_one_batch),
        TEST(each_modality_can_be_learned_by_itself),
        TEST(multi_label_models_get_thresholds),
        TEST(a_run_stops_when_nothing_gets_better),
        TEST(a_run_starts_from_another_model),
        TEST(what_cannot_work_is_refused),
        TEST(a_metric_that_dev_does_not_define_is_refused_before_the_first_step),
        TEST(a_configuration_is_its_contexts),
        TEST(what_is_missing_is_said),
        TEST(numbers_that_run_away_end_the_run),
        TEST(what_gave_up_leaves_a_good_checkpoint),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("training", tests, NULL, NULL);
}
