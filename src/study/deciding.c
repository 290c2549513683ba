/* deciding.c: test samples where one modality decides, or where only both together do, by the teacher's
 * saliencies. */
#include "base/logits.h"
#include "base/names.h"
#include "data/pack.h"
#include "study/report.h"
#include "train/report.h"

#include <math.h>
#include <stdlib.h>

enum { EXAMPLES = 4, LONGEST_TEXT = 400 };

typedef struct candidate {
    double value;
    int64_t position; /* in the test split */
} candidate;

/* How much a sample is an example: text decides, the image decides, both are needed. */
static double value_of(int group, const float saliency[LBK__NUM_MODALITIES]) {
    const double text = (double)saliency[0], image = (double)saliency[1];
    return group == 0 ? text - image : group == 1 ? image - text : fmin(text, image);
}

static int by_falling_value(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return (x->position > y->position) - (x->position < y->position);
}

/* {"class", "probability"} of what a run says of a sample under a view. */
static json_t *answer(const lbk__results *r, const lbk__result_run *run, int view, int64_t position) {
    const lbk__truth *t = &r->truth;
    const float *logits = run->predictions.logits + (view * t->num_samples + position) * t->num_classes;
    const int32_t best = lbk__argmax(logits, t->num_classes);
    const double p = t->label_kind == LBK_LABEL_SINGLE
                         ? exp(-lbk__categorical_loss(logits, t->num_classes, best))
                         : lbk__sigmoid((double)logits[best]);
    return json_pack("{s:s, s:f, s:b}", "class", lbk_pack_class_name(r->pack, best), "probability", p,
                     "right", (int)lbk__is_true(lbk__labels_target(&t->labels, position, best)));
}

/* {"name", "joint": answer, "text": …, "image": …} */
static json_t *answers(const lbk__results *r, const char *name, const lbk__result_run *run,
                       int64_t position) {
    json_t *row = json_pack("{s:s}", "name", name);
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        json_object_set_new(row, lbk__view_names[v], answer(r, run, v, position));
    return row;
}

/* Text as it is in the pack, cut between characters. */
static json_t *text_json(const char *text, size_t length) {
    const size_t shown = lbk__utf8_valid(text, LBK_MIN(length, LONGEST_TEXT));
    return json_sprintf("%.*s%s", (int)shown, text, shown < length ? "…" : "");
}

static void add_picture(const lbk__results *r, const lbk_sample *sample, json_t *to) {
    size_t length;
    const char *path = sample->image >= 0 ? lbk__pack_image_path(r->pack, sample->image, &length) : NULL;
    char *name, *picture;
    if (!r->images || !path || lbk__copy_bytes(r->context, path, length, &name) != LBK_OK) return;
    if (lbk__join_inside(r->context, r->images, name, &picture) == LBK_OK)
        json_object_set_new(to, "picture", json_string(picture));
    lbk_free(r->context, name);
    lbk_free(r->context, picture);
}

static lbk_status sample_json(const lbk__results *r, const float saliency[LBK__NUM_MODALITIES],
                              int64_t position, json_t *to) {
    const lbk__result_student *student = &r->students[0];
    const int shown[] = {student->kd, student->picked};
    lbk_sample sample;
    json_t *classes = json_array(), *rows = json_array();
    LBK_TRY(lbk_pack_sample(r->pack, r->truth.samples[position], &sample));
    for (int32_t k = 0; k < sample.num_labels; k++)
        if (lbk__is_true(sample.scores[k]))
            json_array_append_new(classes, json_string(lbk_pack_class_name(r->pack, sample.classes[k])));
    json_array_append_new(rows, answers(r, "teacher", &r->teacher, position));
    for (size_t k = 0; k < LBK_COUNT(shown); k++)
        if (shown[k] >= 0)
            json_array_append_new(rows, answers(r, student->methods[shown[k]].name,
                                                &student->methods[shown[k]].runs[0], position));
    json_t *out =
        json_pack("{s:o, s:o, s:o, s:f, s:f, s:o}", "id", text_json(sample.id, sample.id_length), "text",
                  text_json(sample.text, sample.text_length), "classes", classes, "saliency_text",
                  (double)saliency[0], "saliency_image", (double)saliency[1], "answers", rows);
    add_picture(r, &sample, out);
    json_array_append_new(to, out);
    return LBK_OK;
}

static lbk_status add_group(const lbk__results *r, lbk__saliency kind, int group, candidate *candidates,
                            json_t *to) {
    static const char *const titles[] = {"The text decides", "The image decides", "Both are needed"};
    const int64_t n = r->truth.num_samples;
    json_t *samples = json_array();
    float saliency[LBK__NUM_MODALITIES];
    json_array_append_new(to, json_pack("{s:s, s:o}", "title", titles[group], "samples", samples));
    for (int64_t i = 0; i < n; i++) {
        lbk__cache_saliency(r->cache, kind, r->truth.samples[i], saliency);
        candidates[i] = (candidate){value_of(group, saliency), i};
    }
    qsort(candidates, (size_t)n, sizeof *candidates, by_falling_value);
    for (int64_t i = 0; i < LBK_MIN(n, EXAMPLES) && candidates[i].value > 0; i++) {
        lbk__cache_saliency(r->cache, kind, r->truth.samples[candidates[i].position], saliency);
        LBK_TRY(sample_json(r, saliency, candidates[i].position, samples));
    }
    return LBK_OK;
}

lbk_status lbk__results_samples(const lbk__results *r, json_t *root) {
    const lbk__saliency kind = lbk__results_saliency_kind(r);
    json_t *groups = json_array();
    candidate *candidates;
    json_object_set_new(root, "samples", groups);
    LBK_TRY(LBK_ALLOC(r->context, candidates, r->truth.num_samples));
    lbk_status status = LBK_OK;
    for (int g = 0; status == LBK_OK && g < 3; g++) status = add_group(r, kind, g, candidates, groups);
    lbk_free(r->context, candidates);
    return status;
}
