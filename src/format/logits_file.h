/* logits_file.h: someone's logits of someone's samples, whatever made them:
 *
 *   logits  float [3, N, C], under the joint, the text and the image view, or [N, C], under the joint view
 *   ids     [N] texts or integers: which samples these are
 *
 * as safetensors (ids: a JSON array in the metadata), NumPy's .npz, or HDF5 (both: two data sets). Values are
 * read a sample at a time; only an .npz, which is compressed, is held in memory. */
#ifndef LBK_FORMAT_LOGITS_FILE_H
#define LBK_FORMAT_LOGITS_FILE_H

#include "base/base.h"

typedef struct lbk__logits_file lbk__logits_file;

/* LBK_BAD_DATA names what is missing or misshapen. */
lbk_status lbk__logits_file_open(lbk_context *context, const char *path, lbk__logits_file **out);
void lbk__logits_file_close(lbk__logits_file *file);              /* NULL is allowed */
int32_t lbk__logits_file_num_views(const lbk__logits_file *file); /* 3 or 1 */
int64_t lbk__logits_file_count(const lbk__logits_file *file);
int32_t lbk__logits_file_num_classes(const lbk__logits_file *file);
const char *lbk__logits_file_id(const lbk__logits_file *file, int64_t index);
/* out [views, C] */
lbk_status lbk__logits_file_read(lbk__logits_file *file, int64_t index, float *out);

#endif
