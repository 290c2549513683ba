/* library.h: shared libraries that are loaded when a file first asks for them. With all that they link they
 * are many: a program that never reads such a file would wait longer for them than for its answer. */
#ifndef LBK_BASE_LIBRARY_H
#define LBK_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lbk__symbol {
    const char *name;
    void *place; /* a pointer to a function or a variable, which is set */
    bool is_variable;
} lbk__symbol;

/* False: `library`, a name for dlopen, cannot be loaded, or it lacks a symbol. It stays loaded. */
bool lbk__library_load(const char *library, const lbk__symbol *symbols, size_t count);

#endif
