/* report.c: results as JSON. */
#include "train/report.h"

#include "base/names.h"
#include "format/json.h"

#include <math.h>

const char *lbk__main_metric(lbk_label_kind label_kind) {
    static const char *const names[] = {"accuracy", "f1_micro", "vqa_accuracy"};
    return names[label_kind];
}

json_t *lbk__json_metrics(const lbk__metrics *metrics) {
    json_t *object = json_object();
    for (int m = 0; lbk__metric_names[m]; m++) {
        double value = lbk__metric_value(metrics, lbk__metric_names[m]);
        if (!isnan(value)) json_object_set_new(object, lbk__metric_names[m], json_real(value));
    }
    json_object_set_new(object, "num_samples", json_integer(metrics->num_samples));
    if (metrics->num_labelled < metrics->num_samples)
        json_object_set_new(object, "num_labelled", json_integer(metrics->num_labelled));
    return object;
}

json_t *lbk__json_views(const lbk__metrics *metrics, int32_t num_views) {
    json_t *views = json_object();
    for (int32_t v = 0; v < num_views; v++)
        json_object_set_new(views, lbk__view_names[v], lbk__json_metrics(&metrics[v]));
    return views;
}

lbk_status lbk__json_text(lbk_context *context, json_t *root, char **out) {
    lbk_status status = lbk__json_dump(context, root, JSON_INDENT(2) | JSON_REAL_PRECISION(9), out);
    json_decref(root);
    return status;
}
