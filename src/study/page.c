/* page.c: the report as one HTML file that needs nothing else: style, plots and pictures are in it. */
#include "study/page.h"

#include "base/file.h"
#include "base/names.h"
#include "study/report.h"
#include "train/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct page {
    lbk__html html;
    const json_t *root, *plots;
} page;

/* ---- pieces ---- */

static void put_plot(page *p, const char *name, const char *caption) {
    const char *svg = json_string_value(json_object_get(p->plots, name));
    if (!svg) return;
    lbk__html_put(&p->html, "<figure><figcaption>");
    lbk__html_text(&p->html, caption);
    lbk__html_put(&p->html, "</figcaption>");
    lbk__html_put(&p->html, svg);
    lbk__html_put(&p->html, "</figure>");
}

static void begin_plots(page *p) {
    lbk__html_put(&p->html, "<div class=plots>");
}

static void end_plots(page *p) {
    lbk__html_put(&p->html, "</div>");
}

static void legend_item(page *p, const char *name, const char *colour) {
    lbk__html_format(&p->html, "<li><i style='background:var(--%s)'></i>", colour);
    lbk__html_text(&p->html, name);
    lbk__html_put(&p->html, "</li>");
}

/* The theme's name of what lbk__colour_of gives. */
static const char *theme_colour(const char *name) {
    static const char *const themes[][2] = {
        {"#1f2430", "ink"},    {"#7d8590", "grey"},   {"#2f6fde", "blue"},
        {"#d97a00", "orange"}, {"#8d6a3f", "brown"},  {"#12906b", "green"},
        {"#d1385c", "red"},    {"#8a4fd0", "purple"}, {"#0093a8", "teal"}};
    for (size_t i = 0; i < LBK_COUNT(themes); i++)
        if (strcmp(themes[i][0], lbk__colour_of(name)) == 0) return themes[i][1];
    return "ink";
}

/* Of an array of objects with a "name". */
static void put_legend(page *p, const json_t *named) {
    size_t i;
    json_t *item;
    lbk__html_put(&p->html, "<ul class=legend>");
    json_array_foreach(named, i, item)
        legend_item(p, lbk__json_text_of(item, "name"), theme_colour(lbk__json_text_of(item, "name")));
    lbk__html_put(&p->html, "</ul>");
}

static void put_view_legend(page *p, int first) {
    lbk__html_put(&p->html, "<ul class=legend>");
    for (int v = first; lbk__view_names[v]; v++)
        legend_item(p, lbk__view_names[v], theme_colour(lbk__view_names[v]));
    lbk__html_put(&p->html, "</ul>");
}

static void student_title(page *p, const json_t *student) {
    if (json_array_size(json_object_get(p->root, "students")) == 1) return;
    lbk__html_put(&p->html, "<h3>");
    lbk__html_text(&p->html, lbk__json_text_of(student, "name"));
    lbk__html_put(&p->html, "</h3>");
}

/* ---- the head: what came out ---- */

static const char *title_of(const char *view) {
    return strcmp(view, "joint") == 0  ? "both modalities"
           : strcmp(view, "text") == 0 ? "text alone"
                                       : "image alone";
}

/* Nothing for a test that there was not. */
static void put_p(page *p, const char *name, double value) {
    if (isnan(value)) return;
    lbk__html_put(&p->html, name);
    lbk__html_p(&p->html, value);
}

/* One view: the scheme that dev picked against KD. */
static void put_card(page *p, const json_t *student, const char *view) {
    const json_t *picked = NULL, *kd = NULL;
    size_t m;
    json_t *method;
    json_array_foreach(json_object_get(student, "methods"), m, method) {
        if (json_is_true(json_object_get(method, "picked"))) picked = method;
        if (strcmp(lbk__json_text_of(method, "kind"), "kd") == 0) kd = method;
    }
    if (!picked || !kd) return;
    const json_t *against = lbk__json_at(picked, "views", view, "against_kd", NULL);
    const double difference = lbk__json_number(json_object_get(against, "difference")),
                 p_value = lbk__json_number(json_object_get(against, "p_bootstrap_holm"));
    const bool clear = p_value < 0.05;
    lbk__html_put(&p->html, "<div class=card><div class=label>");
    lbk__html_text(&p->html, title_of(view));
    lbk__html_put(&p->html, "</div><b class=big>");
    lbk__html_score(&p->html, lbk__json_number(lbk__json_at(picked, "views", view, "score", "mean", NULL)));
    lbk__html_put(&p->html, "</b><div>");
    lbk__html_text(&p->html, lbk__json_text_of(picked, "name"));
    lbk__html_put(&p->html, "</div><div class=label>KD ");
    lbk__html_score(&p->html, lbk__json_number(lbk__json_at(kd, "views", view, "score", "mean", NULL)));
    lbk__html_put(&p->html, " · teacher ");
    lbk__html_score(&p->html,
                    lbk__json_number(lbk__json_at(p->root, "teacher", "views", view, "score", NULL)));
    lbk__html_format(&p->html, "</div><div class=label><span class='%s'>",
                     clear ? (difference > 0 ? "up" : "down") : "");
    lbk__html_signed(&p->html, difference);
    lbk__html_put(&p->html, clear            ? (difference > 0 ? " ▲ better than KD" : " ▼ worse than KD")
                            : isnan(p_value) ? " to KD"
                                             : " no clear difference");
    lbk__html_put(&p->html, "</span>");
    put_p(p, ", p over samples ", p_value);
    put_p(p, ", p over seeds ", lbk__json_number(json_object_get(against, "p_t_holm")));
    lbk__html_put(&p->html, "</div></div>");
}

static void put_head(page *p) {
    const json_t *students = json_object_get(p->root, "students");
    const double seeds = lbk__json_number(json_object_get(json_array_get(students, 0), "num_seeds"));
    lbk__html_put(&p->html, "<!doctype html><html lang=en><head><meta charset=utf-8>"
                            "<meta name=viewport content='width=device-width,initial-scale=1'><title>");
    lbk__html_text(&p->html, lbk__json_text_of(p->root, "name"));
    lbk__html_put(&p->html, " – limbeck study</title><style>");
    lbk__html_put(&p->html, lbk__page_style);
    lbk__html_put(&p->html, "</style></head><body><main><header><h1>");
    lbk__html_text(&p->html, lbk__json_text_of(p->root, "name"));
    lbk__html_format(
        &p->html,
        "</h1><p class=soft>Distillation of a vision-and-language teacher: %s on %.0f test samples, %.0f "
        "classes, %.0f seed%s. ± and the intervals are 95 %%.</p>",
        lbk__json_text_of(p->root, "metric"), lbk__json_number(json_object_get(p->root, "num_samples")),
        lbk__json_number(json_object_get(p->root, "num_classes")), seeds, seeds == 1 ? "" : "s");
    lbk__page_warnings(&p->html, p->root);
    lbk__html_put(&p->html, "<nav><a href='#methods'>Methods</a>");
    if (json_array_size(students) > 1) lbk__html_put(&p->html, "<a href='#students'>Students</a>");
    lbk__html_put(&p->html, "<a href='#views'>One modality</a><a href='#saliency'>Saliency</a>");
    if (json_array_size(json_object_get(p->root, "probes")))
        lbk__html_put(&p->html, "<a href='#teacher'>Teacher</a>");
    lbk__html_put(
        &p->html,
        "<a href='#behaviour'>Behaviour</a><a href='#training'>Training</a><a href='#size'>Size and speed</a>"
        "<a href='#samples'>Samples</a><a href='#made'>How it was made</a></nav></header>");
    for (size_t s = 0; s < json_array_size(students); s++) {
        student_title(p, json_array_get(students, s));
        lbk__html_put(&p->html, "<div class=cards>");
        for (int v = 0; lbk__view_names[v]; v++) put_card(p, json_array_get(students, s), lbk__view_names[v]);
        lbk__html_put(&p->html, "</div>");
    }
    lbk__html_put(&p->html, "<p class=note>");
    lbk__html_text(&p->html, lbk__json_text_of(p->root, "note"));
    lbk__html_put(&p->html, "</p>");
}

/* ---- sections ---- */

static void put_methods(page *p) {
    size_t s;
    json_t *student;
    lbk__html_put(
        &p->html,
        "<section id=methods><h2>Methods</h2><p>Each student is taught by labels alone (3), by plain "
        "distillation "
        "(KD, 4) and by distilling each modality as well (MSD, 5), with the weights of the views named. "
        "Bold: the best mean. The interval of a difference, 95 %, and <i>p bootstrap</i> come from "
        "resampling "
        "the test samples, <i>p t</i> and <i>p Wilcoxon</i> from pairing the seeds. The p-values are "
        "corrected "
        "by Holm over the student's methods, bold below 0.05; the intervals are not.");
    const double seeds = lbk__json_number(
        lbk__json_at(json_array_get(json_object_get(p->root, "students"), 0), "num_seeds", NULL));
    if (seeds > 1)
        lbk__html_format(&p->html, " Wilcoxon's p cannot be below %.2g with %.0f seeds.", pow(2, 1 - seeds),
                         seeds);
    lbk__html_put(&p->html, "</p>");
    if (!json_object_get(p->plots, "gnuplot"))
        lbk__html_put(
            &p->html,
            "<p class=note>Plots are left out: gnuplot was not found. Install it and run <code>limbeck "
            "report</code> on this study.</p>");
    json_array_foreach(json_object_get(p->root, "students"), s, student) {
        char name[64];
        student_title(p, student);
        lbk__page_comparison(&p->html, p->root, student, "joint");
        begin_plots(p);
        for (int v = 0; lbk__view_names[v]; v++) {
            snprintf(name, sizeof name, "scores-%zu-%s", s, lbk__view_names[v]);
            put_plot(p, name, title_of(lbk__view_names[v]));
        }
        end_plots(p);
    }
    lbk__html_put(
        &p->html,
        "<p class=note>Dots are means over the seeds with their 95 % intervals; the dashed line is the "
        "teacher.</p></section>");
}

/* What it brings to be taught or to start otherwise: students against the first. */
static void put_students(page *p) {
    const json_t *students = json_object_get(p->root, "students");
    if (json_array_size(students) < 2) return;
    lbk__html_put(&p->html,
                  "<section id=students><h2>Students against the first</h2><p>The score of each method of a "
                  "student less that of the same method of ");
    lbk__html_text(&p->html, lbk__json_text_of(json_array_get(students, 0), "name"));
    lbk__html_put(
        &p->html,
        ", with the same seeds: differences, their intervals, and tests of the joint view, as above.</p>");
    for (size_t s = 1; s < json_array_size(students); s++) {
        student_title(p, json_array_get(students, s));
        lbk__page_against_first(&p->html, json_array_get(students, s));
    }
    lbk__html_put(&p->html, "</section>");
}

static void put_views(page *p) {
    size_t s;
    json_t *student;
    lbk__html_put(
        &p->html,
        "<section id=views><h2>When a modality is missing</h2><p>Scores when a student is shown only the "
        "text or only the image, compared as above, and how far its predictions are from the teacher's under "
        "the same view: mean KL(teacher&thinsp;‖&thinsp;student), in nats.</p>");
    json_array_foreach(json_object_get(p->root, "students"), s, student) {
        char name[64];
        student_title(p, student);
        for (int v = LBK_VIEW_TEXT; lbk__view_names[v]; v++)
            lbk__page_comparison(&p->html, p->root, student, lbk__view_names[v]);
        lbk__page_divergences(&p->html, student);
        begin_plots(p);
        for (int v = 0; lbk__view_names[v]; v++) {
            snprintf(name, sizeof name, "kl-%zu-%s", s, lbk__view_names[v]);
            put_plot(p, name, title_of(lbk__view_names[v]));
        }
        end_plots(p);
    }
    lbk__html_put(&p->html, "</section>");
}

static void put_saliency(page *p) {
    lbk__html_put(&p->html, "<section id=saliency><h2>What each modality means to the "
                            "teacher</h2><p>Saliency S(m), equation (6), by ");
    lbk__html_text(&p->html, lbk__json_text_of(json_object_get(p->root, "saliency"), "kind"));
    lbk__html_put(&p->html, ": how much the teacher's prediction moves when modality m is taken away.</p>");
    put_view_legend(p, LBK_VIEW_TEXT);
    begin_plots(p);
    put_plot(p, "saliency", "over the test samples");
    put_plot(p, "classes", "by class, test samples: means, and where half and nine tenths of them lie");
    end_plots(p);
    lbk__html_put(&p->html, "<p class=note>The last bin holds what is beyond it.</p>");
    lbk__page_saliency(&p->html, p->root);
    lbk__html_put(&p->html, "</section>");
}

/* Where its answers to train are sure and right, students learn little from them. */
static void put_teacher(page *p) {
    const json_t *first = json_array_get(json_object_get(p->root, "probes"), 0);
    if (!first) return;
    lbk__html_put(&p->html, "<section id=teacher><h2>The teacher on what it was trained on</h2><p>Its ");
    lbk__html_text(&p->html, lbk__json_text_of(first, "metric"));
    lbk__html_put(
        &p->html,
        " and the mean entropy of its predictions, in nats, under each view. A teacher knows its "
        "training samples by heart if under the joint view its error on them is less than half, and "
        "its entropy less than two thirds, of those on dev: ");
    lbk__html_put(&p->html, json_is_true(json_object_get(first, "memorised"))
                                ? "<b>this one does</b>, and students learn little from such answers.</p>"
                                : "this one does not.</p>");
    lbk__page_probes(&p->html, p->root);
    lbk__html_put(&p->html, "</section>");
}

static void put_behaviour(page *p) {
    size_t s;
    json_t *density;
    lbk__html_put(&p->html,
                  "<section id=behaviour><h2>Does a student behave like its teacher within each "
                  "modality?</h2><p>Density of the "
                  "probability that is given to the true class, over the test samples (and seeds).</p>");
    json_array_foreach(json_object_get(p->root, "density"), s, density) {
        char name[64];
        student_title(p, json_array_get(json_object_get(p->root, "students"), s));
        put_legend(p, json_object_get(density, "lines"));
        begin_plots(p);
        for (int v = 0; lbk__view_names[v]; v++) {
            snprintf(name, sizeof name, "density-%zu-%s", s, lbk__view_names[v]);
            put_plot(p, name, title_of(lbk__view_names[v]));
        }
        end_plots(p);
    }
    lbk__html_put(&p->html, "</section>");
}

static void put_training(page *p) {
    size_t s, m;
    json_t *student, *method;
    lbk__html_put(&p->html, "<section id=training><h2>Training</h2>");
    json_array_foreach(json_object_get(p->root, "students"), s, student) {
        const json_t *weights =
            lbk__json_at(json_array_get(json_object_get(p->root, "weights"), s), "methods", NULL);
        char name[64];
        student_title(p, student);
        lbk__page_chosen(&p->html, p->root, student);
        put_legend(p, json_object_get(student, "methods"));
        snprintf(name, sizeof name, "curves-%zu", s);
        begin_plots(p);
        put_plot(p, name, "on dev during training, mean over the seeds");
        end_plots(p);
        lbk__html_put(&p->html, "<p>Weights of the views in (5), by epoch: mean over the training samples, "
                                "and where nine tenths of "
                                "them lie. First seed.</p>");
        put_view_legend(p, LBK_VIEW_JOINT);
        begin_plots(p);
        json_array_foreach(weights, m, method) {
            snprintf(name, sizeof name, "weights-%zu-%zu", s, m);
            put_plot(p, name, lbk__json_text_of(method, "name"));
        }
        end_plots(p);
    }
    lbk__html_put(&p->html, "</section>");
}

static void put_size(page *p) {
    lbk__html_put(&p->html, "<section id=size><h2>Size and speed</h2><ul class=legend>");
    legend_item(p, "teacher", "ink");
    legend_item(p, "student by KD", "blue");
    legend_item(p, "student by the MSD scheme picked on dev", "red");
    lbk__html_put(&p->html, "</ul>");
    begin_plots(p);
    put_plot(p, "size", "score against size");
    put_plot(p, "latency", "score against latency");
    end_plots(p);
    lbk__page_models(&p->html, p->root);
    lbk__html_put(&p->html, "<p class=note>Latency: one sample, joint view, the median of 100. Throughput: "
                            "in batches of 32.</p></section>");
}

static void put_samples(page *p) {
    lbk__html_put(&p->html, "<section id=samples><h2>Samples where a modality decides</h2><p>The test "
                            "samples with the most one-sided "
                            "saliencies of the teacher, and with the highest of both. Answers with their "
                            "probability, the students' "
                            "from the first seed of the first student.</p>");
    lbk__page_samples(&p->html, p->root);
    lbk__html_put(&p->html, "</section>");
}

lbk_status lbk__results_page(lbk_context *context, const json_t *root, const json_t *plots,
                             const char *path) {
    page p = {.html = {.context = context}, .root = root, .plots = plots};
    put_head(&p);
    put_methods(&p);
    put_students(&p);
    put_views(&p);
    put_saliency(&p);
    put_teacher(&p);
    put_behaviour(&p);
    put_training(&p);
    put_size(&p);
    put_samples(&p);
    lbk__page_made(&p.html, root, plots);
    lbk__html_put(&p.html, "</main></body></html>\n");
    lbk_status status = p.html.status;
    if (status == LBK_OK) status = lbk__write_file(context, path, p.html.text.data, p.html.text.length);
    lbk__text_free(context, &p.html.text);
    return status;
}
