/* config_json.h: for this room: config.json. */
#ifndef LBK_MODEL_CONFIG_JSON_H
#define LBK_MODEL_CONFIG_JSON_H

#include "base/file.h"
#include "format/json.h"
#include "model/parameters.h"

/* "VisualBertForVisualReasoning"; "" when the file does not say. */
const char *lbk__config_json_architecture(const json_t *json);
/* Sizes and probabilities, Hugging Face's presets where a key may be missing; num_labels from id2label,
 * else 2. */
lbk_status lbk__config_json_sizes(lbk_context *context, const char *path, const json_t *json,
                                  lbk__model_config *out);
/* Labels and what stands under "limbeck" into a model that has its sizes. */
lbk_status lbk__config_json_rest(lbk__model *model, const char *path, const json_t *json);
/* `dtype`: of the weights beside it. */
json_t *lbk__config_json_make(const lbk__model *model, lbk__dtype dtype);

#endif
