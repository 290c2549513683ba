/* vqa_vocabulary.h: the answers of VQA v2 that are classes. Where classes are counted, spellings that the
 * scorer takes for one answer are one class; its name is the most frequent of them, since the scorer compares
 * as it is written what all annotators agree on. Where they are given, each is a class, and several may be
 * one answer. */
#ifndef LBK_DATA_VQA_VOCABULARY_H
#define LBK_DATA_VQA_VOCABULARY_H

#include "data/name_list.h"

enum { LBK__VQA_FREQUENT = 9 }; /* questions with an answer that make it a class */

typedef struct lbk__vqa_vocabulary {
    lbk_context *context;
    lbk__name_list spellings, answers; /* stripped; normalised */
    struct lbk__vqa_spelling {
        int64_t count;
        int32_t next; /* given classes: the next one of the same answer, −1: none */
    } * spelled;      /* [spellings] */
    struct lbk__vqa_answer {
        int64_t count;
        int32_t spelling; /* the most frequent one, of equals the first by bytes; of given classes the last */
    } * given;            /* [answers] */
    size_t spelled_capacity, given_capacity;
    lbk__text stripped, normalized;
} lbk__vqa_vocabulary;

void lbk__vqa_vocabulary_start(lbk_context *context, lbk__vqa_vocabulary *out);
void lbk__vqa_vocabulary_free(lbk__vqa_vocabulary *vocabulary);
/* Counts the answer once more. One that is empty when normalised never becomes a class. */
lbk_status lbk__vqa_vocabulary_count(lbk__vqa_vocabulary *vocabulary, const char *answer);
/* Makes a class of what is valid UTF-8, as it is written. Either all classes are given or all are counted. */
lbk_status lbk__vqa_vocabulary_give(lbk__vqa_vocabulary *vocabulary, const char *class);
/* The number of a normalised answer that has classes, or −1. */
int32_t lbk__vqa_vocabulary_find(const lbk__vqa_vocabulary *vocabulary, const char *normalized);
/* The answer's next class after number *spelling, which becomes that class's; −1: the first. NULL: no more.
 */
const char *lbk__vqa_vocabulary_class(const lbk__vqa_vocabulary *vocabulary, int32_t answer,
                                      int32_t *spelling);
bool lbk__vqa_vocabulary_has_class(const lbk__vqa_vocabulary *vocabulary);

#endif
