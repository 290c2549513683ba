/* visual_init.h: where a visual projection starts from. */
#ifndef LBK_TRAIN_VISUAL_INIT_H
#define LBK_TRAIN_VISUAL_INIT_H

#include "model/model.h"

enum { LBK__VISUAL_INIT_RANDOM, LBK__VISUAL_INIT_WORDS };

/* Sets the visual projection so that a row is mapped to the mean word embedding of the texts that come with
 * its picture, as well as ridge regression over the given samples can, spread as words are; and the visual
 * position and type embeddings to what a word in the middle of a text has. `report`: how well, one sentence.
 * Samples without an image or without a word do not count; LBK_INVALID_ARGUMENT when none does. */
lbk_status lbk__visual_init_words(lbk__model *model, const lbk_pack *pack, const int32_t *samples,
                                  int64_t num_samples, char **report);

#endif
