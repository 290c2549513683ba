/* answer.c: logits to words: labels and probabilities under each view, and how much each modality decides
 * (6), as JSON. */
#include "base/guest.h"
#include "base/logits.h"
#include "base/names.h"
#include "eval/predictor.h"
#include "format/json.h"

#include <stdio.h>
#include <stdlib.h>

/* Below this many nats taking a modality away changes nothing worth telling. */
static const double NOTHING = 0.01;

/* By the logit, as metrics decide: probabilities near 1 are all the same float32. */
typedef struct ranked {
    float logit;
    int32_t class;
} ranked;

static int by_logit(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->class - y->class;
}

static const char *name_of(const lbk_model *model, int32_t class, char number[16]) {
    const char *name = lbk_model_class_name(model, class);
    if (name) return name;
    snprintf(number, 16, "%d", class);
    return number;
}

/* Multi-label: the classes whose probability reaches their threshold; else the likeliest. */
static json_t *decision(const lbk_model *model, const ranked *order, int32_t num_classes) {
    char number[16];
    if (model->model->label_kind != LBK_LABEL_MULTI)
        return json_string(name_of(model, order[0].class, number));
    json_t *labels = json_array();
    for (int32_t i = 0; i < num_classes; i++)
        if (lbk__sigmoid((double)order[i].logit) >= (double)lbk_model_threshold(model, order[i].class))
            json_array_append_new(labels, json_string(name_of(model, order[i].class, number)));
    return labels;
}

static void rank(const lbk_model *model, const float *logits, float *probabilities, ranked *order) {
    const int32_t num_classes = model->model->config.num_labels;
    lbk__probabilities(model->model->label_kind, logits, num_classes, probabilities);
    for (int32_t c = 0; c < num_classes; c++) order[c] = (ranked){logits[c], c};
    qsort(order, (size_t)num_classes, sizeof *order, by_logit);
}

/* {"label" or "labels", "probabilities": {the `count` classes of `shown`}} of one view, ranked in `order`. */
static json_t *view_json(const lbk_model *model, const float *probabilities, const ranked *order,
                         const ranked *shown, int32_t count) {
    json_t *list = json_object();
    char number[16];
    for (int32_t i = 0; i < count; i++)
        json_object_set_new(list, name_of(model, shown[i].class, number),
                            json_real((double)probabilities[shown[i].class]));
    return json_pack("{s:o, s:o}", model->model->label_kind == LBK_LABEL_MULTI ? "labels" : "label",
                     decision(model, order, model->model->config.num_labels), "probabilities", list);
}

static json_t *sentence_of(double text, double image) {
    char sentence[128];
    const double more = fmax(text, image), less = fmin(text, image);
    const int digits = more < 0.1 ? 3 : 2;
    if (more < NOTHING)
        snprintf(sentence, sizeof sentence, "neither decides alone: text %.3f nats; image %.3f", text, image);
    else if (more < 2 * less)
        snprintf(sentence, sizeof sentence, "both decide: text %.*f nats; image %.*f", digits, text, digits,
                 image);
    else
        snprintf(sentence, sizeof sentence, "the %s decides: %.*f nats; the %s: %.*f",
                 text > image ? "text" : "image", digits, more, text > image ? "image" : "text", digits,
                 less);
    return json_string(sentence);
}

/* (6) with KL: a modality's saliency is how far the prediction moves when it is taken away. */
static void add_saliency(const lbk_model *model, const float *const logits[LBK_NUM_VIEWS], json_t *to) {
    const lbk_label_kind kind = model->model->label_kind;
    const int32_t n = model->model->config.num_labels;
    const double text = lbk__prediction_kl(kind, logits[LBK_VIEW_JOINT], logits[LBK_VIEW_IMAGE], n);
    const double image = lbk__prediction_kl(kind, logits[LBK_VIEW_JOINT], logits[LBK_VIEW_TEXT], n);
    json_object_set_new(to, "saliency", json_pack("{s:f, s:f}", "text", text, "image", image));
    json_object_set_new(to, "sentence", sentence_of(text, image));
}

/* Every view shows the classes that are likeliest under the joint one. */
static lbk_status answer(lbk_model *model, const float *const logits[LBK_NUM_VIEWS], int32_t top,
                         json_t **out) {
    const int32_t num_classes = model->model->config.num_labels;
    const int32_t count = top ? LBK_MIN(top, num_classes) : num_classes;
    float *probabilities = NULL;  /* [C] of the view at hand */
    ranked *orders = NULL, *mine; /* [2][C]: of the joint view; of the view at hand */
    lbk_status status;
    LBK_GO(LBK_ALLOC(model->context, probabilities, num_classes));
    LBK_GO(LBK_ALLOC(model->context, orders, 2 * (size_t)num_classes));
    *out = json_object();
    for (int view = 0; view < LBK_NUM_VIEWS; view++) {
        mine = view == LBK_VIEW_JOINT ? orders : orders + num_classes;
        rank(model, logits[view], probabilities, mine);
        json_object_set_new(*out, lbk__view_names[view],
                            view_json(model, probabilities, mine, orders, count));
    }
    add_saliency(model, logits, *out);
done:
    lbk_free(model->context, orders);
    lbk_free(model->context, probabilities);
    return status;
}

json_t *lbk__error_json(lbk_status status, const char *sentence) {
    return json_pack("{s:s, s:s}", "error", sentence, "status", lbk_status_name(status));
}

lbk_status lbk__answer_batch(lbk_model *model, const lbk_input *inputs, int32_t count, int32_t top,
                             json_t **answers) {
    const float *found;
    const size_t classes = (size_t)model->model->config.num_labels;
    LBK_TRY(lbk__predict(model, inputs, count, &found));
    size_t good = 0, at = 0;
    for (int32_t i = 0; i < count; i++) good += model->queries[i].status == LBK_OK;
    for (int32_t i = 0; i < count; i++) {
        lbk__query *query = &model->queries[i];
        const float *logits[LBK_NUM_VIEWS];
        if (query->status == LBK_OK) {
            for (size_t v = 0; v < LBK_NUM_VIEWS; v++) logits[v] = found + (v * good + at) * classes;
            at++;
            LBK_TRY(lbk__check_logits(model, query, logits));
        }
        if (query->status != LBK_OK) {
            answers[i] = lbk__error_json(query->status, query->error);
            continue;
        }
        LBK_TRY(answer(model, logits, top, &answers[i]));
    }
    return LBK_OK;
}

lbk_status lbk_model_answer(lbk_model *model, const lbk_input *input, int32_t top, char **out) {
    LBK__GUEST(model->context);
    json_t *found = NULL;
    *out = NULL;
    if (top < 0)
        return lbk__fail(model->context, LBK_INVALID_ARGUMENT, "top is %d; it must be 0 or more", top);
    lbk_status status = lbk__answer_batch(model, input, 1, top, &found);
    const lbk__query *query = &model->queries[0];
    if (status == LBK_OK && query->status != LBK_OK)
        status = lbk__fail(model->context, query->status, "%s", query->error);
    if (status == LBK_OK) status = lbk__json_dump(model->context, found, JSON_REAL_PRECISION(6), out);
    json_decref(found);
    return status;
}
