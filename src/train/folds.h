/* folds.h: teachers that did not see a sample (docs/method.md, "Teacher logits that were not memorised"). */
#ifndef LBK_TRAIN_FOLDS_H
#define LBK_TRAIN_FOLDS_H

#include "base/base.h"

typedef struct lbk__folds {
    int count;
    int8_t *of_sample; /* [samples of the pack] 0 … count − 1; −1: not of the training split, or no label */
    char *folder;      /* its 0-of-K, 1-of-K, … are the run folders of their teachers */
} lbk__folds;

/* Trains teacher k on all folds but k, each with the configuration that the run folder `teacher` was trained
 * with, into folder/k-of-K; goes on where an earlier call stopped. Samples that show one image are in one
 * fold. LBK_INVALID_ARGUMENT when `teacher` is no run folder. */
lbk_status lbk__folds_train(lbk_context *context, const char *teacher, const char *pack_path,
                            const lbk_pack *pack, int count, const char *folder, lbk__folds *out);
/* LBK_INVALID_ARGUMENT when lbk__folds_train could not deal the training samples of `config` into `count`
 * folds. */
lbk_status lbk__folds_check(const lbk_config *config, const lbk_pack *pack, int count);
void lbk__folds_free(lbk_context *context, lbk__folds *folds); /* zeroed is allowed */
/* Run folder of fold k; free with lbk_free. */
lbk_status lbk__folds_teacher(lbk_context *context, const lbk__folds *folds, int k, char **out);

#endif
