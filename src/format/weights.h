/* weights.h: a model's tensors by name, whichever file or files they are in: safetensors, torch's .bin in
 * either container, or several of them with an index ("sharded"). */
#ifndef LBK_FORMAT_WEIGHTS_H
#define LBK_FORMAT_WEIGHTS_H

#include "format/safetensors.h"

typedef struct lbk__weights lbk__weights;

/* One file; what it is, is told from its content. */
lbk_status lbk__weights_open(lbk_context *context, const char *path, lbk__weights **out);
/* What a Hugging Face folder has: the first of model.safetensors, model.safetensors.index.json,
 * pytorch_model.bin, pytorch_model.bin.index.json. An index names files of the folder itself only. */
lbk_status lbk__weights_open_folder(lbk_context *context, const char *folder, lbk__weights **out);
/* A hash of that folder's files of weights. */
lbk_status lbk__weights_hash(lbk_context *context, const char *folder, char out[LBK__HASH_SIZE]);
void lbk__weights_close(lbk__weights *weights); /* NULL is allowed */

/* What sentences call it: the file, or the index. */
const char *lbk__weights_path(const lbk__weights *weights);
size_t lbk__weights_count(const lbk__weights *weights);
const lbk__tensor_spec *lbk__weights_at(const lbk__weights *weights, size_t index); /* sorted by name */
/* −1: absent. */
int64_t lbk__weights_find(const lbk__weights *weights, const char *name);
/* By name; LBK_BAD_DATA unless it is there, float, and of this shape. */
lbk_status lbk__weights_expect(const lbk__weights *weights, const char *name, int rank, const int64_t *shape,
                               size_t *index);
/* All numbers of the tensor as float32; LBK_BAD_DATA for one that is damaged, LBK_NUMERIC for a number that
 * is not finite. */
lbk_status lbk__weights_read(lbk__weights *weights, size_t index, float *out);
/* lbk__weights_expect, then lbk__weights_read. */
lbk_status lbk__weights_read_as(lbk__weights *weights, const char *name, int rank, const int64_t *shape,
                                float *out);
/* The numbers where they lie, for as long as the weights are open, and not looked at; NULL unless they are
 * float32 in a safetensors file. */
const float *lbk__weights_lent(const lbk__weights *weights, size_t index);
/* LBK_NUMERIC unless all numbers of the tensor, which are at `numbers`, are finite. */
lbk_status lbk__weights_check_finite(const lbk__weights *weights, size_t index, const float *numbers);
/* Type and shape: "F32 [3, 4]". */
const char *lbk__shape_text(const lbk__tensor_spec *spec, char *buffer, size_t size);
/* The files that the tensors are in. */
size_t lbk__weights_num_files(const lbk__weights *weights);
const char *lbk__weights_file(const lbk__weights *weights, size_t index);
/* Of all of them. */
int64_t lbk__weights_bytes(const lbk__weights *weights);

#endif
