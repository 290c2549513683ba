/* feature_rows.h: rows of many pictures on their way into a file of features, kept beside it so that a killed
 * run goes on. The file OUT.part is a key (64 bytes: what is being made), then the rows of each picture in
 * order. Rows of a picture that could not be read are all 0xFFFF, which no rows are. */
#ifndef LBK_DATA_FEATURE_ROWS_H
#define LBK_DATA_FEATURE_ROWS_H

#include "base/base.h"
#include "base/file.h"

typedef struct lbk__feature_rows {
    lbk_context *context;
    char *path;
    int file;     /* −1: closed */
    size_t bytes; /* of a picture's rows */
} lbk__feature_rows;

/* Opens OUT.part; the caller has the lock of OUT. Where it has the key, *done is how many pictures it has, in
 * whole chunks of `chunk`; else it is begun anew. */
lbk_status lbk__feature_rows_open(lbk_context *context, const char *out, const char key[LBK__HASH_SIZE],
                                  size_t bytes, size_t chunk, lbk__feature_rows *rows, size_t *done);
/* Appends rows after picture `first`, and sees them on disk. */
lbk_status lbk__feature_rows_put(lbk__feature_rows *rows, size_t first, size_t count, const uint16_t *data);
lbk_status lbk__feature_rows_get(const lbk__feature_rows *rows, size_t first, size_t count, uint16_t *data);
/* The file is no longer needed. */
void lbk__feature_rows_remove(lbk__feature_rows *rows);
void lbk__feature_rows_close(lbk__feature_rows *rows); /* once it was opened, on every exit */

#endif
