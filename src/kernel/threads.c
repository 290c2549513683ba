/* threads.c: number of threads and signals, changed and put back. */
#define _POSIX_C_SOURCE 200809L
#include "kernel/threads.h"

#include <omp.h>
#include <stddef.h>

static sigset_t those_that_can_wait(void) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&set, faults[i]);
    return set;
}

lbk__threads lbk__threads_enter(int num_threads) {
    const sigset_t waiting = those_that_can_wait();
    lbk__threads threads = {.before = omp_get_max_threads()};
    omp_set_num_threads(num_threads);
    pthread_sigmask(SIG_BLOCK, &waiting, &threads.mask);
    /* Workers born inside inherit the mask; those of an earlier region have it set here. */
#pragma omp parallel num_threads(num_threads) if (num_threads > 1)
    if (omp_get_thread_num() > 0) pthread_sigmask(SIG_BLOCK, &waiting, NULL);
    return threads;
}

void lbk__threads_leave(const lbk__threads *threads) {
    pthread_sigmask(SIG_SETMASK, &threads->mask, NULL);
    omp_set_num_threads(threads->before);
}
