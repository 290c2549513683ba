/* zip_file.h: entries of a zip container by name (libzip): torch's files and NumPy's .npz. What the container
 * claims is held against the size of the file before memory is asked for. libzip's own structures live in
 * malloc's memory. */
#ifndef LBK_FORMAT_ZIP_FILE_H
#define LBK_FORMAT_ZIP_FILE_H

#include "base/base.h"

typedef struct lbk__zip lbk__zip;

lbk_status lbk__zip_open(lbk_context *context, const char *path, lbk__zip **out);
void lbk__zip_close(lbk__zip *zip); /* NULL is allowed */
int64_t lbk__zip_count(const lbk__zip *zip);
/* NULL: damaged. */
const char *lbk__zip_name(const lbk__zip *zip, int64_t index);
/* −1: absent. */
int64_t lbk__zip_find(const lbk__zip *zip, const char *name);
/* The entry's bytes, unpacked, its checksum compared; freed by lbk_free. LBK_BAD_DATA also above `limit`. */
lbk_status lbk__zip_read(const lbk__zip *zip, int64_t index, size_t limit, void *out_pointer, size_t *size);

#endif
