/* study.c: lbk_study: from a recipe to a report. Each stage does what is missing and leaves what is there. */
#include "study/study.h"

#include "base/file.h"
#include "base/guest.h"
#include "model/folder.h"
#include "study/report.h"

#include <dirent.h>
#include <string.h>

/* ---- opening ---- */

static lbk_status choose_path(const lbk__study *study, const char *given, const char *in_recipe, char **out) {
    *out = NULL;
    if (given) return lbk__copy_string(study->context, given, out);
    return in_recipe ? lbk__join(study->context, study->recipe.folder, in_recipe, out) : LBK_OK;
}

static lbk_status take_teacher(lbk__study *study, const lbk_study_options *options) {
    lbk_context *context = study->context;
    if (options->init)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a given teacher starts from nothing: leave out either the teacher %s or %s",
                         options->teacher, options->init);
    for (int s = 0; s < study->recipe.num_students; s++)
        if (study->recipe.students[s].folds)
            return lbk__fail(
                context, LBK_INVALID_ARGUMENT,
                "student %s learns out of fold, from teachers that are trained: give no teacher, "
                "or leave `folds` out",
                study->recipe.students[s].name);
    LBK_TRY(lbk__model_load(context, options->teacher, &study->given_teacher));
    return lbk__check_classifier(study->given_teacher);
}

/* "study/" is "study": what is below is named by what follows the folder's name. */
static lbk_status copy_folder(lbk_context *context, const char *given, char **out) {
    size_t length = strlen(given);
    while (length > 1 && given[length - 1] == '/') length--;
    return lbk__copy_bytes(context, given, length, out);
}

/* ---- which names it has ---- */

static const char naming[] =
    "{\"ids\": \"hashes of configurations, and of the weights that training starts from\"}\n";

/* teacher-1f00ba42 */
static bool names_teacher(const char *name) {
    static const char mark[] = "teacher-", digits[] = "0123456789abcdef";
    const size_t length = sizeof mark - 1;
    return strncmp(name, mark, length) == 0 && strspn(name + length, digits) == 8 && !name[length + 8];
}

/* Whether a teacher's folder is there, the first that a study makes; other files may lie beside it. */
static bool was_begun(const char *folder) {
    bool begun = false;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && !begun && (entry = readdir(entries));)
        begun = names_teacher(entry->d_name);
    if (entries) closedir(entries);
    return begun;
}

/* Among a run's or a model's files a study would hide them; `limbeck info` tells of the study alone. */
static lbk_status refuse_others(const lbk__study *study) {
    static const char *const of_run[] = {"best", "checkpoint/state.safetensors", NULL};
    const char *there;
    LBK_TRY(lbk__first_held(study->context, study->folder, of_run, &there));
    if (there)
        return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                         "%s: holds a run, its %s: name another folder for the study", study->folder, there);
    return lbk__refuse_model(study->context, study->folder);
}

/* A study that was begun before there was names.json keeps the names that it has. */
static lbk_status read_naming(lbk__study *study) {
    bool named, ended;
    LBK_TRY(lbk__holds(study->context, study->folder, "names.json", &named));
    LBK_TRY(lbk__holds(study->context, study->folder, "study.json", &ended));
    study->by_paths = !named && was_begun(study->folder);
    return named || ended || study->by_paths ? LBK_OK : refuse_others(study);
}

static lbk_status write_naming(const lbk__study *study) {
    char *path;
    if (study->by_paths) return LBK_OK;
    LBK_TRY(lbk__study_path(study->context, study->folder, "names.json", NULL, &path));
    const lbk_status status =
        lbk__exists(path) ? LBK_OK : lbk__write_file(study->context, path, naming, strlen(naming));
    lbk_free(study->context, path);
    return status;
}

static lbk_status open_study(lbk__study *study, const lbk_study_options *options) {
    lbk_context *context = study->context;
    if (!options->recipe || !options->out || !*options->out)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "a study needs a recipe and a folder to write to");
    LBK_TRY(lbk__recipe_open(context, options->recipe, &study->recipe));
    LBK_TRY(copy_folder(context, options->out, &study->folder));
    LBK_TRY(choose_path(study, options->pack, study->recipe.pack, &study->pack_path));
    LBK_TRY(choose_path(study, options->images, study->recipe.images, &study->images));
    LBK_TRY(choose_path(study, options->init, NULL, &study->init));
    if (!study->pack_path)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: names no pack, and none was given beside it",
                         options->recipe);
    if (!options->teacher && !study->recipe.teacher)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: has no `teacher`, and none was given beside it",
                         options->recipe);
    LBK_TRY(lbk__check_path(context, study->pack_path));
    if (study->images) LBK_TRY(lbk__check_images(context, study->images));
    LBK_TRY(lbk__make_folder(context, study->folder));
    LBK_TRY(lbk__lock_folder(context, study->folder, &study->lock));
    LBK_TRY(read_naming(study));
    LBK_TRY(lbk_pack_open(context, study->pack_path, &study->pack));
    if (options->teacher) LBK_TRY(take_teacher(study, options));
    LBK_TRY(lbk__study_name_teacher(study));
    LBK_TRY(lbk__study_check(study));
    LBK_TRY(lbk__study_name_teacher(study)); /* again: now the dev split is known */
    return write_naming(study);
}

static void close_study(lbk__study *study) {
    lbk_context *context = study->context;
    lbk_free(context, study->dev_split);
    for (size_t i = 0; i < study->num_cells; i++) lbk_free(context, study->cells[i].folder);
    lbk_free(context, study->cells);
    lbk_free(context, study->chosen);
    lbk_free(context, study->teacher);
    lbk_free(context, study->start);
    lbk_free(context, study->folder);
    lbk_free(context, study->pack_path);
    lbk_free(context, study->images);
    lbk_free(context, study->init);
    lbk__model_free(study->given_teacher);
    lbk_pack_close(study->pack);
    lbk__recipe_close(context, &study->recipe);
    lbk__unlock(&study->lock);
}

/* ---- stages ---- */

/* What dev has to choose from: each point with the tuning seeds. Where there is one point there is nothing to
 * choose: all seeds can run at once. */
static lbk_status add_tuning(lbk__study *study, int student, int method) {
    const lbk__recipe *r = &study->recipe;
    const int points = lbk__study_num_points(study, method);
    const int64_t *seeds = points == 1 ? r->seeds : r->tuning_seeds;
    const int num_seeds = points == 1 ? r->num_seeds : r->num_tuning_seeds;
    for (int p = 0; p < points; p++)
        for (int s = 0; s < num_seeds; s++) LBK_TRY(lbk__study_add_cell(study, student, method, p, seeds[s]));
    return LBK_OK;
}

/* Two cells that are one are found before the teacher is trained; those of students that start from the
 * teacher cannot be, since their sizes are the teacher's. */
static lbk_status add_early(lbk__study *study, int student, int method) {
    return study->recipe.students[student].num_from_teacher ? LBK_OK : add_tuning(study, student, method);
}

static lbk_status add_chosen(lbk__study *study, int student, int method) {
    const lbk__recipe *r = &study->recipe;
    const int point = study->chosen[student * r->num_methods + method];
    for (int s = 0; s < r->num_seeds; s++)
        LBK_TRY(lbk__study_add_cell(study, student, method, point, r->seeds[s]));
    return LBK_OK;
}

static lbk_status add_all(lbk__study *study, lbk_status (*add)(lbk__study *study, int student, int method)) {
    for (int s = 0; s < study->recipe.num_students; s++)
        for (int m = 0; m < study->recipe.num_methods; m++) LBK_TRY(add(study, s, m));
    return LBK_OK;
}

/* The chosen point's other seeds must not diverge either, or there is no mean. */
static lbk_status check_chosen(const lbk__study *study) {
    for (size_t i = 0; i < study->num_cells; i++)
        if (study->cells[i].diverged && lbk__study_is_chosen(study, &study->cells[i]))
            return lbk__fail(
                study->context, LBK_NUMERIC,
                "student %s: %s diverged, although dev chose its point of the grid: give a smaller learning "
                "rate",
                study->recipe.students[study->cells[i].student].name, study->cells[i].folder);
    return LBK_OK;
}

static lbk_status run_stages(lbk__study *study) {
    json_t *models;
    LBK_TRY(add_all(study, add_early));
    LBK_TRY(lbk__study_run_teacher(study));
    LBK_TRY(lbk__study_probe(study));
    LBK_TRY(add_all(study, add_tuning));
    LBK_TRY(lbk__study_run_cells(study));
    LBK_TRY(lbk__study_choose(study));
    LBK_TRY(add_all(study, add_chosen));
    LBK_TRY(lbk__study_run_cells(study));
    LBK_TRY(check_chosen(study));
    LBK_TRY(lbk__study_test(study));
    LBK_TRY(lbk__study_time(study, &models));
    return lbk__study_record(study, models);
}

lbk_status lbk_study(lbk_context *context, const lbk_study_options *options, char **summary) {
    LBK__GUEST(context);
    lbk__study study = {.context = context};
    if (summary) *summary = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(open_study(&study, options));
    LBK_GO(run_stages(&study));
    LBK_GO(lbk__study_report(context, &(lbk_report_options){.study = study.folder}, summary));
done:
    if (status == LBK_INTERRUPTED)
        lbk__fail(context, status,
                  "stopped on request; what was running is saved in %s: the same command goes on",
                  options->out);
    close_study(&study);
    return status;
}
