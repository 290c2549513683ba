/* normalize.h: BERT's normaliser and its classes of characters, as Hugging Face's `tokenizers` has them. */
#ifndef LBK_DATA_NORMALIZE_H
#define LBK_DATA_NORMALIZE_H

#include "base/base.h"

typedef struct lbk__normalizer {
    bool cased;
    unsigned char ascii[128]; /* what becomes of each ASCII character; 0: it is dropped */
} lbk__normalizer;

void lbk__normalizer_init(lbk__normalizer *normalizer, bool cased);
/* Replaces `out` by the normalised text:
 *   1. control characters, U+0000 and U+FFFD are dropped, every kind of white space becomes ' ';
 *   2. an ideograph gets a ' ' on each side;
 *   3. unless `cased`: canonical decomposition (NFD), nonspacing marks dropped, lower case of each character.
 * `text` is valid UTF-8. LBK_NO_MEMORY. */
lbk_status lbk__normalize(lbk_context *context, const lbk__normalizer *normalizer, const char *text,
                          size_t length, lbk__text *out);

/* ---- classes of characters (unicode.c); the Unicode version of each is that of the reference ---- */

bool lbk__is_control(int32_t character);     /* dropped: Cc but \t \n \r, Cf, Co; not the unassigned ones */
bool lbk__is_space(int32_t character);       /* \t \n \r, Zs, Zl, Zp */
bool lbk__is_ideograph(int32_t character);   /* the CJK blocks that BERT names */
bool lbk__is_punctuation(int32_t character); /* a word of its own: P*, and ASCII's $ + < = > ^ ` | ~ */
bool lbk__is_mark(int32_t character);        /* an accent that is stripped: Mn */
bool lbk__is_decomposable(int32_t character);
int32_t lbk__lower(int32_t character);
/* Canonical combining class: NFD sorts neighbours of non-zero class by it. */
int lbk__combining_class(int32_t character);

#endif
