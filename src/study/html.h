/* html.h: for page*.c: a page that grows; whatever comes from data is escaped on its way in. */
#ifndef LBK_STUDY_HTML_H
#define LBK_STUDY_HTML_H

#include "base/base.h"

#include <jansson.h>

typedef struct lbk__html {
    lbk_context *context;
    lbk__text text;
    lbk_status status; /* of the first failure: later calls do nothing */
} lbk__html;

/* Markup of our own, as it is. */
void lbk__html_put(lbk__html *html, const char *markup);
/* Markup of our own with numbers and names of our own in it. */
void lbk__html_format(lbk__html *html, const char *format, ...) LBK__FORMAT(2, 3);
/* Text from anywhere: & < > " ' escaped. NULL: nothing. */
void lbk__html_text(lbk__html *html, const char *text);
/* A picture file's bytes as a data: address. */
void lbk__html_base64(lbk__html *html, const void *data, size_t size);

/* The value at keys, one below the other, ended by NULL; NULL where there is none. */
const json_t *lbk__json_at(const json_t *root, ...) __attribute__((sentinel));
double lbk__json_number(const json_t *value);                         /* NaN unless it is one */
const char *lbk__json_text_of(const json_t *object, const char *key); /* "" unless it is one */

/* "0.614", "+0.012", "< 0.001", "–" for what is not a number. */
void lbk__html_score(lbk__html *html, double value);
void lbk__html_signed(lbk__html *html, double value);
void lbk__html_p(lbk__html *html, double p);

/* "#2f6fde": how plots and page show a method, a view or "teacher"; the style sheet has another for the dark.
 */
const char *lbk__colour_of(const char *name);

extern const char lbk__page_style[]; /* style.c: the style sheet */

#endif
