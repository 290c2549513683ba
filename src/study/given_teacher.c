/* given_teacher.c: a teacher that was trained before. A copy makes the study's folder whole: it may be moved,
 * and goes on without the original. */
#include "data/pack.h"
#include "eval/metrics.h"
#include "model/parameters.h"
#include "study/predictions.h"
#include "study/study.h"
#include "train/infer.h"

#include <string.h>

enum { BATCH = 32 };

typedef struct answers {
    float *logits; /* [samples, num_classes] */
    size_t num_classes;
} answers;

static lbk_status keep(void *user, int64_t position, const float *logits) {
    answers *a = user;
    memcpy(a->logits + (size_t)position * a->num_classes, logits, a->num_classes * sizeof *logits);
    return LBK_OK;
}

static lbk_status choose_thresholds(lbk__model *teacher, lbk__inference *dev, const lbk__truth *truth) {
    lbk_context *context = teacher->context;
    answers a = {.num_classes = (size_t)truth->num_classes};
    lbk__metrics_input input = {.label_kind = truth->label_kind,
                                .num_samples = truth->num_samples,
                                .num_classes = truth->num_classes,
                                .targets = &truth->labels};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, a.logits, (size_t)truth->num_samples * a.num_classes));
    LBK_GO(lbk__inference_run(dev, "thresholds", keep, &a));
    LBK_GO(LBK_ALLOC(context, teacher->thresholds, a.num_classes));
    input.logits = a.logits;
    LBK_GO(lbk__choose_thresholds(context, &input, teacher->thresholds));
done:
    lbk_free(context, a.logits);
    return status;
}

/* A model from elsewhere says a class from a probability of 0.5 on, the students from where F1 is best on
 * dev: beside them it must do as they do. */
static lbk_status complete_thresholds(const lbk__study *study) {
    lbk__model *teacher = study->given_teacher;
    lbk__truth truth = {0};
    lbk__inference *dev = NULL;
    lbk_status status = LBK_OK;
    if (lbk_pack_label_kind(study->pack) != LBK_LABEL_MULTI || teacher->thresholds) return LBK_OK;
    LBK_GO(lbk__truth_open(study->context, study->pack, study->dev_split, &truth));
    LBK_GO(
        lbk__inference_create(teacher, NULL, study->pack, truth.samples, truth.num_samples, 1, BATCH, &dev));
    LBK_GO(choose_thresholds(teacher, dev, &truth));
    lbk__log(study->context, LBK_LOG_INFO,
             "the teacher has no thresholds: its copy has those with the best F1 on the split %s",
             study->dev_split);
done:
    lbk__inference_free(dev);
    lbk__truth_close(study->context, &truth);
    return status;
}

lbk_status lbk__study_copy_teacher(const lbk__study *study) {
    char *best;
    LBK_TRY(complete_thresholds(study));
    LBK_TRY(lbk__make_folder(study->context, study->teacher));
    LBK_TRY(lbk__study_path(study->context, study->teacher, "best", NULL, &best));
    const lbk_status status = lbk__model_save(study->given_teacher, NULL, best);
    lbk_free(study->context, best);
    return status;
}
