/* choose.c: hyper-parameters by dev, and nothing else: the test split is not read before this is done. */
#include "eval/metrics.h"
#include "study/study.h"

#include <math.h>

/* Mean of the best dev scores of a point over the tuning seeds; NaN when one of its runs diverged. */
static double dev_score(const lbk__study *study, int student, int method, int point) {
    const lbk__recipe *r = &study->recipe;
    double sum = 0;
    for (int s = 0; s < r->num_tuning_seeds; s++)
        for (size_t i = 0; i < study->num_cells; i++) {
            const lbk__cell *c = &study->cells[i];
            if (c->student == student && c->method == method && c->point == point &&
                c->seed == r->tuning_seeds[s])
                sum += c->diverged ? NAN : c->best;
        }
    return sum / r->num_tuning_seeds;
}

static lbk_status choose(lbk__study *study, int student, int method) {
    const lbk__recipe *r = &study->recipe;
    const bool rises = lbk__metric_rises(study->metric);
    double best = NAN;
    int chosen = -1;
    for (int p = 0; p < lbk__study_num_points(study, method); p++) {
        const double score = dev_score(study, student, method, p);
        if (isnan(score) || (chosen >= 0 && (rises ? score <= best : score >= best))) continue;
        best = score, chosen = p;
    }
    study->chosen[student * r->num_methods + method] = chosen;
    if (chosen >= 0) return LBK_OK;
    return lbk__fail(
        study->context, LBK_NUMERIC,
        "student %s by %s: a run of each point of the grid diverged: give smaller learning rates",
        r->students[student].name, r->methods[method].name);
}

lbk_status lbk__study_choose(lbk__study *study) {
    const lbk__recipe *r = &study->recipe;
    LBK_TRY(LBK_ALLOC(study->context, study->chosen, r->num_students * r->num_methods));
    for (int s = 0; s < r->num_students; s++)
        for (int m = 0; m < r->num_methods; m++) LBK_TRY(choose(study, s, m));
    return LBK_OK;
}

bool lbk__study_is_chosen(const lbk__study *study, const lbk__cell *cell) {
    return study->chosen &&
           study->chosen[cell->student * study->recipe.num_methods + cell->method] == cell->point;
}
