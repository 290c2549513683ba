/* gnuplot.h: one gnuplot script of many small plots, run once; each becomes an SVG to put into a page. */
#ifndef LBK_STUDY_GNUPLOT_H
#define LBK_STUDY_GNUPLOT_H

#include "base/base.h"

#include <jansson.h>

typedef struct lbk__gnuplot {
    lbk_context *context;
    lbk__text script;
    json_t *names;     /* of the plots, in order */
    lbk_status status; /* of the first failure: later calls do nothing */
} lbk__gnuplot;

/* Begins a plot of this many pixels: axes at the left and below, a grid, no key. */
void lbk__gnuplot_begin(lbk__gnuplot *gnuplot, const char *name, int width, int height);
/* Lines of the script. Texts from data go through lbk__gnuplot_quote. */
void lbk__gnuplot_put(lbk__gnuplot *gnuplot, const char *format, ...) LBK__FORMAT(2, 3);
/* In single quotes, where gnuplot substitutes nothing, without control characters, cut to `size`. */
const char *lbk__gnuplot_quote(char *buffer, size_t size, const char *text);
/* Few round tics within [low, high]. */
void lbk__gnuplot_tics(lbk__gnuplot *gnuplot, char axis, double low, double high);

/* Writes folder/plots.gp and runs it; *plots: {"gnuplot": "GNUPLOT 5.4 patchlevel 4", name: "<svg …>", …}.
 * Empty where there is no gnuplot. LBK_INTERNAL when it does not run through. */
lbk_status lbk__gnuplot_run(lbk__gnuplot *gnuplot, const char *folder, json_t **plots);
void lbk__gnuplot_free(lbk__gnuplot *gnuplot);

#endif
