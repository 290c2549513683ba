/* file.h: files that appear whole or not at all, files mapped for reading, hashes of content. */
#ifndef LBK_BASE_FILE_H
#define LBK_BASE_FILE_H

#include "base/base.h"

#include <stdio.h>

/* ---- reading ---- */

/* A file mapped read-only. `data` is NULL for an empty file. */
typedef struct lbk__map {
    const unsigned char *data;
    size_t size;
} lbk__map;

lbk_status lbk__map_open(lbk_context *context, const char *path, lbk__map *out);
void lbk__map_close(lbk__map *map);
/* The whole file, with a 0 byte after it; refused above `limit` bytes. */
lbk_status lbk__read_file(lbk_context *context, const char *path, size_t limit, char **out, size_t *size);

/* All of `size` bytes at an offset, however few a call of the system gives or takes. Reading: LBK_IO where
 * the file ends before. `path` is for sentences. */
lbk_status lbk__read_at(lbk_context *context, const char *path, int file, void *data, size_t size,
                        uint64_t offset);
lbk_status lbk__write_at(lbk_context *context, const char *path, int file, const void *data, size_t size,
                         uint64_t offset);

/* ---- writing: a temporary beside the target; commit = fsync, rename, fsync of the folder ---- */

typedef struct lbk__writer {
    lbk_context *context;
    FILE *file;
    char *path, *temporary;
    uint64_t written;
} lbk__writer;

lbk_status lbk__writer_open(lbk_context *context, const char *path, lbk__writer *out);
lbk_status lbk__writer_put(lbk__writer *writer, const void *data, size_t size);
/* Back to `offset` (already written) for a header that is known late. */
lbk_status lbk__writer_seek(lbk__writer *writer, uint64_t offset);
lbk_status lbk__writer_commit(lbk__writer *writer);
/* Removes the temporary. Safe after commit and on a zeroed writer: call it on every exit. */
void lbk__writer_close(lbk__writer *writer);
lbk_status lbk__write_file(lbk_context *context, const char *path, const void *data, size_t size);

/* A file without a name in the folder of `path`, for what is written once and read back; fclose frees its
 * space. */
lbk_status lbk__unnamed_file(lbk_context *context, const char *path, FILE **out);

/* ---- folders and paths ---- */

/* mkdir -p; what is made is seen on disk. */
lbk_status lbk__make_folder(lbk_context *context, const char *path);
bool lbk__exists(const char *path);
bool lbk__is_folder(const char *path);
bool lbk__is_regular(const char *path);
/* Whether both are names of one file that is there. */
bool lbk__same_file(const char *a, const char *b);
/* For reading. LBK_IO for what is no regular file: a pipe could stop us, a device would never end. */
lbk_status lbk__open_regular(lbk_context *context, const char *path, FILE **out);
/* LBK_INVALID_ARGUMENT for a path that JSON could not hold: said before the work that ends with a summary. */
lbk_status lbk__check_path(lbk_context *context, const char *path);
/* folder/name, or name alone when it is absolute or folder is NULL or empty. Free with lbk_free. */
lbk_status lbk__join(lbk_context *context, const char *folder, const char *name, char **out);
/* Whether folder/name is there. */
lbk_status lbk__holds(lbk_context *context, const char *folder, const char *name, bool *out);
/* The first of `names`, ended by NULL, that is in the folder; NULL: none. */
lbk_status lbk__first_held(lbk_context *context, const char *folder, const char *const *names,
                           const char **out);
/* lbk__join for a name that a file of data gives: LBK_BAD_DATA when it is absolute, has a ".." or is a link
 * that leads out of the folder, unless the context allows it. */
lbk_status lbk__join_inside(lbk_context *context, const char *folder, const char *name, char **out);
/* Points into `path`, after the last '/'. */
const char *lbk__base_name(const char *path);
/* Up to that '/', or ".". Free with lbk_free. */
lbk_status lbk__folder_of(lbk_context *context, const char *path, char **out);
/* That `path` was created is on disk. */
lbk_status lbk__sync_folder_of(lbk_context *context, const char *path);

/* ---- SHA-256, hexadecimal but for lbk__digest_bytes ---- */

enum { LBK__DIGEST_SIZE = 32, LBK__HASH_SIZE = 2 * LBK__DIGEST_SIZE + 1 };
typedef struct lbk__hasher lbk__hasher;
lbk_status lbk__hasher_create(lbk_context *context, lbk__hasher **out);
void lbk__hasher_update(lbk__hasher *hasher, const void *data, size_t size);
/* Writes the digest and frees the hasher. */
void lbk__hasher_finish(lbk_context *context, lbk__hasher *hasher, char out[LBK__HASH_SIZE]);
void lbk__digest_bytes(const void *data, size_t size, uint8_t out[LBK__DIGEST_SIZE]);
void lbk__hash_bytes(const void *data, size_t size, char out[LBK__HASH_SIZE]);
lbk_status lbk__hash_file(lbk_context *context, const char *path, char out[LBK__HASH_SIZE]);

#endif
