/* densities.c: with which probability a model says what is true, under each view: whether a student behaves
 * within a modality as its teacher does. */
#include "base/logits.h"
#include "base/names.h"
#include "data/pack.h"
#include "study/report.h"
#include "train/report.h"

enum { BINS = 20 };

static double probability(const lbk__truth *truth, const float *logits, int32_t class) {
    if (truth->label_kind != LBK_LABEL_SINGLE) return lbk__sigmoid((double)logits[class]);
    return exp(-lbk__categorical_loss(logits, truth->num_classes, class));
}

/* Counts the probabilities of every true class of every sample. */
static void count(const lbk__results *r, const lbk__result_run *run, int view, double counts[BINS]) {
    const lbk__truth *truth = &r->truth;
    const int64_t classes = truth->num_classes;
    const float *logits = run->predictions.logits + view * truth->num_samples * classes;
    for (int64_t i = 0; i < truth->num_samples; i++)
        for (int64_t k = truth->labels.start[i]; k < truth->labels.start[i + 1]; k++) {
            if (!lbk__is_true(truth->labels.scores[k])) continue;
            const double at = probability(truth, logits + i * classes, truth->labels.classes[k]) * BINS;
            counts[at > 0 ? (int)fmin(at, BINS - 1) : 0]++;
        }
}

/* {"name", "joint": [density in BINS equal bins of [0, 1]], "text", "image"} of some runs together. */
static json_t *line_json(const lbk__results *r, const char *name, const lbk__result_run *runs, int num_runs) {
    json_t *line = json_pack("{s:s}", "name", name);
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        double counts[BINS] = {0}, total = 0;
        json_t *density = json_array();
        for (int i = 0; i < num_runs; i++) count(r, &runs[i], v, counts);
        for (int b = 0; b < BINS; b++) total += counts[b];
        for (int b = 0; b < BINS; b++)
            json_array_append_new(density, json_real(total > 0 ? BINS * counts[b] / total : 0));
        json_object_set_new(line, lbk__view_names[v], density);
    }
    return line;
}

lbk_status lbk__results_density(const lbk__results *r, json_t *root) {
    json_t *out = json_array();
    json_object_set_new(root, "density", out);
    for (int s = 0; s < r->num_students; s++) {
        const lbk__result_student *student = &r->students[s];
        const int shown[] = {student->kd, student->picked};
        json_t *lines = json_array();
        json_array_append_new(lines, line_json(r, "teacher", &r->teacher, 1));
        for (size_t k = 0; k < LBK_COUNT(shown); k++) {
            if (shown[k] < 0) continue;
            const lbk__result_method *method = &student->methods[shown[k]];
            json_array_append_new(lines, line_json(r, method->name, method->runs, method->num_runs));
        }
        json_array_append_new(out, json_pack("{s:s, s:o}", "student", student->name, "lines", lines));
    }
    return LBK_OK;
}
