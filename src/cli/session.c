/* session.c: a context whose log goes to standard error, whose progress is shown, and which Ctrl-C stops.
 *
 * The first SIGINT or SIGTERM asks the library to save and stop; the handler then steps aside, so that a
 * second one ends the process at once. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number) {
    static const char text[] = "\nlimbeck: stopping at the next step; once more stops at once\n";
    (void)signal_number;
    stop_requested = 1;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
}

static int interrupted(void *user) {
    (void)user;
    return stop_requested;
}

static void show_log(void *user, lbk_log_level level, const char *line) {
    (void)user;
    if (level == LBK_LOG_DEBUG) return;
    char *text = cli_format(level == LBK_LOG_WARNING ? "limbeck: warning: %s" : "%s", line);
    cli_progress_line(text);
    free(text);
}

static void show_progress(void *user, const lbk_progress *progress) {
    (void)user;
    cli_progress_show(progress);
}

void cli_catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = request_stop;
    action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

lbk_context *cli_open(int num_threads) {
    lbk_context_options options = {.log = show_log,
                                   .progress = show_progress,
                                   .interrupted = interrupted,
                                   .num_threads = num_threads,
                                   .allow_outside = cli_allow_outside};
    lbk_context *context;
    lbk_status status = lbk_context_create(&options, &context);
    if (status != LBK_OK) {
        cli_say("%s", lbk_status_text(status));
        exit(lbk_status_exit_code(status));
    }
    return context;
}

void cli_close(lbk_context *context) {
    cli_progress_end();
    lbk_context_destroy(context);
}
