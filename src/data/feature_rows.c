/* feature_rows.c: an append-only file of rows that survives the process. */
#define _GNU_SOURCE
#include "data/feature_rows.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = LBK__HASH_SIZE - 1 };

static lbk_status resume(lbk__feature_rows *rows, const char *key, size_t chunk, size_t *done) {
    char found[KEY];
    struct stat file;
    *done = 0;
    if (fstat(rows->file, &file) != 0) return lbk__fail_errno(rows->context, "%s: cannot stat", rows->path);
    const bool has_key = file.st_size >= KEY;
    if (has_key) LBK_TRY(lbk__read_at(rows->context, rows->path, rows->file, found, KEY, 0));
    if (has_key && memcmp(found, key, KEY) == 0)
        *done = ((size_t)file.st_size - KEY) / rows->bytes / chunk * chunk;
    if (ftruncate(rows->file, (off_t)(*done ? KEY + *done * rows->bytes : 0)) != 0)
        return lbk__fail_errno(rows->context, "%s: cannot shorten", rows->path);
    return *done ? LBK_OK : lbk__write_at(rows->context, rows->path, rows->file, key, KEY, 0);
}

lbk_status lbk__feature_rows_open(lbk_context *context, const char *out, const char key[LBK__HASH_SIZE],
                                  size_t bytes, size_t chunk, lbk__feature_rows *rows, size_t *done) {
    *rows = (lbk__feature_rows){.context = context, .file = -1, .bytes = bytes};
    LBK_TRY(lbk__format(context, &rows->path, "%s.part", out));
    rows->file = open(rows->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    lbk_status status = rows->file < 0 ? lbk__fail_errno(context, "%s: cannot create", rows->path)
                                       : resume(rows, key, chunk, done);
    if (status != LBK_OK) lbk__feature_rows_close(rows);
    return status;
}

lbk_status lbk__feature_rows_put(lbk__feature_rows *rows, size_t first, size_t count, const uint16_t *data) {
    LBK_TRY(lbk__write_at(rows->context, rows->path, rows->file, data, count * rows->bytes,
                          KEY + first * rows->bytes));
    if (fdatasync(rows->file) == 0) return LBK_OK;
    return lbk__fail_errno(rows->context, "%s: cannot write", rows->path);
}

lbk_status lbk__feature_rows_get(const lbk__feature_rows *rows, size_t first, size_t count, uint16_t *data) {
    return lbk__read_at(rows->context, rows->path, rows->file, data, count * rows->bytes,
                        KEY + first * rows->bytes);
}

void lbk__feature_rows_remove(lbk__feature_rows *rows) {
    unlink(rows->path);
}

void lbk__feature_rows_close(lbk__feature_rows *rows) {
    if (rows->file >= 0) close(rows->file);
    rows->file = -1;
    lbk_free(rows->context, rows->path);
    rows->path = NULL;
}
