/* vocab.h: a WordPiece vocabulary: pieces with their ids, and the longest one that a text starts with. */
#ifndef LBK_DATA_VOCAB_H
#define LBK_DATA_VOCAB_H

#include "base/base.h"

/* A word of more characters than this is [UNK] (BERT's max_input_chars_per_word). */
enum { LBK__WORD_CHARACTERS = 100, LBK__WORD_BYTES = 4 * LBK__WORD_CHARACTERS };

typedef struct lbk__vocab_slot {
    uint32_t hash;
    int32_t id; /* −1: empty */
} lbk__vocab_slot;

/* The file as read, where each line starts, and an open-addressing hash table at most half full. */
typedef struct lbk__vocab {
    char *text;
    uint32_t *start; /* [size + 1]; line i is text[start[i] … start[i + 1] − 1), without its end of line */
    lbk__vocab_slot *slots;
    uint32_t mask;  /* number of slots − 1 */
    int32_t size;   /* lines */
    size_t longest; /* bytes of the longest piece */
} lbk__vocab;

/* Reads a vocab.txt: line i (from 0), "\n" or "\r\n" taken off, is the piece with id i. Of equal lines the
 * last counts, as in Hugging Face's reader. LBK_IO; LBK_BAD_DATA for an empty file and for invalid UTF-8. */
lbk_status lbk__vocab_open(lbk_context *context, const char *path, lbk__vocab *out);
void lbk__vocab_close(lbk_context *context, lbk__vocab *vocab);
/* The id of exactly this piece, or −1. */
int32_t lbk__vocab_find(const lbk__vocab *vocab, const char *piece, size_t length);
/* The id of the longest piece that the text starts with ("##" before it when it continues a word), and the
 * bytes of the text that it takes, ≥ 1; −1 when there is none. `length` ≤ LBK__WORD_BYTES. */
int32_t lbk__vocab_longest(const lbk__vocab *vocab, bool continuing, const char *text, size_t length,
                           size_t *taken);

#endif
