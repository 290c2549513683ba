/* metrics.c: all metrics of a set of predictions, and their names. */
#include "eval/parts.h"

#include <math.h>
#include <string.h>

enum { SINGLE = 1 << LBK_LABEL_SINGLE, MULTI = 1 << LBK_LABEL_MULTI, SOFT = 1 << LBK_LABEL_SOFT };

/* Name, whether larger is better, and the label kinds that it is for, in the order of the fields. */
/* clang-format off */
#define METRICS(X)                                   \
    X(accuracy, true, SINGLE | MULTI)                \
    X(auroc, true, SINGLE | MULTI)                   \
    X(mean_average_precision, true, SINGLE | MULTI)  \
    X(f1_micro, true, SINGLE | MULTI)                \
    X(f1_macro, true, SINGLE | MULTI)                \
    X(f1_weighted, true, SINGLE | MULTI)             \
    X(f1_samples, true, MULTI)                       \
    X(vqa_accuracy, true, SOFT)                      \
    X(ece, false, SINGLE | MULTI | SOFT)             \
    X(loss, false, SINGLE | MULTI | SOFT)            \
    X(kl, false, SINGLE | MULTI | SOFT)              \
    X(entropy, false, SINGLE | MULTI | SOFT)
/* clang-format on */

#define NAME(name, rises, kinds) #name,
const char *const lbk__metric_names[] = {METRICS(NAME) NULL};
#undef NAME

double lbk__metric_value(const lbk__metrics *metrics, const char *name) {
#define VALUE(field, rises, kinds) \
    if (strcmp(name, #field) == 0) return metrics->field;
    METRICS(VALUE)
#undef VALUE
    return NAN;
}

bool lbk__metric_rises(const char *name) {
#define RISES(field, rises, kinds) \
    if (strcmp(name, #field) == 0) return rises;
    METRICS(RISES)
#undef RISES
    return true;
}

bool lbk__metric_applies(const char *name, lbk_label_kind label_kind) {
#define APPLIES(field, rises, kinds) \
    if (strcmp(name, #field) == 0) return (kinds) >> label_kind & 1;
    METRICS(APPLIES)
#undef APPLIES
    return false;
}

lbk__metrics lbk__no_metrics(void) {
#define UNDEFINED(field, rises, kinds) .field = NAN,
    return (lbk__metrics){METRICS(UNDEFINED).num_samples = 0};
#undef UNDEFINED
}

lbk_status lbk__metrics_compute(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out) {
    *out = lbk__no_metrics();
    lbk__tally *tally;
    LBK_TRY(lbk__tally_create(context, input->label_kind, input->num_classes, input->thresholds, &tally));
    lbk_status status = LBK_OK;
    bool single = input->label_kind == LBK_LABEL_SINGLE;
    float *row = NULL; /* [C] the targets of the sample at hand */
    LBK_GO(LBK_ALLOC(context, row, input->num_classes));
    for (int64_t i = 0; i < input->num_samples; i++) {
        int64_t at = i * input->num_classes;
        if (!single) lbk__labels_row(input->targets, i, input->num_classes, row);
        LBK_GO(lbk__tally_add(tally, input->logits + at, single ? input->labels[i] : -1, single ? NULL : row,
                              input->teacher ? input->teacher + at : NULL));
    }
    lbk__tally_metrics(tally, out);
    LBK_GO(lbk__ranking_metrics(context, input, out));
done:
    lbk_free(context, row);
    lbk__tally_free(tally);
    return status;
}
