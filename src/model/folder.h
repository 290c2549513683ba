/* folder.h: model folders. */
#ifndef LBK_MODEL_FOLDER_H
#define LBK_MODEL_FOLDER_H

#include "base/lock.h"
#include "model/parameters.h"

/* The folder itself when it has config.json, its best/ when it is a run folder. Free with lbk_free. */
lbk_status lbk__model_folder(lbk_context *context, const char *folder, char **out);
/* LBK_INVALID_ARGUMENT for a folder that holds a model already, which might be the source, and which
 * lbk__model_folder would take before a run's best/. */
lbk_status lbk__refuse_model(lbk_context *context, const char *folder);
/* lbk__lock_output for a model's folder, whose parents are made if they are missing. LBK_INVALID_ARGUMENT
 * where anything is in it but what a killed process left of a model. */
lbk_status lbk__model_lock(lbk_context *context, const char *folder, lbk__lock *out);
/* As lbk__model_save; `numbers`: F32 or F16, laid out as model->weights; `for_others`: with the files that
 * transformers' AutoTokenizer reads. */
lbk_status lbk__model_save_as(const lbk__model *model, lbk__dtype dtype, const void *numbers, bool for_others,
                              const char *folder);

#endif
