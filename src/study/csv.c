/* csv.c: the numbers of a report as comma-separated values: a file for each kind, a line for each thing told.
 */
#include "base/file.h"
#include "base/names.h"
#include "study/html.h"
#include "study/report.h"
#include "study/study.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

/* A table that grows; after the first failure nothing more happens. */
typedef struct csv {
    lbk_context *context;
    lbk__text text;
    lbk_status status;
} csv;

/* ---- fields ---- */

static void put(csv *c, const char *bytes, size_t length) {
    if (c->status == LBK_OK) c->status = lbk__text_append(c->context, &c->text, bytes, length);
}

static void end_line(csv *c) {
    put(c, "\n", 1);
}

/* A comma, unless the field is a line's first. */
static void begin_field(csv *c) {
    if (c->text.length && c->text.data[c->text.length - 1] != '\n') put(c, ",", 1);
}

/* For within quotes: each of the text's own is doubled. */
static void put_quoted(csv *c, const char *text) {
    for (; *text; text++) put(c, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
}

static void put_text(csv *c, const char *text) {
    begin_field(c);
    put(c, "\"", 1);
    put_quoted(c, text);
    put(c, "\"", 1);
}

/* As it is, where nothing in it has a meaning. */
static void put_word(csv *c, const char *word) {
    if (!*word || strpbrk(word, ",\"\r\n")) {
        put_text(c, word);
        return;
    }
    begin_field(c);
    put(c, word, strlen(word));
}

/* Nothing for what is not a number. */
static void put_number(csv *c, double value) {
    begin_field(c);
    if (isfinite(value) && c->status == LBK_OK)
        c->status = lbk__text_printf(c->context, &c->text, "%.9g", value);
}

static void put_value(csv *c, const json_t *object, const char *key) {
    put_number(c, lbk__json_number(json_object_get(object, key)));
}

/* The members of `object` at the keys, ended by NULL. */
static void put_values(csv *c, const json_t *object, const char *const *keys) {
    for (; *keys; keys++) put_value(c, object, *keys);
}

/* ---- results.csv: scores, divergences, tests ---- */

/* What the grid says of it: "distill.alpha=0.9 distill.temperature=2". */
static void put_settings(csv *c, const json_t *settings) {
    size_t i;
    json_t *setting;
    begin_field(c);
    put(c, "\"", 1);
    json_array_foreach(settings, i, setting) {
        if (i) put(c, " ", 1);
        put_quoted(c, json_string_value(setting));
    }
    put(c, "\"", 1);
}

static void put_result(csv *c, const char *student, const json_t *method, const char *view) {
    static const char *const mean[] = {"mean", "half_width", NULL},
                             *const compared[] = {"difference",       "low", "high",     "p_bootstrap",
                                                  "p_bootstrap_holm", "p_t", "p_t_holm", "p_wilcoxon",
                                                  "p_wilcoxon_holm",  NULL},
                             *const first[] = {"difference",       "low",      "high",
                                               "p_bootstrap_holm", "p_t_holm", NULL};
    const json_t *values = lbk__json_at(method, "views", view, NULL),
                 *score = json_object_get(values, "score");
    put_text(c, student);
    put_word(c, lbk__json_text_of(method, "name"));
    put_number(c, json_is_true(json_object_get(method, "picked")));
    put_word(c, view);
    put_number(c, (double)json_array_size(json_object_get(score, "values")));
    put_value(c, json_object_get(method, "dev"), "mean");
    put_values(c, score, mean);
    put_values(c, json_object_get(values, "kl"), mean);
    put_values(c, json_object_get(values, "against_kd"), compared);
    put_values(c, json_object_get(values, "against_first"), first);
    put_settings(c, json_object_get(method, "settings"));
    end_line(c);
}

static void put_teacher(csv *c, const json_t *root) {
    enum { EMPTY = 18 }; /* columns behind the score */
    for (int v = 0; lbk__view_names[v]; v++) {
        put_text(c, "");
        put_word(c, "teacher");
        put_number(c, 0);
        put_word(c, lbk__view_names[v]);
        put_number(c, 1);
        put_number(c, NAN);
        put_value(c, lbk__json_at(root, "teacher", "views", lbk__view_names[v], NULL), "score");
        for (int i = 0; i < EMPTY; i++) put_number(c, NAN);
        end_line(c);
    }
}

static void put_results(csv *c, const json_t *root) {
    size_t s, m;
    json_t *student, *method;
    put_teacher(c, root);
    json_array_foreach(json_object_get(root, "students"), s, student) json_array_foreach(
        json_object_get(student, "methods"), m, method) for (int v = 0; lbk__view_names[v]; v++)
        put_result(c, lbk__json_text_of(student, "name"), method, lbk__view_names[v]);
}

/* ---- the other files ---- */

static void put_models(csv *c, const json_t *root) {
    static const char *const keys[] = {"parameters", "latency_ms", "samples_per_s", NULL};
    size_t i;
    json_t *model;
    json_array_foreach(json_object_get(root, "models"), i, model) {
        put_word(c, lbk__json_text_of(model, "name"));
        put_values(c, model, keys);
        end_line(c);
    }
}

/* What the teacher itself says of dev; of train, each cache that students learn from. */
static void put_probes(csv *c, const json_t *root) {
    static const char *const names[] = {"train_split", "dev_split"};
    size_t i;
    json_t *probe;
    json_array_foreach(json_object_get(root, "probes"), i,
                       probe) for (size_t k = 0; k < (i ? 1 : LBK_COUNT(names));
                                   k++) for (int v = 0; lbk__view_names[v]; v++) {
        const char *split = lbk__json_text_of(probe, names[k]);
        const json_t *values = lbk__json_at(probe, "splits", split, lbk__view_names[v], NULL);
        put_word(c, split);
        put_value(c, probe, "folds");
        put_word(c, lbk__view_names[v]);
        put_value(c, values, lbk__json_text_of(probe, "metric"));
        put_value(c, values, "entropy");
        end_line(c);
    }
}

/* By split and by class, a line for each modality. */
static void put_saliency(csv *c, const json_t *root) {
    static const char *const lists[][2] = {{"splits", "split"}, {"classes", "class"}}, *const keys[] = {
                                                                                           "mean", "p5",
                                                                                           "p25",  "p50",
                                                                                           "p75",  "p95",
                                                                                           NULL};
    for (size_t k = 0; k < LBK_COUNT(lists); k++) {
        size_t i;
        json_t *group;
        json_array_foreach(lbk__json_at(root, "saliency", lists[k][0], NULL), i,
                           group) for (int v = LBK_VIEW_TEXT; v < LBK_NUM_VIEWS; v++) {
            put_word(c, lists[k][1]);
            put_word(c, lbk__json_text_of(group, "name"));
            put_value(c, group, "num_samples");
            put_word(c, lbk__view_names[v]);
            put_values(c, json_object_get(group, lbk__view_names[v]), keys);
            end_line(c);
        }
    }
}

/* From where to where the bin of `count` equal ones from 0 to `upper` goes. */
static void put_bin(csv *c, size_t bin, size_t count, double upper) {
    put_number(c, upper * (double)bin / (double)count);
    put_number(c, upper * (double)(bin + 1) / (double)count);
}

static void put_histogram(csv *c, const json_t *root) {
    const json_t *histogram = lbk__json_at(root, "saliency", "histogram", NULL),
                 *text = json_object_get(histogram, "text"), *image = json_object_get(histogram, "image");
    for (size_t b = 0; b < json_array_size(text); b++) {
        put_bin(c, b, json_array_size(text), lbk__json_number(json_object_get(histogram, "upper")));
        put_number(c, lbk__json_number(json_array_get(text, b)));
        put_number(c, lbk__json_number(json_array_get(image, b)));
        end_line(c);
    }
}

static void put_densities(csv *c, const json_t *root) {
    size_t s, i;
    json_t *student, *line;
    json_array_foreach(json_object_get(root, "density"), s, student) json_array_foreach(
        json_object_get(student, "lines"), i, line) for (int v = 0; lbk__view_names[v]; v++) {
        const json_t *bins = json_object_get(line, lbk__view_names[v]);
        for (size_t b = 0; b < json_array_size(bins); b++) {
            put_word(c, lbk__json_text_of(student, "student"));
            put_word(c, lbk__json_text_of(line, "name"));
            put_word(c, lbk__view_names[v]);
            put_bin(c, b, json_array_size(bins), 1);
            put_number(c, lbk__json_number(json_array_get(bins, b)));
            end_line(c);
        }
    }
}

static void put_curves(csv *c, const json_t *root) {
    size_t s, i, p;
    json_t *student, *line, *point;
    json_array_foreach(json_object_get(root, "curves"), s, student)
        json_array_foreach(json_object_get(student, "lines"), i, line)
            json_array_foreach(json_object_get(line, "points"), p, point) {
        put_word(c, lbk__json_text_of(student, "student"));
        put_word(c, lbk__json_text_of(line, "name"));
        put_number(c, lbk__json_number(json_array_get(point, 0)));
        put_number(c, lbk__json_number(json_array_get(point, 1)));
        end_line(c);
    }
}

static void put_weights(csv *c, const json_t *root) {
    static const char *const keys[] = {"mean", "p5", "p95", NULL};
    size_t s, m, e;
    json_t *student, *method, *epoch;
    json_array_foreach(json_object_get(root, "weights"), s, student)
        json_array_foreach(json_object_get(student, "methods"), m, method) json_array_foreach(
            json_object_get(method, "epochs"), e, epoch) for (int v = 0; lbk__view_names[v]; v++) {
        put_word(c, lbk__json_text_of(student, "student"));
        put_word(c, lbk__json_text_of(method, "name"));
        put_value(c, epoch, "epoch");
        put_word(c, lbk__view_names[v]);
        put_values(c, json_object_get(epoch, lbk__view_names[v]), keys);
        end_line(c);
    }
}

/* ---- all ---- */

static const struct {
    const char *file, *head;
    void (*put)(csv *c, const json_t *root);
} tables[] = {
    {"results.csv",
     "student,method,picked_on_dev,view,runs,dev,score,score_half_width,kl,kl_half_width,difference_to_kd,"
     "difference_low,difference_high,p_bootstrap,p_bootstrap_holm,p_t,p_t_holm,p_wilcoxon,p_wilcoxon_holm,"
     "difference_to_first,first_low,first_high,first_p_bootstrap_holm,first_p_t_holm,settings\n",
     put_results},
    {"models.csv", "model,parameters,latency_ms,samples_per_s\n", put_models},
    {"probes.csv", "split,folds,view,score,entropy\n", put_probes},
    {"saliency.csv", "of,name,samples,modality,mean,p5,p25,p50,p75,p95\n", put_saliency},
    {"saliency_histogram.csv", "from,to,text,image\n", put_histogram},
    {"densities.csv", "student,model,view,from,to,density\n", put_densities},
    {"curves.csv", "student,method,epoch,dev\n", put_curves},
    {"weights.csv", "student,method,epoch,view,mean,p5,p95\n", put_weights},
};

lbk_status lbk__results_csv(lbk_context *context, const char *folder, const json_t *root) {
    csv c = {.context = context};
    lbk_status status = LBK_OK;
    for (size_t t = 0; status == LBK_OK && t < LBK_COUNT(tables); t++) {
        char *path = NULL;
        c.text.length = 0;
        put(&c, tables[t].head, strlen(tables[t].head));
        tables[t].put(&c, root);
        status = c.status;
        if (status == LBK_OK) status = lbk__study_path(context, folder, tables[t].file, NULL, &path);
        if (status == LBK_OK) status = lbk__write_file(context, path, c.text.data, c.text.length);
        lbk_free(context, path);
    }
    lbk__text_free(context, &c.text);
    return status;
}
