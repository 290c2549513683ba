/* vqa_answers.h: answers as the official scorer of VQA v2 takes them, and its arithmetic. */
#ifndef LBK_DATA_VQA_ANSWERS_H
#define LBK_DATA_VQA_ANSWERS_H

#include "base/base.h"

/* Replaces `out` by the answer without white space at its ends; what the scorer compares when all annotators
 * agree. */
lbk_status lbk__vqa_strip(lbk_context *context, const char *answer, lbk__text *out);
/* Replaces `out` by the answer as the scorer compares it otherwise: punctuation, periods, lower case, number
 * words, articles, contractions. May become empty. `answer` is valid UTF-8. */
lbk_status lbk__vqa_normalize(lbk_context *context, const char *answer, lbk__text *out);
/* Accuracy of an answer that `same` of `annotators` gave: min(same / 3, 1), averaged over the sets that leave
 * one annotator out. */
double lbk__vqa_accuracy(int32_t annotators, int32_t same);

#endif
