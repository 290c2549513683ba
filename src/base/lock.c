/* lock.c: locks, and what killed processes left. */
#define _GNU_SOURCE
#include "base/lock.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- leftovers ---- */

static const char tmp_mark[] = ".tmp-";

bool lbk__is_temporary(const char *entry, const char *name) {
    if (name && strncmp(entry, name, strlen(name)) != 0) return false;
    const char *mark = strstr(name ? entry + strlen(name) : entry, tmp_mark);
    if (!mark || (name && mark != entry + strlen(name))) return false;
    const char *rest = mark + strlen(tmp_mark);
    const size_t process = strspn(rest, "0123456789");
    if (process == 0 || rest[process] != '-') return false;
    rest += process + 1;
    return *rest && rest[strspn(rest, "0123456789")] == 0;
}

/* Whether somebody holds the lock of the output that this is a temporary of: lbk__lock_output's, beside it.
 */
static bool is_written(int folder, const char *temporary) {
    char lock[NAME_MAX + sizeof ".lock"];
    const int length = (int)(strstr(temporary, tmp_mark) - temporary);
    snprintf(lock, sizeof lock, "%.*s.lock", length, temporary);
    const int file = openat(folder, lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return false;
    const bool held = flock(file, LOCK_SH | LOCK_NB) != 0;
    close(file);
    return held;
}

void lbk__remove_leftovers(const char *folder, const char *name) {
    DIR *entries = opendir(folder);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (lbk__is_temporary(entry->d_name, name) && (name || !is_written(dirfd(entries), entry->d_name)))
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

/* ---- locks ---- */

/* Whether the file that was locked still has its name: its last holder may have removed it in between. */
static bool still_there(const struct stat *ours, const char *path) {
    struct stat named;
    return stat(path, &named) == 0 && ours->st_dev == named.st_dev && ours->st_ino == named.st_ino;
}

/* Takes lock->path over. `busy` says what another holder means, about `what`. */
static lbk_status take(lbk__lock *lock, const char *busy, const char *what) {
    for (struct stat ours;;) {
        lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->file < 0 && errno == ENOENT)
            return lbk__fail(lock->context, LBK_IO, "%s: cannot create: no such folder", what);
        if (lock->file < 0) return lbk__fail_errno(lock->context, "%s: cannot create", lock->path);
        if (flock(lock->file, LOCK_EX | LOCK_NB) != 0 || fstat(lock->file, &ours) != 0) break;
        if (still_there(&ours, lock->path)) return LBK_OK;
        close(lock->file);
    }
    const lbk_status status = errno == EWOULDBLOCK
                                  ? lbk__fail(lock->context, LBK_BUSY, "%s: %s", what, busy)
                                  : lbk__fail_errno(lock->context, "%s: cannot lock", lock->path);
    close(lock->file);
    return status;
}

static lbk_status finish(lbk__lock *lock, lbk_status status) {
    if (status == LBK_OK) return LBK_OK;
    lbk_free(lock->context, lock->path);
    *lock = (lbk__lock){0};
    return status;
}

lbk_status lbk__lock_folder(lbk_context *context, const char *folder, lbk__lock *out) {
    *out = (lbk__lock){.context = context};
    LBK_TRY(lbk__check_path(context, folder));
    LBK_TRY(lbk__join(context, folder, "lock", &out->path));
    LBK_TRY(
        finish(out, take(out, "another process is working in this folder; wait for it or take another folder",
                         folder)));
    lbk__remove_leftovers(folder, NULL);
    return LBK_OK;
}

lbk_status lbk__lock_output(lbk_context *context, const char *path, lbk__lock *out) {
    char *name = NULL, *folder = NULL; /* `path` without slashes at its end; what it is in */
    size_t length = strlen(path);
    lbk_status status = LBK_OK;
    while (length > 1 && path[length - 1] == '/') length--;
    *out = (lbk__lock){.context = context};
    LBK_GO(lbk__check_path(context, path));
    LBK_GO(lbk__copy_bytes(context, path, length, &name));
    LBK_GO(lbk__folder_of(context, name, &folder));
    LBK_GO(lbk__format(context, &out->path, "%s.lock", name));
    LBK_GO(finish(out, take(out, "another process is writing it; wait for it or name another place", name)));
    lbk__remove_leftovers(folder, lbk__base_name(name));
done:
    lbk_free(context, folder);
    lbk_free(context, name);
    return status;
}

lbk_status lbk__lock_file(lbk_context *context, const char *path, lbk__lock *out) {
    *out = (lbk__lock){0};
    if (lbk__is_folder(path)) return lbk__fail(context, LBK_IO, "%s: is a folder; name a file", path);
    return lbk__lock_output(context, path, out);
}

void lbk__unlock(lbk__lock *lock) {
    if (!lock->path) return;
    unlink(lock->path); /* before it is free, or it might be another's */
    close(lock->file);
    lbk_free(lock->context, lock->path);
    *lock = (lbk__lock){0};
}
