/* csv.c: the tables of a report as comma-separated values: a line for each student, method and view. */
#include "base/file.h"
#include "study/report.h"
#include "train/report.h"

#include <string.h>

/* In quotes, which are doubled within. */
static lbk_status put_text(lbk_context *context, lbk__text *csv, const char *text) {
    LBK_TRY(lbk__text_append(context, csv, "\"", 1));
    for (; *text; text++)
        LBK_TRY(lbk__text_append(context, csv, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1));
    return lbk__text_append(context, csv, "\"", 1);
}

/* As it is, where nothing in it has a meaning. */
static lbk_status put_word(lbk_context *context, lbk__text *csv, const char *word) {
    if (strpbrk(word, ",\"\r\n")) return put_text(context, csv, word);
    return lbk__text_append(context, csv, word, strlen(word));
}

static lbk_status put_number(lbk_context *context, lbk__text *csv, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) return lbk__text_append(context, csv, ",", 1);
    return lbk__text_printf(context, csv, ",%.9g", json_number_value(value));
}

static lbk_status put_line(lbk_context *context, lbk__text *csv, const char *student, const json_t *method,
                           const char *view) {
    static const char *const compared[] = {"difference",       "low", "high",     "p_bootstrap",
                                           "p_bootstrap_holm", "p_t", "p_t_holm", "p_wilcoxon",
                                           "p_wilcoxon_holm"};
    const json_t *values = json_object_get(json_object_get(method, "views"), view),
                 *score = json_object_get(values, "score"), *kl = json_object_get(values, "kl"),
                 *against = json_object_get(values, "against_kd");
    LBK_TRY(put_text(context, csv, student));
    LBK_TRY(lbk__text_append(context, csv, ",", 1));
    LBK_TRY(put_word(context, csv, json_string_value(json_object_get(method, "name"))));
    LBK_TRY(lbk__text_printf(context, csv, ",%d,%s,%zu", json_is_true(json_object_get(method, "picked")),
                             view, json_array_size(json_object_get(score, "values"))));
    LBK_TRY(put_number(context, csv, json_object_get(method, "dev"), "mean"));
    LBK_TRY(put_number(context, csv, score, "mean"));
    LBK_TRY(put_number(context, csv, score, "half_width"));
    LBK_TRY(put_number(context, csv, kl, "mean"));
    LBK_TRY(put_number(context, csv, kl, "half_width"));
    for (size_t i = 0; i < LBK_COUNT(compared); i++) LBK_TRY(put_number(context, csv, against, compared[i]));
    return lbk__text_append(context, csv, "\n", 1);
}

static lbk_status put_student(lbk_context *context, lbk__text *csv, const json_t *student) {
    const char *name = json_string_value(json_object_get(student, "name"));
    const json_t *methods = json_object_get(student, "methods");
    for (size_t m = 0; m < json_array_size(methods); m++)
        for (int v = 0; lbk__view_names[v]; v++)
            LBK_TRY(put_line(context, csv, name, json_array_get(methods, m), lbk__view_names[v]));
    return LBK_OK;
}

static lbk_status put_teacher(lbk_context *context, lbk__text *csv, const json_t *teacher) {
    for (int v = 0; lbk__view_names[v]; v++) {
        const json_t *view = json_object_get(json_object_get(teacher, "views"), lbk__view_names[v]);
        LBK_TRY(lbk__text_printf(context, csv, "\"\",teacher,0,%s,1,", lbk__view_names[v]));
        LBK_TRY(put_number(context, csv, view, "score"));
        LBK_TRY(lbk__text_printf(context, csv, ",,,,,,,,,,,,\n"));
    }
    return LBK_OK;
}

lbk_status lbk__results_csv(lbk_context *context, const json_t *root, const char *path) {
    static const char head[] =
        "student,method,picked_on_dev,view,runs,dev,score,score_half_width,kl,kl_half_width,"
        "difference_to_kd,difference_low,difference_high,p_bootstrap,p_bootstrap_holm,p_t,"
        "p_t_holm,p_wilcoxon,p_wilcoxon_holm\n";
    const json_t *students = json_object_get(root, "students");
    lbk__text csv = {0};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__text_append(context, &csv, head, sizeof head - 1));
    LBK_GO(put_teacher(context, &csv, json_object_get(root, "teacher")));
    for (size_t s = 0; s < json_array_size(students); s++)
        LBK_GO(put_student(context, &csv, json_array_get(students, s)));
    LBK_GO(lbk__write_file(context, path, csv.data, csv.length));
done:
    lbk__text_free(context, &csv);
    return status;
}
