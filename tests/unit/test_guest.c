/* The library as a guest: what of a program it could change is, after packing, training, probing, predicting
 * and exporting, what it was; and a program whose locale writes commas gets the bytes of one that does not.
 */
#define _GNU_SOURCE /* environ, sigabbrev_np */
#include "base/guest.h"
#include "small_run.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <omp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

/* A locale that writes 0,5: Germany's, made here by localedef, since a machine need not have one. */
static bool use_commas(const small_run *run) {
    char command[400];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >'%s/localedef.log' 2>&1",
             run->folder, run->folder);
    const int made = system(command);
    setenv("LOCPATH", run->folder, 1);
    if (made == 0 && setlocale(LC_ALL, "de_DE.UTF-8")) return true;
    print_message("skipped: no locale de_DE can be made (Debian's package \"locales\" is missing)\n");
    return false;
}

static void check_commas(void) {
    char text[8];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
}

/* ---- a program's state ---- */

typedef struct host {
    struct sigaction actions[NSIG];
    sigset_t blocked;
    char *environment, *folder;
    mode_t umask;
    int rounding, threads;
    unsigned control; /* of SSE: rounding, flush to zero, exceptions that trap */
    off_t written;    /* to standard output and error */
} host;

static char *all_of(char **lines) {
    size_t length = 1;
    for (char **at = lines; *at; at++) length += strlen(*at) + 1;
    char *out = calloc(length, 1), *end = out;
    for (char **at = lines; *at; at++) end = stpcpy(stpcpy(end, *at), "\n");
    return out;
}

static off_t size_of(int descriptor) {
    struct stat found;
    assert_int_equal(fstat(descriptor, &found), 0);
    return found.st_size;
}

static host look(void) {
    host h = {.environment = all_of(environ), .folder = getcwd(NULL, 0), .umask = umask(0)};
    umask(h.umask);
    for (int s = 1; s < NSIG; s++) sigaction(s, NULL, &h.actions[s]);
    sigprocmask(SIG_BLOCK, NULL, &h.blocked);
    h.rounding = fegetround();
    h.threads = omp_get_max_threads();
#ifdef __SSE__
    h.control = _mm_getcsr() & ~(unsigned)_MM_EXCEPT_MASK;
#endif
    h.written = size_of(STDOUT_FILENO) + size_of(STDERR_FILENO);
    return h;
}

static void check_unchanged(const host *before) {
    host now = look();
    assert_string_equal(now.environment, before->environment);
    assert_string_equal(now.folder, before->folder);
    assert_int_equal(now.umask, before->umask);
    for (int s = 1; s < NSIG; s++)
        if (now.actions[s].sa_handler != before->actions[s].sa_handler ||
            now.actions[s].sa_flags != before->actions[s].sa_flags)
            fail_msg("signal %d is handled otherwise", s);
    assert_memory_equal(&now.blocked, &before->blocked, sizeof now.blocked);
    assert_int_equal(now.rounding, before->rounding);
    assert_int_equal(now.threads, before->threads);
    assert_int_equal(now.control, before->control);
    assert_int_equal(now.written, before->written);
    free(now.environment), free(now.folder);
}

/* ---- a program's work with the library ---- */

/* After each call errno is what it was. */
#define CALL(call)                                                                 \
    do {                                                                           \
        errno = 77;                                                                \
        const lbk_status status_ = (call);                                         \
        assert_int_equal(errno, 77);                                               \
        if (status_ != LBK_OK) fail_msg("%s: %s", #call, lbk_error(run->context)); \
    } while (0)

static void work(small_run *run, const char *name) {
    char *pack = small_run_path(run, "guest-pack"), *data = small_run_path(run, "data.jsonl"),
         *vocab = small_run_path(run, "vocab.txt"), *out = small_run_path(run, name), *summary;
    char cache[300], file[300], over[300], answer_image[300];
    snprintf(cache, sizeof cache, "%s/cache", out);
    snprintf(file, sizeof file, "%s/student.onnx", out);
    snprintf(over, sizeof over, "pack=%s", pack);
    snprintf(answer_image, sizeof answer_image, "%s/1.tiff", run->folder);
    CALL(lbk_pack_build(run->context,
                        &(lbk_pack_options){.source = LBK_SOURCE_JSONL,
                                            .path = data,
                                            .vocab = vocab,
                                            .visual = LBK_VISUAL_PATCHES,
                                            .image_size = 8,
                                            .patch_size = 4},
                        pack, NULL));
    const char *overrides[] = {over,
                               "model.hidden_size=12",
                               "model.num_hidden_layers=1",
                               "model.num_attention_heads=3",
                               "model.intermediate_size=20",
                               "model.max_position_embeddings=16",
                               "model.layer_norm_eps=1.5e-12",
                               "train.learning_rate=0.0125",
                               "train.epochs=2"};
    lbk_config *config;
    CALL(lbk_config_load(run->context, NULL, overrides, LBK_COUNT(overrides), &config));
    assert_true(config->train.learning_rate == 0.0125);
    CALL(lbk_train(run->context, config, out, 0, NULL));
    lbk_config_close(config);
    CALL(lbk_probe(run->context, &(lbk_probe_options){.teacher = out, .pack = pack, .out = cache}, NULL));
    CALL(lbk_evaluate(run->context, &(lbk_evaluate_options){.model = out, .pack = pack, .split = "dev"},
                      &summary));
    lbk_free(run->context, summary);
    CALL(lbk_export(run->context, &(lbk_export_options){out, file, LBK_EXPORT_ONNX, 0}, NULL));
    lbk_model *model;
    CALL(lbk_model_open(run->context, out, &model));
    CALL(lbk_model_answer(model, &(lbk_input){.text = "red old", .image = answer_image}, 0, &summary));
    assert_null(strstr(summary, "0,"));
    lbk_free(run->context, summary);
    errno = 77;
    lbk_model_close(model);
    assert_int_equal(errno, 77);
    assert_int_equal(lbk_model_open(run->context, "no/such/model", &model), LBK_IO);
    assert_int_equal(errno, 77);
    free(pack), free(data), free(vocab), free(out);
}

enum { HOST_THREADS = 3 };

static void log_with_own_threads(void *user, lbk_log_level level, const char *line) {
    assert_int_equal(omp_get_max_threads(), HOST_THREADS); /* callbacks are the program's */
    small_run_log(user, level, line);
}

static void a_program_is_left_as_it_was(void **state) {
    small_run *run = *state;
    char *log = small_run_path(run, "output");
    fflush(NULL);
    const int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);
    assert_true(freopen(log, "w", stdout) && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0);
    omp_set_num_threads(HOST_THREADS);
    run->context->options.log = log_with_own_threads;
    fesetround(FE_TONEAREST);
    signal(SIGPIPE, SIG_IGN);
    printf("what the program has yet to write"); /* … is not written for it */
    const host before = look();
    work(run, "out");
    check_unchanged(&before);
    assert_int_equal(before.written, 0);
    fflush(stdout);
    dup2(out, STDOUT_FILENO), dup2(error, STDERR_FILENO);
    close(out), close(error);
    free(before.environment), free(before.folder), free(log);
}

/* A loop that says nothing of threads takes as many as the context has, also within a call that calls. */
static void check_threads_of_a_call(lbk_context *context, int calls) {
    LBK__GUEST(context);
    assert_int_equal(omp_get_max_threads(), context->num_threads);
    const lbk__host own = lbk__guest_out(context);
    assert_int_equal(omp_get_max_threads(), HOST_THREADS);
    lbk__guest_back(&own);
    if (calls > 1) check_threads_of_a_call(context, calls - 1);
    assert_int_equal(omp_get_max_threads(), context->num_threads);
}

static void threads_are_the_contexts(void **state) {
    small_run *run = *state;
    omp_set_num_threads(HOST_THREADS);
    run->context->num_threads = 1;
    check_threads_of_a_call(run->context, 2);
    assert_int_equal(omp_get_max_threads(), HOST_THREADS);
}

/* A child has none of its parent's OpenMP threads, and would wait for them. */
static void a_forked_child_computes(void **state) {
    small_run *run = *state;
    const lbk_bench_options bench = {.work = "kd",
                                     .size = "mini",
                                     .batch = 64,
                                     .shortest = 32,
                                     .longest = 32,
                                     .regions = 4,
                                     .visual_dim = 16,
                                     .classes = 3,
                                     .steps = 1,
                                     .precision = "fp32"};
    const lbk_context_options two = {.num_threads = 2};
    lbk_context *parent, *child;
    char *summary;
    int outcome;
    (void)run;
    assert_int_equal(lbk_context_create(&two, &parent), LBK_OK);
    lbk_bench_options large = bench;
    large.batch = INT32_MAX;
    check_fails(parent, LBK_INVALID_ARGUMENT, "batch must be from 1 to 65536",
                lbk_bench(parent, &large, &summary));
    check_ok(parent, lbk_bench(parent, &bench, &summary));
    lbk_free(parent, summary);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        const bool made = lbk_context_create(&two, &child) == LBK_OK;
        _exit(!made || lbk_bench(child, &bench, &summary) != LBK_OK ||
              lbk_bench(parent, &bench, &summary) != LBK_OK);
    }
    for (int i = 0; i < 600 && waitpid(process, &outcome, WNOHANG) == 0; i++) usleep(100000);
    if (kill(process, SIGKILL) == 0) fail_msg("the child hangs");
    assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    lbk_context_destroy(parent);
}

static void log_with_commas(void *user, lbk_log_level level, const char *line) {
    check_commas(); /* callbacks are the program's */
    small_run_log(user, level, line);
}

static void a_locale_with_commas_changes_no_byte(void **state) {
    small_run *run = *state;
    static const char *const files[] = {"best/model.safetensors",
                                        "best/config.json",
                                        "metrics.jsonl",
                                        "config.yaml",
                                        "cache",
                                        "student.onnx"};
    work(run, "points");
    if (!use_commas(run)) return;
    check_commas();
    run->context->options.log = log_with_commas;
    work(run, "commas");
    check_commas();
    /* By a locale of its thread, too. */
    const locale_t german = duplocale(LC_GLOBAL_LOCALE); /* newlocale would leak its LOCPATH */
    setlocale(LC_ALL, "C");
    uselocale(german);
    work(run, "thread");
    check_commas();
    assert_true(uselocale(LC_GLOBAL_LOCALE) == german);
    freelocale(german);
    unsetenv("LOCPATH");
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        char points[64], commas[64], thread[64];
        snprintf(points, sizeof points, "points/%s", files[i]);
        snprintf(commas, sizeof commas, "commas/%s", files[i]);
        snprintf(thread, sizeof thread, "thread/%s", files[i]);
        small_run_same_file(run, points, commas);
        small_run_same_file(run, points, thread);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_program_is_left_as_it_was),
        TEST(threads_are_the_contexts),
        TEST(a_forked_child_computes),
        TEST(a_locale_with_commas_changes_no_byte),
    };
    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
