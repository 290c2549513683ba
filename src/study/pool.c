/* pool.c: a queue of jobs, and workers who take from it. One lock guards the queue and the callbacks of the
 * caller's context, its allocator included, since these were never promised to be called by several threads.
 */
#include "study/pool.h"

#include "base/guest.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef struct pool {
    lbk_context *context; /* the caller's */
    const lbk__pool_jobs *jobs;
    pthread_mutex_t lock;
    int64_t next, done;
    lbk_status status; /* of the first job that failed */
    char error[LBK__LONGEST_ERROR];
} pool;

typedef struct worker {
    pool *pool;
    pthread_t thread;
    const char *name; /* of the job at hand */
} worker;

/* ---- the callbacks of a worker's context ---- */

static void *allocate(void *user, void *pointer, size_t size) {
    pool *p = ((worker *)user)->pool;
    const lbk_context_options *options = &p->context->options;
    pthread_mutex_lock(&p->lock);
    void *fresh = options->allocate(options->user, pointer, size);
    pthread_mutex_unlock(&p->lock);
    return fresh;
}

static void pass_warning(void *user, lbk_log_level level, const char *line) {
    const worker *w = user;
    if (level != LBK_LOG_WARNING) return;
    pthread_mutex_lock(&w->pool->lock);
    lbk__log(w->pool->context, level, "%s: %s", w->name, line);
    pthread_mutex_unlock(&w->pool->lock);
}

static void pass_progress(void *user, const lbk_progress *progress) {
    const worker *w = user;
    char note[160];
    snprintf(note, sizeof note, "%.60s: %s %llu of %llu", w->name, progress->unit,
             (unsigned long long)progress->done, (unsigned long long)progress->total);
    pthread_mutex_lock(&w->pool->lock);
    lbk__report(w->pool->context, w->pool->jobs->stage, "runs", (uint64_t)w->pool->done,
                (uint64_t)w->pool->jobs->count, note);
    pthread_mutex_unlock(&w->pool->lock);
}

static int asked_to_stop(void *user) {
    pool *p = ((worker *)user)->pool;
    pthread_mutex_lock(&p->lock);
    const bool stop = p->status != LBK_OK || lbk__interrupted(p->context);
    pthread_mutex_unlock(&p->lock);
    return stop;
}

/* ---- workers ---- */

static bool take(pool *p, int64_t *job) {
    pthread_mutex_lock(&p->lock);
    const bool more = p->status == LBK_OK && p->next < p->jobs->count;
    if (more) *job = p->next++;
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void finish(pool *p, lbk_status status, const char *name, const char *error) {
    pthread_mutex_lock(&p->lock);
    p->done++;
    if (status != LBK_OK && p->status == LBK_OK) {
        p->status = status;
        snprintf(p->error, sizeof p->error, "%s: %.900s", name, error);
    }
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *user) {
    worker *w = user;
    pool *p = w->pool;
    const lbk_context_options options = {.allocate = allocate,
                                         .log = pass_warning,
                                         .progress = pass_progress,
                                         .interrupted = asked_to_stop,
                                         .user = w,
                                         .num_threads = 1,
                                         .allow_outside = p->context->options.allow_outside};
    int64_t job;
    lbk__guest_thread();
    while (take(p, &job)) {
        lbk_context *context;
        w->name = p->jobs->name(p->jobs->user, job);
        lbk_status status = lbk_context_create(&options, &context);
        if (status != LBK_OK) {
            finish(p, status, w->name, lbk_status_text(status));
            break;
        }
        status = p->jobs->run(context, p->jobs->user, job);
        finish(p, status, w->name, lbk_error(context));
        lbk_context_destroy(context);
    }
    return NULL;
}

lbk_status lbk__pool_run(lbk_context *context, const lbk__pool_jobs *jobs) {
    const int64_t size = LBK_MIN(context->num_threads, jobs->count);
    pool p = {.context = context, .jobs = jobs, .lock = PTHREAD_MUTEX_INITIALIZER};
    worker *workers;
    int64_t started = 0;
    LBK_TRY(LBK_ALLOC(context, workers, size));
    for (; started < size; started++) {
        workers[started].pool = &p;
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
    }
    for (int64_t i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
    lbk_free(context, workers);
    pthread_mutex_destroy(&p.lock);
    if (started == 0 && size)
        return lbk__fail(context, LBK_NO_MEMORY, "%s: no thread could be started", jobs->stage);
    return p.status == LBK_OK ? LBK_OK : lbk__fail(context, p.status, "%s", p.error);
}
