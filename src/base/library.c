/* library.c: dlopen and dlsym. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

bool lbk__library_load(const char *library, const lbk__symbol *symbols, size_t count) {
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) return false;
    for (size_t i = 0; i < count; i++) {
        /* A program that links the library, too, may hold the only copy of a variable that is used. */
        void *found = symbols[i].is_variable ? dlsym(RTLD_DEFAULT, symbols[i].name) : NULL;
        if (!found) found = dlsym(handle, symbols[i].name);
        if (!found) return false;
        memcpy(symbols[i].place, &found, sizeof found);
    }
    return true;
}
