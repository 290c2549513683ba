/* library.c: dlopen and dlsym. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "base/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A program that links the library, too, may hold the only copy of a variable that is used. */
static void *find(void *handle, const lbk__symbol *symbol) {
    void *found = symbol->is_variable ? dlsym(RTLD_DEFAULT, symbol->name) : NULL;
    dlerror();
    return found ? found : dlsym(handle, symbol->name);
}

static bool load(const lbk__library *library) {
    void *handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) return false;
    for (size_t i = 0; i < library->num_symbols; i++) {
        void *found = find(handle, library->symbols + i);
        if (!found) return false;
        memcpy(library->symbols[i].place, &found, sizeof found);
    }
    return true;
}

bool lbk__library_need(lbk__library *library, char reason[LBK__LIBRARY_REASON]) {
    if (atomic_load(&library->ready)) return true;
    pthread_mutex_lock(&library->lock);
    bool ready = atomic_load(&library->ready);
    if (!ready && !load(library)) {
        const char *why = dlerror();
        snprintf(reason, LBK__LIBRARY_REASON, "%s", why ? why : library->file);
    } else if (!ready && library->start && !library->start()) {
        snprintf(reason, LBK__LIBRARY_REASON, "%s does not start", library->file);
    } else {
        ready = true;
        atomic_store(&library->ready, true);
    }
    pthread_mutex_unlock(&library->lock);
    return ready;
}
