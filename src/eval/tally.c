/* tally.c: metrics sample by sample, in memory that does not grow with their number. */
#include "eval/parts.h"

#include <math.h>

lbk_status lbk__tally_create(lbk_context *context, lbk_label_kind label_kind, int32_t num_classes,
                             const float *thresholds, lbk__tally **out) {
    *out = NULL;
    if (num_classes < 1)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "metrics of %d classes are not defined", num_classes);
    lbk__tally *tally;
    LBK_TRY(LBK_ALLOC(context, tally, 1));
    *tally = (lbk__tally){
        .context = context, .label_kind = label_kind, .num_classes = num_classes, .thresholds = thresholds};
    lbk_status status = LBK_ALLOC(context, tally->classes, num_classes);
    if (status == LBK_OK)
        *out = tally;
    else
        lbk_free(context, tally);
    return status;
}

void lbk__tally_free(lbk__tally *tally) {
    if (!tally) return;
    lbk_free(tally->context, tally->classes);
    lbk_free(tally->context, tally);
}

static bool is_labelled(const lbk__tally *tally, int32_t label, const float *targets) {
    return tally->label_kind == LBK_LABEL_SINGLE ? label >= 0 : targets != NULL;
}

static lbk_status check(lbk__tally *tally, const float *logits, int32_t label, const float *teacher) {
    long long sample = (long long)tally->num_samples;
    for (int32_t c = 0; c < tally->num_classes; c++) {
        if (!isfinite(logits[c]))
            return lbk__fail(tally->context, LBK_NUMERIC,
                             "the logit of sample %lld, class %d is not finite: the model's weights or its "
                             "input are damaged, or training diverged",
                             sample, c);
        if (teacher && !isfinite(teacher[c]))
            return lbk__fail(tally->context, LBK_NUMERIC,
                             "the teacher's logit of sample %lld, class %d is not finite: probe it again",
                             sample, c);
    }
    if (tally->label_kind == LBK_LABEL_SINGLE && label >= tally->num_classes)
        return lbk__fail(tally->context, LBK_INVALID_ARGUMENT,
                         "the label of sample %lld is %d, but there are %d classes", sample, label,
                         tally->num_classes);
    return LBK_OK;
}

lbk_status lbk__tally_add(lbk__tally *tally, const float *logits, int32_t label, const float *targets,
                          const float *teacher) {
    LBK_TRY(check(tally, logits, label, teacher));
    tally->num_samples++;
    tally->num_taught += teacher != NULL;
    lbk__add_probability(tally, logits, label, targets, teacher);
    if (is_labelled(tally, label, targets)) {
        tally->num_labelled++;
        lbk__add_decision(tally, logits, label, targets);
    }
    return LBK_OK;
}

void lbk__tally_metrics(const lbk__tally *tally, lbk__metrics *out) {
    *out = lbk__no_metrics();
    out->num_samples = tally->num_samples;
    out->num_labelled = tally->num_labelled;
    lbk__decision_metrics(tally, out);
    lbk__probability_metrics(tally, out);
}
