/* page.h: for page.c: the parts of the page that have a file of their own. */
#ifndef LBK_STUDY_PAGE_H
#define LBK_STUDY_PAGE_H

#include "study/html.h"

/* page_tables.c */
void lbk__page_comparison(lbk__html *html, const json_t *root, const json_t *student, const char *view);
void lbk__page_against_first(lbk__html *html, const json_t *student);
void lbk__page_divergences(lbk__html *html, const json_t *student);
void lbk__page_chosen(lbk__html *html, const json_t *root, const json_t *student);
void lbk__page_saliency(lbk__html *html, const json_t *root);
void lbk__page_probes(lbk__html *html, const json_t *root);
void lbk__page_models(lbk__html *html, const json_t *root);
/* page_made.c */
void lbk__page_warnings(lbk__html *html, const json_t *root); /* where test samples were known before */
void lbk__page_made(lbk__html *html, const json_t *root, const json_t *plots);
/* page_samples.c */
void lbk__page_samples(lbk__html *html, const json_t *root);

#endif
