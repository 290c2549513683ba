/* folder.h: model folders. */
#ifndef LBK_MODEL_FOLDER_H
#define LBK_MODEL_FOLDER_H

#include "model/parameters.h"

/* The folder itself when it has config.json, its best/ when it is a run folder. Free with lbk_free. */
lbk_status lbk__model_folder(lbk_context *context, const char *folder, char **out);

#endif
