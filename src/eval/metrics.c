/* metrics.c: all metrics of a set of predictions, and their names. */
#include "base/logits.h"
#include "eval/parts.h"

#include <string.h>

/* Name and whether larger is better, in the order of the fields. */
/* clang-format off */
#define METRICS(X)                  \
    X(accuracy, true)               \
    X(auroc, true)                  \
    X(mean_average_precision, true) \
    X(f1_micro, true)               \
    X(f1_macro, true)               \
    X(f1_weighted, true)            \
    X(f1_samples, true)             \
    X(vqa_accuracy, true)           \
    X(ece, false)                   \
    X(loss, false)                  \
    X(kl, false)                    \
    X(entropy, false)
/* clang-format on */

#define NAME(name, rises) #name,
const char *const lbk__metric_names[] = {METRICS(NAME) NULL};
#undef NAME

double lbk__metric_value(const lbk__metrics *metrics, const char *name) {
#define VALUE(field, rises) \
    if (strcmp(name, #field) == 0) return metrics->field;
    METRICS(VALUE)
#undef VALUE
    return NAN;
}

bool lbk__metric_rises(const char *name) {
#define RISES(field, rises) \
    if (strcmp(name, #field) == 0) return rises;
    METRICS(RISES)
#undef RISES
    return true;
}

lbk_status lbk__metrics_check(lbk_context *context, const lbk__metrics_input *input) {
    if (input->num_classes < 1 || input->num_samples < 0)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "metrics of %lld samples and %d classes",
                         (long long)input->num_samples, input->num_classes);
    for (int64_t i = 0; i < input->num_samples; i++) {
        for (int32_t c = 0; c < input->num_classes; c++) {
            int64_t at = i * input->num_classes + c;
            if (!isfinite(input->logits[at]) || (input->teacher && !isfinite(input->teacher[at])))
                return lbk__fail(context, LBK_NUMERIC, "the logit of sample %lld, class %d is not finite",
                                 (long long)i, c);
        }
        if (input->label_kind == LBK_LABEL_SINGLE &&
            (input->labels[i] < 0 || input->labels[i] >= input->num_classes))
            return lbk__fail(context, LBK_INVALID_ARGUMENT, "the label of sample %lld is %d, not in 0 … %d",
                             (long long)i, input->labels[i], input->num_classes - 1);
    }
    return LBK_OK;
}

lbk_status lbk__metrics_compute(lbk_context *context, const lbk__metrics_input *input, lbk__metrics *out) {
#define UNDEFINED(field, rises) .field = NAN,
    *out = (lbk__metrics){METRICS(UNDEFINED).num_samples = input->num_samples};
#undef UNDEFINED
    LBK_TRY(lbk__metrics_check(context, input));
    if (input->num_samples == 0) return LBK_OK;
    lbk__probability_metrics(input, out);
    LBK_TRY(lbk__decision_metrics(context, input, out));
    return lbk__ranking_metrics(context, input, out);
}
