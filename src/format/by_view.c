/* by_view.c: samples in, views out. */
#include "format/by_view.h"

#include <string.h>

enum { BLOCK = 1 << 18 }; /* numbers of one view that are copied at once */

lbk_status lbk__by_view_open(lbk_context *context, const char *path, int64_t num_views, int64_t num_samples,
                             int64_t num_classes, lbk__by_view *out) {
    *out = (lbk__by_view){.context = context,
                          .path = path,
                          .num_views = num_views,
                          .num_samples = num_samples,
                          .num_classes = num_classes};
    return lbk__unnamed_file(context, path, &out->scratch);
}

void lbk__by_view_close(lbk__by_view *rows) {
    if (rows->scratch) fclose(rows->scratch);
    *rows = (lbk__by_view){0};
}

static lbk_status cannot_write(const lbk__by_view *rows) {
    return lbk__fail_errno(rows->context, "%s: the temporary file for it cannot be written", rows->path);
}

static lbk_status seek(lbk__by_view *rows, int64_t sample) {
    const int64_t bytes = rows->num_views * rows->num_classes * (int64_t)sizeof(float);
    return fseeko(rows->scratch, (off_t)(sample * bytes), SEEK_SET) == 0 ? LBK_OK : cannot_write(rows);
}

lbk_status lbk__by_view_put(lbk__by_view *rows, int64_t sample, const float *logits) {
    const size_t count = (size_t)(rows->num_views * rows->num_classes);
    if (rows->num_put == rows->num_samples || sample >= rows->num_samples)
        return lbk__fail(rows->context, LBK_INTERNAL, "%s: more samples than its %lld", rows->path,
                         (long long)rows->num_samples);
    if (sample != rows->next) LBK_TRY(seek(rows, sample));
    if (fwrite(logits, sizeof *logits, count, rows->scratch) != count) return cannot_write(rows);
    rows->next = sample + 1;
    rows->num_put++;
    return LBK_OK;
}

static lbk_status write_view(lbk__by_view *rows, int64_t view, float *buffer, int64_t block,
                             lbk__safetensors_writer *file) {
    const size_t classes = (size_t)rows->num_classes, views = (size_t)rows->num_views;
    LBK_TRY(seek(rows, 0));
    for (int64_t first = 0; first < rows->num_samples; first += block) {
        const size_t samples = (size_t)LBK_MIN(block, rows->num_samples - first);
        const size_t wanted = samples * views * classes;
        if (fread(buffer, sizeof *buffer, wanted, rows->scratch) != wanted)
            return lbk__fail_errno(rows->context, "%s: cannot read its temporary back", rows->path);
        for (size_t i = 0; i < samples; i++)
            memmove(buffer + i * classes, buffer + (i * views + (size_t)view) * classes,
                    classes * sizeof *buffer);
        LBK_TRY(lbk__safetensors_writer_put(file, buffer, samples * classes * sizeof *buffer));
    }
    return LBK_OK;
}

lbk_status lbk__by_view_write(lbk__by_view *rows, lbk__safetensors_writer *file) {
    if (rows->num_put != rows->num_samples)
        return lbk__fail(rows->context, LBK_INTERNAL, "%s: only %lld of %lld samples were written",
                         rows->path, (long long)rows->num_put, (long long)rows->num_samples);
    const int64_t block = LBK_MAX(1, BLOCK / rows->num_classes);
    float *buffer;
    LBK_TRY(LBK_ALLOC(rows->context, buffer, block * rows->num_views * rows->num_classes));
    lbk_status status = LBK_OK;
    for (int64_t view = 0; view < rows->num_views && status == LBK_OK; view++)
        status = write_view(rows, view, buffer, block, file);
    lbk_free(rows->context, buffer);
    return status;
}
