/* parameters.h: for this room: parameters by name. */
#ifndef LBK_MODEL_PARAMETERS_H
#define LBK_MODEL_PARAMETERS_H

#include "format/safetensors.h"
#include "kernel/kernel.h"
#include "model/model.h"

/* NULL: the model has none of that name. */
const lbk__parameter *lbk__model_find(const lbk__model *model, const char *name);
/* What it is in a file, as float32: [rows, cols], or [cols] for rank 1. */
lbk__tensor_spec lbk__parameter_spec(const lbk__parameter *parameter);
/* What lbk__model_init_random makes of one. */
void lbk__parameter_init_random(lbk__model *model, const lbk__parameter *parameter, uint64_t seed);
/* A model without memory for its weights. */
lbk_status lbk__model_shape(lbk_context *context, const lbk__model_config *config, lbk__model **out);
/* Memory for weights, to write to. */
lbk_status lbk__model_allocate(lbk__model *model);

#endif
