/* curves.c: what happened during training, from metrics.jsonl of the run folders: scores on dev, and the
 * weights of (5). */
#include "base/names.h"
#include "format/json.h"
#include "study/report.h"
#include "study/study.h"
#include "train/report.h"

#include <stdio.h>
#include <string.h>

enum { MOST_POINTS = 1 << 16 };

/* Calls `use` for each line of a kind. */
static lbk_status read_lines(const lbk__results *r, const char *folder, const char *kind,
                             void (*use)(void *user, const json_t *line), void *user) {
    lbk__json_lines *lines = NULL;
    char *path;
    LBK_TRY(lbk__join_inside(r->context, folder, "metrics.jsonl", &path));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__json_lines_open(r->context, path, &lines));
    for (;;) {
        lbk__json_in line;
        LBK_GO(lbk__json_lines_next(lines, &line));
        if (!line.object) break;
        const char *found = json_string_value(json_object_get(line.object, "kind"));
        if (found && strcmp(found, kind) == 0) use(user, line.object);
    }
done:
    lbk__json_lines_close(lines);
    lbk_free(r->context, path);
    return status;
}

/* Sums of the i-th measurement over the runs that have one: with early stopping some have fewer. */
typedef struct curve {
    const char *metric;
    int at;
    double epoch[MOST_POINTS], sum[MOST_POINTS];
    int count[MOST_POINTS];
} curve;

static void add_point(void *user, const json_t *line) {
    curve *c = user;
    const json_t *value = json_object_get(line, c->metric);
    if (!json_is_number(value) || c->at == MOST_POINTS) return;
    c->epoch[c->at] = json_number_value(json_object_get(line, "epoch"));
    c->sum[c->at] += json_number_value(value);
    c->count[c->at++]++;
}

static lbk_status dev_curve(const lbk__results *r, const lbk__result_run *runs, int num_runs,
                            const char *name, json_t *to) {
    curve *c;
    json_t *points = json_array();
    json_array_append_new(to, json_pack("{s:s, s:o}", "name", name, "points", points));
    LBK_TRY(LBK_ALLOC(r->context, c, 1));
    c->metric = json_string_value(json_object_get(r->study, "metric"));
    lbk_status status = LBK_OK;
    for (int i = 0; status == LBK_OK && i < num_runs; i++, c->at = 0)
        status = read_lines(r, runs[i].folder, "dev", add_point, c);
    for (int p = 0; p < MOST_POINTS && c->count[p]; p++)
        json_array_append_new(points, json_pack("[f, f]", c->epoch[p], c->sum[p] / c->count[p]));
    lbk_free(r->context, c);
    return status;
}

/* {"epoch", "joint": {"mean", "p5", "p95"}, …} of an epoch of the first run. */
static void add_weights(void *user, const json_t *line) {
    json_t *epoch = json_pack("{s:O?}", "epoch", json_object_get(line, "epoch"));
    static const char *const parts[] = {"mean", "p5", "p95"};
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        json_t *view = json_object();
        for (size_t p = 0; p < LBK_COUNT(parts); p++) {
            char key[32];
            snprintf(key, sizeof key, "%s_%s", lbk__view_names[v], parts[p]);
            const json_t *value = json_object_get(line, key);
            json_object_set_new(view, parts[p],
                                json_is_number(value) ? json_real(json_number_value(value)) : json_null());
        }
        json_object_set_new(epoch, lbk__view_names[v], view);
    }
    json_array_append_new(user, epoch);
}

lbk_status lbk__results_curves(const lbk__results *r, json_t *root) {
    json_t *all_curves = json_array(), *all_weights = json_array();
    json_object_set_new(root, "curves", all_curves);
    json_object_set_new(root, "weights", all_weights);
    for (int s = 0; s < r->num_students; s++) {
        const lbk__result_student *student = &r->students[s];
        json_t *curves = json_array(), *weights = json_array();
        json_array_append_new(all_curves, json_pack("{s:s, s:o}", "student", student->name, "lines", curves));
        json_array_append_new(all_weights,
                              json_pack("{s:s, s:o}", "student", student->name, "methods", weights));
        for (int m = 0; m < student->num_methods; m++) {
            const lbk__result_method *method = &student->methods[m];
            LBK_TRY(dev_curve(r, method->runs, method->num_runs, method->name, curves));
            if (strcmp(method->kind, "msd") != 0) continue;
            json_t *epochs = json_array();
            json_array_append_new(weights, json_pack("{s:s, s:o}", "name", method->name, "epochs", epochs));
            LBK_TRY(read_lines(r, method->runs[0].folder, "weights", add_weights, epochs));
        }
    }
    return LBK_OK;
}
