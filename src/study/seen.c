/* seen.c: which test samples were known before: where the test split is a split that taught or chose the
 * students, or shows pictures of one, its scores are better than those on new data, and the report says so.
 */
#include "data/pack.h"
#include "study/report.h"

#include <string.h>

/* How many of the test samples show a picture that the split has, too. */
static lbk_status count_shared(const lbk__results *r, const char *split, int64_t *out) {
    lbk_context *context = r->context;
    int32_t *samples = NULL;
    bool *shown = NULL; /* by image */
    int64_t count;
    lbk_sample sample;
    *out = 0;
    lbk_status status = lbk__pack_split(r->pack, split, &samples, &count);
    if (status == LBK_INVALID_ARGUMENT) return LBK_OK; /* study.json names a split that is not there */
    LBK_GO(status);
    LBK_GO(LBK_ALLOC(context, shown, lbk_pack_num_images(r->pack)));
    for (int64_t i = 0; i < count; i++) {
        LBK_GO(lbk_pack_sample(r->pack, samples[i], &sample));
        if (sample.image >= 0) shown[sample.image] = true;
    }
    for (int64_t i = 0; i < r->truth.num_samples; i++) {
        LBK_GO(lbk_pack_sample(r->pack, r->truth.samples[i], &sample));
        *out += sample.image >= 0 && shown[sample.image];
    }
done:
    lbk_free(context, samples);
    lbk_free(context, shown);
    return status;
}

/* `did`: "taught the students" and the like; `split` NULL: of a study that was made before study.json named
 * the splits. */
static lbk_status add_sentence(const lbk__results *r, const char *split, const char *did, json_t *to) {
    const char *test = json_string_value(json_object_get(r->study, "test_split"));
    json_t *sentence = NULL;
    int64_t shared;
    if (!split) return LBK_OK;
    if (strcmp(split, test) == 0) {
        sentence = json_sprintf("The test split, %s, also %s: scores on new data are lower.", test, did);
    } else {
        LBK_TRY(count_shared(r, split, &shared));
        if (shared)
            sentence = json_sprintf("Pictures of %s, which %s, are shown by %lld of the %lld test samples.",
                                    split, did, (long long)shared, (long long)r->truth.num_samples);
    }
    size_t i;
    json_t *said;
    json_array_foreach(to, i, said) if (json_equal(said, sentence)) {
        json_decref(sentence); /* of another student */
        return LBK_OK;
    }
    if (sentence) json_array_append_new(to, sentence);
    return LBK_OK;
}

static const char *split_of(const json_t *model, const char *key) {
    return json_string_value(json_object_get(model, key));
}

/* A teacher that learned from the splits that its students learn from is not told of beside them. */
static lbk_status add_teacher(const lbk__results *r, const json_t *students, json_t *to) {
    static const struct {
        const char *key, *did;
    } roles[] = {{"dev_split", "chose the teacher"}, {"train_split", "taught the teacher"}};
    const json_t *teacher = json_object_get(r->study, "teacher_splits");
    for (size_t i = 0; i < LBK_COUNT(roles); i++) {
        const char *split = split_of(teacher, roles[i].key);
        bool told = false;
        size_t s;
        json_t *student;
        json_array_foreach(students, s, student) {
            const char *theirs = split_of(student, roles[i].key);
            told = told || (split && theirs && strcmp(split, theirs) == 0);
        }
        if (!told) LBK_TRY(add_sentence(r, split, roles[i].did, to));
    }
    return LBK_OK;
}

lbk_status lbk__results_seen(const lbk__results *r, json_t *root) {
    const json_t *students = json_object_get(r->study, "students");
    json_t *warnings = json_array(), *student, *split;
    size_t s, i;
    json_object_set_new(root, "warnings", warnings);
    LBK_TRY(add_teacher(r, students, warnings));
    json_array_foreach(students, s, student) {
        LBK_TRY(add_sentence(r, split_of(student, "dev_split"), "chose the students", warnings));
        LBK_TRY(add_sentence(r, split_of(student, "train_split"), "taught the students", warnings));
        json_array_foreach(json_object_get(student, "other_splits"), i, split)
            LBK_TRY(add_sentence(r, json_string_value(split), "taught the students", warnings));
    }
    json_t *sentence;
    json_array_foreach(warnings, i, sentence)
        lbk__log(r->context, LBK_LOG_WARNING, "%s", json_string_value(sentence));
    return LBK_OK;
}
