/* faulty_libc.h: calls of the system that fail when they are told to. A program's own functions are found
 * before libc's, by its libraries too, so these stand before those; libc's own calls of each other are not
 * met. */
#ifndef LBK_TESTS_FAULTY_LIBC_H
#define LBK_TESTS_FAULTY_LIBC_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum fault_call {
    FAULT_OPEN,
    FAULT_FOPEN,
    FAULT_MMAP,
    FAULT_READ, /* read, pread */
    FAULT_FREAD,
    FAULT_WRITE, /* pwrite */
    FAULT_FWRITE,
    FAULT_FFLUSH,
    FAULT_FCLOSE,
    FAULT_SYNC, /* fsync, fdatasync */
    FAULT_RENAME,
    FAULT_MKDIR,
    FAULT_TRUNCATE,
    FAULT_LOCK,
    FAULT_STAT, /* fstat */
    FAULT_FDOPEN,
    FAULT_RESOLVE, /* realpath */
    NUM_FAULT_CALLS
} fault_call;

static const char *const fault_names[NUM_FAULT_CALLS] = {
    "open",  "fopen",  "mmap",  "read",      "fread", "pwrite", "fwrite", "fflush",  "fclose",
    "fsync", "rename", "mkdir", "ftruncate", "flock", "fstat",  "fdopen", "realpath"};

/* Calls of one kind on files below a folder (but pictures, for which libvips has its own sentences, and
 * log.txt, which may fail): the n-th fails with an error. Or, `small`: all of them, not only of that kind, do
 * a byte, or are interrupted in turn. */
static struct {
    const char *below;
    fault_call call;
    long calls, at;
    int error;
    char path[512]; /* of the call that failed */
    bool small;
} fault;

static bool is_below(const char *path) {
    return fault.below && (strstr(path, fault.below) || strstr(path, "tests/golden/")) &&
           !strstr(path, ".tiff") && !strstr(path, "log.txt");
}

static bool fails_at(fault_call call, const char *path) {
    if (call != fault.call || !is_below(path) || ++fault.calls != fault.at) return false;
    errno = fault.error;
    snprintf(fault.path, sizeof fault.path, "%s", path);
    return true;
}

static const char *path_of(int file) {
    static char path[4096];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    return path;
}

static bool fails_on(fault_call call, int file) {
    return fault.below && call == fault.call && fails_at(call, path_of(file));
}

/* Every other small call is interrupted; *size becomes 1. */
static bool interrupted_or_small(int file, size_t *size) {
    static unsigned number;
    if (!fault.small || !is_below(path_of(file))) return false;
    if (*size > 1) *size = 1 + *size / 7;
    errno = EINTR;
    return number++ % 2 == 0;
}

/* The next function of that name, of this type. */
#define NEXT(function, name)               \
    void *found_ = dlsym(RTLD_NEXT, name); \
    __typeof__(&function) next = NULL;     \
    memcpy(&next, &found_, sizeof next)

int open64(const char *path, int flags, ...) {
    NEXT(open64, "open64");
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? (mode_t)va_arg(arguments, int) : 0;
    va_end(arguments);
    return fails_at(FAULT_OPEN, path) ? -1 : next(path, flags, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    NEXT(fopen64, "fopen64");
    return fails_at(FAULT_FOPEN, path) ? NULL : next(path, mode);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off64_t offset) {
    NEXT(mmap64, "mmap64");
    return file >= 0 && fails_on(FAULT_MMAP, file) ? MAP_FAILED
                                                   : next(address, size, protection, flags, file, offset);
}

ssize_t read(int file, void *data, size_t size) {
    NEXT(read, "read");
    if (fails_on(FAULT_READ, file) || interrupted_or_small(file, &size)) return -1;
    return next(file, data, size);
}

ssize_t pread64(int file, void *data, size_t size, off64_t offset) {
    NEXT(pread64, "pread64");
    if (fails_on(FAULT_READ, file) || interrupted_or_small(file, &size)) return -1;
    return next(file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    NEXT(pwrite64, "pwrite64");
    if (fails_on(FAULT_WRITE, file) || interrupted_or_small(file, &size)) return -1;
    return next(file, data, size, offset);
}

/* What ferror reads, as glibc marks it. */
static size_t mark_error(FILE *file) {
    file->_flags |= 0x20;
    return 0;
}

size_t fread(void *data, size_t size, size_t count, FILE *file) {
    NEXT(fread, "fread");
    return fails_on(FAULT_FREAD, fileno(file)) ? mark_error(file) : next(data, size, count, file);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    NEXT(fwrite, "fwrite");
    return fails_on(FAULT_FWRITE, fileno(file)) ? mark_error(file) : next(data, size, count, file);
}

int fflush(FILE *file) {
    NEXT(fflush, "fflush");
    return file && fails_on(FAULT_FFLUSH, fileno(file)) ? EOF : next(file);
}

int fclose(FILE *file) {
    NEXT(fclose, "fclose");
    const bool fails = fails_on(FAULT_FCLOSE, fileno(file));
    const int closed = next(file);
    if (fails) errno = fault.error;
    return fails ? EOF : closed;
}

int fsync(int file) {
    NEXT(fsync, "fsync");
    return fails_on(FAULT_SYNC, file) ? -1 : next(file);
}

int fdatasync(int file) {
    NEXT(fdatasync, "fdatasync");
    return fails_on(FAULT_SYNC, file) ? -1 : next(file);
}

int rename(const char *from, const char *to) {
    NEXT(rename, "rename");
    return fails_at(FAULT_RENAME, to) ? -1 : next(from, to);
}

int mkdir(const char *path, mode_t mode) {
    NEXT(mkdir, "mkdir");
    return fails_at(FAULT_MKDIR, path) ? -1 : next(path, mode);
}

int ftruncate64(int file, off64_t size) {
    NEXT(ftruncate64, "ftruncate64");
    return fails_on(FAULT_TRUNCATE, file) ? -1 : next(file, size);
}

int fstat64(int file, struct stat64 *out) {
    NEXT(fstat64, "fstat64");
    return fails_on(FAULT_STAT, file) ? -1 : next(file, out);
}

FILE *fdopen(int file, const char *mode) {
    NEXT(fdopen, "fdopen");
    return fails_on(FAULT_FDOPEN, file) ? NULL : next(file, mode);
}

char *realpath(const char *path, char *out) {
    NEXT(realpath, "realpath");
    return fails_at(FAULT_RESOLVE, path) ? NULL : next(path, out);
}

int flock(int file, int operation) {
    NEXT(flock, "flock");
    return fails_on(FAULT_LOCK, file) ? -1 : next(file, operation);
}

#endif
