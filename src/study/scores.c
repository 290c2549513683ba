/* scores.c: the tables of the report: scores and divergences per view; each method against KD, and against
 * the same method of the first student. */
#include "base/names.h"
#include "format/json.h"
#include "study/report.h"
#include "study/statistics.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

enum {
    MOST_RESAMPLES = 10000,
    LEAST_RESAMPLES = 1000,
    MOST_DRAWS = 1 << 26,
    BOOTSTRAP_SEED = 1,
    MAX_METHODS = 64
};

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* {"mean", "deviation", "half_width", "values"} */
static json_t *mean_json(const double *values, int n) {
    const lbk__mean mean = lbk__mean_of(values, n);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, number(values[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "mean", number(mean.mean), "deviation", number(mean.deviation),
                     "half_width", number(mean.half_width), "values", list);
}

/* Values of one metric over the runs of a method; [num_runs]. */
static void collect(const lbk__result_method *method, int view, const char *metric, double *out) {
    for (int i = 0; i < method->num_runs; i++)
        out[i] = lbk__metric_value(&method->runs[i].metrics[view], metric);
}

/* ---- against another method ---- */

typedef struct comparison {
    double difference, t, wilcoxon;
    lbk__interval bootstrap;
} comparison;

static lbk_status bootstrap(const lbk__results *r, const lbk__result_method *a, const lbk__result_method *b,
                            int view, lbk__interval *out) {
    lbk__scorer *scorers;
    const int n = a->num_runs;
    const int64_t affordable = MOST_DRAWS / r->truth.num_samples;
    const int32_t resamples = (int32_t)LBK_MAX(LEAST_RESAMPLES, LBK_MIN(affordable, MOST_RESAMPLES));
    *out = (lbk__interval){NAN, NAN, NAN};
    if (a->runs[0].scorers[view].count == 0) return LBK_OK;
    LBK_TRY(LBK_ALLOC(r->context, scorers, 2 * n));
    for (int i = 0; i < n; i++)
        scorers[i] = a->runs[i].scorers[view], scorers[n + i] = b->runs[i].scorers[view];
    const lbk_status status =
        lbk__paired_bootstrap(r->context, scorers, scorers + n, n, resamples, BOOTSTRAP_SEED, out);
    lbk_free(r->context, scorers);
    return status;
}

static lbk_status compare(const lbk__results *r, const lbk__result_method *method,
                          const lbk__result_method *other, int view, comparison *out) {
    double *a = NULL, *b = NULL;
    const int n = method->num_runs;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(r->context, a, n));
    LBK_GO(LBK_ALLOC(r->context, b, n));
    collect(method, view, r->metric, a);
    collect(other, view, r->metric, b);
    out->difference = lbk__mean_of(a, n).mean - lbk__mean_of(b, n).mean;
    out->t = lbk__paired_t(a, b, n);
    LBK_GO(lbk__wilcoxon(r->context, a, b, n, &out->wilcoxon));
    LBK_GO(bootstrap(r, method, other, view, &out->bootstrap));
done:
    lbk_free(r->context, a);
    lbk_free(r->context, b);
    return status;
}

/* p-values as they are and as Holm corrects them over the student's methods, under one view. */
static json_t *comparison_json(const comparison *c, const double corrected[3]) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "difference", number(c->difference),
                     "low", number(c->bootstrap.low), "high", number(c->bootstrap.high), "p_bootstrap",
                     number(c->bootstrap.p), "p_bootstrap_holm", number(corrected[0]), "p_t", number(c->t),
                     "p_t_holm", number(corrected[1]), "p_wilcoxon", number(c->wilcoxon), "p_wilcoxon_holm",
                     number(corrected[2]));
}

/* Each method against its one of `others` [num_methods] (NULL: none), as `key` of the view. */
static lbk_status compare_all(const lbk__results *r, const lbk__result_student *student,
                              const lbk__result_method *const *others, int view, const char *key,
                              json_t *methods) {
    comparison all[MAX_METHODS];
    double p[3][MAX_METHODS], corrected[3][MAX_METHODS];
    const int n = student->num_methods;
    for (int m = 0; m < n; m++) {
        all[m] = (comparison){.t = NAN, .wilcoxon = NAN, .bootstrap.p = NAN};
        if (others[m]) LBK_TRY(compare(r, &student->methods[m], others[m], view, &all[m]));
        p[0][m] = all[m].bootstrap.p, p[1][m] = all[m].t, p[2][m] = all[m].wilcoxon;
    }
    for (int k = 0; k < 3; k++) lbk__holm(p[k], n, corrected[k]);
    for (int m = 0; m < n; m++) {
        json_t *views = json_object_get(json_array_get(methods, (size_t)m), "views");
        if (others[m])
            json_object_set_new(
                json_object_get(views, lbk__view_names[view]), key,
                comparison_json(&all[m], (double[]){corrected[0][m], corrected[1][m], corrected[2][m]}));
    }
    return LBK_OK;
}

static lbk_status against_kd(const lbk__results *r, const lbk__result_student *student, json_t *methods) {
    const lbk__result_method *others[MAX_METHODS];
    for (int m = 0; m < student->num_methods; m++)
        others[m] = m == student->kd ? NULL : &student->methods[student->kd];
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        LBK_TRY(compare_all(r, student, others, v, "against_kd", methods));
    return LBK_OK;
}

static const lbk__result_method *find_method(const lbk__result_student *student, const char *name) {
    for (int m = 0; m < student->num_methods; m++)
        if (strcmp(student->methods[m].name, name) == 0) return &student->methods[m];
    return NULL;
}

/* What it brings to learn out of fold, from a transfer set, from the teacher's layers: the same method,
 * taught otherwise, with the same seeds. */
static lbk_status against_first(const lbk__results *r, const lbk__result_student *student, json_t *methods) {
    const lbk__result_method *others[MAX_METHODS];
    if (student == r->students) return LBK_OK;
    for (int m = 0; m < student->num_methods; m++)
        others[m] = find_method(r->students, student->methods[m].name);
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        LBK_TRY(compare_all(r, student, others, v, "against_first", methods));
    return LBK_OK;
}

/* ---- scores ---- */

/* {"score", "kl", "metrics": {name: mean}} of a view. */
static json_t *view_json(const lbk__results *r, const lbk__result_method *method, int view, double *scratch) {
    json_t *metrics = json_object();
    for (int m = 0; lbk__metric_names[m]; m++) {
        collect(method, view, lbk__metric_names[m], scratch);
        const double mean = lbk__mean_of(scratch, method->num_runs).mean;
        if (isfinite(mean)) json_object_set_new(metrics, lbk__metric_names[m], json_real(mean));
    }
    collect(method, view, r->metric, scratch);
    json_t *score = mean_json(scratch, method->num_runs);
    collect(method, view, "kl", scratch);
    return json_pack("{s:o, s:o, s:o}", "score", score, "kl", mean_json(scratch, method->num_runs), "metrics",
                     metrics);
}

static lbk_status method_json(const lbk__results *r, const lbk__result_method *method, bool picked,
                              json_t *to) {
    double *scratch;
    LBK_TRY(LBK_ALLOC(r->context, scratch, method->num_runs));
    json_t *views = json_object();
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        json_object_set_new(views, lbk__view_names[v], view_json(r, method, v, scratch));
    for (int i = 0; i < method->num_runs; i++) scratch[i] = method->runs[i].dev;
    json_array_append_new(to, json_pack("{s:s, s:s, s:O, s:b, s:o, s:o}", "name", method->name, "kind",
                                        method->kind, "settings", method->settings, "picked", (int)picked,
                                        "dev", mean_json(scratch, method->num_runs), "views", views));
    lbk_free(r->context, scratch);
    return LBK_OK;
}

static lbk_status student_json(const lbk__results *r, const lbk__result_student *student, json_t *to) {
    json_t *methods = json_array();
    json_array_append_new(to,
                          json_pack("{s:s, s:i, s:i, s:o}", "name", student->name, "folds", student->folds,
                                    "num_seeds", student->methods[0].num_runs, "methods", methods));
    if (student->num_methods > MAX_METHODS)
        return lbk__fail(r->context, LBK_BAD_DATA, "a study of more than %d methods", MAX_METHODS);
    for (int m = 0; m < student->num_methods; m++)
        LBK_TRY(method_json(r, &student->methods[m], m == student->picked, methods));
    LBK_TRY(against_kd(r, student, methods));
    return against_first(r, student, methods);
}

static json_t *teacher_json(const lbk__results *r) {
    json_t *views = json_object();
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        json_object_set_new(views, lbk__view_names[v],
                            json_pack("{s:o, s:o}", "score",
                                      number(lbk__metric_value(&r->teacher.metrics[v], r->metric)), "metrics",
                                      lbk__json_metrics(&r->teacher.metrics[v])));
    return json_pack("{s:o}", "views", views);
}

lbk_status lbk__results_scores(const lbk__results *r, json_t *root) {
    json_t *students = json_array();
    json_object_set_new(root, "teacher", teacher_json(r));
    json_object_set_new(root, "students", students);
    for (int s = 0; s < r->num_students; s++) LBK_TRY(student_json(r, &r->students[s], students));
    return LBK_OK;
}
