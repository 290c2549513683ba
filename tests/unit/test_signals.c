/* A program whose timer goes off all the time, and whose handler uses its stack, loses no number and no byte
 * of its heap: while oneDNN's sgemm runs, the stack pointer may point into the heap. */
#include "small_run.h"

#include "kernel/kernel.h"
#include "kernel/threads.h"

#include <omp.h>
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t handled;

static void on_alarm(int signal_number) {
    volatile char stack[8192];
    (void)signal_number;
    for (size_t i = 0; i < sizeof stack; i++) stack[i] = (char)0xAB;
    handled++;
}

static void set_timer(int microseconds) {
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    const struct itimerval every = {{0, microseconds}, {0, microseconds}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

enum { M = 300, N = 200, K = 500, TIMES = 60 };

static void multiply(int threads, const float *a, const float *b, float *c) {
    const lbk__threads host = lbk__threads_enter(threads);
    assert_true(lbk__gemm(false, true, M, N, K, a, K, b, K, 0.0f, c, N));
    lbk__threads_leave(&host);
}

static void products_are_what_they_are_without_signals(void **state) {
    float *a = malloc(M * K * sizeof *a), *b = malloc(N * K * sizeof *b), *wanted = malloc(M * N * sizeof *b),
          *got = malloc(M * N * sizeof *b);
    (void)state;
    for (int i = 0; i < M * K; i++) a[i] = (float)(i % 7) * 0.1f;
    for (int i = 0; i < N * K; i++) b[i] = (float)(i % 5) * 0.1f;
#pragma omp parallel num_threads(3)
    assert_true(omp_get_thread_num() < 3); /* workers that the program had before */
    for (int threads = 1; threads <= 3; threads++) {
        multiply(threads, a, b, wanted);
        handled = 0;
        set_timer(100);
        for (int i = 0; i < TIMES; i++) {
            multiply(threads, a, b, got);
            assert_memory_equal(got, wanted, M * N * sizeof *got);
        }
        set_timer(0);
        assert_true(handled > 0);
    }
    free(a), free(b), free(wanted), free(got);
}

static void a_run_is_what_it_is_without_signals(void **state) {
    small_run *run = *state;
    check_ok(run->context, small_run_go(run, NULL, NULL, "calm", 0, NULL));
    handled = 0;
    set_timer(200);
    const lbk_status status = small_run_go(run, NULL, NULL, "disturbed", 0, NULL);
    set_timer(0);
    check_ok(run->context, status);
    assert_true(handled > 0);
    small_run_same_file(run, "calm/best/model.safetensors", "disturbed/best/model.safetensors");
    small_run_same_file(run, "calm/metrics.jsonl", "disturbed/metrics.jsonl");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_what_they_are_without_signals),
        cmocka_unit_test_setup_teardown(a_run_is_what_it_is_without_signals, small_run_set_up,
                                        small_run_tear_down),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
