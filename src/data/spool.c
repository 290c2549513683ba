/* spool.c: an unnamed temporary file. */
#include "data/spool.h"

#include "base/file.h"

lbk_status lbk__spool_open(lbk_context *context, const char *path, lbk__spool *out) {
    *out = (lbk__spool){.context = context, .path = path};
    return lbk__unnamed_file(context, path, &out->file);
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
