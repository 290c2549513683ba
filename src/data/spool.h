/* spool.h: bytes that grow on disk in an unnamed file, to be read back once in order: the parts of a pack,
 * whose sizes are known only at the end. */
#ifndef LBK_DATA_SPOOL_H
#define LBK_DATA_SPOOL_H

#include "base/base.h"

#include <stdio.h>

typedef struct lbk__spool {
    lbk_context *context;
    const char *path; /* the caller's, for messages */
    FILE *file;
    uint64_t size;
} lbk__spool;

/* Beside `path`, because there must be room for the whole file there, too. `path` outlives the spool. */
lbk_status lbk__spool_open(lbk_context *context, const char *path, lbk__spool *out);
lbk_status lbk__spool_put(lbk__spool *spool, const void *data, size_t bytes);
/* From writing to reading, from the start. */
lbk_status lbk__spool_rewind(lbk__spool *spool);
/* The next bytes; *got is less than `bytes` at the end only. */
lbk_status lbk__spool_get(lbk__spool *spool, void *data, size_t bytes, size_t *got);
void lbk__spool_close(lbk__spool *spool); /* on every exit; a zeroed spool is allowed */

#endif
