/* guest.c: the locale by uselocale, the number of threads by omp_set_num_threads, which change this thread
 * only. The C locale is a constant of libc: making it allocates nothing and there is nothing to free. */
#include "base/guest.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>

static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The threads of OpenMP's that a process had are not in a child that it forks, which would wait for them. */
static bool forked;
static void note_fork(void) {
    forked = true;
}
static void watch_forks(void) {
    pthread_atfork(NULL, NULL, note_fork);
}

lbk__guest lbk__guest_enter(lbk_context *context) {
    static pthread_once_t watched = PTHREAD_ONCE_INIT;
    const int error = errno;
    pthread_once(&watched, watch_forks);
    if (forked) context->num_threads = 1;
    const lbk__guest guest = {context, {uselocale(c_locale()), omp_get_max_threads()}, error};
    if (context->calls++ == 0) context->host = guest.before;
    omp_set_num_threads(context->num_threads);
    return guest;
}

static void put_back(const lbk__host *state) {
    uselocale(state->locale);
    omp_set_num_threads(state->num_threads);
}

void lbk__guest_leave(const lbk__guest *guest) {
    guest->context->calls--;
    put_back(&guest->before);
    errno = guest->error;
}

lbk__host lbk__guest_out(const lbk_context *context) {
    const lbk__host own = {uselocale((locale_t)0), omp_get_max_threads()};
    if (context->calls) put_back(&context->host);
    return own;
}

void lbk__guest_back(const lbk__host *own) {
    put_back(own);
}

void lbk__guest_thread(void) {
    put_back(&(lbk__host){c_locale(), 1});
}
