/* vqa_vocabulary.h: the answers of VQA v2 that are classes. Spellings that the scorer takes for one answer
 * are one class; its name is the most frequent of them, since the scorer compares as it is written what all
 * annotators agree on. */
#ifndef LBK_DATA_VQA_VOCABULARY_H
#define LBK_DATA_VQA_VOCABULARY_H

#include "data/name_list.h"

enum { LBK__VQA_FREQUENT = 9 }; /* questions with an answer that make it a class */

typedef struct lbk__vqa_vocabulary {
    lbk_context *context;
    lbk__name_list spellings, answers; /* stripped; normalised */
    int64_t *spelled;                  /* [spellings] how often it was counted */
    struct lbk__vqa_answer {
        int64_t count;
        int32_t spelling; /* the most frequent one; of equals the first by bytes */
    } * given;            /* [answers] */
    size_t spelled_capacity, given_capacity;
    lbk__text stripped, normalized;
} lbk__vqa_vocabulary;

void lbk__vqa_vocabulary_start(lbk_context *context, lbk__vqa_vocabulary *out);
void lbk__vqa_vocabulary_free(lbk__vqa_vocabulary *vocabulary);
/* Counts the answer `times` more. One that is empty when normalised never becomes a class. */
lbk_status lbk__vqa_vocabulary_count(lbk__vqa_vocabulary *vocabulary, const char *answer, int64_t times);
/* The name of the class of a normalised answer; NULL: it is none. */
const char *lbk__vqa_vocabulary_class(const lbk__vqa_vocabulary *vocabulary, const char *normalized);
bool lbk__vqa_vocabulary_has_class(const lbk__vqa_vocabulary *vocabulary);

#endif
