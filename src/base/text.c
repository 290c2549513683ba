/* text.c: string builder, printable text, nearest name, UTF-8 check. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

lbk_status lbk__text_append(lbk_context *context, lbk__text *text, const char *data, size_t length) {
    LBK_TRY(LBK_GROW(context, text->data, text->capacity, text->length + length + 1));
    if (length) memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = 0;
    return LBK_OK;
}

lbk_status lbk__text_printf(lbk_context *context, lbk__text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return lbk__fail(context, LBK_INTERNAL, "a text could not be formatted");
    LBK_TRY(LBK_GROW(context, text->data, text->capacity, text->length + (size_t)length + 1));
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
    return LBK_OK;
}

void lbk__text_free(lbk_context *context, lbk__text *text) {
    lbk_free(context, text->data);
    *text = (lbk__text){0};
}

/* Bytes of one well-formed UTF-8 character (Unicode 15, table 3-7), or 0. */
static size_t utf8_character(const unsigned char *s, size_t left) {
    if (left == 0) return 0;
    if (s[0] < 0x80) return 1;
    unsigned low = 0x80, high = 0xBF;
    size_t need;
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        need = 2;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        need = 3;
        if (s[0] == 0xE0) low = 0xA0;
        if (s[0] == 0xED) high = 0x9F;
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        need = 4;
        if (s[0] == 0xF0) low = 0x90;
        if (s[0] == 0xF4) high = 0x8F;
    } else {
        return 0;
    }
    if (left < need || s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < need; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return need;
}

size_t lbk__utf8_valid(const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        size_t step = utf8_character((const unsigned char *)text + at, length - at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

size_t lbk__terminal_command(const char *text, size_t left, unsigned *code) {
    const unsigned char *c = (const unsigned char *)text;
    const size_t size = utf8_character(c, left);
    *code = size == 1   ? c[0]
            : size == 2 ? (c[0] & 0x1Fu) << 6 | (c[1] & 0x3Fu)
            : size == 3 ? (c[0] & 0x0Fu) << 12 | (c[1] & 0x3Fu) << 6 | (c[2] & 0x3Fu)
                        : 0xFFFFu;
    static const unsigned ranges[][2] = {
        {0, 0x1F}, {0x7F, 0x9F}, {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069}};
    for (size_t i = 0; size && i < LBK_COUNT(ranges); i++)
        if (*code >= ranges[i][0] && *code <= ranges[i][1]) return size;
    return 0;
}

const char *lbk__printable(char *buffer, size_t size, const char *text, size_t length) {
    size_t out = 0, at = 0;
    while (at < length && out + 5 < size) {
        size_t step = utf8_character((const unsigned char *)text + at, length - at);
        unsigned code;
        if (step == 0 || lbk__terminal_command(text + at, length - at, &code)) {
            out += (size_t)snprintf(buffer + out, size - out, "\\x%02x", (unsigned char)text[at]);
            at++;
        } else {
            memcpy(buffer + out, text + at, step);
            out += step;
            at += step;
        }
    }
    if (size) buffer[out] = 0;
    return buffer;
}

/* Levenshtein's distance of two short words. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 64 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = LBK_MIN(best, LBK_MIN(row[j], row[j - 1]) + 1);
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *lbk__nearest(const char *word, const char *const *names) {
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; names[i]; i++) /* "acc" is short for accuracy, however near "ece" is */
        if (*word && strncmp(word, names[i], strlen(word)) == 0) return names[i];
    for (; *names; names++) {
        size_t distance = edit_distance(word, *names);
        if (distance < least) {
            least = distance;
            best = *names;
        }
    }
    return best && least <= LBK_MAX(strlen(word), strlen(best)) / 2 ? best : NULL;
}
