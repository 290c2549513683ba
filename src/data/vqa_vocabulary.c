/* vqa_vocabulary.c: answers, their spellings and how often each occurs. */
#include "data/vqa_vocabulary.h"

#include "data/vqa_answers.h"

#include <string.h>

void lbk__vqa_vocabulary_start(lbk_context *context, lbk__vqa_vocabulary *out) {
    *out = (lbk__vqa_vocabulary){.context = context};
    lbk__name_list_start(context, &out->spellings);
    lbk__name_list_start(context, &out->answers);
}

void lbk__vqa_vocabulary_free(lbk__vqa_vocabulary *v) {
    if (!v->context) return;
    lbk__name_list_free(&v->spellings);
    lbk__name_list_free(&v->answers);
    lbk_free(v->context, v->spelled);
    lbk_free(v->context, v->given);
    lbk__text_free(v->context, &v->stripped);
    lbk__text_free(v->context, &v->normalized);
    *v = (lbk__vqa_vocabulary){0};
}

/* Whether spelling `a` comes before `b` as the name of their answer. */
static bool is_better(const lbk__vqa_vocabulary *v, int32_t a, int32_t b) {
    if (v->spelled[a].count != v->spelled[b].count) return v->spelled[a].count > v->spelled[b].count;
    return strcmp(v->spellings.names[a], v->spellings.names[b]) < 0;
}

/* Numbers of the spelling and of v->normalized, with a place for each in the counts. */
static lbk_status place(lbk__vqa_vocabulary *v, const char *spelled, int32_t *spelling, int32_t *answer) {
    const int32_t spellings = v->spellings.count, answers = v->answers.count;
    LBK_TRY(LBK_GROW(v->context, v->spelled, v->spelled_capacity, (size_t)spellings + 1));
    LBK_TRY(LBK_GROW(v->context, v->given, v->given_capacity, (size_t)answers + 1));
    LBK_TRY(lbk__name_list_add(&v->spellings, spelled, spelling));
    LBK_TRY(lbk__name_list_add(&v->answers, v->normalized.data, answer));
    if (*spelling == spellings) v->spelled[*spelling] = (struct lbk__vqa_spelling){.next = -1};
    if (*answer == answers) v->given[*answer] = (struct lbk__vqa_answer){.spelling = *spelling};
    return LBK_OK;
}

lbk_status lbk__vqa_vocabulary_count(lbk__vqa_vocabulary *v, const char *answer) {
    int32_t spelling, number;
    LBK_TRY(lbk__vqa_strip(v->context, answer, &v->stripped));
    LBK_TRY(lbk__vqa_normalize(v->context, answer, &v->normalized));
    if (!v->normalized.length) return LBK_OK;
    LBK_TRY(place(v, v->stripped.data, &spelling, &number));
    v->spelled[spelling].count++;
    v->given[number].count++;
    if (is_better(v, spelling, v->given[number].spelling)) v->given[number].spelling = spelling;
    return LBK_OK;
}

lbk_status lbk__vqa_vocabulary_give(lbk__vqa_vocabulary *v, const char *class) {
    int32_t spelling, number;
    LBK_TRY(lbk__vqa_normalize(v->context, class, &v->normalized));
    LBK_TRY(place(v, class, &spelling, &number));
    if (v->spelled[spelling].count++) return LBK_OK;
    if (v->given[number].count) v->spelled[spelling].next = v->given[number].spelling;
    v->given[number] = (struct lbk__vqa_answer){LBK__VQA_FREQUENT, spelling};
    return LBK_OK;
}

int32_t lbk__vqa_vocabulary_find(const lbk__vqa_vocabulary *v, const char *normalized) {
    const int32_t number = lbk__name_list_find(&v->answers, normalized);
    return number >= 0 && v->given[number].count >= LBK__VQA_FREQUENT ? number : -1;
}

const char *lbk__vqa_vocabulary_class(const lbk__vqa_vocabulary *v, int32_t answer, int32_t *spelling) {
    *spelling = *spelling < 0 ? v->given[answer].spelling : v->spelled[*spelling].next;
    return *spelling < 0 ? NULL : v->spellings.names[*spelling];
}

bool lbk__vqa_vocabulary_has_class(const lbk__vqa_vocabulary *v) {
    int32_t number = 0;
    while (number < v->answers.count && v->given[number].count < LBK__VQA_FREQUENT) number++;
    return number < v->answers.count;
}
