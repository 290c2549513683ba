/* check.c: what is wrong with a recipe is said before its teacher is trained: every configuration is made. */
#include "study/study.h"

#include "data/pack.h"
#include "study/predictions.h"
#include "train/folds.h"
#include "train/report.h"
#include "train/training.h"

#include <stdio.h>
#include <string.h>

/* ---- the metric ---- */

/* Dev chooses among students by one metric. */
static lbk_status check_metric(lbk__study *study, const lbk_config *config) {
    const char *metric = config->train.metric;
    if (strcmp(metric, "auto") == 0) metric = lbk__main_metric(lbk_pack_label_kind(study->pack));
    if (!*study->metric) snprintf(study->metric, sizeof study->metric, "%s", metric);
    if (strcmp(study->metric, metric) == 0) return LBK_OK;
    return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                     "its train.metric is %s, another student's %s: give all the same", metric,
                     study->metric);
}

/* ---- students that start from another model ---- */

static lbk_status teacher_sizes(const lbk__study *study, lbk__model_config *out) {
    lbk_config *config;
    if (study->given_teacher) {
        *out = study->given_teacher->config;
        return LBK_OK;
    }
    LBK_TRY(lbk__study_teacher_config(study, &config));
    *out = lbk__config_model(config);
    lbk_config_close(config);
    return LBK_OK;
}

/* `name`: of the model with the sizes `from`. */
static lbk_status start_from(const lbk__study *study, const char *name, const lbk__model_config *from,
                             lbk_config *config) {
    LBK_TRY(lbk__config_take_sizes(config, from));
    const struct {
        const char *name;
        int64_t given;
        int32_t taken;
    } sizes[] = {{"hidden_size", config->model.hidden_size, from->hidden_size},
                 {"intermediate_size", config->model.intermediate_size, from->intermediate_size}};
    for (size_t i = 0; i < LBK_COUNT(sizes); i++)
        if (sizes[i].given != sizes[i].taken)
            return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                             "starts from %s, whose %s is %d; its configuration says %lld: leave "
                             "model.%s out",
                             name, sizes[i].name, sizes[i].taken, (long long)sizes[i].given, sizes[i].name);
    if (config->model.max_position_embeddings > from->max_position_embeddings)
        return lbk__fail(study->context, LBK_INVALID_ARGUMENT,
                         "starts from %s, which has %d positions; its configuration says %lld: leave "
                         "model.max_position_embeddings out",
                         name, from->max_position_embeddings,
                         (long long)config->model.max_position_embeddings);
    return lbk__config_check(config);
}

/* The teacher's sizes are those that lbk_config_load will take once it is there. */
static lbk_status check_start(const lbk__study *study, const lbk__recipe_model *student,
                              const lbk__model_config *teacher, lbk_config *config) {
    const char *from = config->model.init_from;
    lbk__model_config sizes;
    size_t length;
    if (student->num_from_teacher) return start_from(study, "the teacher", teacher, config);
    if (!*from) return LBK_OK;
    LBK_TRY(lbk__model_config_of(study->context, from, &sizes));
    LBK_TRY(start_from(study, from, &sizes, config));
    const char *vocab = lbk__pack_vocab(study->pack, &length);
    return lbk__vocabulary_match_folder(study->context, from, vocab, length, lbk__pack_cased(study->pack),
                                        NULL);
}

/* ---- all ---- */

/* Also the end is looked at: the test split, which nobody reads before. */
static lbk_status check_config(lbk__study *study, const lbk__recipe_model *student,
                               const lbk__model_config *teacher, const lbk__truth *test, lbk_config *config) {
    LBK_TRY(check_start(study, student, teacher, config));
    LBK_TRY(lbk__training_check(study->context, config, study->pack));
    LBK_TRY(lbk__check_lengths(study->context, config->model.max_position_embeddings, study->pack,
                               test->samples, test->num_samples));
    if (!study->dev_split)
        LBK_TRY(lbk__copy_string(study->context, config->train.dev_split, &study->dev_split));
    return check_metric(study, config);
}

static lbk_status check_method(lbk__study *study, int student, int method, const lbk__model_config *teacher,
                               const lbk__truth *test) {
    const lbk__recipe_model *of = &study->recipe.students[student];
    for (int p = 0; p < lbk__study_num_points(study, method); p++) {
        const lbk__cell cell = {
            .student = student, .method = method, .point = p, .seed = study->recipe.seeds[0]};
        lbk_config *config;
        LBK_TRY(lbk__study_cell_config(study->context, study, &cell, &config));
        const lbk_status status = check_config(study, of, teacher, test, config);
        lbk_config_close(config);
        if (status != LBK_OK) return lbk__fail_at(study->context, status, "student %s", of->name);
    }
    return LBK_OK;
}

/* Of a teacher that is trained: a given one has no folds (study.c). */
static lbk_status check_folds(const lbk__study *study, const lbk__recipe_model *student) {
    lbk_config *config;
    if (!student->folds) return LBK_OK;
    LBK_TRY(lbk__study_teacher_config(study, &config));
    const lbk_status status = lbk__folds_check(config, study->pack, student->folds);
    lbk_config_close(config);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(study->context, status, "student %s", student->name);
}

/* The teacher is asked about every sample of the pack. */
static lbk_status check_teacher(const lbk__study *study, lbk__model_config *sizes) {
    LBK_TRY(teacher_sizes(study, sizes));
    const lbk_status status = lbk__check_lengths(study->context, sizes->max_position_embeddings, study->pack,
                                                 NULL, lbk_pack_num_samples(study->pack));
    return status == LBK_OK ? LBK_OK : lbk__fail_at(study->context, status, "teacher");
}

lbk_status lbk__study_check(lbk__study *study) {
    lbk__model_config teacher;
    lbk__truth test = {0};
    lbk_status status = LBK_OK;
    study->planning = true;
    status = lbk__truth_open(study->context, study->pack, study->recipe.test_split, &test);
    if (status != LBK_OK) LBK_GO(lbk__fail_at(study->context, status, "test_split"));
    LBK_GO(check_teacher(study, &teacher));
    for (int s = 0; s < study->recipe.num_students; s++) {
        LBK_GO(check_folds(study, &study->recipe.students[s]));
        for (int m = 0; m < study->recipe.num_methods; m++)
            LBK_GO(check_method(study, s, m, &teacher, &test));
    }
done:
    study->planning = false;
    lbk__truth_close(study->context, &test);
    return status;
}
