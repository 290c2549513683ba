/* record.c: study.json: what was run, what dev chose, on which machine: all that the report needs to know. */
#include "base/file.h"
#include "format/json.h"
#include "kernel/matmul.h"
#include "study/study.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Below the study's folder, so that it may be moved. */
static const char *below(const lbk__study *study, const char *path) {
    return path + strlen(study->folder) + 1;
}

static json_t *settings_json(const lbk__point *point) {
    json_t *list = json_array();
    for (int i = 0; point->settings[i]; i++) json_array_append_new(list, json_string(point->settings[i]));
    return list;
}

/* {"seed", "folder", "dev"} of the cells of a student, method and point. */
static json_t *runs_json(const lbk__study *study, int student, int method, int point) {
    json_t *runs = json_array();
    for (int s = 0; s < study->recipe.num_seeds; s++)
        for (size_t i = 0; i < study->num_cells; i++) {
            const lbk__cell *c = &study->cells[i];
            if (c->student != student || c->method != method || c->point != point ||
                c->seed != study->recipe.seeds[s])
                continue;
            json_array_append_new(runs, json_pack("{s:I, s:s, s:o}", "seed", (json_int_t)c->seed, "folder",
                                                  below(study, c->folder), "dev",
                                                  c->diverged ? json_null() : json_real(c->best)));
        }
    return runs;
}

static lbk_status method_json(const lbk__study *study, int student, int method, json_t **out) {
    const lbk__recipe *r = &study->recipe;
    json_t *points = json_array();
    for (int p = 0; p < lbk__study_num_points(study, method); p++) {
        lbk__point point;
        lbk_status status = lbk__study_point(study->context, study, method, p, &point);
        if (status != LBK_OK) {
            json_decref(points);
            return status;
        }
        json_array_append_new(points, json_pack("{s:o, s:o}", "settings", settings_json(&point), "runs",
                                                runs_json(study, student, method, p)));
        lbk__study_point_free(study->context, &point);
    }
    *out = json_pack("{s:s, s:s, s:i, s:o}", "name", r->methods[method].name, "method",
                     lbk__method_names[r->methods[method].method], "chosen",
                     study->chosen[student * r->num_methods + method], "points", points);
    return LBK_OK;
}

static lbk_status student_json(const lbk__study *study, int student, json_t *to) {
    const lbk__recipe_model *s = &study->recipe.students[student];
    json_t *methods = json_array();
    json_array_append_new(
        to, json_pack("{s:s, s:i, s:o}", "name", s->name, "folds", s->folds, "methods", methods));
    for (int m = 0; m < study->recipe.num_methods; m++) {
        json_t *method;
        LBK_TRY(method_json(study, student, m, &method));
        json_array_append_new(methods, method);
    }
    return LBK_OK;
}

/* ---- the teacher on train and dev ---- */

/* {"folds", "metric", "train_split", "dev_split", "memorised", "splits"} of what was found at a probe. */
static lbk_status add_probe(const lbk__study *study, int folds, json_t *to) {
    static const char *const kept[] = {"folds", "metric", "train_split", "dev_split", "memorised", "splits"};
    char *path;
    json_t *summary = NULL, *probe = json_object();
    LBK_TRY(lbk__study_probe_summary(study->context, study, folds, &path));
    const lbk_status status = lbk__json_load_file(study->context, path, &summary);
    for (size_t i = 0; i < LBK_COUNT(kept); i++)
        json_object_set(probe, kept[i], json_object_get(summary, kept[i]));
    json_array_append_new(to, probe);
    json_decref(summary);
    lbk_free(study->context, path);
    return status;
}

/* Of the teacher itself, then out of fold as the students' caches are, each once. */
static lbk_status add_probes(const lbk__study *study, json_t *root) {
    const lbk__recipe *r = &study->recipe;
    json_t *probes = json_array();
    json_object_set_new(root, "probes", probes);
    LBK_TRY(add_probe(study, 0, probes));
    for (int s = 0; s < r->num_students; s++) {
        bool told = r->students[s].folds == 0;
        for (int before = 0; before < s; before++)
            told = told || r->students[before].folds == r->students[s].folds;
        if (!told) LBK_TRY(add_probe(study, r->students[s].folds, probes));
    }
    return LBK_OK;
}

/* ---- what it was made with ---- */

static void read_processor(char *out, size_t size) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        lbk__printable(out, size, colon + 2, strcspn(colon + 2, "\n"));
        break;
    }
    if (file) fclose(file);
}

#ifdef __clang__
static const char compiler[] = __VERSION__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

static json_t *machine_json(const lbk__study *study) {
    struct utsname system;
    char processor[128], version[32], onednn[32], os[256] = "unknown";
    lbk__dnnl_version(onednn, sizeof onednn);
    read_processor(processor, sizeof processor);
    if (uname(&system) == 0)
        snprintf(os, sizeof os, "%s %s %s", system.sysname, system.release, system.machine);
    snprintf(version, sizeof version, "%d.%d.%d", LBK_VERSION_MAJOR, LBK_VERSION_MINOR, LBK_VERSION_PATCH);
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "processor", processor, "system", os, "threads",
                     study->context->num_threads, "limbeck", version, "onednn", onednn, "compiler", compiler);
}

/* {"text", "sha256"}: seeds, grid and all else that was asked for. */
static json_t *recipe_json(const lbk__recipe *recipe) {
    char hash[LBK__HASH_SIZE];
    lbk__hash_bytes(recipe->yaml, strlen(recipe->yaml), hash);
    return json_pack("{s:s, s:s}", "text", recipe->yaml, "sha256", hash);
}

static lbk_status add_text(lbk_context *context, const lbk_config *config, const char *name, json_t *to) {
    char *text;
    LBK_TRY(lbk_config_text(config, &text));
    json_object_set_new(to, name, json_string(text));
    lbk_free(context, text);
    return LBK_OK;
}

/* The last method that reads saliencies, since the report tells of those; else the last. */
static int told_method(const lbk__recipe *recipe) {
    const size_t key = lbk__config_find("distill", "saliency");
    for (int m = recipe->num_methods - 1; m >= 0; m--)
        if (lbk__recipe_reads(&recipe->methods[m], key)) return m;
    return recipe->num_methods - 1;
}

static void add_split(json_t *to, const char *name) {
    if (*name) json_array_append_new(to, json_string(name));
}

/* Of a student: the splits beside train_split that its chosen cells, of any method, learned from: those of
 * unlabelled samples, and those that weights were learned on. */
static lbk_status other_splits(const lbk__study *study, int student, json_t *to) {
    const size_t unlabelled = lbk__config_find("distill", "unlabelled_splits"),
                 meta_split = lbk__config_find("distill", "meta_split");
    for (int m = 0; m < study->recipe.num_methods; m++) {
        const lbk__recipe_method *method = &study->recipe.methods[m];
        const lbk__cell cell = {.student = student,
                                .method = m,
                                .point = study->chosen[student * study->recipe.num_methods + m],
                                .seed = study->recipe.seeds[0]};
        lbk_config *config;
        LBK_TRY(lbk__study_cell_config(study->context, study, &cell, &config));
        const lbk__texts *splits = &config->distill.unlabelled_splits;
        for (size_t i = 0; lbk__recipe_reads(method, unlabelled) && i < splits->count; i++)
            add_split(to, splits->items[i]);
        if (lbk__recipe_reads(method, meta_split)) add_split(to, config->distill.meta_split);
        lbk_config_close(config);
    }
    return LBK_OK;
}

static json_t *splits_json(const lbk_config *config) {
    return json_pack("{s:s, s:s}", "train_split", config->train.train_split, "dev_split",
                     config->train.dev_split);
}

/* "configurations": YAML as resolved, of the teacher unless it was given, and of one method of each student
 * with its first seed; their splits, as "teacher_splits" and with the student; "saliency": the kind that the
 * first student's weights are made from. */
static lbk_status add_configs(const lbk__study *study, json_t *root) {
    const int last = told_method(&study->recipe);
    json_t *texts = json_object();
    lbk_config *config;
    json_object_set_new(root, "configurations", texts);
    lbk_status status = LBK_OK;
    if (!study->given_teacher) {
        LBK_TRY(lbk__study_teacher_config(study, &config));
        status = add_text(study->context, config, "teacher", texts);
        json_object_set_new(root, "teacher_splits", splits_json(config));
        lbk_config_close(config);
    }
    for (int s = 0; status == LBK_OK && s < study->recipe.num_students; s++) {
        const lbk__cell cell = {.student = s,
                                .method = last,
                                .point = study->chosen[s * study->recipe.num_methods + last],
                                .seed = study->recipe.seeds[0]};
        LBK_TRY(lbk__study_cell_config(study->context, study, &cell, &config));
        status = add_text(study->context, config, study->recipe.students[s].name, texts);
        json_t *student = json_array_get(json_object_get(root, "students"), (size_t)s),
               *others = json_array();
        json_object_update_new(student, splits_json(config));
        json_object_set_new(student, "other_splits", others);
        if (s == 0)
            json_object_set_new(root, "saliency", json_string(lbk__saliency_names[config->distill.saliency]));
        lbk_config_close(config);
        if (status == LBK_OK) status = other_splits(study, s, others);
    }
    return status;
}

lbk_status lbk__study_record(const lbk__study *study, json_t *models) {
    lbk_context *context = study->context;
    char *cache = NULL, *path = NULL;
    json_t *students = json_array();
    json_t *root = json_pack("{s:s, s:i, s:o, s:o, s:o}", "kind", "study", "version", 1, "students", students,
                             "models", models, "machine", machine_json(study));
    json_object_set_new(root, "recipe", recipe_json(&study->recipe)); /* none where it is not UTF-8 */
    lbk_status status = LBK_OK;
    LBK_GO(lbk__study_cache(context, study, 0, &cache));
    LBK_GO(lbk__study_path(context, study->folder, "study.json", NULL, &path));
    json_object_update_new(root, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s}", "name",
                                           study->recipe.name, "pack", study->pack_path, "pack_sha256",
                                           lbk_pack_hash(study->pack), "images", study->images, "test_split",
                                           study->recipe.test_split, "metric", study->metric, "teacher",
                                           below(study, study->teacher), "cache", below(study, cache)));
    for (int s = 0; s < study->recipe.num_students; s++) LBK_GO(student_json(study, s, students));
    LBK_GO(add_probes(study, root));
    LBK_GO(add_configs(study, root));
    LBK_GO(lbk__json_write_file(context, path, root, JSON_INDENT(2)));
done:
    json_decref(root);
    lbk_free(context, path);
    lbk_free(context, cache);
    return status;
}
