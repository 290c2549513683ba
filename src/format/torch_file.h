/* torch_file.h: the tensors of a file that torch.save wrote (.bin, .pt, .pth), in either container: the zip
 * of torch ≥ 1.6, and the older row of pickles. The pickle is interpreted by an allow-list (pickle.h), never
 * run.
 *
 * The file holds a state dict (texts → tensors), or a dict with one under "state_dict", "model_state_dict" or
 * "model"; what is no tensor in it is left out. Names and shapes are known after opening, numbers are read
 * one storage at a time. */
#ifndef LBK_FORMAT_TORCH_FILE_H
#define LBK_FORMAT_TORCH_FILE_H

#include "format/safetensors.h"

typedef struct lbk__torch_file lbk__torch_file;

/* Whether the file's first bytes are those of one of the containers. */
bool lbk__torch_file_is(const unsigned char *start, size_t size);
lbk_status lbk__torch_file_open(lbk_context *context, const char *path, lbk__torch_file **out);
void lbk__torch_file_close(lbk__torch_file *file); /* NULL is allowed */
size_t lbk__torch_file_count(const lbk__torch_file *file);
const lbk__tensor_spec *lbk__torch_file_at(const lbk__torch_file *file,
                                           size_t index); /* in the dict's order */
/* All numbers of tensor `index` as float32, in row-major order whatever its strides. */
lbk_status lbk__torch_file_read(lbk__torch_file *file, size_t index, float *out);

#endif
