/* scarce.h: memory that runs out: the n-th allocation fails, for every n. */
#ifndef LBK_TESTS_SCARCE_H
#define LBK_TESTS_SCARCE_H

#include "check.h"

#include <limits.h>

typedef struct scarce {
    long left; /* allocations that are granted yet; LONG_MAX: all */
    long live; /* blocks */
} scarce;

static inline void *scarce_allocate(void *user, void *pointer, size_t size) {
    scarce *s = user;
    if (size == 0) {
        s->live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (s->left <= 0) return NULL;
    if (s->left < LONG_MAX) s->left--;
    s->live += pointer == NULL;
    return realloc(pointer, size);
}

/* `work` succeeds once it is given enough, and before fails by LBK_NO_MEMORY and leaves nothing behind, at
 * least `at_least` times. */
static inline void check_starving(lbk_status (*work)(lbk_context *context, void *user), void *user,
                                  int at_least) {
    int failures = 0;
    for (lbk_status status = LBK_NO_MEMORY; status != LBK_OK; failures++) {
        scarce s = {.left = failures + 1}; /* the context's own succeeds */
        const lbk_context_options options = {.allocate = scarce_allocate, .user = &s};
        lbk_context *context;
        assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
        status = work(context, user);
        if (status != LBK_OK && (status != LBK_NO_MEMORY || !strstr(lbk_error(context), "out of memory")))
            fail_msg("allocation %d: %s: %s", failures, lbk_status_name(status), lbk_error(context));
        lbk_context_destroy(context);
        assert_int_equal(s.live, 0);
    }
    assert_true(failures > at_least);
}

#endif
