/* safetensors.h: the container of every binary file of ours: 8 bytes header length, JSON header, data.
 * Names, types, offsets and metadata of a file are all checked when it is opened; nothing in it is trusted.
 */
#ifndef LBK_FORMAT_SAFETENSORS_H
#define LBK_FORMAT_SAFETENSORS_H

#include "base/base.h"
#include "base/file.h"

typedef enum lbk__dtype {
    LBK__F32,
    LBK__F16,
    LBK__BF16,
    LBK__F64,
    LBK__I64,
    LBK__I32,
    LBK__I16,
    LBK__I8,
    LBK__U8,
    LBK__BOOL
} lbk__dtype;

enum { LBK__MAX_RANK = 8 };

size_t lbk__dtype_size(lbk__dtype dtype);
const char *lbk__dtype_name(lbk__dtype dtype); /* "F32", … */
static inline bool lbk__dtype_is_float(lbk__dtype dtype) {
    return dtype <= LBK__F64;
}

typedef struct lbk__tensor_entry {
    const char *name;
    lbk__dtype dtype;
    int rank;
    int64_t shape[LBK__MAX_RANK];
    const void *data; /* aligned for its type: into the map, or a copy of what is not aligned there */
    size_t bytes;
} lbk__tensor_entry;

/* ---- reading ---- */

typedef struct lbk__safetensors lbk__safetensors;

lbk_status lbk__safetensors_open(lbk_context *context, const char *path, lbk__safetensors **out);
void lbk__safetensors_close(lbk__safetensors *file);
size_t lbk__safetensors_count(const lbk__safetensors *file);
const lbk__tensor_entry *lbk__safetensors_at(const lbk__safetensors *file,
                                             size_t index); /* in the order of the data */
const lbk__tensor_entry *lbk__safetensors_find(const lbk__safetensors *file,
                                               const char *name); /* NULL: absent */
/* Metadata values are strings; NULL: absent. */
const char *lbk__safetensors_metadata(const lbk__safetensors *file, const char *key);
const char *lbk__safetensors_path(const lbk__safetensors *file);
/* The tensor `name` with exactly this type and shape (−1 matches any extent), or LBK_BAD_DATA that says what
 * is there. */
lbk_status lbk__safetensors_expect(const lbk__safetensors *file, const char *name, lbk__dtype dtype, int rank,
                                   const int64_t *shape, const lbk__tensor_entry **out);

/* ---- writing ---- */

typedef struct lbk__tensor_spec {
    const char *name;
    lbk__dtype dtype;
    int rank;
    int64_t shape[LBK__MAX_RANK];
} lbk__tensor_spec;

typedef struct lbk__metadata {
    const char *key, *value;
} lbk__metadata;

typedef struct lbk__safetensors_writer lbk__safetensors_writer;

/* The header is written at once; then the data of each tensor follows in the order of `specs`, in pieces of
 * any size. Data start at a multiple of 64 in the file and follow each other without gaps: put wide types
 * first, so that all are aligned. `hash_key` (may be NULL): a metadata key that gets the SHA-256 of the data
 * section (64 hexadecimal digits) on commit. */
lbk_status lbk__safetensors_writer_open(lbk_context *context, const char *path, const lbk__tensor_spec *specs,
                                        size_t num_specs, const lbk__metadata *metadata, size_t num_metadata,
                                        const char *hash_key, lbk__safetensors_writer **out);
lbk_status lbk__safetensors_writer_put(lbk__safetensors_writer *writer, const void *data, size_t bytes);
/* LBK_INTERNAL when the bytes put are not those that the specs promise. `hash` (may be NULL) gets the data's
 * SHA-256. */
lbk_status lbk__safetensors_writer_commit(lbk__safetensors_writer *writer, char hash[LBK__HASH_SIZE]);
void lbk__safetensors_writer_close(lbk__safetensors_writer *writer); /* on every exit; NULL is allowed */
/* SHA-256 over the data section of an open file, to compare with the metadata. */
void lbk__safetensors_hash(const lbk__safetensors *file, char hash[LBK__HASH_SIZE]);

#endif
