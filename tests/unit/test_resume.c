/* Runs that were stopped or killed end as those that were not; what a checkpoint must fit. */
#define _GNU_SOURCE /* memmem */
#include "small_run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* The run is stopped again and again, in steps and in measurements, and resumed each time. */
static void stop_and_resume(small_run *run, const char *const *changes, const char *out, long every) {
    char log[64];
    lbk_status status;
    int resume = 0, stops = 0;
    do {
        run->asked = 0, run->stop_at = every;
        status = small_run_go(run, changes, NULL, out, resume, NULL);
        if (status == LBK_INTERRUPTED) {
            assert_non_null(strstr(lbk_error(run->context), "--resume"));
            stops++;
        } else {
            check_ok(run->context, status);
        }
        resume = 1;
    } while (status != LBK_OK);
    run->stop_at = 0;
    snprintf(log, sizeof log, "stopped %d times", stops);
    if (stops < 2) fail_msg("%s", log);
}

static void same_run(const small_run *run, const char *a, const char *b) {
    static const char *const files[] = {"best/model.safetensors", "best/config.json", "metrics.jsonl"};
    char one[128], two[128];
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        snprintf(one, sizeof one, "%s/%s", a, files[i]);
        snprintf(two, sizeof two, "%s/%s", b, files[i]);
        small_run_same_file(run, one, two);
    }
}

static void a_resumed_run_is_the_uninterrupted_one(void **state) {
    small_run *run = *state;
    const char *const *changes =
        CHANGES("model.hidden_dropout_prob=0.1", "train.eval_steps=5", "train.gradient_accumulation_steps=2");
    check_ok(run->context, small_run_go(run, changes, NULL, "whole", 0, NULL));
    static const long every[] = {3, 4, 5, 7}; /* a measurement asks twice */
    for (size_t i = 0; i < LBK_COUNT(every); i++) {
        char out[16];
        snprintf(out, sizeof out, "part%zu", i);
        stop_and_resume(run, changes, out, every[i]);
        same_run(run, "whole", out);
    }
    /* The same seed gives the same run, another one another. */
    check_ok(run->context, small_run_go(run, changes, NULL, "again", 0, NULL));
    same_run(run, "whole", "again");
    check_ok(run->context, small_run_go(run,
                                        CHANGES("model.hidden_dropout_prob=0.1", "train.eval_steps=5",
                                                "train.gradient_accumulation_steps=2", "seed=1"),
                                        NULL, "other", 0, NULL));
    size_t size, other_size;
    char *one = small_run_read(run, "whole/metrics.jsonl", &size),
         *two = small_run_read(run, "other/metrics.jsonl", &other_size);
    assert_string_not_equal(one, two);
    free(one), free(two);
}

static void a_resumed_bf16_run_is_the_uninterrupted_one(void **state) {
    small_run *run = *state;
    const char *const *changes =
        CHANGES("precision=bf16", "model.hidden_dropout_prob=0.1", "train.eval_steps=5");
    check_ok(run->context, small_run_go(run, changes, NULL, "whole", 0, NULL));
    assert_non_null(strstr(run->log, "products in bf16"));
    stop_and_resume(run, changes, "parts", 4);
    same_run(run, "whole", "parts");
}

/* What came after the checkpoint, when a run was killed, is dropped. */
static void traces_after_the_checkpoint_are_dropped(void **state) {
    small_run *run = *state;
    const char *const *changes = CHANGES("train.epochs=2");
    check_ok(run->context, small_run_go(run, changes, NULL, "whole", 0, NULL));
    run->asked = 0, run->stop_at = 9;
    assert_int_equal(small_run_go(run, changes, NULL, "killed", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    char *path = small_run_path(run, "killed/metrics.jsonl");
    FILE *file = fopen(path, "a");
    fprintf(file, "{\"kind\": \"tra");
    fclose(file);
    check_ok(run->context, small_run_go(run, changes, NULL, "killed", 1, NULL));
    same_run(run, "whole", "killed");

    run->asked = 0, run->stop_at = 9;
    assert_int_equal(small_run_go(run, changes, NULL, "cut", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    free(path);
    path = small_run_path(run, "cut/metrics.jsonl");
    assert_int_equal(truncate(path, 5), 0);
    check_fails(run->context, LBK_BAD_DATA, "it was cut", small_run_go(run, changes, NULL, "cut", 1, NULL));
    free(path);
}

/* What is on disk after seven steps: what a run that is killed there leaves. */
static void copy_run(void *user, const lbk_progress *progress) {
    const small_run *run = user;
    char command[400];
    if (strcmp(progress->unit, "steps") != 0 || progress->done != 7) return;
    snprintf(command, sizeof command, "cp -r %s/out %s/killed", run->folder, run->folder);
    assert_int_equal(system(command), 0);
}

static void killed_run_is_explained(small_run *run) {
    char *folder = small_run_path(run, "killed"), *text;
    lbk_model *model;
    check_ok(run->context, lbk_info(run->context, folder, &text));
    json_t *info = small_run_json(run, text);
    assert_string_equal(json_string_value(json_object_get(info, "kind")), "unfinished run");
    assert_string_equal(json_string_value(json_object_get(info, "method")), "alone");
    assert_int_equal(json_integer_value(json_object_get(info, "step")), 6);
    check_fails(run->context, LBK_IO, "unfinished run that has no model yet",
                lbk_model_open(run->context, folder, &model));
    json_decref(info);
    free(folder);
}

static void a_killed_run_loses_what_came_after_its_last_checkpoint(void **state) {
    small_run *run = *state;
    /* Nothing is measured before the end: without save_seconds there would be no checkpoint. */
    const char *const *changes =
        CHANGES("train.eval_steps=1000", "train.logging_steps=1", "train.save_seconds=0");
    run->context->options.progress = copy_run;
    check_ok(run->context, small_run_go(run, changes, NULL, "out", 0, NULL));
    run->context->options.progress = small_run_progress;
    killed_run_is_explained(run);
    run->steps = 0;
    check_ok(run->context, small_run_go(run, changes, NULL, "killed", 1, NULL));
    same_run(run, "out", "killed");
    int lines;
    json_decref(small_run_last(run, "out", "train", &lines));
    assert_int_equal(run->steps, lines - 6);
}

static void another_configuration_cannot_resume(void **state) {
    small_run *run = *state;
    run->stop_at = 4;
    assert_int_equal(small_run_go(run, NULL, NULL, "out", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    check_fails(run->context, LBK_MISMATCH, "train.batch_size is 4, there 8",
                small_run_go(run, CHANGES("train.batch_size=4"), NULL, "out", 1, NULL));
    small_run_pack(run, "other", true);
    char pack[300];
    snprintf(pack, sizeof pack, "pack=%s/other", run->folder);
    check_fails(run->context, LBK_MISMATCH, "", small_run_go(run, CHANGES(pack), NULL, "out", 1, NULL));

    char *lock = small_run_path(run, "out/lock");
    int held = open(lock, O_RDWR | O_CREAT, 0666);
    assert_true(held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0);
    check_fails(run->context, LBK_BUSY, "another process", small_run_go(run, NULL, NULL, "out", 1, NULL));
    close(held);
    free(lock);

    char *path = small_run_path(run, "out/checkpoint/state.safetensors");
    FILE *file = fopen(path, "r+b");
    fseek(file, -9, SEEK_END);
    fputc(99, file);
    fclose(file);
    check_fails(run->context, LBK_BAD_DATA, "is damaged", small_run_go(run, NULL, NULL, "out", 1, NULL));
    check_ok(run->context, lbk__write_file(run->context, path, "{}", 2));
    check_fails(run->context, LBK_BAD_DATA, "state.safetensors",
                small_run_go(run, NULL, NULL, "out", 1, NULL));
    free(path);
}

/* Puts another number in place of a key's in the checkpoint's description. */
static void change_checkpoint(const small_run *run, const char *key, const char *value) {
    char *path = small_run_path(run, "out/checkpoint/state.safetensors"), pattern[40];
    size_t size;
    char *bytes = small_run_read(run, "out/checkpoint/state.safetensors", &size);
    const int length = snprintf(pattern, sizeof pattern, "\\\"%s\\\":", key);
    char *at = memmem(bytes, size, pattern, (size_t)length);
    assert_non_null(at);
    at += length;
    assert_true(strspn(at, "-0123456789") >= strlen(value));
    memset(at, ' ', strspn(at, "-0123456789"));
    memcpy(at, value, strlen(value));
    check_ok(run->context, lbk__write_file(run->context, path, bytes, size));
    free(bytes), free(path);
}

/* Its hash is that of its tensors: what it says of itself may be anything. */
static void a_checkpoint_that_stands_nowhere_is_refused(void **state) {
    small_run *run = *state;
    static const char *const changes[][2] = {
        {"position", "-1"}, {"position", "99"}, {"epoch", "9"}, {"best_step", "9"}, {"skipped", "9"}};
    for (size_t i = 0; i < LBK_COUNT(changes); i++) {
        run->asked = 0, run->stop_at = 4; /* in step 3, at sample 16 */
        assert_int_equal(small_run_go(run, CHANGES("train.batch_size=8"), NULL, "out", 0, NULL),
                         LBK_INTERRUPTED);
        run->stop_at = 0;
        change_checkpoint(run, changes[i][0], changes[i][1]);
        check_fails(run->context, LBK_BAD_DATA, "state.safetensors",
                    small_run_go(run, CHANGES("train.batch_size=8"), NULL, "out", 1, NULL));
        char *folder = small_run_path(run, "out"), command[128];
        snprintf(command, sizeof command, "rm -r %s", folder);
        assert_int_equal(system(command), 0);
        free(folder);
    }
}

/* Its numbers lie in another order: a study begins such a run anew, so it must be told from damage. */
static void a_checkpoint_of_an_older_limbeck_is_told_as_such(void **state) {
    small_run *run = *state;
    run->stop_at = 4;
    assert_int_equal(small_run_go(run, NULL, NULL, "out", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    change_checkpoint(run, "version", "2");
    check_fails(run->context, LBK_MISMATCH, "an older limbeck wrote it",
                small_run_go(run, NULL, NULL, "out", 1, NULL));
    change_checkpoint(run, "version", "9");
    check_fails(run->context, LBK_BAD_DATA, "is a checkpoint of version 9, not a checkpoint of",
                small_run_go(run, NULL, NULL, "out", 1, NULL));
}

/* Killed after its first best model, before its first checkpoint, a run starts again; a foreign best/ stays.
 */
static void only_a_runs_own_model_is_written_over(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, NULL, NULL, "out", 0, NULL));
    char *checkpoint = small_run_path(run, "out/checkpoint/state.safetensors"),
         *metrics = small_run_path(run, "out/metrics.jsonl");
    assert_int_equal(unlink(checkpoint), 0);
    check_ok(run->context, small_run_go(run, NULL, NULL, "out", 0, NULL));
    assert_int_equal(unlink(checkpoint) + unlink(metrics), 0);
    check_fails(run->context, LBK_INVALID_ARGUMENT, "holds a run already",
                small_run_go(run, NULL, NULL, "out", 0, NULL));
    free(checkpoint), free(metrics);
    char *model = small_run_path(run, "model/config.json"), *folder = small_run_path(run, "model");
    check_ok(run->context, lbk__make_folder(run->context, folder));
    check_ok(run->context, lbk__write_file(run->context, model, "{}", 2));
    check_fails(run->context, LBK_INVALID_ARGUMENT, "is a model already",
                small_run_go(run, NULL, NULL, "model", 0, NULL));
    free(model), free(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_resumed_run_is_the_uninterrupted_one),
        TEST(a_resumed_bf16_run_is_the_uninterrupted_one),
        TEST(traces_after_the_checkpoint_are_dropped),
        TEST(a_killed_run_loses_what_came_after_its_last_checkpoint),
        TEST(another_configuration_cannot_resume),
        TEST(a_checkpoint_that_stands_nowhere_is_refused),
        TEST(a_checkpoint_of_an_older_limbeck_is_told_as_such),
        TEST(only_a_runs_own_model_is_written_over),
    };
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
