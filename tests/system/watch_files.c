/* watch_files.c: preloaded into the program, checks the order in which files come to disk, and can kill the
 * program at any of its steps on the way there.
 *
 * The rules: when a file gets its name, its content is on disk already; the folder that has the new name is
 * synced before the same thread goes on to the next. When a checkpoint gets its name, so is all that it
 * builds upon: the growing files of its run. New folders are synced like new names.
 *
 * WATCH_LOG: gets "renamed PATH" for each, "wrong: …" where a rule is broken, "watched N steps" at the end.
 * WATCH_KILL: the number of the step (fsync, fdatasync, rename, mkdir, unlink, from 1) before which the
 * process kills itself. WATCH_STOP: a path; the process stops at each step while that is there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 1 << 14 };

/* What was seen on disk: a file and the sum of its content. */
static struct synced {
    dev_t device;
    ino_t inode;
    uint64_t sum;
} synced[MOST_FILES];
static size_t num_synced;
static long steps;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* The folder that this thread has changed and not synced yet; "" for none. */
static _Thread_local char pending[4096];

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    const char *path = getenv("WATCH_LOG");
    char line[9000];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (file < 0 || write(file, line, (size_t)length) != length) abort();
    close(file);
}

static void step(void) {
    const char *stop_at = getenv("WATCH_STOP");
    if (stop_at && access(stop_at, F_OK) == 0) raise(SIGSTOP);
    const char *kill_at = getenv("WATCH_KILL");
    if (__atomic_add_fetch(&steps, 1, __ATOMIC_RELAXED) == (kill_at ? atol(kill_at) : 0)) raise(SIGKILL);
}

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

/* ---- content ---- */

static uint64_t sum_of(const char *path) {
    uint64_t sum = 14695981039346656037u;
    FILE *file = fopen(path, "rbe");
    if (!file) return 0;
    for (int byte; (byte = getc(file)) != EOF;) sum = (sum ^ (uint64_t)byte) * 1099511628211u;
    fclose(file);
    return sum;
}

static void note_synced(const struct stat *file, uint64_t sum) {
    pthread_mutex_lock(&mutex);
    size_t i = 0;
    while (i < num_synced && (synced[i].device != file->st_dev || synced[i].inode != file->st_ino)) i++;
    if (i == MOST_FILES) abort();
    if (i == num_synced) num_synced++;
    synced[i] = (struct synced){file->st_dev, file->st_ino, sum};
    pthread_mutex_unlock(&mutex);
}

static bool is_synced(const char *path) {
    struct stat file;
    bool found = false;
    if (stat(path, &file) != 0) return false;
    const uint64_t sum = sum_of(path);
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < num_synced && !found; i++)
        found = synced[i].device == file.st_dev && synced[i].inode == file.st_ino && synced[i].sum == sum;
    pthread_mutex_unlock(&mutex);
    return found;
}

/* ---- rules ---- */

static void folder_of(const char *path, char out[4096]) {
    const char *slash = strrchr(path, '/');
    snprintf(out, 4096, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
}

static void nothing_pending(const char *next) {
    if (*pending) say("wrong: %s comes before its folder %s is synced\n", next, pending);
}

static bool grows(const char *name) {
    return strcmp(name, "metrics.jsonl") == 0 || strncmp(name, "events.out.", strlen("events.out.")) == 0;
}

/* `path` is RUN/checkpoint/state.safetensors. Of several event files the last run's is the newest. */
static void check_run(const char *path) {
    char checkpoints[4096], run[4096], file[8192];
    struct stat info, newest = {0};
    char events[8192] = "";
    folder_of(path, checkpoints);
    folder_of(checkpoints, run);
    DIR *entries = opendir(run);
    if (!entries) abort();
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!grows(entry->d_name)) continue;
        snprintf(file, sizeof file, "%s/%s", run, entry->d_name);
        if (stat(file, &info) != 0) abort();
        if (*entry->d_name == 'm') {
            if (!is_synced(file)) say("wrong: %s is not on disk when its checkpoint is\n", file);
        } else if (!*events || info.st_mtime >= newest.st_mtime) {
            newest = info;
            strcpy(events, file);
        }
    }
    closedir(entries);
    if (!*events || !is_synced(events))
        say("wrong: the events of %s are not on disk when its checkpoint is\n", run);
}

static int sync_file(int file, int (*real)(int)) {
    struct stat info;
    char path[64];
    step();
    const int result = real(file);
    if (result != 0 || fstat(file, &info) != 0) return result;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (S_ISREG(info.st_mode)) note_synced(&info, sum_of(path));
    struct stat wanted;
    if (S_ISDIR(info.st_mode) && *pending && stat(pending, &wanted) == 0 && wanted.st_ino == info.st_ino &&
        wanted.st_dev == info.st_dev)
        *pending = 0;
    return result;
}

/* ---- what is preloaded ---- */

int fsync(int file) {
    return sync_file(file, REAL(fsync));
}
int fdatasync(int file) {
    return sync_file(file, REAL(fdatasync));
}

int rename(const char *from, const char *to) {
    const char *name = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
    step();
    nothing_pending(to);
    if (!is_synced(from)) say("wrong: %s gets its name before its content is on disk\n", to);
    if (strcmp(name, "state.safetensors") == 0) check_run(to);
    const int result = REAL(rename)(from, to);
    const int error = errno;
    if (result == 0) {
        say("renamed %s\n", to);
        folder_of(to, pending);
    }
    errno = error;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    step();
    const int result = REAL(mkdir)(path, mode);
    const int error = errno;
    if (result == 0) {
        nothing_pending(path);
        folder_of(path, pending);
    }
    errno = error;
    return result;
}

int unlink(const char *path) {
    step();
    return REAL(unlink)(path);
}

/* The programs that this one starts are not watched. */
__attribute__((constructor)) static void begin(void) {
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void) {
    if (!getenv("WATCH_LOG")) return;
    nothing_pending("the end");
    say("watched %ld steps\n", steps);
}
