/* by_view.h: a tensor [V, N, C] written in bounded memory from samples that arrive with their V views
 * together: each view goes to a temporary file of its own first. */
#ifndef LBK_FORMAT_BY_VIEW_H
#define LBK_FORMAT_BY_VIEW_H

#include "format/safetensors.h"

typedef struct lbk__by_view {
    lbk_context *context;
    const char
        *path; /* of the file that it is for: messages name it, the temporary lies beside it; not copied */
    int64_t num_views, num_samples, num_classes;
    int64_t num_put;
    FILE *scratch[LBK_NUM_VIEWS]; /* [N, C] each, without a name */
    int64_t next;                 /* the sample that they stand before */
} lbk__by_view;

/* LBK_IO. */
lbk_status lbk__by_view_open(lbk_context *context, const char *path, int64_t num_views, int64_t num_samples,
                             int64_t num_classes, lbk__by_view *out);
void lbk__by_view_close(lbk__by_view *rows); /* zeroed is allowed */
/* A sample's rows [V, C], each sample once, in any order. LBK_IO; LBK_INTERNAL for one too many. */
lbk_status lbk__by_view_put(lbk__by_view *rows, int64_t sample, const float *logits);
/* All of it [V, N, C] as the next tensor of `file`. LBK_IO; LBK_INTERNAL when a sample is missing. */
lbk_status lbk__by_view_write(lbk__by_view *rows, lbk__safetensors_writer *file);

#endif
