/* vips.c: loading libvips and making it quiet. */
#include "data/vips.h"

#include "base/base.h"
#include "base/library.h"

#include <stdlib.h>

lbk__vips lbk__vips_functions;

static void ignore_message(const char *domain, GLogLevelFlags level, const char *message, void *user) {
    (void)domain, (void)level, (void)message, (void)user;
}

static bool start(void) {
    const lbk__vips *vips = &lbk__vips_functions;
    /* libvips loads modules from below VIPSHOME, which it sets itself where nobody has: there are none for
     * us. They read formats that we refuse, and loading them takes longer than a small model's answer.
     * Afterwards the program's environment is as it was. */
    const bool given = getenv("VIPSHOME") != NULL, running = vips->g_type_from_name("VipsObject") != 0;
    if (!given) setenv("VIPSHOME", "/nonexistent", 0);
    const int failed = vips->init("limbeck");
    if (!given) unsetenv("VIPSHOME");
    if (failed) return false;
    vips->vector_set_enabled(FALSE); /* Orc 0.4.33 crashes when two threads compile at once */
    if (running) return true;
    vips->concurrency_set(1);
    vips->cache_set_max(0);
    vips->g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO,
                            ignore_message, NULL);
    return true;
}

#define VIPS_SYMBOL(name) {"vips_" #name, &lbk__vips_functions.name, false},
#define GLIB_SYMBOL(name) {#name, &lbk__vips_functions.name, false},
static const lbk__symbol symbols[] = {LBK__VIPS_FUNCTIONS(VIPS_SYMBOL) LBK__GLIB_FUNCTIONS(GLIB_SYMBOL)};
static lbk__library library = {.file = LBK__VIPS_LIBRARY,
                               .symbols = symbols,
                               .num_symbols = LBK_COUNT(symbols),
                               .start = start,
                               .lock = PTHREAD_MUTEX_INITIALIZER};

bool lbk__vips_start(char reason[LBK__LIBRARY_REASON]) {
    return lbk__library_need(&library, reason);
}

bool lbk__vips_started(void) {
    return atomic_load(&library.ready);
}
