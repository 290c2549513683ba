/* normalize.c: BERT's normaliser. Runs of ASCII go through a table of 128; other characters one by one. */
#include "data/normalize.h"

#include <string.h>
#include <utf8proc.h>

/* Room for what one character becomes: at most four characters, and a space on each side. */
enum { MOST_PARTS = 8, MOST_BYTES = 4 * MOST_PARTS + 2 };

void lbk__normalizer_init(lbk__normalizer *normalizer, bool cased) {
    normalizer->cased = cased;
    for (int32_t c = 0; c < 128; c++) {
        int32_t becomes = cased ? c : lbk__lower(c);
        if (lbk__is_space(c)) becomes = ' ';
        if (lbk__is_control(c)) becomes = 0;
        normalizer->ascii[c] = (unsigned char)becomes;
    }
}

/* A space parts what NFD would sort: `run` is where the characters begin that it would sort among themselves.
 */
static void put_space(lbk__text *out, size_t *run) {
    out->data[out->length++] = ' ';
    *run = out->length;
}

/* Where a character of this combining class goes: before those of a higher class at the end of the text, but
 * not before `run`. A run too long for a word is left as it is: the word is [UNK] anyway, and sorting stays
 * linear. */
static size_t place_of(const lbk__text *out, size_t run, int combining_class) {
    enum { LONGEST_RUN = 400 };
    size_t at = out->length;
    if (combining_class == 0 || at - run > LONGEST_RUN) return at;
    while (at > run) {
        size_t before = at - 1;
        while (((unsigned char)out->data[before] & 0xC0) == 0x80) before--;
        int32_t character;
        utf8proc_iterate((const utf8proc_uint8_t *)out->data + before, (utf8proc_ssize_t)(at - before),
                         &character);
        if (lbk__combining_class(character) <= combining_class) break;
        at = before;
    }
    return at;
}

/* Decomposes, strips, lower-cases. `run`: where the characters begin that NFD would still sort among
 * themselves. */
static void put_uncased(lbk__text *out, size_t *run, int32_t character) {
    utf8proc_int32_t parts[MOST_PARTS] = {character};
    utf8proc_ssize_t count = 1;
    if (lbk__is_decomposable(character))
        count = utf8proc_decompose_char(character, parts, MOST_PARTS, UTF8PROC_DECOMPOSE, NULL);
    for (utf8proc_ssize_t i = 0; i < count && i < MOST_PARTS; i++) {
        int combining_class = lbk__combining_class(parts[i]);
        if (!lbk__is_mark(parts[i])) {
            utf8proc_uint8_t bytes[4];
            size_t size = (size_t)utf8proc_encode_char(lbk__lower(parts[i]), bytes);
            size_t at = place_of(out, *run, combining_class);
            memmove(out->data + at + size, out->data + at, out->length - at);
            memcpy(out->data + at, bytes, size);
            out->length += size;
        }
        if (combining_class == 0) *run = out->length;
    }
}

/* One character that is not ASCII; `bytes` are its `size` bytes. There is room for MOST_BYTES. */
static void put_character(const lbk__normalizer *normalizer, lbk__text *out, size_t *run, int32_t character,
                          const char *bytes, size_t size) {
    if (character == 0xFFFD || lbk__is_control(character)) return;
    if (lbk__is_space(character)) {
        put_space(out, run);
        return;
    }
    bool ideograph = lbk__is_ideograph(character);
    if (ideograph) put_space(out, run);
    if (normalizer->cased) {
        memcpy(out->data + out->length, bytes, size);
        out->length += size;
    } else {
        put_uncased(out, run, character);
    }
    if (ideograph) put_space(out, run);
}

lbk_status lbk__normalize(lbk_context *context, const lbk__normalizer *normalizer, const char *text,
                          size_t length, lbk__text *out) {
    size_t run = 0;
    out->length = 0;
    LBK_TRY(LBK_GROW(context, out->data, out->capacity, length + 1));
    for (size_t at = 0; at < length;) {
        unsigned char byte = (unsigned char)text[at];
        if (byte < 0x80) {
            char becomes = (char)normalizer->ascii[byte];
            out->data[out->length] = becomes;
            if (becomes) run = ++out->length;
            at++;
            continue;
        }
        LBK_TRY(LBK_GROW(context, out->data, out->capacity, out->length + (length - at) + MOST_BYTES));
        int32_t character;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                 (utf8proc_ssize_t)(length - at), &character);
        if (size <= 0) return lbk__fail(context, LBK_BAD_DATA, "byte %zu is not valid UTF-8", at);
        put_character(normalizer, out, &run, character, text + at, (size_t)size);
        at += (size_t)size;
    }
    return LBK_OK;
}
