/* openclipart_text.c: titles and descriptions without what gives the label away. */
#define _GNU_SOURCE /* memmem */
#include "data/openclipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Words of the classes and of the folders below them. A text with one of them would tell the label. */
static const char *const label_words[] = {
    "animal",     "animals",   "arrow",      "arrows",         "bird",     "birds",     "body part",
    "building",   "buildings", "bug",        "bugs",           "cards",    "clip art",  "clothing",
    "computer",   "computers", "dinosaur",   "dinosaurs",      "fish",     "flag",      "flags",
    "flower",     "flowers",   "food",       "foods",          "fruit",    "fruits",    "game",
    "games",      "geography", "hardware",   "hats",           "holiday",  "holidays",  "home",
    "homes",      "icon",      "icons",      "mammal",         "mammals",  "map",       "maps",
    "music",      "network",   "office",     "offices",        "party",    "people",    "person",
    "plant",      "plants",    "recreation", "religion",       "roadsign", "roadsigns", "shape",
    "shapes",     "sign",      "signs",      "smiley",         "smileys",  "sport",     "sports",
    "stickman",   "symbol",    "symbols",    "theme",          "themes",   "tool",      "tools",
    "toy",        "toys",      "transport",  "transportation", "tree",     "trees",     "vegetable",
    "vegetables", "vehicle",   "vehicles",   "weather",
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static bool is_word(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

size_t lbk__openclipart_letters(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += is_letter(*text);
    return count;
}

/* Some titles were escaped twice: "Cassa d&#39;epoca". Decodes one entity of ASCII; returns its length, 0 for
 * none. */
static size_t decode_entity(const char *text, char *out) {
    static const struct {
        const char *name;
        char value;
    } named[] = {{"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}};
    for (size_t i = 0; i < LBK_COUNT(named); i++)
        if (strncmp(text, named[i].name, strlen(named[i].name)) == 0) {
            *out = named[i].value;
            return strlen(named[i].name);
        }
    if (text[0] != '&' || text[1] != '#' || text[2] < '0' || text[2] > '9') return 0;
    char *end;
    unsigned long code = strtoul(text + 2, &end, 10);
    if (*end != ';' || code < 32 || code > 126) return 0;
    *out = (char)code;
    return (size_t)(end + 1 - text);
}

/* Addresses: whole words up to the next space. */
static bool is_address(const char *word, size_t length) {
    return memchr(word, '@', length) || memmem(word, length, "://", 3) || memmem(word, length, "www.", 4) ||
           memmem(word, length, "HASH(0x", 7) || memmem(word, length, "email:", 6) ||
           memmem(word, length, "contact:", 8);
}

/* Entities decoded, characters that are no text made spaces, addresses dropped. */
static lbk_status append_plain(lbk_context *context, const char *text, lbk__text *out) {
    while (*text) {
        size_t length = strcspn(text, " ");
        if (!is_address(text, length))
            for (size_t i = 0; i < length;) {
                char c = text[i];
                size_t entity = decode_entity(text + i, &c);
                i += entity ? entity : 1;
                if (strchr("_#:`\"<>*~|\\^[]{}=", c)) c = ' ';
                LBK_TRY(lbk__text_append(context, out, &c, 1));
            }
        text += length;
        if (*text) {
            LBK_TRY(lbk__text_append(context, out, " ", 1));
            text++;
        }
    }
    return LBK_OK;
}

/* Length of the label word that starts at the word `text`, 0 for none. */
static size_t label_word(const char *text) {
    for (size_t i = 0; i < LBK_COUNT(label_words); i++) {
        size_t length = strlen(label_words[i]);
        if (strncasecmp(text, label_words[i], length) == 0 && !is_word(text[length])) return length;
    }
    return 0;
}

/* Punctuation needs a word before it; of several spaces and dashes one stays. */
static lbk_status append_other(lbk_context *context, char c, size_t start, lbk__text *out) {
    const char last = out->length > start ? out->data[out->length - 1] : ' ';
    if (last == ' ' && !strchr("('&-", c)) {
        if (c == ' ' || out->length == start) return LBK_OK;
        if (strchr(".,;!?", c)) out->length--; /* "Elephant ." */
    }
    if (c == '-' && out->length == start) return LBK_OK;
    if (c == '.' && out->length > start && strchr(".,;!?-", out->data[out->length - 1])) return LBK_OK;
    if (c == '-' && out->length >= start + 2 && memcmp(out->data + out->length - 2, "- ", 2) == 0)
        return LBK_OK;
    return lbk__text_append(context, out, &c, 1);
}

static lbk_status append_without_labels(lbk_context *context, const char *text, lbk__text *out) {
    const size_t start = out->length;
    while (*text) {
        if (!is_word(*text)) {
            LBK_TRY(append_other(context, *text++, start, out));
            continue;
        }
        size_t length = label_word(text);
        if (length) {
            text += length;
            continue;
        }
        while (is_word(text[length])) length++;
        LBK_TRY(lbk__text_append(context, out, text, length));
        text += length;
    }
    while (out->length > start && strchr(" -,;(.&/", out->data[out->length - 1])) out->length--;
    if (out->data) out->data[out->length] = 0;
    return LBK_OK;
}

/* "Clipart by NAME - title": the title alone. */
static const char *after_artist(const char *title) {
    if (strncasecmp(title, "clipart by ", 11) != 0) return title;
    const char *dash = strstr(title, " - ");
    return dash ? dash + 3 : "";
}

/* Whether the description from `start` on is empty or only repeats words of the title, the first `end` bytes.
 */
static bool is_said(const lbk__text *text, size_t end, size_t start) {
    const size_t length = text->length - start;
    for (size_t i = 0; i + length <= end; i++)
        if (strncasecmp(text->data + i, text->data + start, length) == 0) return true;
    return length == 0;
}

lbk_status lbk__openclipart_text(lbk_context *context, const char *title, const char *description,
                                 lbk__text *out) {
    lbk__text plain = {0};
    lbk_status status = LBK_OK;
    out->length = 0;
    LBK_GO(lbk__text_append(context, out, "", 0));
    LBK_GO(append_plain(context, after_artist(title), &plain));
    if (plain.length) LBK_GO(append_without_labels(context, plain.data, out));
    if (!*description) goto done;
    plain.length = 0;
    LBK_GO(append_plain(context, description, &plain));
    const size_t before = out->length;
    if (before && plain.length) LBK_GO(lbk__text_append(context, out, ". ", 2));
    const size_t start = out->length;
    if (plain.length) LBK_GO(append_without_labels(context, plain.data, out));
    out->data[out->length] = 0;
    if (is_said(out, before, start)) out->length = before;
    out->data[out->length] = 0;
done:
    lbk__text_free(context, &plain);
    return status;
}
