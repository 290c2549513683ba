/* folder.h: for this room: model folders and tensors as floats. */
#ifndef LBK_MODEL_FOLDER_H
#define LBK_MODEL_FOLDER_H

#include "format/safetensors.h"
#include "model/parameters.h"

/* The folder itself when it has config.json, its best/ when it is a run folder. Free with lbk_free. */
lbk_status lbk__model_folder(lbk_context *context, const char *folder, char **out);
/* The first `count` numbers of a float tensor of any width; LBK_BAD_DATA for another type. */
lbk_status lbk__tensor_to_floats(lbk_context *context, const lbk__safetensors *file,
                                 const lbk__tensor_entry *entry, size_t count, float *out);

#endif
