/* check.h: what every unit test starts from. Tests run with the repository as working directory. */
#ifndef LBK_TESTS_CHECK_H
#define LBK_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limbeck/limbeck.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A status of LBK_OK, or the context's sentence in the failure. */
#define check_ok(context, expression)                                                                \
    do {                                                                                             \
        lbk_status check_status_ = (expression);                                                     \
        if (check_status_ != LBK_OK)                                                                 \
            fail_msg("%s: %s: %s", #expression, lbk_status_name(check_status_), lbk_error(context)); \
    } while (0)

/* Fails with the given status, and the sentence contains `part`. */
#define check_fails(context, expected, part, expression)                                                  \
    do {                                                                                                  \
        lbk_status check_status_ = (expression);                                                          \
        if (check_status_ != (expected))                                                                  \
            fail_msg("%s: got %s, wanted %s", #expression, lbk_status_name(check_status_),                \
                     lbk_status_name(expected));                                                          \
        if (!strstr(lbk_error(context), part)) fail_msg("\"%s\" lacks \"%s\"", lbk_error(context), part); \
    } while (0)

#define check_near(a, b, tolerance)                                                             \
    do {                                                                                        \
        double check_a_ = (a), check_b_ = (b);                                                  \
        if (!(fabs(check_a_ - check_b_) <= (tolerance)))                                        \
            fail_msg("%s = %.17g, %s = %.17g, difference above %g", #a, check_a_, #b, check_b_, \
                     (double)(tolerance));                                                      \
    } while (0)

static inline lbk_context *check_context(void) {
    lbk_context *context;
    assert_int_equal(lbk_context_create(NULL, &context), LBK_OK);
    return context;
}

/* A fresh folder under the system's temporary folder; the caller frees the string. */
static inline char *check_folder(void) {
    char pattern[128];
    extern char *mkdtemp(char *);
    const char *above = getenv("TMPDIR");
    snprintf(pattern, sizeof pattern, "%.64s/limbeck-test-XXXXXX", above ? above : "/tmp");
    assert_non_null(mkdtemp(pattern));
    return strdup(pattern);
}

#endif
