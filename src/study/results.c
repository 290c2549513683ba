/* results.c: opens what a study left: study.json, the pack, the cache, and predictions on the test split. */
#include "base/file.h"
#include "format/json.h"
#include "study/pool.h"
#include "study/report.h"
#include "study/study.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

/* ---- runs ---- */

static lbk_status open_run(const lbk__results *r, const char *folder, lbk__result_run *run) {
    char *name = NULL, *path = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__join_inside(r->context, r->folder, folder, &run->folder));
    LBK_GO(lbk__format(r->context, &name, "test/%s", lbk__base_name(folder)));
    LBK_GO(lbk__join_inside(r->context, r->folder, name, &path));
    LBK_GO(lbk__predictions_open(r->context, path, &r->truth, &run->predictions));
done:
    lbk_free(r->context, name);
    lbk_free(r->context, path);
    return status;
}

static void close_run(lbk_context *context, lbk__result_run *run) {
    lbk__predictions_close(&run->predictions);
    for (int v = 0; v < LBK_NUM_VIEWS; v++) lbk__scorer_free(context, &run->scorers[v]);
    lbk_free(context, run->folder);
}

/* ---- methods and students ---- */

static lbk_status open_method(const lbk__results *r, lbk__json_in in, lbk__result_method *method) {
    const json_t *points, *runs;
    int64_t chosen;
    LBK_TRY(lbk__json_get_string(in, "name", &method->name));
    LBK_TRY(lbk__json_get_string(in, "method", &method->kind));
    LBK_TRY(lbk__json_get_array(in, "points", &points));
    LBK_TRY(lbk__json_get_integer(in, "chosen", 0, (int64_t)json_array_size(points) - 1, &chosen));
    const lbk__json_in point = {in.context, in.where, json_array_get(points, (size_t)chosen)};
    LBK_TRY(lbk__json_get_array(point, "settings", &method->settings));
    LBK_TRY(lbk__json_get_array(point, "runs", &runs));
    LBK_TRY(LBK_ALLOC(r->context, method->runs, json_array_size(runs)));
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const lbk__json_in run = {in.context, in.where, json_array_get(runs, i)};
        const char *folder;
        method->num_runs++;
        LBK_TRY(lbk__json_get_string(run, "folder", &folder));
        LBK_TRY(lbk__json_get_real(run, "dev", -INFINITY, INFINITY, &method->runs[i].dev));
        LBK_TRY(open_run(r, folder, &method->runs[i]));
    }
    if (method->num_runs) return LBK_OK;
    return lbk__fail(in.context, LBK_BAD_DATA, "%s: method %s has no run", in.where, method->name);
}

static double mean_dev(const lbk__result_method *method) {
    double sum = 0;
    for (int i = 0; i < method->num_runs; i++) sum += method->runs[i].dev;
    return sum / method->num_runs;
}

static void pick(lbk__result_student *student, bool rises) {
    student->picked = -1;
    for (int m = 0; m < student->num_methods; m++) {
        const lbk__result_method *method = &student->methods[m];
        if (strcmp(method->kind, "kd") == 0) student->kd = m;
        if (strcmp(method->kind, "msd") != 0) continue;
        const double score = mean_dev(method),
                     best = student->picked < 0 ? NAN : mean_dev(&student->methods[student->picked]);
        if (isnan(best) || (rises ? score > best : score < best)) student->picked = m;
    }
}

static lbk_status open_student(const lbk__results *r, lbk__json_in in, lbk__result_student *student) {
    const json_t *methods;
    int64_t folds;
    const char *dev_metric = json_string_value(json_object_get(r->study, "metric"));
    LBK_TRY(lbk__json_get_string(in, "name", &student->name));
    LBK_TRY(lbk__json_get_integer(in, "folds", 0, INT32_MAX, &folds));
    LBK_TRY(lbk__json_get_array(in, "methods", &methods));
    student->folds = (int)folds;
    if (json_array_size(methods) == 0)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: student %s has no method", in.where, student->name);
    LBK_TRY(LBK_ALLOC(r->context, student->methods, json_array_size(methods)));
    for (size_t m = 0; m < json_array_size(methods); m++) {
        student->num_methods++;
        LBK_TRY(open_method(r, (lbk__json_in){in.context, in.where, json_array_get(methods, m)},
                            &student->methods[m]));
        if (student->methods[m].num_runs != r->students[0].methods[0].num_runs)
            return lbk__fail(in.context, LBK_BAD_DATA, "%s: the methods have different numbers of runs",
                             in.where);
    }
    pick(student, lbk__metric_rises(dev_metric));
    return LBK_OK;
}

/* ---- scores ---- */

/* Every run under every view, side by side: for VQA v2 it is a minute each. */
typedef struct scoring {
    const lbk__results *results;
    lbk__result_run **runs;
    int64_t num_runs;
} scoring;

static const char *scored_name(void *user, int64_t job) {
    const scoring *s = user;
    return lbk__base_name(s->runs[job / LBK_NUM_VIEWS]->folder);
}

static lbk_status score(lbk_context *context, void *user, int64_t job) {
    const scoring *s = user;
    const lbk__results *r = s->results;
    lbk__result_run *run = s->runs[job / LBK_NUM_VIEWS];
    const int v = (int)(job % LBK_NUM_VIEWS);
    const float *teacher = r->teacher.predictions.logits + v * r->truth.num_samples * r->truth.num_classes;
    const lbk__metrics_input input =
        lbk__predictions_view(&run->predictions, &r->truth, (lbk_view)v, run == &r->teacher ? NULL : teacher);
    lbk__report(context, "report", "views", (uint64_t)v, LBK_NUM_VIEWS, "");
    if (lbk__interrupted(context)) return lbk__fail(context, LBK_INTERRUPTED, "stopped on request");
    LBK_TRY(lbk__metrics_compute(context, &input, &run->metrics[v]));
    if (!lbk__scorer_knows(r->metric, r->truth.label_kind, r->truth.num_classes)) return LBK_OK;
    return lbk__scorer_create(context, r->metric, &input, &run->scorers[v]);
}

static lbk_status score_all(lbk__results *r) {
    scoring s = {.results = r};
    int64_t most = 1;
    for (int i = 0; i < r->num_students; i++)
        for (int m = 0; m < r->students[i].num_methods; m++) most += r->students[i].methods[m].num_runs;
    LBK_TRY(LBK_ALLOC(r->context, s.runs, most));
    s.runs[s.num_runs++] = &r->teacher;
    for (int i = 0; i < r->num_students; i++)
        for (int m = 0; m < r->students[i].num_methods; m++)
            for (int k = 0; k < r->students[i].methods[m].num_runs; k++)
                s.runs[s.num_runs++] = &r->students[i].methods[m].runs[k];
    const lbk__pool_jobs jobs = {.stage = "report",
                                 .count = LBK_NUM_VIEWS * s.num_runs,
                                 .name = scored_name,
                                 .run = score,
                                 .user = &s};
    const lbk_status status = lbk__pool_run(r->context, &jobs);
    lbk_free(r->context, s.runs);
    return status;
}

/* ---- the study ---- */

/* Scores on test are by the metric that dev chose with; where that is a loss, by the task's main one. */
static lbk_status choose_metric(lbk__results *r, lbk__json_in in) {
    LBK_TRY(lbk__json_get_string(in, "metric", &r->metric));
    bool known = false;
    for (int m = 0; lbk__metric_names[m]; m++) known = known || strcmp(r->metric, lbk__metric_names[m]) == 0;
    if (!known)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: there is no metric \"%s\"", in.where, r->metric);
    if (!lbk__metric_rises(r->metric)) r->metric = lbk__main_metric(r->truth.label_kind);
    return LBK_OK;
}

static lbk_status open_pack(lbk__results *r, lbk__json_in in) {
    if (r->pack_path) return lbk_pack_open(r->context, r->pack_path, &r->pack);
    LBK_TRY(lbk__json_get_string(in, "pack", &r->pack_path));
    const lbk_status status = lbk_pack_open(r->context, r->pack_path, &r->pack);
    if (status == LBK_OK) return LBK_OK;
    return lbk__fail(r->context, status,
                     "%s: the study's pack, by its path where the study was run: %s; where it is elsewhere, "
                     "give limbeck report --pack (and --images)",
                     in.where, lbk_error(r->context));
}

static lbk_status open_data(lbk__results *r, lbk__json_in in) {
    const char *hash, *split, *cache;
    char *path;
    LBK_TRY(open_pack(r, in));
    LBK_TRY(lbk__json_get_string(in, "pack_sha256", &hash));
    LBK_TRY(lbk__json_get_string(in, "test_split", &split));
    LBK_TRY(lbk__json_get_string(in, "cache", &cache));
    if (strcmp(hash, lbk_pack_hash(r->pack)) != 0)
        return lbk__fail(r->context, LBK_MISMATCH, "%s: is not the pack that the study was made with",
                         r->pack_path);
    LBK_TRY(lbk__truth_open(r->context, r->pack, split, &r->truth));
    LBK_TRY(lbk__join_inside(r->context, r->folder, cache, &path));
    lbk_status status = lbk__cache_open(r->context, path, &r->cache);
    lbk_free(r->context, path);
    LBK_TRY(status);
    const lbk__cache_key wanted = {.pack_sha256 = hash,
                                   .label_kind = r->truth.label_kind,
                                   .num_samples = lbk_pack_num_samples(r->pack),
                                   .num_classes = r->truth.num_classes};
    LBK_TRY(lbk__cache_match(r->cache, &wanted));
    return lbk__cache_check_saliency(r->cache);
}

static lbk_status open_all(lbk__results *r, lbk__json_in in) {
    const json_t *students;
    const char *kind, *name, *teacher;
    int64_t version;
    LBK_TRY(lbk__json_get_string(in, "kind", &kind));
    LBK_TRY(lbk__json_get_integer(in, "version", 1, 1, &version));
    LBK_TRY(lbk__json_get_string(in, "name", &name));
    LBK_TRY(open_data(r, in));
    LBK_TRY(choose_metric(r, in));
    LBK_TRY(lbk__json_get_string(in, "teacher", &teacher));
    LBK_TRY(open_run(r, teacher, &r->teacher));
    LBK_TRY(lbk__json_get_array(in, "students", &students));
    if (json_array_size(students) == 0)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: has no student", in.where);
    LBK_TRY(LBK_ALLOC(r->context, r->students, json_array_size(students)));
    for (size_t s = 0; s < json_array_size(students); s++) {
        r->num_students++;
        LBK_TRY(open_student(r, (lbk__json_in){in.context, in.where, json_array_get(students, s)},
                             &r->students[s]));
    }
    return score_all(r);
}

lbk_status lbk__check_images(lbk_context *context, const char *images) {
    LBK_TRY(lbk__check_path(context, images));
    if (lbk__is_folder(images)) return LBK_OK;
    return lbk__fail(context, LBK_IO,
                     "%s: is no folder: `images` is the one that the pack's image paths start from, for "
                     "pictures in the report; leave it out where there is none",
                     images);
}

/* The images of study.json may be gone since: the page says what it can without them. */
lbk_status lbk__results_open(lbk_context *context, const lbk_report_options *options, lbk__results *out) {
    const char *folder = options->study;
    *out = (lbk__results){
        .context = context, .folder = folder, .pack_path = options->pack, .images = options->images};
    char *path;
    if (options->images) LBK_TRY(lbk__check_images(context, options->images));
    LBK_TRY(lbk__study_path(context, folder, "study.json", NULL, &path));
    lbk_status status = LBK_OK;
    if (!lbk__exists(path))
        status = lbk__fail(context, LBK_IO,
                           "%s: has no study.json: is no study, or one that has not ended; `limbeck study` "
                           "goes on with it",
                           folder);
    if (status == LBK_OK) status = lbk__json_load_file(context, path, &out->study);
    if (!out->images) out->images = json_string_value(json_object_get(out->study, "images"));
    if (status == LBK_OK) status = open_all(out, (lbk__json_in){context, path, out->study});
    lbk_free(context, path);
    if (status != LBK_OK) lbk__results_close(out);
    return status;
}

void lbk__results_close(lbk__results *r) {
    for (int s = 0; s < r->num_students; s++) {
        for (int m = 0; m < r->students[s].num_methods; m++) {
            lbk__result_method *method = &r->students[s].methods[m];
            for (int i = 0; i < method->num_runs; i++) close_run(r->context, &method->runs[i]);
            lbk_free(r->context, method->runs);
        }
        lbk_free(r->context, r->students[s].methods);
    }
    lbk_free(r->context, r->students);
    close_run(r->context, &r->teacher);
    lbk__truth_close(r->context, &r->truth);
    lbk__cache_close(r->cache);
    lbk_pack_close(r->pack);
    json_decref(r->study);
    *r = (lbk__results){.context = r->context};
}
