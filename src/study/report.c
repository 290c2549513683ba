/* report.c: lbk_report: the numbers of a study into files, and a page that shows them. */
#include "study/report.h"

#include "base/file.h"
#include "base/guest.h"
#include "base/names.h"
#include "format/json.h"
#include "study/study.h"
#include "train/report.h"

#include <string.h>

static const char note[] =
    "The formulas (docs/method.md) are limbeck's own reading of the paper's abstract; no number here is the "
    "paper's.";

static lbk_status write_json(lbk_context *context, const char *folder, const json_t *root) {
    char *path;
    LBK_TRY(lbk__study_path(context, folder, "results.json", NULL, &path));
    const lbk_status status =
        lbk__json_write_file(context, path, root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    lbk_free(context, path);
    return status;
}

/* All of it: what is copied from study.json, what is computed. */
static lbk_status compute(const lbk__results *r, json_t *root) {
    static const char *const copied[] = {"name",   "pack_sha256", "test_split", "models",
                                         "probes", "machine",     "recipe",     "configurations"};
    for (size_t i = 0; i < LBK_COUNT(copied); i++) {
        json_t *value = json_object_get(r->study, copied[i]);
        if (value) json_object_set(root, copied[i], value);
    }
    json_object_set_new(root, "pack", json_string(r->pack_path));
    json_object_set_new(root, "teacher_sha256", json_string(lbk__cache_made_from(r->cache)->teacher_sha256));
    json_object_set_new(root, "metric", json_string(r->metric));
    json_object_set_new(root, "dev_metric", json_incref(json_object_get(r->study, "metric")));
    json_object_set_new(root, "num_samples", json_integer(r->truth.num_samples));
    json_object_set_new(root, "num_classes", json_integer(r->truth.num_classes));
    json_object_set_new(root, "note", json_string(note));
    LBK_TRY(lbk__results_seen(r, root));
    LBK_TRY(lbk__results_scores(r, root));
    LBK_TRY(lbk__results_saliency(r, root));
    LBK_TRY(lbk__results_density(r, root));
    LBK_TRY(lbk__results_curves(r, root));
    return lbk__results_samples(r, root);
}

static lbk_status show(lbk_context *context, const char *folder, const json_t *root) {
    json_t *plots = NULL;
    char *path = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(write_json(context, folder, root));
    LBK_GO(lbk__results_csv(context, folder, root));
    LBK_GO(lbk__results_plots(context, folder, root, &plots));
    if (!json_object_get(plots, "gnuplot"))
        lbk__log(context, LBK_LOG_WARNING, "there is no gnuplot here: the report has tables, but no plots");
    LBK_GO(lbk__study_path(context, folder, "report.html", NULL, &path));
    LBK_GO(lbk__results_page(context, root, plots, path));
done:
    json_decref(plots);
    lbk_free(context, path);
    return status;
}

/* ---- the summary: what a terminal shows ---- */

static json_t *at(const json_t *root, const char *view, const char *part, const char *key) {
    return json_object_get(json_object_get(json_object_get(json_object_get(root, "views"), view), part), key);
}

/* {"student, method": {"joint", "text", "image", "interval", "against_kd", "p_bootstrap_holm", "p_t_holm"}}
 */
static json_t *rows_json(const json_t *root) {
    json_t *rows = json_object(), *student, *method;
    size_t s, m;
    json_array_foreach(json_object_get(root, "students"), s, student)
        json_array_foreach(json_object_get(student, "methods"), m, method) {
        json_t *row = json_object();
        json_t *name =
            json_sprintf("%s, %s%s", json_string_value(json_object_get(student, "name")),
                         json_string_value(json_object_get(method, "name")),
                         json_is_true(json_object_get(method, "picked")) ? " (picked on dev)" : "");
        for (int v = 0; lbk__view_names[v]; v++)
            json_object_set(row, lbk__view_names[v], at(method, lbk__view_names[v], "score", "mean"));
        json_object_set(row, "interval", at(method, "joint", "score", "half_width"));
        json_object_set(row, "against_kd", at(method, "joint", "against_kd", "difference"));
        json_object_set(row, "p_bootstrap_holm", at(method, "joint", "against_kd", "p_bootstrap_holm"));
        json_object_set(row, "p_t_holm", at(method, "joint", "against_kd", "p_t_holm"));
        if (json_array_size(json_object_get(root, "students")) > 1)
            json_object_set(row, "against_first", at(method, "joint", "against_first", "difference"));
        json_object_set_new(rows, json_string_value(name), row);
        json_decref(name);
    }
    return rows;
}

static lbk_status summarise(lbk_context *context, const char *folder, const json_t *root, char **summary) {
    json_t *teacher = json_object();
    for (int v = 0; lbk__view_names[v]; v++)
        json_object_set(
            teacher, lbk__view_names[v],
            json_object_get(json_object_get(json_object_get(json_object_get(root, "teacher"), "views"),
                                            lbk__view_names[v]),
                            "score"));
    json_t *rows = json_pack("{s:o}", "teacher", teacher), *students = rows_json(root);
    json_object_update(rows, students);
    json_decref(students);
    json_t *out =
        json_pack("{s:O, s:O, s:O, s:o, s:o, s:s}", "study", json_object_get(root, "name"), "metric",
                  json_object_get(root, "metric"), "split", json_object_get(root, "test_split"), "report",
                  json_sprintf("%s/report.html", folder), "scores", rows, "note", note);
    json_t *warnings = json_object_get(root, "warnings");
    if (json_array_size(warnings)) json_object_set(out, "warnings", warnings);
    return lbk__json_text(context, out, summary);
}

lbk_status lbk__study_report(lbk_context *context, const lbk_report_options *options, char **summary) {
    lbk__results results = {.context = context};
    json_t *root = json_object();
    lbk_status status = LBK_OK;
    LBK_GO(lbk__results_open(context, options, &results));
    LBK_GO(compute(&results, root));
    LBK_GO(show(context, options->study, root));
    if (summary) LBK_GO(summarise(context, options->study, root, summary));
done:
    lbk__results_close(&results);
    json_decref(root);
    return status;
}

lbk_status lbk_report(lbk_context *context, const lbk_report_options *options, char **summary) {
    LBK__GUEST(context);
    lbk__lock lock = {0};
    if (summary) *summary = NULL;
    if (!options->study) return lbk__fail(context, LBK_INVALID_ARGUMENT, "a report needs a study's folder");
    lbk_status status = LBK_OK;
    if (lbk__is_folder(options->study)) LBK_GO(lbk__lock_folder(context, options->study, &lock));
    LBK_GO(lbk__study_report(context, options, summary));
done:
    lbk__unlock(&lock);
    return status;
}
