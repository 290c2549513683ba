/* plots.c: what is drawn, from the results. Names are KIND-STUDENT or KIND-STUDENT-VIEW. */
#include "base/names.h"
#include "study/gnuplot.h"
#include "study/html.h"
#include "study/report.h"
#include "train/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 360, HEIGHT = 236 };

static void axis_label(lbk__gnuplot *g, const char *axis, const char *text) {
    char quoted[128];
    lbk__gnuplot_put(g, "set %slabel %s noenhanced textcolor rgb '#5c6470'\n", axis,
                     lbk__gnuplot_quote(quoted, sizeof quoted, text));
}

/* A range with some room at its ends. */
typedef struct range {
    double low, high;
} range;

static void widen(range *r, double value) {
    if (isnan(value)) return;
    r->low = isnan(r->low) ? value : fmin(r->low, value);
    r->high = isnan(r->high) ? value : fmax(r->high, value);
}

static range with_room(range r) {
    if (isnan(r.low)) return (range){0, 1};
    const double room = fmax(0.06 * (r.high - r.low), 1e-3);
    return (range){r.low - room, r.high + room};
}

/* ---- methods in rows: means with intervals ---- */

/* Of a plot of rows with their names at the left: axis and margins, and a line of text for each. */
static int height_of(int rows) {
    return 88 + 16 * rows;
}

/* Room at the left for names, in gnuplot's characters, which are wider than most. */
static int margin_for(const json_t *named) {
    enum { MOST = 32 };
    size_t i, longest = 0;
    json_t *item;
    json_array_foreach(named, i, item) longest = LBK_MAX(longest, strlen(lbk__json_text_of(item, "name")));
    return (int)(0.87 * (double)LBK_MIN(longest, MOST)) + 3;
}

/* `part` "score" or "kl" of each method under a view; the teacher's score is a line. */
static void plot_dots(lbk__gnuplot *g, const char *name, const json_t *student, const char *view,
                      const char *part, double teacher, const char *label) {
    const json_t *methods = json_object_get(student, "methods");
    const int count = (int)json_array_size(methods);
    range r = {NAN, NAN};
    widen(&r, teacher);
    lbk__gnuplot_begin(g, name, WIDTH, height_of(count));
    lbk__gnuplot_put(g, "set lmargin %d\nunset ytics\nset grid noytics\nset border 1\n$d << EOD\n",
                     margin_for(methods));
    for (int m = 0; m < count; m++) {
        const json_t *method = json_array_get(methods, (size_t)m),
                     *values = lbk__json_at(method, "views", view, part, NULL);
        const double mean = lbk__json_number(json_object_get(values, "mean"));
        double half = lbk__json_number(json_object_get(values, "half_width"));
        if (isnan(mean)) continue;
        if (isnan(half)) half = 0;
        widen(&r, mean - half), widen(&r, mean + half);
        lbk__gnuplot_put(g, "%.9g %d %.9g %.9g %s\n", mean, count - m, mean - half, mean + half,
                         lbk__colour_of(lbk__json_text_of(method, "name")) + 1);
    }
    r = with_room(r);
    lbk__gnuplot_put(g, "EOD\nhex(s) = int('0x'.s)\nset yrange [0.4:%d.6]\n", count);
    lbk__gnuplot_tics(g, 'x', r.low, r.high);
    axis_label(g, "x", label);
    for (int m = 0; m < count; m++) {
        char quoted[96];
        lbk__gnuplot_put(
            g, "set label %s at graph 0, first %d right offset -1,0 noenhanced textcolor rgb '#1f2430'\n",
            lbk__gnuplot_quote(quoted, sizeof quoted,
                               lbk__json_text_of(json_array_get(methods, (size_t)m), "name")),
            count - m);
    }
    if (!isnan(teacher))
        lbk__gnuplot_put(
            g, "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead lw 1.5 dt 2 lc rgb '#1f2430'\n", teacher,
            teacher);
    lbk__gnuplot_put(
        g, "plot $d using 1:2:3:4:(hex(strcol(5))) with xerrorbars pt 7 ps 0.7 lw 2 lc rgb variable\n");
}

static void plot_views(lbk__gnuplot *g, const json_t *root, size_t s) {
    const json_t *student = json_array_get(json_object_get(root, "students"), s);
    for (int v = 0; lbk__view_names[v]; v++) {
        const char *view = lbk__view_names[v];
        char name[64];
        snprintf(name, sizeof name, "scores-%zu-%s", s, view);
        plot_dots(g, name, student, view, "score",
                  lbk__json_number(lbk__json_at(root, "teacher", "views", view, "score", NULL)),
                  lbk__json_text_of(root, "metric"));
        snprintf(name, sizeof name, "kl-%zu-%s", s, view);
        plot_dots(g, name, student, view, "kl", NAN, "KL(teacher || student), nats");
    }
}

/* ---- lines ---- */

/* Whole epochs, at most seven of them. */
static void epoch_tics(lbk__gnuplot *g, double last) {
    axis_label(g, "x", "epoch");
    if (!(last > 0)) lbk__gnuplot_put(g, "set xrange [0:1]\nset yrange [0:1]\n"); /* nothing to draw */
    lbk__gnuplot_put(g, "set xtics %g\n", fmax(1, ceil(last / 7)));
}

/* Points of a line; `data` gets a name that the plot command uses. */
static void put_points(lbk__gnuplot *g, int data, const json_t *points) {
    size_t i;
    json_t *point;
    lbk__gnuplot_put(g, "$d%d << EOD\n", data);
    json_array_foreach(points, i, point)
        lbk__gnuplot_put(g, "%.9g %.9g\n", lbk__json_number(json_array_get(point, 0)),
                         lbk__json_number(json_array_get(point, 1)));
    lbk__gnuplot_put(g, "NaN NaN\nEOD\n"); /* a block of data may not be empty */
}

static void plot_curves(lbk__gnuplot *g, const json_t *root, size_t s) {
    const json_t *lines = lbk__json_at(json_array_get(json_object_get(root, "curves"), s), "lines", NULL);
    char name[64];
    double last = 0;
    size_t i;
    json_t *line;
    snprintf(name, sizeof name, "curves-%zu", s);
    lbk__gnuplot_begin(g, name, 440, 270);
    axis_label(g, "y", lbk__json_text_of(root, "dev_metric"));
    json_array_foreach(lines, i, line) {
        const json_t *points = json_object_get(line, "points"),
                     *end = json_array_get(points, json_array_size(points) - 1);
        if (json_array_size(points)) last = fmax(last, lbk__json_number(json_array_get(end, 0)));
        put_points(g, (int)i, points);
    }
    epoch_tics(g, last);
    lbk__gnuplot_put(g, "plot ");
    json_array_foreach(lines, i, line) {
        const char *method = lbk__json_text_of(line, "name");
        lbk__gnuplot_put(g, "%s$d%zu with linespoints pt 7 ps 0.35 lw 1.8 lc rgb '%s'", i ? ", " : "", i,
                         lbk__colour_of(method));
    }
    lbk__gnuplot_put(g, "\n");
}

/* Mean weight of each view by epoch, and the middle nine tenths of the samples. */
static void plot_weights(lbk__gnuplot *g, const json_t *root, size_t s) {
    const json_t *methods =
        lbk__json_at(json_array_get(json_object_get(root, "weights"), s), "methods", NULL);
    size_t m, e;
    json_t *method, *epoch;
    json_array_foreach(methods, m, method) {
        char name[64];
        double most = 0, last = 0;
        snprintf(name, sizeof name, "weights-%zu-%zu", s, m);
        lbk__gnuplot_begin(g, name, WIDTH, HEIGHT);
        for (int v = 0; lbk__view_names[v]; v++) {
            lbk__gnuplot_put(g, "$d%d << EOD\n", v);
            json_array_foreach(json_object_get(method, "epochs"), e, epoch) {
                const json_t *view = json_object_get(epoch, lbk__view_names[v]);
                const double high = lbk__json_number(json_object_get(view, "p95"));
                most = fmax(most, high);
                last = fmax(last, lbk__json_number(json_object_get(epoch, "epoch")));
                lbk__gnuplot_put(g, "%.9g %.9g %.9g %.9g\n",
                                 lbk__json_number(json_object_get(epoch, "epoch")),
                                 lbk__json_number(json_object_get(view, "mean")),
                                 lbk__json_number(json_object_get(view, "p5")), high);
            }
            lbk__gnuplot_put(g, "NaN NaN NaN NaN\nEOD\n");
        }
        epoch_tics(g, last);
        lbk__gnuplot_tics(g, 'y', 0, fmax(1.02, fmin(most, 1e9) * 1.05));
        lbk__gnuplot_put(g, "set style fill transparent solid 0.14 noborder\nplot ");
        for (int v = 0; lbk__view_names[v]; v++)
            lbk__gnuplot_put(
                g,
                "%s$d%d using 1:3:4 with filledcurves lc rgb '%s', $d%d using 1:2 with linespoints pt 7 ps "
                "0.35 lw 2 lc rgb '%s'",
                v ? ", " : "", v, lbk__colour_of(lbk__view_names[v]), v, lbk__colour_of(lbk__view_names[v]));
        lbk__gnuplot_put(g, "\n");
    }
}

/* ---- histograms ---- */

/* Equal bins from 0 to `upper` as steps. */
static void put_bins(lbk__gnuplot *g, int data, const json_t *bins, double upper) {
    const size_t count = json_array_size(bins);
    lbk__gnuplot_put(g, "$d%d << EOD\n", data);
    for (size_t b = 0; b < count; b++)
        lbk__gnuplot_put(g, "%.9g %.9g\n", upper * (double)b / (double)count,
                         lbk__json_number(json_array_get(bins, b)));
    if (count) lbk__gnuplot_put(g, "%.9g %.9g\n", upper, lbk__json_number(json_array_get(bins, count - 1)));
    lbk__gnuplot_put(g, "EOD\n");
}

static void plot_density(lbk__gnuplot *g, const json_t *root, size_t s) {
    const json_t *lines = lbk__json_at(json_array_get(json_object_get(root, "density"), s), "lines", NULL);
    size_t i;
    json_t *line;
    for (int v = 0; lbk__view_names[v]; v++) {
        char name[64];
        snprintf(name, sizeof name, "density-%zu-%s", s, lbk__view_names[v]);
        lbk__gnuplot_begin(g, name, WIDTH, HEIGHT);
        axis_label(g, "x", "probability of the true class");
        json_array_foreach(lines, i, line) put_bins(g, (int)i, json_object_get(line, lbk__view_names[v]), 1);
        lbk__gnuplot_put(g, "set xrange [0:1]\nset xtics 0.25\nset yrange [0:*]\nunset ytics\nset grid "
                            "noytics\nset border 1\nplot ");
        json_array_foreach(lines, i, line) {
            const char *of = lbk__json_text_of(line, "name");
            lbk__gnuplot_put(g, "%s$d%zu with steps lw 2 %slc rgb '%s'", i ? ", " : "", i,
                             strcmp(of, "teacher") == 0 ? "dt 2 " : "", lbk__colour_of(of));
        }
        lbk__gnuplot_put(g, "\n");
    }
}

static void plot_saliency(lbk__gnuplot *g, const json_t *root) {
    const json_t *histogram = lbk__json_at(root, "saliency", "histogram", NULL);
    const double upper = lbk__json_number(json_object_get(histogram, "upper"));
    lbk__gnuplot_begin(g, "saliency", 460, 260);
    axis_label(g, "x", "saliency");
    axis_label(g, "y", "share of the samples");
    put_bins(g, 0, json_object_get(histogram, "text"), upper);
    put_bins(g, 1, json_object_get(histogram, "image"), upper);
    lbk__gnuplot_tics(g, 'x', 0, upper);
    lbk__gnuplot_put(
        g,
        "set yrange [0:*]\nset style fill transparent solid 0.14 noborder\n"
        "plot $d0 with fillsteps lc rgb '%s', $d1 with fillsteps lc rgb '%s', $d0 with steps lw 2 lc rgb "
        "'%s', $d1 with steps lw 2 lc rgb '%s'\n",
        lbk__colour_of("text"), lbk__colour_of("image"), lbk__colour_of("text"), lbk__colour_of("image"));
}

enum { MOST_CLASSES = 24 };

/* The most frequent classes that the samples have, by falling number of samples. */
static int frequent_classes(const json_t *classes, const json_t *shown[MOST_CLASSES]) {
    int count = 0;
    size_t c;
    json_t *class;
    json_array_foreach(classes, c, class) {
        int at = LBK_MIN(count, MOST_CLASSES - 1);
        const double samples = lbk__json_number(json_object_get(class, "num_samples"));
        if (samples == 0) continue;
        if (count == MOST_CLASSES && lbk__json_number(json_object_get(shown[at], "num_samples")) >= samples)
            continue;
        for (; at > 0 && lbk__json_number(json_object_get(shown[at - 1], "num_samples")) < samples; at--)
            shown[at] = shown[at - 1];
        shown[at] = class;
        count = LBK_MIN(count + 1, MOST_CLASSES);
    }
    return count;
}

/* Height, mean, p5, p95, p25, p75 of each class; the highest number is returned. */
static double put_spreads(lbk__gnuplot *g, const json_t *const *shown, int count, size_t modality) {
    static const char *const keys[] = {"mean", "p5", "p95", "p25", "p75"};
    double most = 0;
    lbk__gnuplot_put(g, "$d%zu << EOD\n", modality);
    for (int c = 0; c < count; c++) {
        lbk__gnuplot_put(g, "%.9g", count - c + (modality ? -0.17 : 0.17));
        for (size_t k = 0; k < LBK_COUNT(keys); k++) {
            const double value =
                lbk__json_number(lbk__json_at(shown[c], lbk__modality_names[modality], keys[k], NULL));
            most = fmax(most, value);
            lbk__gnuplot_put(g, " %.9g", value);
        }
        lbk__gnuplot_put(g, "\n");
    }
    lbk__gnuplot_put(g, "EOD\n");
    return most;
}

/* A row for each class: S(text) in its upper half, S(image) in its lower; thin lines hold nine tenths of the
 * samples, thick ones half. */
static void plot_classes(lbk__gnuplot *g, const json_t *root) {
    const json_t *shown[MOST_CLASSES];
    const int count = frequent_classes(lbk__json_at(root, "saliency", "classes", NULL), shown);
    double most = 1e-6;
    if (count == 0) return;
    lbk__gnuplot_begin(g, "classes", 460, height_of(count) + 6 * count);
    lbk__gnuplot_put(g, "set lmargin 20\nunset ytics\nset grid noytics\nset border 1\n");
    for (size_t m = 0; m < LBK__NUM_MODALITIES; m++) most = fmax(most, put_spreads(g, shown, count, m));
    lbk__gnuplot_put(g, "set yrange [0.4:%d.6]\n", count);
    lbk__gnuplot_tics(g, 'x', 0, 1.06 * most);
    axis_label(g, "x", "saliency");
    for (int c = 0; c < count; c++) {
        char quoted[64];
        lbk__gnuplot_put(
            g, "set label %s at graph 0, first %d right offset -1,0 noenhanced textcolor rgb '#1f2430'\n",
            lbk__gnuplot_quote(quoted, 28, lbk__json_text_of(shown[c], "name")), count - c);
    }
    lbk__gnuplot_put(g, "plot ");
    for (size_t m = 0; m < LBK__NUM_MODALITIES; m++) {
        const char *colour = lbk__colour_of(lbk__modality_names[m]);
        lbk__gnuplot_put(g,
                         "%s$d%zu using 3:1:($4-$3):(0) with vectors nohead lw 1 lc rgb '%s', $d%zu using "
                         "5:1:($6-$5):(0) with vectors nohead lw 3 lc rgb '%s', $d%zu using 2:1 with points "
                         "pt %d ps 0.75 lc rgb '%s'",
                         m ? ", " : "", m, colour, m, colour, m, m ? 5 : 7, colour);
    }
    lbk__gnuplot_put(g, "\n");
}

/* ---- size and latency ---- */

/* A model's joint score: the teacher's, or that of a student by KD, or by the scheme that dev picked. */
static double score_of(const json_t *root, const char *model, const char *wanted) {
    size_t s, m;
    json_t *student, *method;
    if (strcmp(wanted, "teacher") == 0)
        return lbk__json_number(lbk__json_at(root, "teacher", "views", "joint", "score", NULL));
    json_array_foreach(json_object_get(root, "students"), s, student) {
        if (strcmp(lbk__json_text_of(student, "name"), model) != 0) continue;
        json_array_foreach(json_object_get(student, "methods"), m,
                           method) if (strcmp(wanted, "picked") == 0
                                           ? json_is_true(json_object_get(method, "picked"))
                                           : strcmp(lbk__json_text_of(method, "kind"), wanted) ==
                                                 0) return lbk__json_number(lbk__json_at(method, "views",
                                                                                         "joint", "score",
                                                                                         "mean", NULL));
    }
    return NAN;
}

/* 1, 2 and 5 times powers of ten within [low, high], given as logarithms. */
static void log_tics(lbk__gnuplot *g, double low, double high) {
    static const int digits[] = {1, 2, 5};
    bool first = true;
    lbk__gnuplot_put(g, "set logscale x 10\nset xrange [%.9g:%.9g]\nset xtics (", pow(10, low),
                     pow(10, high));
    for (int power = (int)floor(low); power <= (int)ceil(high); power++)
        for (size_t d = 0; d < LBK_COUNT(digits); d++, first = false)
            lbk__gnuplot_put(g, "%s'%g' %g", first ? "" : ", ", digits[d] * pow(10, power),
                             digits[d] * pow(10, power));
    lbk__gnuplot_put(g, ")\n");
}

static void plot_size(lbk__gnuplot *g, const json_t *root, const char *name, const char *key, double scale,
                      const char *label) {
    static const char *const points[] = {"teacher", "kd", "picked"};
    static const char *const colours[] = {"#1f2430", "#2f6fde", "#d1385c"};
    const json_t *models = json_object_get(root, "models");
    range x = {NAN, NAN}, y = {NAN, NAN};
    size_t i;
    json_t *model;
    lbk__gnuplot_begin(g, name, 420, 270);
    for (size_t p = 0; p < LBK_COUNT(points); p++) {
        lbk__gnuplot_put(g, "$d%zu << EOD\n", p);
        json_array_foreach(models, i, model) {
            const char *of = lbk__json_text_of(model, "name");
            const double at = scale * lbk__json_number(json_object_get(model, key)),
                         score = (i == 0) == (p == 0) ? score_of(root, of, points[p]) : NAN;
            if (isnan(score) || !(at > 1e-9 && at < 1e12)) continue; /* no size and no time */
            widen(&x, log10(at)), widen(&y, score);
            lbk__gnuplot_put(g, "%.9g %.9g\n", at, score);
        }
        lbk__gnuplot_put(g, "NaN NaN\nEOD\n");
    }
    y = with_room(y);
    if (isnan(x.low)) x = (range){0, 1};
    axis_label(g, "x", label);
    axis_label(g, "y", lbk__json_text_of(root, "metric"));
    lbk__gnuplot_tics(g, 'y', y.low, y.high);
    log_tics(g, x.low - 0.15, x.high + 0.15);
    lbk__gnuplot_put(g, "plot ");
    for (size_t p = 0; p < LBK_COUNT(points); p++)
        lbk__gnuplot_put(g, "%s$d%zu with points pt %d ps 1 lc rgb '%s'", p ? ", " : "", p,
                         p == 0   ? 13
                         : p == 1 ? 7
                                  : 9,
                         colours[p]);
    lbk__gnuplot_put(g, "\n");
}

lbk_status lbk__results_plots(lbk_context *context, const char *folder, const json_t *root, json_t **plots) {
    lbk__gnuplot g = {.context = context, .names = json_array()};
    char *path;
    *plots = NULL;
    for (size_t s = 0; s < json_array_size(json_object_get(root, "students")); s++) {
        plot_views(&g, root, s);
        plot_curves(&g, root, s);
        plot_weights(&g, root, s);
        plot_density(&g, root, s);
    }
    plot_saliency(&g, root);
    plot_classes(&g, root);
    plot_size(&g, root, "size", "parameters", 1e-6, "million parameters");
    plot_size(&g, root, "latency", "latency_ms", 1, "latency of one sample, ms");
    lbk_status status = lbk__join(context, folder, "plots", &path);
    if (status == LBK_OK) status = lbk__gnuplot_run(&g, path, plots);
    lbk__gnuplot_free(&g);
    lbk_free(context, path);
    return status;
}
