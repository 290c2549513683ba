/* Streams of records: they go on after bad ones, keep their order and nobody waiting. */
#define _GNU_SOURCE /* usleep */
#include "answering_fixture.h"
#include "scarce.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 100 };

typedef struct received {
    char *lines[LINES];
    int count;
} received;

static int receive(void *user, const char *line) {
    received *r = user;
    assert_true(r->count < LINES);
    r->lines[r->count++] = strdup(line);
    return 0;
}

static void drop(received *r) {
    for (int i = 0; i < r->count; i++) free(r->lines[i]);
    r->count = 0;
}

/* Samples of the pack, with lines between them that cannot be answered. */
static char *write_stream(fixture *f) {
    char *path = path_in(f, "stream.jsonl");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(file, "{\"id\": %d, \"text\": \"red old%s\"", i, i % 3 ? "" : " round");
        fprintf(file, i % 9 == 3 ? "}\n" : ", \"image\": \"%d.tiff\"}\n", i);
        if (i == 5) fprintf(file, "{\"id\": \"a\", \"text\": \"cut\n\n{\"id\": [1], \"text\": 7}\n");
        if (i == 40)
            fprintf(file, "{\"id\": \"b\", \"text\": \"\", \"image\": \"none.tiff\"}\n{\"id\": \"c\"}\n[]");
    }
    fclose(file);
    return path;
}

static void a_stream_keeps_its_order_and_goes_on(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    char *path = write_stream(f);
    received got = {0};
    int64_t failed;
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, receive, &got, &failed));
    assert_int_equal(got.count, SAMPLES + 5);
    assert_int_equal(failed, 5);
    int next = 0;
    for (int k = 0; k < got.count; k++) {
        json_t *line = json_loads(got.lines[k], 0, NULL), *id = json_object_get(line, "id");
        if (json_object_get(line, "error")) {
            assert_true(next == 6 || next == SAMPLES);
            json_decref(line);
            continue;
        }
        assert_int_equal(json_integer_value(id), next);
        char text[64], image[32];
        snprintf(text, sizeof text, "red old%s", next % 3 ? "" : " round");
        snprintf(image, sizeof image, "%d.tiff", next);
        float probabilities[LBK_NUM_VIEWS][CLASSES];
        const lbk_input input = {.text = text, .image = next % 9 == 3 ? NULL : image};
        check_ok(f->context, lbk_model_predict(model, &input, NULL, probabilities[0]));
        check_near(number(line, "joint/probabilities/cat"), (double)probabilities[0][0], 1e-5);
        check_near(number(line, "image/probabilities/fox"), (double)probabilities[2][2], 1e-5);
        json_decref(line);
        next++;
    }
    assert_int_equal(next, SAMPLES);
    assert_non_null(strstr(got.lines[6], "stream.jsonl, line 7"));
    assert_non_null(strstr(got.lines[7], "{\"id\": [1], \"error\": "));
    assert_non_null(strstr(got.lines[SAMPLES + 2], "none.tiff: no such image"));
    assert_non_null(strstr(got.lines[SAMPLES + 2], "\"status\": \"LBK_IO\""));
    drop(&got);
    free(path);
    lbk_model_close(model);
}

/* All digits of an id, six of a number of ours. */
static void ids_come_back_as_they_came(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    static const char *const ids[] = {
        "1234567.0", "0.1", "0.30000000000000004", "123456789012345678", "{\"a\": 1234567.5}", "\"é\""};
    char *path = path_in(f, "ids.jsonl");
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < LBK_COUNT(ids); i++) fprintf(file, "{\"id\": %s, \"text\": \"red\"}\n", ids[i]);
    fclose(file);
    received got = {0};
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, receive, &got, NULL));
    for (size_t i = 0; i < LBK_COUNT(ids); i++) {
        char begin[64];
        snprintf(begin, sizeof begin, "{\"id\": %s, \"joint\": ", ids[i]);
        if (strncmp(got.lines[i], begin, strlen(begin)) != 0) fail_msg("%s", got.lines[i]);
    }
    drop(&got);
    free(path);
    lbk_model_close(model);
}

/* Writes a record when the one before has been answered: a stream that waited for more would never end. */
typedef struct ping_pong {
    FILE *to;
    int answered;
} ping_pong;

static int write_next(void *user, const char *line) {
    ping_pong *game = user;
    char id[32];
    snprintf(id, sizeof id, "{\"id\": %d,", game->answered);
    assert_int_equal(strncmp(line, id, strlen(id)), 0);
    if (++game->answered == 5)
        fclose(game->to);
    else
        fprintf(game->to, "{\"id\": %d, \"text\": \"red\"}\n\n", game->answered);
    return 0;
}

static void a_lone_record_is_answered_at_once(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    ping_pong game = {.to = fdopen(ends[1], "w")};
    setvbuf(game.to, NULL, _IONBF, 0);
    fprintf(game.to, "{\"id\": 0, \"text\": \"red\"}\n");
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    alarm(60);
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, write_next, &game, NULL));
    alarm(0);
    assert_int_equal(game.answered, 5);
    close(ends[0]);
    lbk_model_close(model);
}

/* A pipe that an event loop has set to O_NONBLOCK, its writer being slow; then one whose writer says nothing.
 */
static void a_slow_writer_is_waited_for(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    received got = {0};
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    const pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        static const char record[] = "{\"id\": 1, \"text\": \"red\"}\n";
        usleep(50000);
        _exit(write(ends[1], record, sizeof record - 1) < 0);
    }
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    const int kept = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    check_ok(f->context, lbk_model_answer_lines(model, "-", 0, receive, &got, NULL));
    assert_int_equal(got.count, 1);
    drop(&got);
    waitpid(writer, NULL, 0);
    close(ends[0]);

    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    f->interrupt = 1;
    check_fails(f->context, LBK_INTERRUPTED, "stopped on request",
                lbk_model_answer_lines(model, "-", 0, receive, &got, NULL));
    dup2(kept, STDIN_FILENO);
    close(kept), close(ends[0]), close(ends[1]);
    lbk_model_close(model);
}

/* They are passed over once: 16 MiB took 20 seconds when each look began at the first. */
static void blank_lines_cost_nothing(void **state) {
    fixture *f = *state;
    enum { BLANK = 16 << 20, MOST_SECONDS = 8 };
    lbk_model *model = open_patch_model(f);
    received got = {0};
    char *path = path_in(f, "blank.jsonl"), *blank = malloc(BLANK);
    memset(blank, '\n', BLANK);
    FILE *file = fopen(path, "w");
    fprintf(file, "{\"text\": \"red\"}\n");
    assert_int_equal(fwrite(blank, 1, BLANK, file), BLANK);
    fprintf(file, "{\"text\": 7}");
    fclose(file);
    const clock_t begin = clock();
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, receive, &got, NULL));
    assert_true(clock() - begin < MOST_SECONDS * CLOCKS_PER_SEC);
    assert_int_equal(got.count, 2);
    assert_non_null(strstr(got.lines[1], "blank.jsonl, line 16777218"));
    drop(&got);
    free(blank), free(path);
    lbk_model_close(model);
}

static int refuse(void *user, const char *line) {
    (void)user, (void)line;
    return 1;
}

static void a_reader_that_is_gone_ends_the_stream(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    char *path = write_stream(f);
    check_fails(f->context, LBK_IO, "could not be written",
                lbk_model_answer_lines(model, path, 0, refuse, NULL, NULL));
    f->interrupt = 1;
    check_fails(f->context, LBK_INTERRUPTED, "stopped",
                lbk_model_answer_lines(model, path, 0, refuse, NULL, NULL));
    check_fails(f->context, LBK_IO, "/nowhere: cannot open",
                lbk_model_answer_lines(model, "/nowhere", 0, refuse, NULL, NULL));
    free(path);
    lbk_model_close(model);
}

/* ---- memory that runs out ---- */

static lbk_status answer_all(lbk_context *context, void *user) {
    fixture *f = user;
    char *folder = path_in(f, "answering"), *path = path_in(f, "stream.jsonl");
    received got = {0};
    lbk_model *model = NULL;
    lbk_status status = lbk_model_open(context, folder, &model);
    if (status == LBK_OK) status = lbk_model_set_images(model, f->folder, NULL);
    if (status == LBK_OK) status = lbk_model_answer_lines(model, path, 2, receive, &got, NULL);
    lbk_model_close(model);
    for (int i = 0; i < got.count; i++) assert_null(strstr(got.lines[i], "LBK_NO_MEMORY"));
    drop(&got);
    free(folder), free(path);
    return status;
}

static void running_out_of_memory_is_survived(void **state) {
    fixture *f = *state;
    lbk_model_close(open_patch_model(f));
    free(write_stream(f));
    check_starving(answer_all, f, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stream_keeps_its_order_and_goes_on), TEST(ids_come_back_as_they_came),
        TEST(a_lone_record_is_answered_at_once),    TEST(a_reader_that_is_gone_ends_the_stream),
        TEST(a_slow_writer_is_waited_for),          TEST(blank_lines_cost_nothing),
        TEST(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("predict lines", tests, NULL, NULL);
}
