/* wordpiece.c: the tokenizer. Normalised text is split at spaces, punctuation is a word of its own, and each
 * word becomes the longest pieces of the vocabulary from left to right, or [UNK] as a whole.
 *
 * The names of special tokens ("[SEP]", "[MASK]", …) in a text are those tokens, exactly as written and
 * wherever they stand, also inside a word; the text between them is tokenized part by part. So does Hugging
 * Face's. */
#include "data/normalize.h"

#include "base/guest.h"
#include "data/vocab.h"

#include <string.h>

enum { PAD, UNK, CLS, SEP, MASK, NUM_SPECIAL };
static const char *const special_names[NUM_SPECIAL] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

struct lbk_tokenizer {
    lbk_context *context;
    lbk__vocab vocab;
    lbk__normalizer normalizer;
    unsigned char is_punctuation[128];
    int32_t special[NUM_SPECIAL]; /* ids; −1 for a [MASK] that is not in the vocabulary */
    lbk__text normal;             /* normalised text, reused */
};

/* Where ids go. `limit` counts [CLS] and what follows, not the last [SEP]. */
typedef struct sink {
    int32_t *ids;
    size_t capacity, count, limit;
} sink;

static lbk_status push(lbk_context *context, sink *out, const int32_t *ids, size_t count) {
    count = LBK_MIN(count, out->limit - out->count);
    LBK_TRY(LBK_GROW(context, out->ids, out->capacity, out->count + count));
    if (count) memcpy(out->ids + out->count, ids, count * sizeof *ids);
    out->count += count;
    return LBK_OK;
}

lbk_status lbk_tokenizer_open(lbk_context *context, const char *vocab, int cased, lbk_tokenizer **out) {
    LBK__GUEST(context);
    lbk_tokenizer *tokenizer;
    *out = NULL;
    LBK_TRY(LBK_ALLOC(context, tokenizer, 1));
    tokenizer->context = context;
    lbk_status status;
    LBK_GO(lbk__vocab_open(context, vocab, &tokenizer->vocab));
    for (int i = 0; i < NUM_SPECIAL; i++) {
        tokenizer->special[i] =
            lbk__vocab_find(&tokenizer->vocab, special_names[i], strlen(special_names[i]));
        if (tokenizer->special[i] < 0 && i != MASK) {
            LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: no line is \"%s\"; is this the vocab.txt of a BERT?",
                             vocab, special_names[i]));
        }
    }
    lbk__normalizer_init(&tokenizer->normalizer, cased);
    for (int32_t c = 0; c < 128; c++) tokenizer->is_punctuation[c] = lbk__is_punctuation(c);
    *out = tokenizer;
done:
    if (status != LBK_OK) lbk_tokenizer_close(tokenizer);
    return status;
}

void lbk_tokenizer_close(lbk_tokenizer *tokenizer) {
    if (!tokenizer) return;
    lbk_context *context = tokenizer->context;
    lbk__vocab_close(context, &tokenizer->vocab);
    lbk__text_free(context, &tokenizer->normal);
    lbk_free(context, tokenizer);
}

int32_t lbk_tokenizer_vocab_size(const lbk_tokenizer *tokenizer) {
    return tokenizer->vocab.size;
}

/* One word's pieces. */
static lbk_status push_word(lbk_tokenizer *tokenizer, const char *word, size_t length, size_t characters,
                            sink *out) {
    int32_t pieces[LBK__WORD_CHARACTERS];
    size_t count = 0, at = 0;
    if (characters > LBK__WORD_CHARACTERS) return push(tokenizer->context, out, &tokenizer->special[UNK], 1);
    while (at < length) {
        size_t taken;
        int32_t id = lbk__vocab_longest(&tokenizer->vocab, at > 0, word + at, length - at, &taken);
        if (id < 0) return push(tokenizer->context, out, &tokenizer->special[UNK], 1);
        pieces[count++] = id;
        at += taken;
    }
    return push(tokenizer->context, out, pieces, count);
}

/* Bytes of the UTF-8 character that starts with this byte; the text is valid. */
static size_t character_size(unsigned char first) {
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static bool is_punctuation(const lbk_tokenizer *tokenizer, const unsigned char *s, size_t size) {
    switch (size) {
    case 1:
        return tokenizer->is_punctuation[s[0]];
    case 2:
        return lbk__is_punctuation((s[0] & 0x1F) << 6 | (s[1] & 0x3F));
    case 3:
        return lbk__is_punctuation((s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F));
    default:
        return lbk__is_punctuation((s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 |
                                   (s[3] & 0x3F));
    }
}

/* The words of a stretch of text without special tokens. */
static lbk_status push_words(lbk_tokenizer *tokenizer, const char *text, size_t length, sink *out) {
    LBK_TRY(lbk__normalize(tokenizer->context, &tokenizer->normalizer, text, length, &tokenizer->normal));
    const char *normal = tokenizer->normal.data;
    size_t end = tokenizer->normal.length, word = 0, characters = 0, size;
    for (size_t at = 0; at < end && out->count < out->limit; at += size) {
        const unsigned char *s = (const unsigned char *)normal + at;
        size = character_size(*s);
        bool alone = is_punctuation(tokenizer, s, size);
        if (*s != ' ' && !alone) {
            characters++;
            continue;
        }
        if (at > word) LBK_TRY(push_word(tokenizer, normal + word, at - word, characters, out));
        if (alone) LBK_TRY(push_word(tokenizer, normal + at, size, 1, out));
        word = at + size;
        characters = 0;
    }
    if (end > word && out->count < out->limit)
        LBK_TRY(push_word(tokenizer, normal + word, end - word, characters, out));
    return LBK_OK;
}

/* The special token that the text starts with, or NUM_SPECIAL. */
static int special_at(const lbk_tokenizer *tokenizer, const char *text, size_t length) {
    int i = 0;
    for (; i < NUM_SPECIAL; i++) {
        size_t size = strlen(special_names[i]);
        if (tokenizer->special[i] >= 0 && size <= length && memcmp(text, special_names[i], size) == 0) break;
    }
    return i;
}

static lbk_status push_text(lbk_tokenizer *tokenizer, const char *text, size_t length, sink *out) {
    size_t done = 0, at = 0;
    while (at < length && out->count < out->limit) {
        const char *bracket = memchr(text + at, '[', length - at);
        if (!bracket) break;
        at = (size_t)(bracket - text);
        int special = special_at(tokenizer, bracket, length - at);
        if (special == NUM_SPECIAL) {
            at++;
            continue;
        }
        LBK_TRY(push_words(tokenizer, text + done, at - done, out));
        LBK_TRY(push(tokenizer->context, out, &tokenizer->special[special], 1));
        done = at += strlen(special_names[special]);
    }
    return push_words(tokenizer, text + done, length - done, out);
}

lbk_status lbk_tokenizer_encode(lbk_tokenizer *tokenizer, const char *text, size_t length, int32_t max_tokens,
                                int32_t **ids, size_t *capacity, size_t *count) {
    LBK__GUEST(tokenizer->context);
    lbk_context *context = tokenizer->context;
    *count = 0;
    if (length == 0) text = "";
    if (max_tokens != 0 && max_tokens < 2)
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "max_tokens is %d; it counts [CLS] and [SEP], so it must be 0 (no limit) or at least 2",
            max_tokens);
    size_t valid = lbk__utf8_valid(text, length);
    if (valid != length)
        return lbk__fail(context, LBK_BAD_DATA, "byte %zu of the text (0x%02X) is not valid UTF-8", valid,
                         (unsigned char)text[valid]);
    sink out = {*ids, *capacity, 0, max_tokens ? (size_t)max_tokens - 1 : SIZE_MAX};
    lbk_status status;
    LBK_GO(push(context, &out, &tokenizer->special[CLS], 1));
    LBK_GO(push_text(tokenizer, text, length, &out));
    out.limit = SIZE_MAX;
    LBK_GO(push(context, &out, &tokenizer->special[SEP], 1));
    *count = out.count;
done:
    *ids = out.ids;
    *capacity = out.capacity;
    return status;
}
