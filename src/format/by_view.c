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
    lbk_status status = LBK_OK;
    for (int64_t view = 0; view < num_views && status == LBK_OK; view++)
        status = lbk__unnamed_file(context, path, &out->scratch[view]);
    if (status != LBK_OK) lbk__by_view_close(out);
    return status;
}

void lbk__by_view_close(lbk__by_view *rows) {
    for (int view = 0; view < LBK_NUM_VIEWS; view++)
        if (rows->scratch[view]) fclose(rows->scratch[view]);
    *rows = (lbk__by_view){0};
}

static lbk_status cannot_write(const lbk__by_view *rows) {
    return lbk__fail_errno(rows->context, "%s: the temporary file for it cannot be written", rows->path);
}

static lbk_status seek(lbk__by_view *rows, int64_t view, int64_t sample) {
    const int64_t bytes = rows->num_classes * (int64_t)sizeof(float);
    return fseeko(rows->scratch[view], (off_t)(sample * bytes), SEEK_SET) == 0 ? LBK_OK : cannot_write(rows);
}

lbk_status lbk__by_view_put(lbk__by_view *rows, int64_t sample, const float *logits) {
    const size_t count = (size_t)rows->num_classes;
    if (rows->num_put == rows->num_samples || sample >= rows->num_samples)
        return lbk__fail(rows->context, LBK_INTERNAL, "%s: more samples than its %lld", rows->path,
                         (long long)rows->num_samples);
    for (int64_t view = 0; view < rows->num_views; view++, logits += count) {
        if (sample != rows->next) LBK_TRY(seek(rows, view, sample));
        if (fwrite(logits, sizeof *logits, count, rows->scratch[view]) != count) return cannot_write(rows);
    }
    rows->next = sample + 1;
    rows->num_put++;
    return LBK_OK;
}

static lbk_status write_view(lbk__by_view *rows, int64_t view, float *buffer, int64_t block,
                             lbk__safetensors_writer *file) {
    const size_t classes = (size_t)rows->num_classes;
    LBK_TRY(seek(rows, view, 0));
    for (int64_t first = 0; first < rows->num_samples; first += block) {
        const size_t wanted = (size_t)LBK_MIN(block, rows->num_samples - first) * classes;
        if (fread(buffer, sizeof *buffer, wanted, rows->scratch[view]) != wanted)
            return lbk__fail_errno(rows->context, "%s: cannot read its temporary back", rows->path);
        LBK_TRY(lbk__safetensors_writer_put(file, buffer, wanted * sizeof *buffer));
    }
    return LBK_OK;
}

lbk_status lbk__by_view_write(lbk__by_view *rows, lbk__safetensors_writer *file) {
    if (rows->num_put != rows->num_samples)
        return lbk__fail(rows->context, LBK_INTERNAL, "%s: only %lld of %lld samples were written",
                         rows->path, (long long)rows->num_put, (long long)rows->num_samples);
    const int64_t block = LBK_MAX(1, BLOCK / rows->num_classes);
    float *buffer;
    LBK_TRY(LBK_ALLOC(rows->context, buffer, block * rows->num_classes));
    lbk_status status = LBK_OK;
    for (int64_t view = 0; view < rows->num_views && status == LBK_OK; view++)
        status = write_view(rows, view, buffer, block, file);
    lbk_free(rows->context, buffer);
    return status;
}
