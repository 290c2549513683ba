/* run.c: the run folder and its growing files. */
#define _GNU_SOURCE
#include "train/run.h"

#include "base/file.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the folder ---- */

static lbk_status check_content(lbk__run *run, bool resume) {
    char *metrics;
    LBK_TRY(lbk__join(run->context, run->folder, "metrics.jsonl", &metrics));
    const bool begun = lbk__exists(metrics);
    lbk_free(run->context, metrics);
    if (resume && !lbk__exists(run->checkpoint))
        return lbk__fail(run->context, LBK_INVALID_ARGUMENT,
                         "%s: nothing to resume: there is no checkpoint/state.safetensors; start without "
                         "resume",
                         run->folder);
    /* A run that was killed before its first checkpoint may start again, over a best/ of its own. */
    if (!resume && (lbk__exists(run->checkpoint) || (lbk__exists(run->best) && !begun)))
        return lbk__fail(run->context, LBK_INVALID_ARGUMENT,
                         "%s: holds a run already: resume it, or take another folder", run->folder);
    return LBK_OK;
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
    *out = (lbk__run){.context = context};
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
    if (run->metrics) fclose(run->metrics);
    if (run->log) fclose(run->log);
    lbk__events_close(run->events);
    lbk__unlock(&run->lock);
    lbk_free(run->context, run->folder);
    lbk_free(run->context, run->best);
    lbk_free(run->context, run->checkpoint);
    *run = (lbk__run){0};
}

/* ---- growing files ---- */

/* Opens folder/name for appending behind its first `length` bytes. */
static lbk_status open_at(lbk__run *run, const char *name, uint64_t length, FILE **out) {
    char *path;
    struct stat info;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__join_inside(run->context, run->folder, name, &path));
    *out = fopen(path, "ae");
    if (!*out || fstat(fileno(*out), &info) != 0)
        status = lbk__fail_errno(run->context, "%s: cannot open for writing", path);
    else if ((uint64_t)info.st_size < length)
        status = lbk__fail(run->context, LBK_BAD_DATA,
                           "%s: has %llu bytes, the checkpoint was written when it had %llu: it was cut, so "
                           "that the run cannot go on exactly; start it anew in another folder",
                           path, (unsigned long long)info.st_size, (unsigned long long)length);
    else if (ftruncate(fileno(*out), (off_t)length) != 0)
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

lbk_status lbk__run_begin(lbk__run *run, const lbk__run_mark *mark) {
    LBK_TRY(open_at(run, "metrics.jsonl", mark ? mark->metrics_length : 0, &run->metrics));
    if (mark) return resume_events(run, mark);
    LBK_TRY(lbk__events_create(run->context, run->folder, wall_time(), &run->events));
    return lbk__sync_folder_of(run->context, lbk__events_path(run->events));
}

lbk_status lbk__run_sync(lbk__run *run, lbk__run_mark *mark) {
    if (fflush(run->metrics) != 0 || ferror(run->metrics) || fsync(fileno(run->metrics)) != 0)
        return lbk__fail_errno(run->context, "%s/metrics.jsonl: cannot write", run->folder);
    LBK_TRY(lbk__events_flush(run->events));
    mark->metrics_length = (uint64_t)ftello(run->metrics);
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

lbk_status lbk__run_scalars(lbk__run *run, const char *kind, int64_t step, double epoch,
                            const lbk__scalar *scalars, size_t count) {
    char tag[96];
    const double now = wall_time();
    fprintf(run->metrics, "{\"kind\": \"%s\", \"step\": %lld, \"epoch\": %.9g", kind, (long long)step, epoch);
    for (size_t i = 0; i < count; i++) {
        const lbk__scalar *scalar = &scalars[i];
        if (isfinite(scalar->value))
            fprintf(run->metrics, ", \"%s\": %.9g", scalar->name, scalar->value);
        else
            fprintf(run->metrics, ", \"%s\": null", scalar->name);
        snprintf(tag, sizeof tag, "%s/%s", kind, scalar->name);
        if (isfinite(scalar->value))
            LBK_TRY(lbk__events_scalar(run->events, tag, step, now, (float)scalar->value));
    }
    fputs("}\n", run->metrics);
    if (fflush(run->metrics) != 0 || ferror(run->metrics))
        return lbk__fail_errno(run->context, "%s/metrics.jsonl: cannot write", run->folder);
    return LBK_OK;
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
