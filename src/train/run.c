/* run.c: the run folder and its growing files. */
#define _GNU_SOURCE
#include "train/run.h"

#include "base/file.h"
#include "model/folder.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* More than watch.c's longest line has: weights of 100 classes in three views. */
enum { LONGEST_LINE = 1 << 16 };

/* ---- the folder ---- */

/* done.json: of a study's run that has ended, whose checkpoint is no longer there. */
static lbk_status refuse_study(const lbk__run *run) {
    static const char *const of_study[] = {"names.json", "study.json", "done.json", NULL};
    const char *there;
    LBK_TRY(lbk__first_held(run->context, run->folder, of_study, &there));
    if (!there) return LBK_OK;
    return lbk__fail(run->context, LBK_INVALID_ARGUMENT,
                     "%s: holds a study or a run of one, its %s: take another folder", run->folder, there);
}

static lbk_status check_content(lbk__run *run, bool resume) {
    bool begun;
    LBK_TRY(lbk__holds(run->context, run->folder, "metrics.jsonl", &begun));
    if (resume && !lbk__exists(run->checkpoint))
        return lbk__fail(run->context, LBK_INVALID_ARGUMENT,
                         "%s: nothing to resume: there is no checkpoint/state.safetensors; start without "
                         "resume",
                         run->folder);
    /* A run that was killed before its first checkpoint may start again, over a best/ of its own. */
    if (!resume && (lbk__exists(run->checkpoint) || (lbk__exists(run->best) && !begun)))
        return lbk__fail(run->context, LBK_INVALID_ARGUMENT,
                         "%s: holds a run already: resume it (--resume), or take another folder",
                         run->folder);
    if (resume) return LBK_OK;
    LBK_TRY(refuse_study(run));
    return lbk__refuse_model(run->context, run->folder);
}

static lbk_status open_log(lbk__run *run) {
    char *path;
    LBK_TRY(lbk__join_inside(run->context, run->folder, "log.txt", &path));
    run->log = fopen(path, "ae");
    lbk_status status = run->log ? LBK_OK : lbk__fail_errno(run->context, "%s: cannot open", path);
    lbk_free(run->context, path);
    return status;
}

lbk_status lbk__run_open(lbk_context *context, const char *folder, bool resume, lbk__run *out) {
    *out = (lbk__run){.context = context, .metrics = -1};
    lbk_status status = LBK_OK;
    char *checkpoints = NULL;
    if (!folder || !*folder) return lbk__fail(context, LBK_INVALID_ARGUMENT, "no run folder was named");
    LBK_GO(lbk__copy_string(context, folder, &out->folder));
    LBK_GO(lbk__join(context, folder, "best", &out->best));
    LBK_GO(lbk__join(context, folder, "checkpoint", &checkpoints));
    LBK_GO(lbk__join(context, checkpoints, "state.safetensors", &out->checkpoint));
    if (!resume || lbk__exists(folder)) LBK_GO(lbk__make_folder(context, folder));
    if (lbk__exists(folder)) LBK_GO(lbk__lock_folder(context, folder, &out->lock));
    LBK_GO(check_content(out, resume));
    LBK_GO(lbk__make_folder(context, checkpoints));
    lbk__remove_leftovers(checkpoints, NULL);
    lbk__remove_leftovers(out->best, NULL);
    LBK_GO(open_log(out));
done:
    lbk_free(context, checkpoints);
    return status;
}

void lbk__run_close(lbk__run *run) {
    if (!run->context) return;
    if (run->metrics >= 0) close(run->metrics);
    if (run->log) fclose(run->log);
    lbk__events_close(run->events);
    lbk__text_free(run->context, &run->line);
    lbk__unlock(&run->lock);
    lbk_free(run->context, run->folder);
    lbk_free(run->context, run->best);
    lbk_free(run->context, run->checkpoint);
    *run = (lbk__run){0};
}

/* ---- growing files ---- */

/* Opens metrics.jsonl, to go on behind its first `length` bytes. */
static lbk_status open_metrics(lbk__run *run, uint64_t length) {
    char *path;
    struct stat info;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__join_inside(run->context, run->folder, "metrics.jsonl", &path));
    run->metrics = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    run->metrics_length = length;
    if (run->metrics < 0 || fstat(run->metrics, &info) != 0)
        status = lbk__fail_errno(run->context, "%s: cannot open for writing", path);
    else if ((uint64_t)info.st_size < length)
        status = lbk__fail(run->context, LBK_BAD_DATA,
                           "%s: has %llu bytes, the checkpoint was written when it had %llu: it was cut, so "
                           "that the run cannot go on exactly; start it anew in another folder",
                           path, (unsigned long long)info.st_size, (unsigned long long)length);
    else if (ftruncate(run->metrics, (off_t)length) != 0)
        status =
            lbk__fail_errno(run->context, "%s: cannot cut to %llu bytes", path, (unsigned long long)length);
    lbk_free(run->context, path);
    return status;
}

/* Seconds since 1970. */
static double wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static lbk_status resume_events(lbk__run *run, const lbk__run_mark *mark) {
    char *path;
    LBK_TRY(lbk__join_inside(run->context, run->folder, mark->events_name, &path));
    lbk_status status = lbk__events_resume(run->context, path, mark->events_length, &run->events);
    lbk_free(run->context, path);
    return status;
}

/* Of a start of ours that came to no checkpoint; other programs' are left alone. */
static lbk_status remove_old_events(const lbk__run *run) {
    bool begun;
    LBK_TRY(lbk__holds(run->context, run->folder, "metrics.jsonl", &begun));
    if (begun) lbk__events_remove(run->folder);
    return LBK_OK;
}

lbk_status lbk__run_begin(lbk__run *run, const lbk__run_mark *mark) {
    if (!mark) LBK_TRY(remove_old_events(run));
    LBK_TRY(LBK_GROW(run->context, run->line.data, run->line.capacity, LONGEST_LINE));
    LBK_TRY(open_metrics(run, mark ? mark->metrics_length : 0));
    if (mark) return resume_events(run, mark);
    LBK_TRY(lbk__events_create(run->context, run->folder, wall_time(), &run->events));
    return lbk__sync_folder_of(run->context, lbk__events_path(run->events));
}

lbk_status lbk__run_sync(lbk__run *run, lbk__run_mark *mark) {
    if (fsync(run->metrics) != 0)
        return lbk__fail_errno(run->context, "%s/metrics.jsonl: cannot write", run->folder);
    LBK_TRY(lbk__events_flush(run->events));
    mark->metrics_length = run->metrics_length;
    mark->events_length = lbk__events_tell(run->events);
    snprintf(mark->events_name, sizeof mark->events_name, "%s",
             lbk__base_name(lbk__events_path(run->events)));
    return LBK_OK;
}

lbk_status lbk__run_config(lbk__run *run, const char *text) {
    char *path;
    LBK_TRY(lbk__join(run->context, run->folder, "config.yaml", &path));
    lbk_status status = lbk__write_file(run->context, path, text, strlen(text));
    lbk_free(run->context, path);
    return status;
}

/* By one write, so that nobody sees a part of it; what a full disk took is given back. */
static lbk_status put_line(lbk__run *run) {
    const lbk_status status = lbk__write_at(run->context, "metrics.jsonl", run->metrics, run->line.data,
                                            run->line.length, run->metrics_length);
    if (status != LBK_OK) {
        (void)!ftruncate(run->metrics, (off_t)run->metrics_length);
        return lbk__fail_at(run->context, status, "%s", run->folder);
    }
    run->metrics_length += run->line.length;
    return LBK_OK;
}

lbk_status lbk__run_scalars(lbk__run *run, const char *kind, int64_t step, double epoch,
                            const lbk__scalar *scalars, size_t count) {
    char tag[96];
    const double now = wall_time();
    run->line.length = 0;
    LBK_TRY(lbk__text_printf(run->context, &run->line, "{\"kind\": \"%s\", \"step\": %lld, \"epoch\": %.9g",
                             kind, (long long)step, epoch));
    for (size_t i = 0; i < count; i++) {
        const lbk__scalar *scalar = &scalars[i];
        LBK_TRY(lbk__text_printf(run->context, &run->line, ", \"%s\": ", scalar->name));
        if (!isfinite(scalar->value)) {
            LBK_TRY(lbk__text_printf(run->context, &run->line, "null"));
            continue;
        }
        LBK_TRY(lbk__text_printf(run->context, &run->line, "%.9g", scalar->value));
        snprintf(tag, sizeof tag, "%s/%s", kind, scalar->name);
        LBK_TRY(lbk__events_scalar(run->events, tag, step, now, (float)scalar->value));
    }
    LBK_TRY(lbk__text_printf(run->context, &run->line, "}\n"));
    return put_line(run);
}

void lbk__run_log(lbk__run *run, lbk_log_level level, const char *format, ...) {
    char line[2048], now[32] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lbk__log(run->context, level, "%s", line);
    if (!run->log) return;
    time_t seconds = time(NULL);
    struct tm parts;
    if (gmtime_r(&seconds, &parts)) strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &parts);
    fprintf(run->log, "%s %s%s\n", now, level == LBK_LOG_WARNING ? "warning: " : "", line);
    fflush(run->log);
}
