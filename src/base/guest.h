/* guest.h: the thread that calls the library is the program's. A public function that does more than read a
 * field begins with LBK__GUEST(context): until it returns, numbers are read and written with a point,
 * whatever the program's locale; when it returns, the thread's locale and errno are what they were. The
 * program's callbacks run in its own locale. */
#ifndef LBK_BASE_GUEST_H
#define LBK_BASE_GUEST_H

#include "base/base.h"

#include <locale.h>

typedef struct lbk__guest {
    lbk_context *context;
    locale_t locale; /* of the thread, before */
    int error;
} lbk__guest;

lbk__guest lbk__guest_enter(lbk_context *context);
void lbk__guest_leave(const lbk__guest *guest);
#define LBK__GUEST(context)                                                                         \
    __attribute__((cleanup(lbk__guest_leave))) const lbk__guest guest_ = lbk__guest_enter(context); \
    (void)guest_

/* Around a callback: own = lbk__guest_out(context); callback; lbk__guest_back(own). */
locale_t lbk__guest_out(const lbk_context *context);
void lbk__guest_back(locale_t own);

/* For a thread of the library's own, once. */
void lbk__guest_thread(void);

#endif
