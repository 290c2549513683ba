/* page_tables.c: the tables of the page; the best of a column is bold. */
#include "base/names.h"
#include "study/page.h"
#include "train/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void begin(lbk__html *html, const char *const *heads, size_t count) {
    lbk__html_put(html, "<div class=scroll tabindex=0><table><thead><tr>");
    for (size_t i = 0; i < count; i++) lbk__html_format(html, "<th scope=col>%s</th>", heads[i]);
    lbk__html_put(html, "</tr></thead><tbody>");
}

static void end(lbk__html *html) {
    lbk__html_put(html, "</tbody></table></div>");
}

static void row_head(lbk__html *html, const json_t *method) {
    lbk__html_put(html, "<tr><th scope=row>");
    lbk__html_text(html, lbk__json_text_of(method, "name"));
    if (json_is_true(json_object_get(method, "picked")))
        lbk__html_put(html, "<span class=tag>picked on dev</span>");
    lbk__html_put(html, "</th>");
}

/* The best mean of a part ("score": the highest, "kl": the lowest) over the methods. */
static double best_of(const json_t *student, const char *view, const char *part) {
    const bool highest = strcmp(part, "score") == 0;
    double best = NAN;
    size_t m;
    json_t *method;
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        const double mean = lbk__json_number(lbk__json_at(method, "views", view, part, "mean", NULL));
        if (isnan(best) || (highest ? mean > best : mean < best)) best = mean;
    }
    return best;
}

static void mean_cell(lbk__html *html, const json_t *method, const char *view, const char *part,
                      double best) {
    const json_t *value = lbk__json_at(method, "views", view, part, NULL);
    const double mean = lbk__json_number(json_object_get(value, "mean")),
                 half = lbk__json_number(json_object_get(value, "half_width"));
    lbk__html_put(html, mean == best ? "<td class=best>" : "<td>");
    lbk__html_score(html, mean);
    if (!isnan(half)) lbk__html_format(html, " <span class=pm>± %.3f</span>", half);
    lbk__html_put(html, "</td>");
}

static void p_cell(lbk__html *html, const json_t *against, const char *key) {
    const double p = lbk__json_number(json_object_get(against, key));
    lbk__html_put(html, p < 0.05 ? "<td class=best>" : "<td>");
    lbk__html_p(html, p);
    lbk__html_put(html, "</td>");
}

/* "+0.012 (−0.003 … +0.027)" */
static void difference_cell(lbk__html *html, const json_t *against) {
    const double difference = lbk__json_number(json_object_get(against, "difference")),
                 low = lbk__json_number(json_object_get(against, "low")),
                 high = lbk__json_number(json_object_get(against, "high")),
                 p = lbk__json_number(json_object_get(against, "p_bootstrap_holm"));
    lbk__html_format(html, "<td><span class='%s'>", p < 0.05 ? (difference > 0 ? "up" : "down") : "");
    lbk__html_signed(html, difference);
    lbk__html_put(html, "</span>");
    if (!isnan(low)) {
        lbk__html_put(html, " <span class=pm>(");
        lbk__html_signed(html, low);
        lbk__html_put(html, " … ");
        lbk__html_signed(html, high);
        lbk__html_put(html, ")</span>");
    }
    lbk__html_put(html, "</td>");
}

void lbk__page_comparison(lbk__html *html, const json_t *root, const json_t *student, const char *view) {
    char score[32];
    snprintf(score, sizeof score, "%s score", view);
    const char *const heads[] = {"method", score, "difference to KD", "p bootstrap", "p t", "p Wilcoxon"};
    static const char *const tests[] = {"p_bootstrap_holm", "p_t_holm", "p_wilcoxon_holm"};
    const double best = best_of(student, view, "score");
    size_t m;
    json_t *method;
    begin(html, heads, LBK_COUNT(heads));
    lbk__html_put(html, "<tr><th scope=row>teacher</th><td>");
    lbk__html_score(html, lbk__json_number(lbk__json_at(root, "teacher", "views", view, "score", NULL)));
    lbk__html_put(html, "</td><td></td><td></td><td></td><td></td></tr>");
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        const json_t *against = lbk__json_at(method, "views", view, "against_kd", NULL);
        row_head(html, method);
        mean_cell(html, method, view, "score", best);
        if (against) {
            difference_cell(html, against);
            for (size_t t = 0; t < LBK_COUNT(tests); t++) p_cell(html, against, tests[t]);
        } else {
            lbk__html_put(html, "<td></td><td></td><td></td><td></td>");
        }
        lbk__html_put(html, "</tr>");
    }
    end(html);
}

void lbk__page_against_first(lbk__html *html, const json_t *student) {
    static const char *const heads[] = {"method", "joint", "p bootstrap", "p t", "text alone", "image alone"};
    size_t m;
    json_t *method;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        const json_t *views = json_object_get(method, "views"),
                     *joint = lbk__json_at(views, "joint", "against_first", NULL);
        row_head(html, method);
        difference_cell(html, joint);
        p_cell(html, joint, "p_bootstrap_holm");
        p_cell(html, joint, "p_t_holm");
        difference_cell(html, lbk__json_at(views, "text", "against_first", NULL));
        difference_cell(html, lbk__json_at(views, "image", "against_first", NULL));
        lbk__html_put(html, "</tr>");
    }
    end(html);
}

void lbk__page_divergences(lbk__html *html, const json_t *student) {
    static const char *const heads[] = {"method", "KL joint", "KL text", "KL image"};
    size_t m;
    json_t *method;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        row_head(html, method);
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            mean_cell(html, method, lbk__view_names[v], "kl", best_of(student, lbk__view_names[v], "kl"));
        lbk__html_put(html, "</tr>");
    }
    end(html);
}

void lbk__page_chosen(lbk__html *html, const json_t *root, const json_t *student) {
    char dev[96];
    snprintf(dev, sizeof dev, "dev %s", lbk__json_text_of(root, "dev_metric"));
    const char *const heads[] = {"method", dev, "chosen on dev"};
    size_t m, i;
    json_t *method, *setting;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        const json_t *value = json_object_get(method, "dev");
        row_head(html, method);
        lbk__html_put(html, "<td>");
        lbk__html_score(html, lbk__json_number(json_object_get(value, "mean")));
        lbk__html_put(html, "</td><td>");
        json_array_foreach(json_object_get(method, "settings"), i, setting) {
            if (i) lbk__html_put(html, ", ");
            lbk__html_text(html, json_string_value(setting));
        }
        if (json_array_size(json_object_get(method, "settings")) == 0)
            lbk__html_put(html, "nothing to choose");
        lbk__html_put(html, "</td></tr>");
    }
    end(html);
}

/* "0.310 (0.002 … 1.204)": the mean, and where nine tenths of the samples lie. */
static void spread_cell(lbk__html *html, const json_t *spread) {
    const double mean = lbk__json_number(json_object_get(spread, "mean"));
    lbk__html_put(html, "<td>");
    lbk__html_score(html, mean);
    if (!isnan(mean))
        lbk__html_format(html, " <span class=pm>(%.3f … %.3f)</span>",
                         lbk__json_number(json_object_get(spread, "p5")),
                         lbk__json_number(json_object_get(spread, "p95")));
    lbk__html_put(html, "</td>");
}

static void saliency_table(lbk__html *html, const char *first, const char *last, const json_t *rows) {
    const char *const heads[] = {first, "S(text)", "S(image)", last};
    size_t i;
    json_t *row;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(rows, i, row) {
        lbk__html_put(html, "<tr><th scope=row>");
        lbk__html_text(html, lbk__json_text_of(row, "name"));
        lbk__html_put(html, "</th>");
        spread_cell(html, json_object_get(row, "text"));
        spread_cell(html, json_object_get(row, "image"));
        lbk__html_format(html, "<td>%.0f</td></tr>", lbk__json_number(json_object_get(row, "num_samples")));
    }
    end(html);
}

void lbk__page_saliency(lbk__html *html, const json_t *root) {
    saliency_table(html, "split", "samples", lbk__json_at(root, "saliency", "splits", NULL));
    lbk__html_put(html, "<details><summary>By class</summary>");
    saliency_table(html, "class", "test samples", lbk__json_at(root, "saliency", "classes", NULL));
    lbk__html_put(html, "</details>");
}

static void probe_row(lbk__html *html, const json_t *probe, const char *split) {
    const double folds = lbk__json_number(json_object_get(probe, "folds"));
    const char *parts[] = {lbk__json_text_of(probe, "metric"), "entropy"};
    const json_t *views = lbk__json_at(probe, "splits", split, NULL);
    lbk__html_put(html, "<tr><th scope=row>");
    lbk__html_text(html, split);
    if (folds > 0) lbk__html_format(html, ", out of %.0f folds", folds);
    lbk__html_put(html, "</th>");
    for (size_t p = 0; p < LBK_COUNT(parts); p++)
        for (int v = 0; v < LBK_NUM_VIEWS; v++) {
            lbk__html_put(html, "<td>");
            lbk__html_score(html, lbk__json_number(lbk__json_at(views, lbk__view_names[v], parts[p], NULL)));
            lbk__html_put(html, "</td>");
        }
    lbk__html_put(html, "</tr>");
}

/* Out of fold only train is another's: teachers that did not see the sample. */
void lbk__page_probes(lbk__html *html, const json_t *root) {
    static const char *const heads[] = {"split",         "joint",        "text",         "image",
                                        "entropy joint", "entropy text", "entropy image"};
    size_t i;
    json_t *probe;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(json_object_get(root, "probes"), i, probe) {
        probe_row(html, probe, lbk__json_text_of(probe, "train_split"));
        if (i == 0) probe_row(html, probe, lbk__json_text_of(probe, "dev_split"));
    }
    end(html);
}

void lbk__page_models(lbk__html *html, const json_t *root) {
    static const char *const heads[] = {"model", "parameters", "latency", "throughput"};
    size_t i;
    json_t *model;
    begin(html, heads, LBK_COUNT(heads));
    json_array_foreach(json_object_get(root, "models"), i, model) {
        lbk__html_put(html, "<tr><th scope=row>");
        lbk__html_text(html, lbk__json_text_of(model, "name"));
        lbk__html_format(html, "</th><td>%.3g M</td><td>%.3g ms</td><td>%.0f / s</td></tr>",
                         1e-6 * lbk__json_number(json_object_get(model, "parameters")),
                         lbk__json_number(json_object_get(model, "latency_ms")),
                         lbk__json_number(json_object_get(model, "samples_per_s")));
    }
    end(html);
}
