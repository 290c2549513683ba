/* vocabulary.h: for this room: a Hugging Face folder's tokenizer files. */
#ifndef LBK_MODEL_VOCABULARY_H
#define LBK_MODEL_VOCABULARY_H

#include "model/model.h"

/* The model's vocab and `cased` from vocab.txt, or tokenizer.json where that is missing, and from
 * tokenizer_config.json. A folder without any leaves the model without a vocabulary. *says_case (may be
 * NULL): whether `cased` is what the folder says. LBK_BAD_DATA for settings that make other tokens than ours.
 */
lbk_status lbk__vocabulary_read(lbk__model *model, const char *folder, bool *says_case);

/* Whether the model's vocabulary has the token. */
bool lbk__vocabulary_has(const lbk__model *model, const char *token);

#endif
