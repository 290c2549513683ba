/* names.h: for this room: what a parameter of ours is called in other models' files. */
#ifndef LBK_MODEL_NAMES_H
#define LBK_MODEL_NAMES_H

#include "base/base.h"

enum { LBK__LONGEST_NAME = 192 };

/* Candidate `number` (0, 1, …) for our `name`, its layer replaced by layers[it] (`layers` may be NULL); false
 * when there are no more. Names are tried as VisualBERT, BERT (also MiniLM, TinyBERT) and DistilBERT write
 * them, with and without the model's prefix, norms as weight/bias and as gamma/beta. */
bool lbk__source_name(const char *name, const int32_t *layers, int number, char out[LBK__LONGEST_NAME]);

#endif
