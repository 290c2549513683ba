/* recipe.c: reads a recipe: the shape by libcyaml, the meaning here. */
#include "study/recipe.h"

#include "base/file.h"
#include "format/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, MAX_TEXT = 4096, MAX_LIST = 1000, MAX_STUDENTS = 16, MAX_POINTS = 10000 };

/* What libcyaml fills. */
typedef struct recipe_yaml {
    char *name, *pack, *images, *test_split;
    lbk__recipe_model *teacher, *students;
    char **methods, **seeds, **tuning_seeds;
    uint32_t num_students, num_methods, num_seeds, num_tuning_seeds;
    struct {
        char **values[LBK__MAX_CONFIG_KEYS];
        uint32_t count[LBK__MAX_CONFIG_KEYS];
    } grid; /* by index in lbk__config_keys */
} recipe_yaml;

/* ---- the shape ---- */

static const cyaml_schema_value_t text_entry = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, MAX_TEXT)};

#define TEXT(key, type, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, MAX_TEXT)
#define TEXT_OR_NONE(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, MAX_TEXT)
#define TEXTS_OR_NONE(key, type, member)                                                                  \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, num_##member, \
                               &text_entry, 0, MAX_LIST)

static const cyaml_schema_field_t teacher_fields[] = {TEXT_OR_NONE("config", lbk__recipe_model, config),
                                                      TEXTS_OR_NONE("set", lbk__recipe_model, set),
                                                      CYAML_FIELD_END};

static const cyaml_schema_field_t student_fields[] = {
    TEXT("name", lbk__recipe_model, name),
    TEXT_OR_NONE("config", lbk__recipe_model, config),
    TEXTS_OR_NONE("set", lbk__recipe_model, set),
    TEXTS_OR_NONE("from_teacher", lbk__recipe_model, from_teacher),
    TEXT_OR_NONE("folds", lbk__recipe_model, folds_text),
    CYAML_FIELD_END};

static const cyaml_schema_value_t student_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, lbk__recipe_model, student_fields)};

typedef struct schema {
    char names[LBK__MAX_CONFIG_KEYS][64];
    cyaml_schema_field_t grid[LBK__MAX_CONFIG_KEYS + 1], fields[16]; /* ended by zeros */
    cyaml_schema_value_t root;
} schema;

static void build(schema *s) {
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        lbk__recipe_key_name(i, s->names[i]);
        s->grid[i] = (cyaml_schema_field_t){
            .key = s->names[i],
            .data_offset = (uint32_t)(offsetof(recipe_yaml, grid.values) + i * sizeof(char **)),
            .count_offset = (uint32_t)(offsetof(recipe_yaml, grid.count) + i * sizeof(uint32_t)),
            .count_size = sizeof(uint32_t),
            .value = {CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, &text_entry, 1,
                                           MAX_LIST)}};
    }
    const cyaml_schema_field_t fields[] = {
        TEXT("name", recipe_yaml, name),
        TEXT_OR_NONE("pack", recipe_yaml, pack),
        TEXT_OR_NONE("images", recipe_yaml, images),
        TEXT_OR_NONE("test_split", recipe_yaml, test_split),
        CYAML_FIELD_MAPPING_PTR("teacher", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, recipe_yaml, teacher,
                                teacher_fields),
        CYAML_FIELD_SEQUENCE_COUNT("students", CYAML_FLAG_POINTER, recipe_yaml, students, num_students,
                                   &student_entry, 1, MAX_STUDENTS),
        CYAML_FIELD_SEQUENCE_COUNT("methods", CYAML_FLAG_POINTER, recipe_yaml, methods, num_methods,
                                   &text_entry, 1, LBK__MAX_METHODS),
        CYAML_FIELD_SEQUENCE_COUNT("seeds", CYAML_FLAG_POINTER, recipe_yaml, seeds, num_seeds, &text_entry, 1,
                                   LBK__MAX_SEEDS),
        TEXTS_OR_NONE("tuning_seeds", recipe_yaml, tuning_seeds),
        {.key = "grid", .value = {CYAML_VALUE_MAPPING(CYAML_FLAG_OPTIONAL, recipe_yaml, s->grid)}},
    };
    _Static_assert(LBK_COUNT(fields) < LBK_COUNT(s->fields), "room for the end");
    memcpy(s->fields, fields, sizeof fields);
    s->root = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, recipe_yaml, s->fields)};
}

/* ---- the meaning ---- */

void lbk__recipe_key_name(size_t key, char out[64]) {
    const lbk__config_key *k = &lbk__config_keys[key];
    snprintf(out, 64, "%s%s%s", k->section, *k->section ? "." : "", k->name);
}

bool lbk__recipe_reads(const lbk__recipe_method *method, size_t key) {
    const lbk__config_key *k = &lbk__config_keys[key];
    static const char *const of_any_teacher[] = {"alpha", "temperature", "unlabelled_splits", NULL};
    if (key == lbk__config_find("train", "unimodal_weight")) return method->method == LBK__METHOD_ALONE;
    if (strcmp(k->section, "distill") != 0) return true;
    if (method->method == LBK__METHOD_ALONE) return false;
    for (int i = 0; of_any_teacher[i]; i++)
        if (strcmp(k->name, of_any_teacher[i]) == 0) return true;
    if (method->method == LBK__METHOD_KD) return false;
    if (strcmp(k->name, "fixed_weights") == 0) return method->weighting == LBK__WEIGHTS_FIXED;
    if (strcmp(k->name, "rho") == 0 || strcmp(k->name, "saliency") == 0)
        return method->weighting == LBK__WEIGHTS_POPULATION || method->weighting == LBK__WEIGHTS_INSTANCE ||
               (*k->name == 's' && method->weighting == LBK__WEIGHTS_LEARNED);
    if (strcmp(k->name, "weight_features") == 0 || strcmp(k->name, "weight_hidden_size") == 0)
        return method->weighting ==
               LBK__WEIGHTS_LEARNED; /* a population's weights are functions of nothing */
    return lbk__weights_are_learned(method->weighting);
}

static lbk_status bad(lbk_context *context, const char *path, const char *key, const char *text,
                      const char *wanted) {
    char shown[80];
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: %s: \"%s\": %s", path, key,
                     lbk__printable(shown, sizeof shown, text, strlen(text)), wanted);
}

static lbk_status read_number(lbk_context *context, const char *path, const char *key, const char *text,
                              int64_t least, int64_t most, int64_t *out) {
    char *end, wanted[80];
    *out = strtoll(text, &end, 10);
    if (end != text && !*end && *out >= least && *out <= most) return LBK_OK;
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld is wanted", (long long)least,
             (long long)most);
    return bad(context, path, key, text, wanted);
}

static lbk_status read_seeds(lbk_context *context, const char *path, const char *key, char *const *texts,
                             uint32_t count, int64_t *out) {
    for (uint32_t i = 0; i < count; i++) {
        LBK_TRY(read_number(context, path, key, texts[i], 0, INT64_C(1) << 52, &out[i]));
        for (uint32_t k = 0; k < i; k++)
            if (out[k] == out[i]) return bad(context, path, key, texts[i], "stands there twice");
    }
    return LBK_OK;
}

static int find_word(const char *const *words, const char *text) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) return i;
    return -1;
}

/* "alone", "kd", or "msd-" and a weighting. */
static lbk_status read_method(lbk_context *context, const char *path, const char *text,
                              lbk__recipe_method *out) {
    *out = (lbk__recipe_method){.name = text};
    const int plain = find_word(lbk__method_names, text);
    const int weighting = strncmp(text, "msd-", 4) == 0 ? find_word(lbk__weighting_names, text + 4) : -1;
    if (weighting >= 0) {
        out->method = LBK__METHOD_MSD, out->weighting = (lbk__weighting)weighting;
        return LBK_OK;
    }
    out->method = (lbk__method)plain;
    if (plain >= 0 && plain != LBK__METHOD_MSD) return LBK_OK;
    return bad(context, path, "methods", text,
               "alone, kd, or msd- and a value of distill.weights, as in msd-instance, is wanted");
}

static lbk_status read_methods(lbk_context *context, const char *path, lbk__recipe *r) {
    bool kd = false;
    for (uint32_t i = 0; i < r->texts->num_methods; i++) {
        lbk__recipe_method *method = &r->methods[r->num_methods++];
        LBK_TRY(read_method(context, path, r->texts->methods[i], method));
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(r->methods[k].name, method->name) == 0)
                return bad(context, path, "methods", method->name, "stands there twice");
        kd = kd || method->method == LBK__METHOD_KD;
    }
    if (kd) return LBK_OK;
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "%s: methods: kd must be among them: the others are compared with it", path);
}

/* ---- keys that the recipe itself says, or that a student which starts from the teacher has from there ----
 */

static const char *const of_recipe[] = {"seed", "pack", "distill.method", "distill.weights", NULL};
static const char *const of_teacher[] = {"model.init_from", "model.init_layers", NULL};

/* Whether "key=value", or a key alone, is of one of the keys. */
static bool is_of(const char *setting, const char *const *keys) {
    const size_t length = strcspn(setting, "=");
    for (; *keys; keys++)
        if (strlen(*keys) == length && strncmp(*keys, setting, length) == 0) return true;
    return false;
}

static lbk_status check_settings(lbk_context *context, const char *path, const lbk__recipe_model *model,
                                 const char *const *keys, const char *who) {
    char wanted[80];
    snprintf(wanted, sizeof wanted, "would not be used: %s", who);
    for (uint32_t i = 0; i < model->num_set; i++)
        if (is_of(model->set[i], keys)) return bad(context, path, "set", model->set[i], wanted);
    return LBK_OK;
}

static lbk_status check_student(lbk_context *context, const char *path, const lbk__recipe *r,
                                const lbk__recipe_model *student) {
    LBK_TRY(check_settings(context, path, student, of_recipe, "the recipe itself says it"));
    if (student->num_from_teacher == 0) return LBK_OK;
    LBK_TRY(check_settings(context, path, student, of_teacher, "from_teacher says it"));
    for (int a = 0; a < r->num_axes; a++) {
        char name[64];
        lbk__recipe_key_name(r->axes[a].key, name);
        if (is_of(name, of_teacher))
            return bad(context, path, "grid", name, "is not chosen on dev: a student's from_teacher says it");
    }
    return LBK_OK;
}

static lbk_status read_grid(lbk_context *context, const char *path, lbk__recipe *r) {
    int64_t points = 1;
    for (size_t key = 0; key < lbk__num_config_keys; key++) {
        char name[64];
        if (!r->texts->grid.count[key]) continue;
        lbk__recipe_key_name(key, name);
        if (is_of(name, of_recipe) || key == lbk__config_find("train", "metric"))
            return bad(context, path, "grid", name, "is not chosen on dev: the recipe itself says it");
        r->axes[r->num_axes++] = (lbk__recipe_axis){
            .key = key, .values = r->texts->grid.values[key], .num_values = r->texts->grid.count[key]};
        points *= r->texts->grid.count[key];
        if (points > MAX_POINTS)
            return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: grid: has more than %d points", path,
                             MAX_POINTS);
    }
    return LBK_OK;
}

static lbk_status read_students(lbk_context *context, const char *path, lbk__recipe *r) {
    for (uint32_t i = 0; i < r->texts->num_students; i++) {
        lbk__recipe_model *student = &r->texts->students[i];
        int64_t folds = 0;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(r->students[k].name, student->name) == 0)
                return bad(context, path, "students", student->name, "two students have this name");
        if (strcmp(student->name, "teacher") == 0)
            return bad(context, path, "students", student->name, "is what the report calls the teacher");
        if (student->folds_text)
            LBK_TRY(read_number(context, path, "folds", student->folds_text, 2, LBK_MAX_FOLDS, &folds));
        student->folds = (int)folds;
        LBK_TRY(check_student(context, path, r, student));
    }
    return LBK_OK;
}

static bool among(const int64_t *items, int count, int64_t item) {
    for (int i = 0; i < count; i++)
        if (items[i] == item) return true;
    return false;
}

static lbk_status read_all_seeds(lbk_context *context, const char *path, lbk__recipe *r) {
    const recipe_yaml *texts = r->texts;
    LBK_TRY(read_seeds(context, path, "seeds", texts->seeds, texts->num_seeds, r->seeds));
    r->num_seeds = (int)texts->num_seeds;
    if (texts->num_tuning_seeds > LBK__MAX_SEEDS)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: tuning_seeds: at most %d", path, LBK__MAX_SEEDS);
    LBK_TRY(read_seeds(context, path, "tuning_seeds", texts->tuning_seeds, texts->num_tuning_seeds,
                       r->tuning_seeds));
    r->num_tuning_seeds = (int)texts->num_tuning_seeds;
    for (int i = 0; i < r->num_tuning_seeds; i++)
        if (!among(r->seeds, r->num_seeds, r->tuning_seeds[i]))
            return bad(context, path, "tuning_seeds", texts->tuning_seeds[i], "is not among the seeds");
    if (r->num_tuning_seeds) return LBK_OK;
    memcpy(r->tuning_seeds, r->seeds, sizeof r->seeds);
    r->num_tuning_seeds = r->num_seeds;
    return LBK_OK;
}

static lbk_status interpret(lbk_context *context, const char *path, lbk__recipe *r) {
    const recipe_yaml *texts = r->texts;
    r->name = texts->name, r->pack = texts->pack, r->images = texts->images;
    r->test_split = texts->test_split ? texts->test_split : "test";
    r->teacher = texts->teacher;
    r->students = texts->students, r->num_students = (int)texts->num_students;
    LBK_TRY(read_methods(context, path, r));
    LBK_TRY(read_all_seeds(context, path, r));
    LBK_TRY(read_grid(context, path, r));
    if (r->teacher)
        LBK_TRY(check_settings(context, path, r->teacher, (const char *const[]){"pack", NULL},
                               "the recipe itself says it"));
    return read_students(context, path, r);
}

/* ---- both ---- */

static lbk_status unknown_key(lbk_context *context, const char *path, const lbk__yaml_unknown *unknown) {
    static const char *const names[] = {"name",     "pack",    "images",       "test_split", "teacher",
                                        "students", "methods", "seeds",        "grid",       "tuning_seeds",
                                        "config",   "set",     "from_teacher", "folds",      NULL};
    char shown[80];
    if (strcmp(unknown->in, "grid") == 0) {
        const char *dot = strchr(unknown->key, '.');
        char section[32] = "";
        if (dot)
            snprintf(section, sizeof section, "%.*s", (int)LBK_MIN(dot - unknown->key, 31), unknown->key);
        return lbk__config_unknown(context, path, section, dot ? dot + 1 : unknown->key);
    }
    const char *near = lbk__nearest(unknown->key, names);
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "%s: there is no key %s in a recipe%s%s%s; docs/study.md lists them", path,
                     lbk__printable(shown, sizeof shown, unknown->key, strlen(unknown->key)),
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static lbk_status load(lbk_context *context, const char *path, lbk__recipe *r) {
    lbk__yaml_unknown unknown;
    schema s;
    size_t size;
    LBK_TRY(lbk__read_file(context, path, MAX_FILE, &r->yaml, &size));
    build(&s);
    lbk_status status = lbk__yaml_load(context, path, r->yaml, size, &s.root, &r->texts, &unknown);
    if (*unknown.key) return unknown_key(context, path, &unknown);
    if (status == LBK_OK && !r->texts)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: is empty; docs/study.md says what a recipe has",
                         path);
    return status;
}

lbk_status lbk__recipe_open(lbk_context *context, const char *path, lbk__recipe *out) {
    *out = (lbk__recipe){0};
    lbk_status status = LBK_OK;
    LBK_GO(load(context, path, out));
    LBK_GO(lbk__copy_bytes(context, path, (size_t)(lbk__base_name(path) - path), &out->folder));
    LBK_GO(interpret(context, path, out));
done:
    if (status != LBK_OK) lbk__recipe_close(context, out);
    return status;
}

void lbk__recipe_close(lbk_context *context, lbk__recipe *recipe) {
    schema s;
    build(&s);
    lbk__yaml_free(context, &s.root, recipe->texts);
    lbk_free(context, recipe->folder);
    lbk_free(context, recipe->yaml);
    *recipe = (lbk__recipe){0};
}
