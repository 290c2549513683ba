/* library.h: shared libraries that are loaded when a file first asks for them. With all that they link they
 * are many: a program that never reads such a file would wait longer for them than for its answer. */
#ifndef LBK_BASE_LIBRARY_H
#define LBK_BASE_LIBRARY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct lbk__symbol {
    const char *name;
    void *place; /* a pointer to a function or a variable, which is set */
    bool is_variable;
} lbk__symbol;

typedef struct lbk__library {
    const char *file; /* a name for dlopen */
    const lbk__symbol *symbols;
    size_t num_symbols;
    bool (*start)(void);  /* called once it is loaded; NULL: nothing is to be done */
    pthread_mutex_t lock; /* PTHREAD_MUTEX_INITIALIZER */
    atomic_bool ready;
} lbk__library;

enum { LBK__LIBRARY_REASON = 256 };
/* Loads it unless that was done; it stays loaded. False, with the reason: it cannot be loaded, lacks a symbol
 * or does not start; the next call tries again. Any thread may call it. */
bool lbk__library_need(lbk__library *library, char reason[LBK__LIBRARY_REASON]);

#endif
