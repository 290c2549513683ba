/* progress.c: how far a long call has come: on a terminal one line that is redrawn and fits its width,
 * elsewhere a plain line every ten seconds. */
#include "cli.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 512, BAR = 24 };

static struct {
    char stage[32];
    double begun, shown; /* seconds: the stage's first report, the last line */
    uint64_t first;      /* `done` of the first report: a resumed run does not start at 0 */
    bool drawn;          /* the terminal's cursor stands behind a bar */
} bar;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

/* "0:42", "1:02:03". */
static void write_time(char *to, size_t size, double duration) {
    unsigned long s = (unsigned long)(duration + 0.5);
    if (s >= 3600)
        snprintf(to, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(to, size, "%lu:%02lu", s / 60, s % 60);
}

/* "450/1000 steps  12.3 steps/s  0:42 left  note". */
static void write_numbers(char *to, size_t size, const lbk_progress *progress, double now) {
    double elapsed = now - bar.begun;
    uint64_t done = progress->done, steps = done > bar.first ? done - bar.first : 0;
    double rate = elapsed > 0 ? (double)steps / elapsed : 0;
    size_t at = 0;
    at += (size_t)snprintf(to, size, progress->total ? "%llu/%llu %s" : "%llu%.0llu %s",
                           (unsigned long long)done, (unsigned long long)progress->total, progress->unit);
    if (rate > 0 && at < size)
        at += (size_t)snprintf(to + at, size - at, rate < 10 ? "  %.2f/s" : "  %.0f/s", rate);
    if (rate > 0 && progress->total > done && at < size) {
        char left[32];
        write_time(left, sizeof left, (double)(progress->total - done) / rate);
        at += (size_t)snprintf(to + at, size - at, "  %s left", left);
    }
    if (progress->note && *progress->note && at < size) snprintf(to + at, size - at, "  %s", progress->note);
}

static void write_bar(char *to, const lbk_progress *progress) {
    static const char *const symbols[2][2] = {{"-", "#"}, {"─", "━"}};
    const char *const *pair = symbols[!strcmp(nl_langinfo(CODESET), "UTF-8")];
    uint64_t filled = progress->done >= progress->total ? BAR : progress->done * BAR / progress->total;
    *to = 0;
    for (uint64_t i = 0; i < BAR; i++) to = stpcpy(to, pair[i < filled]);
}

static void draw(const lbk_progress *progress, double now) {
    char line[LINE], numbers[LINE / 2], meter[BAR * 4 + 1] = "";
    if (progress->total) write_bar(meter, progress);
    write_numbers(numbers, sizeof numbers, progress, now);
    snprintf(line, sizeof line, "%s  %s%s%s", progress->stage, meter, progress->total ? "  " : "", numbers);
    /* The last column stays free: some terminals wrap when it is written. */
    fprintf(stderr, "\r%.*s\033[K", (int)cli_fit(line, columns() - 1), line);
    fflush(stderr);
    bar.drawn = true;
}

void cli_progress_show(const lbk_progress *progress) {
    double now = seconds();
    if (strncmp(bar.stage, progress->stage, sizeof bar.stage - 1) != 0 || progress->done < bar.first) {
        cli_progress_end();
        snprintf(bar.stage, sizeof bar.stage, "%s", progress->stage);
        bar.begun = bar.shown = now;
        bar.first = progress->done;
        if (!isatty(STDERR_FILENO)) return;
        bar.shown = 0;
    }
    bool finished = progress->total && progress->done >= progress->total;
    if (isatty(STDERR_FILENO)) {
        if (now - bar.shown < 0.1 && !finished) return;
        draw(progress, now);
    } else {
        if (now - bar.shown < 10) return;
        char numbers[LINE / 2];
        write_numbers(numbers, sizeof numbers, progress, now);
        fprintf(stderr, "%s  %s\n", progress->stage, numbers);
    }
    bar.shown = now;
}

void cli_progress_line(const char *line) {
    if (bar.drawn) fputs("\r\033[K", stderr);
    bar.shown = bar.drawn ? 0 : bar.shown; /* the next report draws it again at once */
    bar.drawn = false;
    fprintf(stderr, "%s\n", line);
}

void cli_progress_end(void) {
    if (bar.drawn) fputc('\n', stderr);
    bar.drawn = false;
    bar.stage[0] = 0;
}
