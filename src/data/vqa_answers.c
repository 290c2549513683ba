/* vqa_answers.c: the official scorer's normalisation, its quirks included:
 *
 *   - a punctuation mark becomes nothing where the answer has it next to a space, or has a comma between
 * digits anywhere; else a space. Apostrophes and colons stay.
 *   - a period goes unless a digit follows it, but only the first 32 of an answer.
 *   - "none" is the number 0.
 *
 * Digits are ASCII's. */
#include "data/vqa_answers.h"

#include "data/normalize.h"

#include <string.h>
#include <utf8proc.h>

enum { MOST_PERIODS = 32 };

/* A word that lacks one of the apostrophes of one of these is that one. */
static const char *const contractions[] = {
    "'ow's'at",       "'twas",        "ain't",        "aren't",       "can't",         "could've",
    "couldn't",       "couldn't've",  "didn't",       "doesn't",      "don't",         "hadn't",
    "hadn't've",      "hasn't",       "haven't",      "he'd",         "he'd've",       "he's",
    "how'd",          "how'll",       "how's",        "isn't",        "it'd",          "it'd've",
    "it'll",          "ma'am",        "might've",     "mightn't",     "mightn't've",   "must've",
    "mustn't",        "needn't",      "not've",       "o'clock",      "oughtn't",      "shan't",
    "she'd've",       "should've",    "shouldn't",    "shouldn't've", "somebody'd've", "somebody'll",
    "somebody's",     "someone'd",    "someone'd've", "someone'll",   "someone's",     "something'd",
    "something'd've", "something'll", "that's",       "there'd",      "there'd've",    "there're",
    "there's",        "they'd",       "they'd've",    "they'll",      "they're",       "they've",
    "wasn't",         "we'd've",      "we've",        "weren't",      "what'll",       "what're",
    "what's",         "what've",      "when's",       "where'd",      "where's",       "where've",
    "who'd",          "who'd've",     "who'll",       "who's",        "who've",        "why'll",
    "why're",         "why's",        "won't",        "would've",     "wouldn't",      "wouldn't've",
    "y'all",          "y'all'd've",   "y'all'll",     "you'd",        "you'd've",      "you'll",
    "you're",         "you've"};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The character at `text`, and how many bytes it has. */
static int32_t character_at(const char *text, size_t *length) {
    utf8proc_int32_t character;
    const utf8proc_ssize_t got = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &character);
    *length = got > 0 ? (size_t)got : 1;
    return got > 0 ? character : (unsigned char)*text;
}

/* Python's idea of white space. */
static bool is_white(int32_t c) {
    return lbk__is_space(c) || c == '\v' || c == '\f' || (c >= 0x1c && c <= 0x1f) || c == 0x85;
}

/* Of the white space at the start of `text`. */
static size_t space_length(const char *text) {
    size_t at = 0, length;
    while (text[at] && is_white(character_at(text + at, &length))) at += length;
    return at;
}

lbk_status lbk__vqa_strip(lbk_context *context, const char *answer, lbk__text *out) {
    const char *start = answer + space_length(answer);
    size_t kept = 0, at = 0, length;
    while (start[at]) {
        const bool space = is_white(character_at(start + at, &length));
        at += length;
        if (!space) kept = at;
    }
    out->length = 0;
    LBK_TRY(lbk__text_append(context, out, start, kept));
    for (char *c = out->data; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
    return LBK_OK;
}

static bool has_number_with_comma(const char *text) {
    for (const char *comma = text; (comma = strchr(comma, ',')); comma++)
        if (comma > text && is_digit(comma[-1]) && is_digit(comma[1])) return true;
    return false;
}

static bool is_beside_space(const char *text, char mark) {
    for (const char *at = text; (at = strchr(at, mark)); at++)
        if (at[1] == ' ' || (at > text && at[-1] == ' ')) return true;
    return false;
}

/* In place: text is stripped. */
static void drop_punctuation(char *text, size_t *length) {
    static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";
    bool dropped[sizeof marks - 1];
    const bool drop_all = has_number_with_comma(text);
    for (size_t i = 0; i < sizeof marks - 1; i++) dropped[i] = drop_all || is_beside_space(text, marks[i]);
    char *to = text;
    for (const char *from = text; *from; from++) {
        const char *mark = strchr(marks, *from);
        if (!mark)
            *to++ = *from;
        else if (!dropped[mark - marks])
            *to++ = ' ';
    }
    *to = 0;
    *length = (size_t)(to - text);
}

static void drop_periods(char *text, size_t *length) {
    char *to = text;
    int count = 0;
    for (const char *from = text; *from; from++)
        if (*from != '.' || is_digit(from[1]) || count++ >= MOST_PERIODS) *to++ = *from;
    *to = 0;
    *length = (size_t)(to - text);
}

/* Whether `whole` without one of its apostrophes is `word`. */
static bool lacks_apostrophe(const char *word, size_t length, const char *whole) {
    if (strlen(whole) != length + 1) return false;
    size_t same = 0;
    while (same < length && word[same] == whole[same]) same++;
    /* The words part at the missing one, or, where two stand side by side, just after it; no contraction has
     * two. */
    return whole[same] == '\'' && memcmp(word + same, whole + same + 1, length - same) == 0;
}

static lbk_status add_word(lbk_context *context, const char *word, size_t length, lbk__text *out) {
    static const char *const articles[] = {"a", "an", "the"};
    static const char *const numbers[][2] = {{"none", "0"},  {"zero", "0"},  {"one", "1"},  {"two", "2"},
                                             {"three", "3"}, {"four", "4"},  {"five", "5"}, {"six", "6"},
                                             {"seven", "7"}, {"eight", "8"}, {"nine", "9"}, {"ten", "10"}};
    const char *becomes = NULL;
    for (size_t i = 0; i < LBK_COUNT(articles); i++)
        if (strlen(articles[i]) == length && memcmp(articles[i], word, length) == 0) return LBK_OK;
    for (size_t i = 0; i < LBK_COUNT(numbers); i++)
        if (strlen(numbers[i][0]) == length && memcmp(numbers[i][0], word, length) == 0)
            becomes = numbers[i][1];
    for (size_t i = 0; i < LBK_COUNT(contractions); i++)
        if (lacks_apostrophe(word, length, contractions[i])) becomes = contractions[i];
    if (length == 10 && memcmp(word, "somebody'd", 10) == 0) becomes = "somebodyd"; /* as the scorer has it */
    if (out->length) LBK_TRY(lbk__text_append(context, out, " ", 1));
    return becomes ? lbk__text_append(context, out, becomes, strlen(becomes))
                   : lbk__text_append(context, out, word, length);
}

static lbk_status append_lower(lbk_context *context, const char *text, lbk__text *out) {
    size_t length;
    for (; *text; text += length) {
        utf8proc_uint8_t bytes[4];
        const utf8proc_ssize_t size = utf8proc_encode_char(lbk__lower(character_at(text, &length)), bytes);
        LBK_TRY(lbk__text_append(context, out, (const char *)bytes, (size_t)size));
    }
    return LBK_OK;
}

lbk_status lbk__vqa_normalize(lbk_context *context, const char *answer, lbk__text *out) {
    lbk__text lower = {0};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__vqa_strip(context, answer, out));
    drop_punctuation(out->data, &out->length);
    drop_periods(out->data, &out->length);
    LBK_GO(lbk__text_append(context, &lower, "", 0));
    LBK_GO(append_lower(context, out->data, &lower));
    out->length = 0;
    LBK_GO(lbk__text_append(context, out, "", 0));
    for (const char *word = lower.data + space_length(lower.data); *word;) {
        size_t end = 0, length;
        while (word[end] && !is_white(character_at(word + end, &length))) end += length;
        LBK_GO(add_word(context, word, end, out));
        word += end + space_length(word + end);
    }
done:
    lbk__text_free(context, &lower);
    return status;
}

double lbk__vqa_accuracy(int32_t annotators, int32_t same) {
    const int32_t others = annotators - same;
    const double left_out = same ? LBK_MIN((same - 1) / 3.0, 1.0) : 0; /* one that gave it is left out */
    return (same * left_out + others * LBK_MIN(same / 3.0, 1.0)) / annotators;
}
