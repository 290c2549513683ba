/* pool.h: jobs side by side, each in a thread with a context of its own that uses one thread.
 *
 * Threads, not processes: a killed study leaves nobody behind who goes on writing into its folders, there is
 * no program to find and no command line to quote, and a library's caller has it as the program has. A run on
 * one thread gives the same bytes wherever it runs. */
#ifndef LBK_STUDY_POOL_H
#define LBK_STUDY_POOL_H

#include "base/base.h"

typedef struct lbk__pool_jobs {
    const char *stage; /* of progress reports */
    int64_t count;
    /* What sentences call a job. */
    const char *(*name)(void *user, int64_t job);
    /* Does it, with `context` for everything; other jobs run meanwhile. */
    lbk_status (*run)(lbk_context *context, void *user, int64_t job);
    void *user;
} lbk__pool_jobs;

/* As many at a time as `context` has threads, in their order. The context's callbacks are called by one
 * thread at a time. The first failure, or an interruption, makes the other jobs save and stop; its sentence
 * begins with the job's name. */
lbk_status lbk__pool_run(lbk_context *context, const lbk__pool_jobs *jobs);

#endif
