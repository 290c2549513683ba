/* progress.c: how far a long call has come: on a terminal one line that is redrawn and fits its width,
 * elsewhere a plain line every ten seconds. */
#include "cli.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 512, WIDEST_BAR = 24, NUM_STAGES = 4 };

/* Stages may be nested: an evaluation within a training does not end the training's clock. */
typedef struct stage {
    char name[32];
    double begun;
    uint64_t first, last; /* `done` of the first and the last report: a resumed run does not start at 0 */
} stage;

static struct {
    stage stages[NUM_STAGES];
    int next;     /* the place that the next new stage takes */
    double shown; /* when the last line was printed, seconds */
    bool drawn;   /* the terminal's cursor stands behind a bar */
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

/* "450/1000 steps  12.3/s  0:42 left  note". */
static void write_numbers(char *to, size_t size, const lbk_progress *progress, const stage *at_stage,
                          double now) {
    double elapsed = now - at_stage->begun;
    uint64_t done = progress->done, steps = done - at_stage->first;
    double rate = elapsed > 0 ? (double)steps / elapsed : 0;
    size_t at = (size_t)snprintf(to, size, "%llu", (unsigned long long)done);
    if (progress->total)
        at += (size_t)snprintf(to + at, size - at, "/%llu", (unsigned long long)progress->total);
    at += (size_t)snprintf(to + at, size - at, " %.32s", progress->unit);
    if (rate > 0) at += (size_t)snprintf(to + at, size - at, rate < 10 ? "  %.2f/s" : "  %.0f/s", rate);
    if (rate > 0 && progress->total > done) {
        char left[32];
        write_time(left, sizeof left, (double)(progress->total - done) / rate);
        at += (size_t)snprintf(to + at, size - at, "  %s left", left);
    }
    if (*progress->note) snprintf(to + at, size - at, "  %s", progress->note);
}

static void write_bar(char *to, const lbk_progress *progress, size_t cells) {
    static const char *const symbols[2][2] = {{"-", "#"}, {"─", "━"}};
    const char *const *pair = symbols[!strcmp(nl_langinfo(CODESET), "UTF-8")];
    double share = progress->done < progress->total ? (double)progress->done / (double)progress->total : 1;
    size_t filled = (size_t)(share * (double)cells);
    for (size_t i = 0; i < cells; i++) to = stpcpy(to, pair[i < filled]);
    strcpy(to, "  ");
}

static void draw(const lbk_progress *progress, const stage *at_stage, double now) {
    char line[LINE], numbers[LINE / 2], meter[WIDEST_BAR * 4 + 3] = "";
    size_t width = columns(), cells = width / 6 < WIDEST_BAR ? width / 6 : WIDEST_BAR;
    if (progress->total) write_bar(meter, progress, cells);
    write_numbers(numbers, sizeof numbers, progress, at_stage, now);
    snprintf(line, sizeof line, "%s  %s%s", at_stage->name, meter, numbers);
    /* The last column stays free: some terminals wrap when it is written. */
    fprintf(stderr, "\r%.*s\033[K", (int)cli_fit(line, width - 1), line);
    fflush(stderr);
    bar.drawn = true;
}

/* The stage's record, begun anew where it is new or counts from the start again. */
static stage *find_stage(const lbk_progress *progress, double now) {
    stage *found = NULL;
    for (int i = 0; i < NUM_STAGES && !found; i++)
        if (!strcmp(bar.stages[i].name, progress->stage)) found = &bar.stages[i];
    if (!found) {
        found = &bar.stages[bar.next++ % NUM_STAGES];
        snprintf(found->name, sizeof found->name, "%s", progress->stage);
        found->last = UINT64_MAX;
    }
    if (progress->done < found->last) {
        found->begun = now;
        found->first = progress->done;
    }
    found->last = progress->done;
    return found;
}

void cli_progress_show(const lbk_progress *progress) {
    double now = seconds();
    const stage *at_stage = find_stage(progress, now);
    if (isatty(STDERR_FILENO)) {
        bool full = progress->total && progress->done >= progress->total;
        if (now - bar.shown < 0.1 && !full) return;
        draw(progress, at_stage, now);
    } else {
        if (bar.shown == 0) bar.shown = now;
        if (now - bar.shown < 10) return;
        char numbers[LINE / 2];
        write_numbers(numbers, sizeof numbers, progress, at_stage, now);
        fprintf(stderr, "%s  %s\n", at_stage->name, numbers);
    }
    bar.shown = now;
}

void cli_progress_line(const char *line) {
    if (bar.drawn) {
        fputs("\r\033[K", stderr);
        bar.drawn = false;
        bar.shown = 0; /* the next report draws it again at once */
    }
    fprintf(stderr, "%s\n", line);
}

void cli_progress_end(void) {
    if (bar.drawn) fputc('\n', stderr);
    bar.drawn = false;
}
