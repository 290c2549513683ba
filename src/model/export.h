/* export.h: for this room: a model in the forms that other tools open. */
#ifndef LBK_MODEL_EXPORT_H
#define LBK_MODEL_EXPORT_H

#include "model/parameters.h"

/* All weights as float16, laid out as model->weights; free with lbk_free. LBK_NUMERIC names a tensor with a
 * number beyond ±65504. */
lbk_status lbk__export_halves(const lbk__model *model, uint16_t **out);
lbk_status lbk__export_onnx(const lbk__model *model, bool half, const char *path);
/* tokenizer.json and special_tokens_map.json into the folder, from the model's vocabulary. */
lbk_status lbk__export_tokenizer(const lbk__model *model, const char *folder);

#endif
