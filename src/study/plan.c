/* plan.c: from a recipe to runs: the points of the grid, configurations, and names that follow from what a
 * run is made from. */
#include "study/study.h"

#include "base/file.h"
#include "data/pack.h"
#include "format/weights.h"
#include "model/folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the grid ---- */

int lbk__study_num_points(const lbk__study *study, int method) {
    const lbk__recipe *r = &study->recipe;
    int points = 1;
    for (int a = 0; a < r->num_axes; a++)
        if (lbk__recipe_reads(&r->methods[method], r->axes[a].key)) points *= (int)r->axes[a].num_values;
    return points;
}

/* A point is a number whose digits are the values of the axes, the last axis changing fastest. */
lbk_status lbk__study_point(lbk_context *context, const lbk__study *study, int method, int point,
                            lbk__point *out) {
    const lbk__recipe *r = &study->recipe;
    int count = 0;
    *out = (lbk__point){0};
    for (int a = r->num_axes - 1; a >= 0; a--) {
        const lbk__recipe_axis *axis = &r->axes[a];
        char name[64];
        if (!lbk__recipe_reads(&r->methods[method], axis->key)) continue;
        lbk__recipe_key_name(axis->key, name);
        lbk_status status = lbk__format(context, &out->settings[count++], "%s=%s", name,
                                        axis->values[point % (int)axis->num_values]);
        if (status != LBK_OK) {
            lbk__study_point_free(context, out);
            return status;
        }
        point /= (int)axis->num_values;
    }
    return LBK_OK;
}

void lbk__study_point_free(lbk_context *context, lbk__point *point) {
    for (int i = 0; point->settings[i]; i++) lbk_free(context, point->settings[i]);
    *point = (lbk__point){0};
}

/* ---- configurations ---- */

/* Overrides of one configuration, in the order in which they apply. */
typedef struct overrides {
    lbk_context *context;
    char *items[2 * LBK__MAX_CONFIG_KEYS + 1100];
    size_t count;
} overrides;

static lbk_status set(overrides *o, const char *format, ...) LBK__FORMAT(2, 3);
static lbk_status set(overrides *o, const char *format, ...) {
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text || o->count == LBK_COUNT(o->items))
        return lbk__fail(o->context, LBK_INVALID_ARGUMENT, "a recipe's setting is too long: %.80s…", text);
    return lbk__copy_string(o->context, text, &o->items[o->count++]);
}

static lbk_status set_all(overrides *o, char *const *items, size_t count) {
    for (size_t i = 0; i < count; i++) LBK_TRY(set(o, "%s", items[i]));
    return LBK_OK;
}

static lbk_status load(const lbk__study *study, const lbk__recipe_model *model, overrides *o,
                       lbk_config **out) {
    char *path = NULL;
    if (model->config) LBK_TRY(lbk__join(o->context, study->recipe.folder, model->config, &path));
    const bool early = study->planning && model->num_from_teacher; /* nothing to start from yet */
    lbk_status status = (early ? lbk__config_read : lbk_config_load)(
        o->context, path, (const char *const *)o->items, o->count, out);
    lbk_free(o->context, path);
    return status;
}

static void release(overrides *o) {
    for (size_t i = 0; i < o->count; i++) lbk_free(o->context, o->items[i]);
}

static void short_hash(const char *text, char out[9]) {
    char hash[LBK__HASH_SIZE];
    lbk__hash_bytes(text, strlen(text), hash);
    snprintf(out, 9, "%.8s", hash);
}

/* ---- the teacher and its caches ---- */

lbk_status lbk__study_teacher_config(const lbk__study *study, lbk_config **out) {
    const lbk__recipe_model *teacher = study->recipe.teacher;
    overrides o = {.context = study->context};
    lbk_status status = LBK_OK;
    LBK_GO(set_all(&o, teacher->set, teacher->num_set));
    LBK_GO(set(&o, "pack=%s", study->pack_path));
    if (study->init) LBK_GO(set(&o, "model.init_from=%s", study->init));
    LBK_GO(load(study, teacher, &o, out));
done:
    release(&o);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(study->context, status, "teacher");
}

/* hash = SHA-256 of hash and `more`. */
static lbk_status mix(lbk_context *context, char hash[LBK__HASH_SIZE], const void *more, size_t size) {
    lbk__hasher *hasher;
    LBK_TRY(lbk__hasher_create(context, &hasher));
    lbk__hasher_update(hasher, hash, LBK__HASH_SIZE - 1);
    lbk__hasher_update(hasher, more, size);
    lbk__hasher_finish(context, hasher, hash);
    return LBK_OK;
}

/* A model that training starts from may be exchanged in its folder: its weights count, not the path alone. */
static lbk_status mix_start(lbk__study *study, const lbk_config *config, char hash[LBK__HASH_SIZE]) {
    lbk_context *context = study->context;
    const char *from = config->model.init_from;
    char *folder = NULL;
    lbk_status status = LBK_OK;
    if (!*from || study->by_paths) return LBK_OK;
    if (!study->start || strcmp(study->start, from) != 0) {
        lbk_free(context, study->start);
        study->start = NULL;
        LBK_GO(lbk__model_folder(context, from, &folder));
        LBK_GO(lbk__weights_hash(context, folder, study->start_hash));
        LBK_GO(lbk__copy_string(context, from, &study->start));
    }
    LBK_GO(mix(context, hash, study->start_hash, LBK__HASH_SIZE - 1));
done:
    lbk_free(context, folder);
    return status;
}

/* Of a teacher that is given, the thresholds as well, which a teacher's identity leaves out, or what they
 * will be chosen on (given_teacher.c). */
static lbk_status hash_given(lbk__study *study, char out[LBK__HASH_SIZE]) {
    const lbk__model *given = study->given_teacher;
    LBK_TRY(lbk__model_hash(given, out));
    if (study->by_paths) return LBK_OK;
    if (given->thresholds)
        return mix(study->context, out, given->thresholds,
                   (size_t)given->config.num_labels * sizeof *given->thresholds);
    if (lbk_pack_label_kind(study->pack) == LBK_LABEL_MULTI && study->dev_split)
        return mix(study->context, out, study->dev_split, strlen(study->dev_split));
    return LBK_OK;
}

static lbk_status hash_teacher(lbk__study *study, char out[LBK__HASH_SIZE]) {
    lbk_config *config;
    if (study->given_teacher) return hash_given(study, out);
    LBK_TRY(lbk__study_teacher_config(study, &config));
    lbk_status status = lbk__config_hash(config, out);
    if (status == LBK_OK) status = mix_start(study, config, out);
    lbk_config_close(config);
    return status;
}

lbk_status lbk__study_name_teacher(lbk__study *study) {
    char made_from[2 * LBK__HASH_SIZE], name[32];
    LBK_TRY(hash_teacher(study, made_from));
    strcat(made_from, lbk_pack_hash(study->pack));
    short_hash(made_from, study->teacher_id);
    snprintf(name, sizeof name, "teacher-%s", study->teacher_id);
    lbk_free(study->context, study->teacher);
    study->teacher = NULL;
    return lbk__join(study->context, study->folder, name, &study->teacher);
}

lbk_status lbk__study_cache(lbk_context *context, const lbk__study *study, int folds, char **out) {
    char name[64];
    int length = snprintf(name, sizeof name, "cache-%s", study->teacher_id);
    if (folds) snprintf(name + length, sizeof name - (size_t)length, "-folds%d", folds);
    return lbk__join(context, study->folder, name, out);
}

lbk_status lbk__study_probe_summary(lbk_context *context, const lbk__study *study, int folds, char **out) {
    char *cache;
    LBK_TRY(lbk__study_cache(context, study, folds, &cache));
    const lbk_status status = lbk__format(context, out, "%s.json", cache);
    lbk_free(context, cache);
    return status;
}

/* ---- cells ---- */

/* What the recipe says of a student; where it starts from the teacher, that is its run folder. */
static lbk_status set_student(const lbk__study *study, const lbk__recipe_model *student, overrides *o) {
    LBK_TRY(set_all(o, student->set, student->num_set));
    LBK_TRY(set(o, "pack=%s", study->pack_path));
    if (student->num_from_teacher == 0) return LBK_OK;
    lbk__text layers = {0};
    lbk_status status = set(o, "model.init_from=%s", study->teacher);
    for (uint32_t i = 0; status == LBK_OK && i < student->num_from_teacher; i++)
        status = lbk__text_printf(o->context, &layers, "%s%s", i ? ", " : "", student->from_teacher[i]);
    if (status == LBK_OK) status = set(o, "model.init_layers=[%s]", layers.data);
    lbk__text_free(o->context, &layers);
    return status;
}

lbk_status lbk__study_cell_config(lbk_context *context, const lbk__study *study, const lbk__cell *cell,
                                  lbk_config **out) {
    const lbk__recipe_model *student = &study->recipe.students[cell->student];
    const lbk__recipe_method *method = &study->recipe.methods[cell->method];
    overrides o = {.context = context};
    lbk__point point = {0};
    lbk_status status = LBK_OK;
    LBK_GO(set_student(study, student, &o));
    LBK_GO(set(&o, "seed=%lld", (long long)cell->seed));
    LBK_GO(lbk__study_point(context, study, cell->method, cell->point, &point));
    for (int i = 0; point.settings[i]; i++) LBK_GO(set(&o, "%s", point.settings[i]));
    LBK_GO(set(&o, "distill.method=%s", lbk__method_names[method->method]));
    if (method->method == LBK__METHOD_MSD)
        LBK_GO(set(&o, "distill.weights=%s", lbk__weighting_names[method->weighting]));
    LBK_GO(load(study, student, &o, out));
done:
    lbk__study_point_free(context, &point);
    release(&o);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(context, status, "student %s", student->name);
}

/* Hash of the configuration, the teacher and the folds. Where the student starts from the teacher, the path
 * of its folder does not count: the teacher does. */
static lbk_status name_cell(lbk__study *study, const lbk__cell *cell, char **out) {
    lbk_context *context = study->context;
    const lbk__recipe_model *student = &study->recipe.students[cell->student];
    lbk_config *config;
    char made_from[LBK__HASH_SIZE + 32], id[9];
    LBK_TRY(lbk__study_cell_config(context, study, cell, &config));
    if (student->num_from_teacher) *config->model.init_from = 0;
    lbk_status status = lbk__config_hash(config, made_from);
    if (status == LBK_OK) status = mix_start(study, config, made_from);
    lbk_config_close(config);
    LBK_TRY(status);
    snprintf(made_from + LBK__HASH_SIZE - 1, 32, " %s %d", study->teacher_id, student->folds);
    short_hash(made_from, id);
    return lbk__format(context, out, "%s/cells/%s-seed%lld-%s", study->folder,
                       study->recipe.methods[cell->method].name, (long long)cell->seed, id);
}

/* Two cells in one folder would be run at the same time: the recipe says one thing twice. */
static lbk_status check_fresh(const lbk__study *study, const lbk__cell *cell) {
    const lbk__recipe *r = &study->recipe;
    for (size_t i = 0; i < study->num_cells; i++) {
        const lbk__cell *other = &study->cells[i];
        if (strcmp(other->folder, cell->folder) != 0) continue;
        if (other->student == cell->student)
            return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                             "the recipe's grid has the same value twice: two of %s's points are one",
                             r->methods[cell->method].name);
        return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                         "the recipe's students %s and %s are the same: their runs by %s would be",
                         r->students[other->student].name, r->students[cell->student].name,
                         r->methods[cell->method].name);
    }
    return LBK_OK;
}

lbk_status lbk__study_add_cell(lbk__study *study, int student, int method, int point, int64_t seed) {
    for (size_t i = 0; i < study->num_cells; i++) {
        const lbk__cell *c = &study->cells[i];
        if (c->student == student && c->method == method && c->point == point && c->seed == seed)
            return LBK_OK;
    }
    LBK_TRY(LBK_GROW(study->context, study->cells, study->capacity, study->num_cells + 1));
    lbk__cell *cell = &study->cells[study->num_cells];
    *cell = (lbk__cell){.student = student, .method = method, .point = point, .seed = seed, .best = NAN};
    LBK_TRY(name_cell(study, cell, &cell->folder));
    lbk_status status = check_fresh(study, cell);
    if (status == LBK_OK)
        study->num_cells++;
    else
        lbk_free(study->context, cell->folder);
    return status;
}

const char *lbk__study_cell_name(const lbk__cell *cell) {
    return lbk__base_name(cell->folder);
}

lbk_status lbk__study_path(lbk_context *context, const char *folder, const char *a, const char *b,
                           char **out) {
    return lbk__format(context, out, b ? "%s/%s/%s" : "%s/%s", folder, a, b);
}
