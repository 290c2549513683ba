/* spool.c: an unnamed temporary file. */
#define _GNU_SOURCE
#include "data/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

lbk_status lbk__spool_open(lbk_context *context, const char *path, lbk__spool *out) {
    *out = (lbk__spool){.context = context, .path = path};
    char *name;
    LBK_TRY(lbk__format(context, &name, "%s.part-XXXXXX", path));
    int descriptor = mkostemp(name, O_CLOEXEC);
    if (descriptor >= 0) unlink(name);
    lbk_free(context, name);
    if (descriptor < 0) return lbk__fail_errno(context, "%s: cannot create a temporary file beside it", path);
    out->file = fdopen(descriptor, "w+b");
    if (out->file) return LBK_OK;
    lbk_status status = lbk__fail_errno(context, "%s: cannot open a temporary file beside it", path);
    close(descriptor);
    return status;
}

lbk_status lbk__spool_put(lbk__spool *spool, const void *data, size_t bytes) {
    if (bytes && fwrite(data, 1, bytes, spool->file) != bytes)
        return lbk__fail_errno(spool->context, "%s: the temporary files for it cannot be written",
                               spool->path);
    spool->size += bytes;
    return LBK_OK;
}

lbk_status lbk__spool_rewind(lbk__spool *spool) {
    if (fflush(spool->file) != 0 || fseeko(spool->file, 0, SEEK_SET) != 0)
        return lbk__fail_errno(spool->context, "%s: the temporary files for it cannot be written",
                               spool->path);
    return LBK_OK;
}

lbk_status lbk__spool_get(lbk__spool *spool, void *data, size_t bytes, size_t *got) {
    *got = fread(data, 1, bytes, spool->file);
    if (ferror(spool->file))
        return lbk__fail_errno(spool->context, "%s: the temporary files for it cannot be read", spool->path);
    return LBK_OK;
}

void lbk__spool_close(lbk__spool *spool) {
    if (spool->file) fclose(spool->file);
    *spool = (lbk__spool){0};
}
