/* runs.c: trains, probes and tests what is missing in a study's folder. */
#include "base/file.h"
#include "data/pack.h"
#include "format/json.h"
#include "model/parameters.h"
#include "study/pool.h"
#include "study/predictions.h"
#include "study/study.h"
#include "train/measure.h"
#include "train/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- marks of what is done ---- */

static const char checkpoint_name[] = "checkpoint/state.safetensors";

/* Nobody reads that of a run that is done, three quarters of the folder. What cannot be removed stays. */
static void drop_checkpoint(lbk_context *context, const char *folder) {
    static const char *const paths[] = {checkpoint_name, "checkpoint"};
    for (size_t i = 0; i < LBK_COUNT(paths); i++) {
        char *path;
        if (lbk__join(context, folder, paths[i], &path) != LBK_OK) return;
        if (unlink(path) != 0) rmdir(path); /* the folder unless something else is in it */
        lbk_free(context, path);
    }
}

static lbk_status mark_done(lbk_context *context, const char *folder, const char *summary) {
    char *path;
    LBK_TRY(lbk__study_path(context, folder, "done.json", NULL, &path));
    lbk_status status = lbk__write_file(context, path, summary, strlen(summary));
    lbk_free(context, path);
    if (status == LBK_OK) drop_checkpoint(context, folder);
    return status;
}

/* A process that was killed in between left the checkpoint; older limbecks kept it. */
static lbk_status is_done(lbk_context *context, const char *folder, bool *out) {
    LBK_TRY(lbk__holds(context, folder, "done.json", out));
    if (*out) drop_checkpoint(context, folder);
    return LBK_OK;
}

/* A run that cannot be resumed, LBK_MISMATCH, begins anew: an older limbeck began it, or the study's folder
 * was moved or is called otherwise than before, and the run's configuration says where the teacher was. */
static lbk_status forget_checkpoint(lbk_context *context, const char *folder) {
    char *path;
    lbk__log(context, LBK_LOG_WARNING, "%s: it begins anew", lbk_error(context));
    LBK_TRY(lbk__join(context, folder, checkpoint_name, &path));
    const lbk_status status =
        remove(path) == 0 ? LBK_OK : lbk__fail_errno(context, "%s: cannot remove", path);
    lbk_free(context, path);
    return status;
}

/* ---- the teacher ---- */

static lbk_status train_teacher(const lbk__study *study) {
    lbk_config *config;
    bool resume;
    char *summary = NULL;
    LBK_TRY(lbk__study_teacher_config(study, &config));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__holds(study->context, study->teacher, checkpoint_name, &resume));
    status = lbk_train(study->context, config, study->teacher, resume, &summary);
    if (status == LBK_MISMATCH && resume) {
        LBK_GO(forget_checkpoint(study->context, study->teacher));
        status = lbk_train(study->context, config, study->teacher, false, &summary);
    }
    LBK_GO(status);
    LBK_GO(mark_done(study->context, study->teacher, summary));
done:
    lbk_free(study->context, summary);
    lbk_config_close(config);
    return status;
}

static lbk_status copy_teacher(const lbk__study *study) {
    LBK_TRY(lbk__study_copy_teacher(study));
    return mark_done(study->context, study->teacher, "{\"given\": true}\n");
}

lbk_status lbk__study_run_teacher(lbk__study *study) {
    bool done;
    LBK_TRY(is_done(study->context, study->teacher, &done));
    if (done) return LBK_OK;
    const lbk_status status = study->given_teacher ? copy_teacher(study) : train_teacher(study);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(study->context, status, "teacher");
}

/* What it finds is kept beside the cache: of a large one it takes minutes to say it again. */
static lbk_status probe(lbk__study *study, int folds) {
    lbk_context *context = study->context;
    char *cache = NULL, *kept = NULL, *summary = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__study_cache(context, study, folds, &cache));
    LBK_GO(lbk__study_probe_summary(context, study, folds, &kept));
    const lbk_probe_options options = {
        .teacher = study->teacher, .pack = study->pack_path, .out = cache, .folds = folds};
    const bool known = lbk__exists(kept);
    LBK_GO(lbk_probe(context, &options, known ? NULL : &summary));
    if (!known) LBK_GO(lbk__write_file(context, kept, summary, strlen(summary)));
done:
    lbk_free(context, cache);
    lbk_free(context, kept);
    lbk_free(context, summary);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(context, status, "probe");
}

lbk_status lbk__study_probe(lbk__study *study) {
    LBK_TRY(probe(study, 0));
    for (int s = 0; s < study->recipe.num_students; s++)
        if (study->recipe.students[s].folds) LBK_TRY(probe(study, study->recipe.students[s].folds));
    return LBK_OK;
}

/* ---- cells ---- */

/* A run that diverges is a result, too: the grid may have asked for too much. */
static lbk_status mark_diverged(lbk_context *context, const lbk__cell *cell) {
    lbk__log(context, LBK_LOG_WARNING, "%s: it counts as diverged", lbk_error(context));
    return mark_done(context, cell->folder, "{\"diverged\": true}\n");
}

static lbk_status train_cell(lbk_context *context, const lbk__study *study, const lbk__cell *cell) {
    const lbk__recipe_model *student = &study->recipe.students[cell->student];
    lbk_config *config = NULL;
    char *cache = NULL, *summary = NULL;
    bool resume;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__study_cell_config(context, study, cell, &config));
    LBK_GO(lbk__study_cache(context, study, student->folds, &cache));
    LBK_GO(lbk__holds(context, cell->folder, checkpoint_name, &resume));
    status = lbk_distill(context, config, cache, cell->folder, resume, &summary);
    if (status == LBK_MISMATCH && resume) {
        LBK_GO(forget_checkpoint(context, cell->folder));
        status = lbk_distill(context, config, cache, cell->folder, false, &summary);
    }
    if (status == LBK_OK) status = mark_done(context, cell->folder, summary);
    if (status != LBK_OK) lbk__fail_at(context, status, "student %s", student->name);
    if (status == LBK_NUMERIC) status = mark_diverged(context, cell);
done:
    lbk_free(context, summary);
    lbk_free(context, cache);
    lbk_config_close(config);
    return status;
}

static lbk_status read_result(lbk__study *study, lbk__cell *cell) {
    lbk_context *context = study->context;
    char *path;
    json_t *root = NULL;
    LBK_TRY(lbk__study_path(context, cell->folder, "done.json", NULL, &path));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__json_load_file(context, path, &root));
    cell->diverged = json_is_true(json_object_get(root, "diverged"));
    if (cell->diverged) goto done;
    const lbk__json_in in = {context, path, root};
    LBK_GO(lbk__json_get_real(in, "best", -1e300, 1e300, &cell->best));
done:
    json_decref(root);
    lbk_free(context, path);
    return status;
}

/* Indices of cells that have something to be done. */
typedef struct queue {
    const lbk__study *study;
    size_t *cells;
    int64_t count;
} queue;

static const char *name_of(void *user, int64_t job) {
    const queue *q = user;
    return lbk__study_cell_name(&q->study->cells[q->cells[job]]);
}

static lbk_status run_job(lbk_context *context, void *user, int64_t job) {
    const queue *q = user;
    return train_cell(context, q->study, &q->study->cells[q->cells[job]]);
}

lbk_status lbk__study_run_cells(lbk__study *study) {
    queue q = {.study = study};
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(study->context, q.cells, study->num_cells));
    for (size_t i = 0; i < study->num_cells; i++) {
        bool done;
        LBK_GO(is_done(study->context, study->cells[i].folder, &done));
        if (!done) q.cells[q.count++] = i;
    }
    const lbk__pool_jobs jobs = {
        .stage = "study", .count = q.count, .name = name_of, .run = run_job, .user = &q};
    if (q.count)
        lbk__log(study->context, LBK_LOG_INFO, "study: %lld runs to do, %zu done", (long long)q.count,
                 study->num_cells - (size_t)q.count);
    LBK_GO(lbk__pool_run(study->context, &jobs));
    for (size_t i = 0; i < study->num_cells; i++) LBK_GO(read_result(study, &study->cells[i]));
done:
    lbk_free(study->context, q.cells);
    return status;
}

/* ---- the test split ---- */

/* What is there may be of another test split, which the recipe named before, or of a model that was trained
 * anew. */
static lbk_status test(lbk_context *context, const lbk__study *study, const char *model, const char *name) {
    const char *split = study->recipe.test_split;
    bool done = false;
    char *path;
    LBK_TRY(lbk__study_path(context, study->folder, "test", name, &path));
    lbk_status status = LBK_OK;
    if (lbk__exists(path)) status = lbk__predictions_are_of(context, path, split, model, &done);
    if (status == LBK_OK && !done)
        status = lbk__predictions_write(context, model, study->pack_path, split, path);
    lbk_free(context, path);
    return status;
}

static lbk_status test_job(lbk_context *context, void *user, int64_t job) {
    const queue *q = user;
    const lbk__cell *cell = &q->study->cells[q->cells[job]];
    return test(context, q->study, cell->folder, lbk__study_cell_name(cell));
}

lbk_status lbk__study_test(lbk__study *study) {
    queue q = {.study = study};
    lbk_status status = LBK_OK;
    char *folder = NULL;
    LBK_TRY(LBK_ALLOC(study->context, q.cells, study->num_cells));
    for (size_t i = 0; i < study->num_cells; i++)
        if (lbk__study_is_chosen(study, &study->cells[i])) q.cells[q.count++] = i;
    const lbk__pool_jobs jobs = {
        .stage = "test", .count = q.count, .name = name_of, .run = test_job, .user = &q};
    LBK_GO(lbk__study_path(study->context, study->folder, "test", NULL, &folder));
    LBK_GO(lbk__make_folder(study->context, folder));
    lbk__remove_leftovers(folder, NULL);
    LBK_GO(test(study->context, study, study->teacher, lbk__base_name(study->teacher)));
    LBK_GO(lbk__pool_run(study->context, &jobs));
done:
    lbk_free(study->context, folder);
    lbk_free(study->context, q.cells);
    return status;
}

/* ---- size and speed ---- */

static lbk_status time_model(lbk__study *study, const char *name, const char *folder, json_t *to) {
    lbk_context *context = study->context;
    lbk__model *model = NULL;
    lbk__truth truth = {0};
    lbk__timing timing;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__model_load(context, folder, &model));
    LBK_GO(lbk__truth_open(context, study->pack, study->recipe.test_split, &truth));
    LBK_GO(lbk__time_model(model, study->pack, truth.samples, truth.num_samples, &timing));
    json_array_append_new(to,
                          json_pack("{s:s, s:I, s:f, s:f, s:i}", "name", name, "parameters",
                                    (json_int_t)model->num_values, "latency_ms", timing.latency_ms,
                                    "samples_per_s", timing.samples_per_s, "threads", context->num_threads));
done:
    lbk__truth_close(context, &truth);
    lbk__model_free(model);
    return status;
}

/* All runs of a student have its sizes: one of them is timed. */
static lbk_status time_student(lbk__study *study, int student, json_t *to) {
    for (size_t i = 0; i < study->num_cells; i++)
        if (study->cells[i].student == student && lbk__study_is_chosen(study, &study->cells[i]))
            return time_model(study, study->recipe.students[student].name, study->cells[i].folder, to);
    return LBK_OK;
}

lbk_status lbk__study_time(lbk__study *study, json_t **out) {
    json_t *models = json_array();
    lbk_status status = LBK_OK;
    LBK_GO(time_model(study, "teacher", study->teacher, models));
    for (int s = 0; s < study->recipe.num_students; s++) LBK_GO(time_student(study, s, models));
done:
    if (status != LBK_OK) {
        json_decref(models);
        models = NULL;
    }
    *out = models;
    return status;
}
