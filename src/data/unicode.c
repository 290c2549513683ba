/* unicode.c: classes of characters. The properties are utf8proc's; the tables below are where its Unicode
 * (15) and that of the reference, Hugging Face's `tokenizers` 0.23, differ. The reference takes categories
 * from Unicode 8, decomposition and combining classes from Unicode 9 and lower case from Unicode 17.
 * oracle/tokenizer.py checks every code point, and so does a test, by hashes that it made. */
#include "data/normalize.h"

#include <utf8proc.h>

typedef struct range {
    int32_t first, last, value;
} range;

/* Sorted by `first`; NULL when no range has the character. */
static const range *find(const range *table, size_t count, int32_t character) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].last < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && table[low].first <= character ? &table[low] : NULL;
}

/* Punctuation, marks, format characters and decompositions that are younger than the reference's tables: it
 * takes them for letters. What lies between them in a range is a letter, or nothing, in both. */
static const range younger[] = {
    {0x061D, 0x061D, 0},   {0x07FD, 0x07FD, 0},   {0x0890, 0x08E2, 0},   {0x09FD, 0x09FE, 0},
    {0x0A76, 0x0A76, 0},   {0x0AFA, 0x0AFF, 0},   {0x0B55, 0x0B55, 0},   {0x0C04, 0x0C3C, 0},
    {0x0C77, 0x0C77, 0},   {0x0C84, 0x0C84, 0},   {0x0D00, 0x0D00, 0},   {0x0D3B, 0x0D3C, 0},
    {0x0D81, 0x0D81, 0},   {0x0EBA, 0x0EBA, 0},   {0x0ECE, 0x0ECE, 0},   {0x180F, 0x1886, 0},
    {0x1ABF, 0x1ACE, 0},   {0x1B7D, 0x1B7E, 0},   {0x1DF6, 0x1DFB, 0},   {0x2E43, 0x2E5D, 0},
    {0xA82C, 0xA82C, 0},   {0xA8C5, 0xA8C5, 0},   {0xA8FF, 0xA8FF, 0},   {0xA9BD, 0xA9BD, 0},
    {0x10D24, 0x10F89, 0}, {0x11070, 0x11074, 0}, {0x110C2, 0x110CD, 0}, {0x111CF, 0x111CF, 0},
    {0x1123E, 0x11241, 0}, {0x1133B, 0x1133B, 0}, {0x11438, 0x1145E, 0}, {0x11660, 0x1166C, 0},
    {0x116B9, 0x116B9, 0}, {0x1182F, 0x11FFF, 0}, {0x12FF1, 0x13455, 0}, {0x16E97, 0x16F4F, 0},
    {0x16FE2, 0x16FE4, 0}, {0x1CF00, 0x1CF46, 0}, {0x1E000, 0x1E4EF, 0}, {0x1E944, 0x1E95F, 0},
};

/* Capitals that are younger than utf8proc's tables; value: what to add for the small letter. */
static const range younger_capitals[] = {
    {0x1C89, 0x1C89, 1},    {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},    {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},    {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},    {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 32}, {0x16EA0, 0x16EB8, 27},
};

/* All characters that NFD may move and accent stripping leaves; value: combining class. */
static const range movable[] = {
    {0x08D4, 0x08E1, 230},   {0x1B44, 0x1B44, 9},     {0x1BAA, 0x1BAA, 9},     {0x1BF2, 0x1BF3, 9},
    {0x1DFB, 0x1DFB, 230},   {0x302E, 0x302F, 224},   {0xA953, 0xA953, 9},     {0xA9C0, 0xA9C0, 9},
    {0x111C0, 0x111C0, 9},   {0x11235, 0x11235, 9},   {0x1134D, 0x1134D, 9},   {0x11442, 0x11442, 9},
    {0x11446, 0x11446, 7},   {0x116B6, 0x116B6, 9},   {0x11C3F, 0x11C3F, 9},   {0x1D165, 0x1D166, 216},
    {0x1D16D, 0x1D16D, 226}, {0x1D16E, 0x1D172, 216}, {0x1E000, 0x1E02A, 230}, {0x1E944, 0x1E949, 230},
    {0x1E94A, 0x1E94A, 7},
};

static bool is_younger(int32_t character) {
    return find(younger, LBK_COUNT(younger), character) != NULL;
}

static utf8proc_category_t category(int32_t character) {
    switch (character) {
    case 0x166D:
        return UTF8PROC_CATEGORY_PO; /* So since Unicode 12 */
    case 0x111C9:
        return UTF8PROC_CATEGORY_PO; /* Mn since Unicode 11 */
    case 0x1734:
        return UTF8PROC_CATEGORY_MN; /* Mc since Unicode 14 */
    default:
        return is_younger(character) ? UTF8PROC_CATEGORY_LO : utf8proc_category(character);
    }
}

static bool is_ascii_space(int32_t character) {
    return character == '\t' || character == '\n' || character == '\r' || character == ' ';
}

bool lbk__is_control(int32_t character) {
    if (is_ascii_space(character)) return false;
    utf8proc_category_t is = category(character);
    return is == UTF8PROC_CATEGORY_CC || is == UTF8PROC_CATEGORY_CF || is == UTF8PROC_CATEGORY_CO;
}

bool lbk__is_space(int32_t character) {
    if (is_ascii_space(character)) return true;
    utf8proc_category_t is = category(character);
    return is == UTF8PROC_CATEGORY_ZS || is == UTF8PROC_CATEGORY_ZL || is == UTF8PROC_CATEGORY_ZP;
}

bool lbk__is_ideograph(int32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
           (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool lbk__is_punctuation(int32_t c) {
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    utf8proc_category_t is = category(c);
    return is >= UTF8PROC_CATEGORY_PC && is <= UTF8PROC_CATEGORY_PO;
}

bool lbk__is_mark(int32_t character) {
    return category(character) == UTF8PROC_CATEGORY_MN;
}

bool lbk__is_decomposable(int32_t character) {
    return !is_younger(character);
}

int32_t lbk__lower(int32_t character) {
    const range *capital = find(younger_capitals, LBK_COUNT(younger_capitals), character);
    return capital ? character + capital->value : utf8proc_tolower(character);
}

int lbk__combining_class(int32_t character) {
    const range *found = find(movable, LBK_COUNT(movable), character);
    if (found) return found->value;
    return lbk__is_mark(character) ? utf8proc_get_property(character)->combining_class : 0;
}
