/* base.h: what every room may use: errors, memory, strings, log, threads. Knows libc and OpenMP only. */
#ifndef LBK_BASE_BASE_H
#define LBK_BASE_BASE_H

#include <limbeck/limbeck.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library changes of the calling thread while it works. */
typedef struct lbk__host {
    locale_t locale;
    int num_threads; /* OpenMP's, for the next parallel region */
} lbk__host;

enum { LBK__LONGEST_ERROR = 1024, LBK__MOST_THREADS = 4096 };

struct lbk_context {
    lbk_context_options options;
    int num_threads;
    int calls;      /* public functions at work, one within the other */
    lbk__host host; /* the thread before the outermost one, base/guest.h */
    char error[LBK__LONGEST_ERROR];
    bool starved; /* see lbk__check_starved */
};

/* ---- errors: fail with a sentence; pass failures on ---- */

#define LBK__FORMAT(f, a) __attribute__((format(printf, f, a)))

/* Keeps the sentence and returns `status`, so that callers write `return lbk__fail(…)`. */
lbk_status lbk__fail(lbk_context *context, lbk_status status, const char *format, ...) LBK__FORMAT(3, 4);
/* The same with ": " and errno's text appended; status LBK_IO, or LBK_NO_MEMORY for ENOMEM. */
lbk_status lbk__fail_errno(lbk_context *context, const char *format, ...) LBK__FORMAT(2, 3);
/* Puts "prefix: " before the sentence that is there: adds where to what. Returns `status`. */
lbk_status lbk__fail_at(lbk_context *context, lbk_status status, const char *format, ...) LBK__FORMAT(3, 4);

#define LBK_TRY(expression)                            \
    do {                                               \
        lbk_status try_status_ = (expression);         \
        if (try_status_ != LBK_OK) return try_status_; \
    } while (0)

/* For functions with one exit that cleans up: sets `status` and jumps to `done`. */
#define LBK_GO(expression)               \
    do {                                 \
        status = (expression);           \
        if (status != LBK_OK) goto done; \
    } while (0)

/* ---- memory: through the context's allocator, failures have a sentence ---- */

/* count × size bytes, zeroed; overflow is checked; 0 bytes gives NULL and LBK_OK. */
lbk_status lbk__alloc_array(lbk_context *context, void *out_pointer, size_t count, size_t size);
#define LBK_ALLOC(context, pointer, count) \
    lbk__alloc_array(context, &(pointer), (size_t)(count), sizeof *(pointer))
/* Grows *pointer (of `size`-byte items) so that at least `need` fit; *capacity is in items. Keeps the old on
 * failure. */
lbk_status lbk__grow_array(lbk_context *context, void *pointer, size_t *capacity, size_t need, size_t size);
#define LBK_GROW(context, pointer, capacity, need) \
    lbk__grow_array(context, &(pointer), &(capacity), need, sizeof *(pointer))
/* 64-byte aligned and zeroed; freed by lbk__free_aligned. For tensors and arenas. */
lbk_status lbk__alloc_aligned(lbk_context *context, void *out_pointer, size_t bytes);
void lbk__free_aligned(lbk_context *context, void *pointer);
/* For what must not fail where it stands, in the middle of a pass through a model: it sets context->starved
 * and goes on with numbers that are wrong. LBK_NO_MEMORY, once, where that was set since the last time: ask
 * before any of the numbers is used. */
lbk_status lbk__check_starved(lbk_context *context);
lbk_status lbk__copy_string(lbk_context *context, const char *text, char **out);
lbk_status lbk__copy_bytes(lbk_context *context, const char *text, size_t length, char **out); /* adds a 0 */
/* printf into fresh memory. */
lbk_status lbk__format(lbk_context *context, char **out, const char *format, ...) LBK__FORMAT(3, 4);

/* ---- string builder ---- */

typedef struct lbk__text {
    char *data; /* always 0-terminated once something was appended; NULL before */
    size_t length, capacity;
} lbk__text;

lbk_status lbk__text_append(lbk_context *context, lbk__text *text, const char *data, size_t length);
lbk_status lbk__text_printf(lbk_context *context, lbk__text *text, const char *format, ...) LBK__FORMAT(3, 4);
void lbk__text_free(lbk_context *context, lbk__text *text);

/* Bytes of the character at `text`, of which `left` bytes are left, where a terminal obeys it in place of
 * showing it: controls (U+0000 to 001F, 007F to 009F) and marks that turn the direction of what follows
 * (U+200E, 200F, 202A to 202E, 2066 to 2069); else 0. *code is what it is. */
size_t lbk__terminal_command(const char *text, size_t left, unsigned *code);
/* Text from a file made fit for a terminal line: such characters and invalid UTF-8 as \xNN, cut to `size`. */
const char *lbk__printable(char *buffer, size_t size, const char *text, size_t length);
/* The name in `names` (ended by NULL) with the smallest edit distance to `word`; NULL when that is more than
 * half of the longer one. */
const char *lbk__nearest(const char *word, const char *const *names);

/* Length of the valid UTF-8 prefix of `text`; equals `length` when all of it is valid. */
size_t lbk__utf8_valid(const char *text, size_t length);

/* ---- log, progress, interruption ---- */

void lbk__log(lbk_context *context, lbk_log_level level, const char *format, ...) LBK__FORMAT(3, 4);
void lbk__report(lbk_context *context, const char *stage, const char *unit, uint64_t done, uint64_t total,
                 const char *note);
bool lbk__interrupted(lbk_context *context);
/* Seconds of a clock that only goes forward. */
double lbk__seconds(void);

#define LBK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LBK_MAX(a, b) ((a) > (b) ? (a) : (b))
#define LBK_COUNT(array) (sizeof(array) / sizeof *(array))

#endif
