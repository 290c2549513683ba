/* file.c: mapped reads, atomic writes, folders. */
#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static lbk_status open_descriptor(lbk_context *context, const char *path, int *out, struct stat *found) {
    *out = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not stop us */
    if (*out < 0) return lbk__fail_errno(context, "%s: cannot open", path);
    lbk_status status = LBK_OK;
    if (fstat(*out, found) != 0)
        status = lbk__fail_errno(context, "%s: cannot stat", path);
    else if (!S_ISREG(found->st_mode))
        status = lbk__fail(context, LBK_IO, "%s: is not a regular file", path);
    if (status != LBK_OK) close(*out);
    return status;
}

lbk_status lbk__map_open(lbk_context *context, const char *path, lbk__map *out) {
    *out = (lbk__map){0};
    int descriptor;
    struct stat found;
    lbk_status status = LBK_OK;
    LBK_TRY(open_descriptor(context, path, &descriptor, &found));
    if (found.st_size > 0) {
        void *data = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
        if (data == MAP_FAILED)
            status = lbk__fail_errno(context, "%s: cannot map", path);
        else
            *out = (lbk__map){.data = data, .size = (size_t)found.st_size};
    }
    close(descriptor);
    return status;
}

void lbk__map_close(lbk__map *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (lbk__map){0};
}

lbk_status lbk__open_regular(lbk_context *context, const char *path, FILE **out) {
    int descriptor;
    struct stat found;
    *out = NULL;
    LBK_TRY(open_descriptor(context, path, &descriptor, &found));
    *out = fdopen(descriptor, "rb");
    if (*out) return LBK_OK;
    const lbk_status status = lbk__fail_errno(context, "%s: cannot open", path);
    close(descriptor);
    return status;
}

lbk_status lbk__read_file(lbk_context *context, const char *path, size_t limit, char **out, size_t *size) {
    *out = NULL;
    lbk__map map;
    LBK_TRY(lbk__map_open(context, path, &map));
    lbk_status status;
    if (map.size > limit)
        status =
            lbk__fail(context, LBK_BAD_DATA, "%s: has %zu bytes, more than the %zu that such a file may have",
                      path, map.size, limit);
    else
        status = lbk__copy_bytes(context, (const char *)map.data, map.size, out);
    *size = map.size;
    lbk__map_close(&map);
    return status;
}

lbk_status lbk__read_at(lbk_context *context, const char *path, int file, void *data, size_t size,
                        uint64_t offset) {
    for (size_t done = 0; done < size;) {
        const ssize_t now = pread(file, (char *)data + done, size - done, (off_t)(offset + done));
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) return lbk__fail_errno(context, "%s: cannot read", path);
        if (now == 0)
            return lbk__fail(context, LBK_IO, "%s: has changed while it was read: it is shorter now", path);
        done += (size_t)now;
    }
    return LBK_OK;
}

lbk_status lbk__write_at(lbk_context *context, const char *path, int file, const void *data, size_t size,
                         uint64_t offset) {
    for (size_t done = 0; done < size;) {
        const ssize_t now = pwrite(file, (const char *)data + done, size - done, (off_t)(offset + done));
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) return lbk__fail_errno(context, "%s: cannot write", path);
        done += (size_t)now;
    }
    return LBK_OK;
}

/* A fresh file of that name and a number. Not mkstemp: its mode would have to be mended by the umask, which
 * cannot be read without being changed, for all threads. */
static lbk_status create_temporary(lbk__writer *writer, int *descriptor) {
    for (int number = 0; number < 10000; number++) {
        lbk_free(writer->context, writer->temporary);
        LBK_TRY(lbk__format(writer->context, &writer->temporary, "%s.tmp-%ld-%d", writer->path,
                            (long)getpid(), number));
        *descriptor = open(writer->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*descriptor >= 0) return LBK_OK;
        if (errno != EEXIST) break;
    }
    const lbk_status status =
        lbk__fail_errno(writer->context, "%s: cannot create a file there", writer->path);
    lbk_free(writer->context, writer->temporary);
    writer->temporary = NULL;
    return status;
}

lbk_status lbk__writer_open(lbk_context *context, const char *path, lbk__writer *out) {
    *out = (lbk__writer){.context = context};
    lbk_status status = LBK_OK;
    int descriptor;
    LBK_GO(lbk__copy_string(context, path, &out->path));
    LBK_GO(create_temporary(out, &descriptor));
    out->file = fdopen(descriptor, "w+b");
    if (!out->file) {
        close(descriptor);
        status = lbk__fail_errno(context, "%s: cannot write", path);
    }
done:
    if (status != LBK_OK) lbk__writer_close(out);
    return status;
}

lbk_status lbk__writer_put(lbk__writer *writer, const void *data, size_t size) {
    if (size && fwrite(data, 1, size, writer->file) != size)
        return lbk__fail_errno(writer->context, "%s: cannot write", writer->path);
    writer->written += size;
    return LBK_OK;
}

lbk_status lbk__writer_seek(lbk__writer *writer, uint64_t offset) {
    if (fseeko(writer->file, (off_t)offset, SEEK_SET) != 0)
        return lbk__fail_errno(writer->context, "%s: cannot seek", writer->path);
    return LBK_OK;
}

lbk_status lbk__sync_folder_of(lbk_context *context, const char *path) {
    char *folder;
    LBK_TRY(lbk__folder_of(context, path, &folder));
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lbk_free(context, folder);
    if (descriptor < 0) return lbk__fail_errno(context, "%s: cannot open its folder", path);
    int failed = fsync(descriptor) != 0 && errno != EINVAL; /* some file systems cannot sync a folder */
    lbk_status status = failed ? lbk__fail_errno(context, "%s: cannot sync its folder", path) : LBK_OK;
    close(descriptor);
    return status;
}

lbk_status lbk__writer_commit(lbk__writer *writer) {
    if (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0)
        return lbk__fail_errno(writer->context, "%s: cannot write", writer->path);
    int failed = fclose(writer->file);
    writer->file = NULL;
    if (failed || rename(writer->temporary, writer->path) != 0)
        return lbk__fail_errno(writer->context, "%s: cannot put the finished file in place", writer->path);
    lbk_free(writer->context, writer->temporary);
    writer->temporary = NULL;
    return lbk__sync_folder_of(writer->context, writer->path);
}

void lbk__writer_close(lbk__writer *writer) {
    if (writer->file) fclose(writer->file);
    if (writer->temporary) unlink(writer->temporary);
    if (writer->context) {
        lbk_free(writer->context, writer->temporary);
        lbk_free(writer->context, writer->path);
    }
    *writer = (lbk__writer){0};
}

lbk_status lbk__write_file(lbk_context *context, const char *path, const void *data, size_t size) {
    lbk__writer writer;
    LBK_TRY(lbk__writer_open(context, path, &writer));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__writer_put(&writer, data, size));
    LBK_GO(lbk__writer_commit(&writer));
done:
    lbk__writer_close(&writer);
    return status;
}

/* ---- files without a name ---- */

/* By O_TMPFILE, which has no moment when a kill leaves a file; by a name that is removed where a file system
 * has no such thing. −1 and errno on failure. */
static int create_unnamed(const char *folder, char *name) {
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
    descriptor = mkostemp(name, O_CLOEXEC);
    if (descriptor >= 0) unlink(name);
    return descriptor;
}

lbk_status lbk__unnamed_file(lbk_context *context, const char *path, FILE **out) {
    char *folder = NULL, *name = NULL;
    int descriptor = -1;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_GO(lbk__folder_of(context, path, &folder));
    LBK_GO(lbk__format(context, &name, "%s.part-XXXXXX", path));
    descriptor = create_unnamed(folder, name);
    *out = descriptor < 0 ? NULL : fdopen(descriptor, "w+b");
    if (!*out) status = lbk__fail_errno(context, "%s: cannot create a temporary file beside it", path);
    if (!*out && descriptor >= 0) close(descriptor);
done:
    lbk_free(context, folder);
    lbk_free(context, name);
    return status;
}

/* ---- folders and paths ---- */

lbk_status lbk__make_folder(lbk_context *context, const char *path) {
    char *copy;
    LBK_TRY(lbk__copy_string(context, path, &copy));
    lbk_status status = LBK_OK;
    for (char *at = copy + 1; status == LBK_OK; at++) {
        if (*at && *at != '/') continue;
        char kept = *at;
        *at = 0;
        if (mkdir(copy, 0777) == 0)
            status = lbk__sync_folder_of(context, copy);
        else if (errno != EEXIST)
            status = lbk__fail_errno(context, "%s: cannot create the folder", copy);
        *at = kept;
        if (!kept) break;
    }
    if (status == LBK_OK && !lbk__is_folder(path))
        status = lbk__fail(context, LBK_IO, "%s: is not a folder", path);
    lbk_free(context, copy);
    return status;
}

lbk_status lbk__check_path(lbk_context *context, const char *path) {
    char shown[256];
    const size_t length = strlen(path);
    if (lbk__utf8_valid(path, length) == length) return LBK_OK;
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "%s: the name is not UTF-8, in which limbeck keeps names: give it another",
                     lbk__printable(shown, sizeof shown, path, length));
}

bool lbk__exists(const char *path) {
    return access(path, F_OK) == 0;
}

lbk_status lbk__holds(lbk_context *context, const char *folder, const char *name, bool *out) {
    char *path;
    LBK_TRY(lbk__join(context, folder, name, &path));
    *out = lbk__exists(path);
    lbk_free(context, path);
    return LBK_OK;
}

lbk_status lbk__first_held(lbk_context *context, const char *folder, const char *const *names,
                           const char **out) {
    bool held = false;
    for (; *names; names++) {
        LBK_TRY(lbk__holds(context, folder, *names, &held));
        if (held) break;
    }
    *out = *names;
    return LBK_OK;
}

bool lbk__is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

bool lbk__is_regular(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

bool lbk__same_file(const char *a, const char *b) {
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

lbk_status lbk__join(lbk_context *context, const char *folder, const char *name, char **out) {
    if (!folder || !*folder || name[0] == '/') return lbk__copy_string(context, name, out);
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return lbk__format(context, out, "%s%s%s", folder, slash, name);
}

lbk_status lbk__folder_of(lbk_context *context, const char *path, char **out) {
    const size_t length = (size_t)(lbk__base_name(path) - path);
    return length ? lbk__copy_bytes(context, path, length, out) : lbk__copy_string(context, ".", out);
}

const char *lbk__base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
