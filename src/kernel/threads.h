/* threads.h: OpenMP's threads while the library computes. */
#ifndef LBK_KERNEL_THREADS_H
#define LBK_KERNEL_THREADS_H

#include <signal.h>

typedef struct lbk__threads {
    int before; /* threads of the host program */
    sigset_t mask;
} lbk__threads;

/* Around whatever calls a kernel: `num_threads` inside, the host program's number outside. Inside, signals
 * wait: oneDNN's sgemm (until 3.11; its issue 4845) lets the stack pointer point into a buffer on the heap,
 * and a handler that runs then writes its frame over whatever lies before that buffer. The threads that
 * OpenMP keeps go on refusing signals, which the host's other threads then take. Nothing to do with faults
 * of the program itself (SIGSEGV …), which cannot wait. */
lbk__threads lbk__threads_enter(int num_threads);
void lbk__threads_leave(const lbk__threads *threads);

#endif
