/* guest.c: the locale by uselocale, which changes this thread only. The C locale is a constant of libc:
 * making it allocates nothing and there is nothing to free. */
#include "base/guest.h"

#include <errno.h>

static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

lbk__guest lbk__guest_enter(lbk_context *context) {
    const int error = errno;
    const lbk__guest guest = {context, uselocale(c_locale()), error};
    if (context->calls++ == 0) context->locale = guest.locale;
    return guest;
}

void lbk__guest_leave(const lbk__guest *guest) {
    guest->context->calls--;
    uselocale(guest->locale);
    errno = guest->error;
}

locale_t lbk__guest_out(const lbk_context *context) {
    return uselocale(context->locale);
}

void lbk__guest_back(locale_t own) {
    uselocale(own);
}

void lbk__guest_thread(void) {
    uselocale(c_locale());
}
