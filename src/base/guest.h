/* guest.h: the thread that calls the library is the program's. A public function that does more than read a
 * field begins with LBK__GUEST(context): until it returns, numbers are read and written with a point,
 * whatever the program's locale, and OpenMP takes the context's number of threads; when it returns, the
 * thread's locale, number of threads and errno are what they were. The program's callbacks see its own. */
#ifndef LBK_BASE_GUEST_H
#define LBK_BASE_GUEST_H

#include "base/base.h"

typedef struct lbk__guest {
    lbk_context *context;
    lbk__host before;
    int error;
} lbk__guest;

lbk__guest lbk__guest_enter(lbk_context *context);
void lbk__guest_leave(const lbk__guest *guest);
#define LBK__GUEST(context)                                                                         \
    __attribute__((cleanup(lbk__guest_leave))) const lbk__guest guest_ = lbk__guest_enter(context); \
    (void)guest_

/* Around a callback: own = lbk__guest_out(context); callback; lbk__guest_back(&own). */
lbk__host lbk__guest_out(const lbk_context *context);
void lbk__guest_back(const lbk__host *own);

/* For a thread of the library's own, once; it computes alone. */
void lbk__guest_thread(void);

#endif
