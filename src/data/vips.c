/* vips.c: loading libvips and making it quiet. */
#include "data/vips.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The name has not changed since 2016, whatever libvips' version. */
static const char library[] = "libvips.so.42";

lbk__vips lbk__vips_functions;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool started;

static void ignore_message(const char *domain, GLogLevelFlags level, const char *message, void *user) {
    (void)domain, (void)level, (void)message, (void)user;
}

/* The library stays: GLib cannot be unloaded. */
static bool load(lbk__vips *vips) {
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    bool all = handle != NULL;
#define FIND(member, symbol) all = all && (*(void **)&vips->member = dlsym(handle, symbol)) != NULL;
#define FIND_VIPS(name) FIND(name, "vips_" #name)
#define FIND_GLIB(name) FIND(name, #name)
    LBK__VIPS_FUNCTIONS(FIND_VIPS)
    LBK__GLIB_FUNCTIONS(FIND_GLIB)
    return all;
}

static void start(void) {
    lbk__vips *vips = &lbk__vips_functions;
    if (!load(vips)) return;
    /* libvips loads modules from below VIPSHOME, which it sets itself where nobody has: there are none for
     * us. They read formats that we refuse, and loading them takes longer than a small model's answer.
     * Afterwards the program's environment is as it was. */
    const bool given = getenv("VIPSHOME") != NULL;
    if (!given) setenv("VIPSHOME", "/nonexistent", 0);
    const int failed = vips->init("limbeck");
    if (!given) unsetenv("VIPSHOME");
    if (failed) return;
    vips->concurrency_set(1);
    vips->cache_set_max(0);
    vips->vector_set_enabled(FALSE); /* Orc 0.4.33 crashes when two threads compile at once */
    vips->g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO,
                            ignore_message, NULL);
    atomic_store(&started, true);
}

bool lbk__vips_start(void) {
    pthread_once(&once, start);
    return lbk__vips_started();
}

bool lbk__vips_started(void) {
    return atomic_load(&started);
}
