/* html.c: escaping, numbers, colours. */
#include "study/html.h"

#include <math.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>

static void append(lbk__html *html, const char *data, size_t length) {
    if (html->status == LBK_OK) html->status = lbk__text_append(html->context, &html->text, data, length);
}

void lbk__html_put(lbk__html *html, const char *markup) {
    append(html, markup, strlen(markup));
}

void lbk__html_format(lbk__html *html, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lbk__html_put(html, line);
}

void lbk__html_text(lbk__html *html, const char *text) {
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    while (text && *text) {
        const size_t plain = strcspn(text, special);
        append(html, text, plain);
        text += plain;
        if (*text) lbk__html_put(html, entities[strchr(special, *text++) - special]);
    }
}

void lbk__html_base64(lbk__html *html, const void *data, size_t size) {
    enum { PIECE = 3 * 256 };
    const uint8_t *bytes = data;
    char encoded[BASE64_ENCODE_RAW_LENGTH(PIECE)];
    for (size_t at = 0; at < size; at += PIECE) {
        const size_t length = LBK_MIN(PIECE, size - at);
        base64_encode_raw(encoded, length, bytes + at);
        append(html, encoded, BASE64_ENCODE_RAW_LENGTH(length));
    }
}

/* ---- JSON ---- */

const json_t *lbk__json_at(const json_t *root, ...) {
    va_list keys;
    va_start(keys, root);
    for (const char *key; (key = va_arg(keys, const char *));) root = json_object_get(root, key);
    va_end(keys);
    return root;
}

double lbk__json_number(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *lbk__json_text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- numbers ---- */

void lbk__html_score(lbk__html *html, double value) {
    if (isnan(value))
        lbk__html_put(html, "–");
    else
        lbk__html_format(html, "%.3f", value);
}

void lbk__html_signed(lbk__html *html, double value) {
    if (isnan(value))
        lbk__html_put(html, "–");
    else if (fabs(value) < 0.0005)
        lbk__html_put(html, "0.000");
    else
        lbk__html_format(html, "%s%.3f", value < 0 ? "−" : "+", fabs(value));
}

void lbk__html_p(lbk__html *html, double p) {
    if (isnan(p))
        lbk__html_put(html, "–");
    else if (p < 0.001)
        lbk__html_put(html, "&lt;&thinsp;0.001");
    else
        lbk__html_format(html, p < 0.0995 ? "%.3f" : "%.2f", p);
}

/* ---- colours ---- */

const char *lbk__colour_of(const char *name) {
    static const struct {
        const char *name, *colour;
    } table[] = {
        {"teacher", "#1f2430"},      {"alone", "#7d8590"},       {"kd", "#2f6fde"},
        {"msd-uniform", "#d97a00"},  {"msd-fixed", "#8d6a3f"},   {"msd-population", "#12906b"},
        {"msd-instance", "#d1385c"}, {"msd-learned", "#8a4fd0"}, {"msd-learned-population", "#0093a8"},
        {"joint", "#12906b"},        {"text", "#d97a00"},        {"image", "#2f6fde"}};
    for (size_t i = 0; i < LBK_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0) return table[i].colour;
    return "#7d8590";
}
