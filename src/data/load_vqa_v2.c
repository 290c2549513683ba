/* load_vqa_v2.c: the layout of VQA v2 (Goyal et al., 2017): a folder with, for SUBSET train2014, val2014 and
 * test2015,
 *
 * v2_OpenEnded_mscoco_SUBSET_questions.json: {"questions": [{"question_id", "image_id", "question"}, …], …};
 *
 * v2_mscoco_SUBSET_annotations.json, not for test2015: {"annotations": [{"question_id",
 * "multiple_choice_answer", "answers": [{"answer"} × 10], …}, …], …};
 *
 * SUBSET/COCO_SUBSET_%012d.jpg.
 *
 * Classes are the answers that the annotators of at least nine questions of train agreed on, unless classes
 * are given; the score of each is the accuracy that the official scorer would give it (vqa_answers.h). A
 * question whose answers are none of them is labelled, and every class scores 0. Questions come in the order
 * of their file and find their annotations by an index of 24 bytes each: neither file is ever in memory. */
#include "data/loader.h"
#include "data/vqa_answers.h"
#include "data/vqa_vocabulary.h"
#include "format/json_items.h"

#include <stdlib.h>
#include <string.h>

typedef struct subset {
    const char *name, *split, *images; /* `images`: the subset whose pictures these are */
} subset;

/* test-dev2015 is a part of test2015, read where that is not there; the last three are those of small copies.
 */
static const subset subsets[] = {{"train2014", "train", "train2014"}, {"val2014", "dev", "val2014"},
                                 {"test2015", "test", "test2015"},    {"test-dev2015", "test", "test2015"},
                                 {"train", "train", "val2014"},       {"dev", "dev", "val2014"},
                                 {"test", "test", "val2014"}};

enum { MOST_ANSWERS = 100 };
_Static_assert(2 * LBK_COUNT(subsets) <= LBK__MAX_INPUTS, "questions and annotations of each");

typedef struct entry {
    int64_t question;
    lbk__json_place place;
    bool used;
} entry;

typedef struct vqa {
    lbk__loader base;
    char *folder, *images;
    bool skip_bad;
    lbk__vqa_vocabulary vocabulary;
    const subset *present[LBK_COUNT(subsets)]; /* those that are there */
    size_t num_present, next;
    const subset *subset;                     /* the one that is open */
    lbk__json_items *questions, *annotations; /* annotations NULL: it has none */
    entry *index;                             /* of its annotations, sorted by question */
    size_t index_capacity, index_count;
    lbk__text key, first; /* answers as they are compared */
} vqa;

static lbk_status path_of(const vqa *loader, const char *kind, const subset *s, const char *content,
                          char **out) {
    char name[80];
    snprintf(name, sizeof name, "v2_%smscoco_%s_%s.json", kind, s->name, content);
    return lbk__join(loader->base.context, loader->folder, name, out);
}

static lbk_status questions_path(const vqa *loader, const subset *s, char **out) {
    return path_of(loader, "OpenEnded_", s, "questions", out);
}

static lbk_status annotations_path(const vqa *loader, const subset *s, char **out) {
    return path_of(loader, "", s, "annotations", out);
}

/* ---- the index of a subset's annotations ---- */

static int by_question(const void *a, const void *b) {
    const int64_t x = ((const entry *)a)->question, y = ((const entry *)b)->question;
    return (x > y) - (x < y);
}

static lbk_status index_annotations(vqa *loader) {
    lbk_context *context = loader->base.context;
    lbk__json_in in;
    loader->index_count = 0;
    for (;;) {
        entry new = {0};
        lbk_status status = lbk__json_items_next(loader->annotations, &in);
        if (status == LBK_OK && !in.object) break;
        if (status == LBK_OK) status = lbk__json_get_integer(in, "question_id", 0, INT64_MAX, &new.question);
        if (status == LBK_BAD_DATA && loader->skip_bad) {
            lbk__log(context, LBK_LOG_WARNING, "skipped: %s", lbk_error(context));
            lbk__loader_leave_out(&loader->base, "annotation that cannot be read");
            continue;
        }
        LBK_TRY(status);
        new.place = lbk__json_items_place(loader->annotations);
        LBK_TRY(LBK_GROW(context, loader->index, loader->index_capacity, loader->index_count + 1));
        loader->index[loader->index_count++] = new;
    }
    if (loader->index_count) qsort(loader->index, loader->index_count, sizeof *loader->index, by_question);
    return LBK_OK;
}

static lbk_status open_subset(vqa *loader, const subset *s) {
    lbk_context *context = loader->base.context;
    char *questions = NULL, *annotations = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(questions_path(loader, s, &questions));
    LBK_GO(annotations_path(loader, s, &annotations));
    loader->subset = s;
    LBK_GO(lbk__json_items_open(context, questions, "questions", &loader->questions));
    if (!lbk__exists(annotations)) goto done;
    LBK_GO(lbk__json_items_open(context, annotations, "annotations", &loader->annotations));
    LBK_GO(index_annotations(loader));
done:
    lbk_free(context, questions);
    lbk_free(context, annotations);
    return status;
}

static void close_subset(vqa *loader) {
    for (size_t i = 0; loader->annotations && i < loader->index_count; i++)
        if (!loader->index[i].used) lbk__loader_leave_out(&loader->base, "annotation without a question");
    lbk__json_items_close(loader->questions);
    lbk__json_items_close(loader->annotations);
    loader->questions = loader->annotations = NULL;
}

/* ---- records ---- */

/* Whether all annotators wrote the same: then the scorer compares as it is written. */
static lbk_status check_agreement(vqa *loader, const char *const *answers, size_t count, bool *agree) {
    *agree = true;
    LBK_TRY(lbk__vqa_strip(loader->base.context, answers[0], &loader->first));
    for (size_t i = 1; i < count && *agree; i++) {
        LBK_TRY(lbk__vqa_strip(loader->base.context, answers[i], &loader->key));
        *agree = strcmp(loader->key.data, loader->first.data) == 0;
    }
    return LBK_OK;
}

/* The classes of an answer get its score; those written as it is, where `as_written`. */
static lbk_status add_classes(vqa *loader, int32_t answer, double score, bool as_written,
                              lbk__record *record) {
    int32_t spelling = -1;
    for (;;) {
        const char *class = lbk__vqa_vocabulary_class(&loader->vocabulary, answer, &spelling);
        if (!class) return LBK_OK;
        if (as_written && strcmp(class, loader->first.data) != 0) continue;
        LBK_TRY(lbk__record_add_label(loader->base.context, record, class, (float)score));
    }
}

static lbk_status add_scores(vqa *loader, lbk__json_in in, lbk__record *record) {
    const json_t *array;
    const char *answers[MOST_ANSWERS];
    int32_t numbers[MOST_ANSWERS]; /* of answers that have classes, or −1 */
    LBK_TRY(lbk__json_get_array(in, "answers", &array));
    const size_t count = json_array_size(array);
    if (count == 0 || count > MOST_ANSWERS)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: has %zu answers, must have 1 to %d", in.where, count,
                         MOST_ANSWERS);
    for (size_t i = 0; i < count; i++) {
        const lbk__json_in answer = {in.context, in.where, json_array_get(array, i)};
        LBK_TRY(lbk__json_get_string(answer, "answer", answers + i));
    }
    bool as_written;
    LBK_TRY(check_agreement(loader, answers, count, &as_written));
    for (size_t i = 0; i < count; i++) {
        LBK_TRY(lbk__vqa_normalize(in.context, answers[i], &loader->key));
        numbers[i] = lbk__vqa_vocabulary_find(&loader->vocabulary, loader->key.data);
    }
    record->labelled = true;
    for (size_t i = 0; i < count; i++) {
        int32_t before = 0, same = 0;
        for (size_t k = 0; k < i; k++) before += numbers[k] == numbers[i];
        for (size_t k = i; k < count; k++) same += numbers[k] == numbers[i];
        if (numbers[i] >= 0 && !before)
            LBK_TRY(
                add_classes(loader, numbers[i], lbk__vqa_accuracy((int32_t)count, same), as_written, record));
    }
    return LBK_OK;
}

static lbk_status add_annotation(vqa *loader, lbk__json_in question, int64_t id, lbk__record *record) {
    if (!loader->annotations) return LBK_OK;
    const entry wanted = {.question = id};
    entry *found = loader->index_count
                       ? bsearch(&wanted, loader->index, loader->index_count, sizeof wanted, by_question)
                       : NULL;
    if (!found) return lbk__fail(question.context, LBK_BAD_DATA, "%s: has no annotation", question.where);
    lbk__json_in in;
    found->used = true;
    LBK_TRY(lbk__json_items_at(loader->annotations, found->place, &in));
    return add_scores(loader, in, record);
}

/* The picture of the question's subset; small copies keep those of several in one folder. */
static lbk_status add_image(const vqa *loader, int64_t image, lbk__record *record) {
    char stem[80];
    snprintf(stem, sizeof stem, "%s/COCO_%s_%012lld", loader->subset->images, loader->subset->images,
             (long long)image);
    return lbk__find_image(loader->base.context, loader->images, stem, "jpg", &record->image);
}

static lbk_status read_question(vqa *loader, lbk__json_in in, lbk__record *record) {
    int64_t id, image;
    LBK_TRY(lbk__json_get_integer(in, "question_id", 0, INT64_MAX, &id));
    LBK_TRY(lbk__record_get_id(in, "question_id", record));
    LBK_TRY(add_annotation(loader, in, id, record));
    LBK_TRY(lbk__json_get_integer(in, "image_id", 0, 999999999999, &image));
    LBK_TRY(lbk__record_get_string(in, "question", &record->text));
    return add_image(loader, image, record);
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    vqa *loader = (vqa *)base;
    lbk__json_in in = {0};
    while (!in.object) {
        *more = loader->questions || loader->next < loader->num_present;
        if (!*more) return LBK_OK;
        if (!loader->questions) LBK_TRY(open_subset(loader, loader->present[loader->next++]));
        LBK_TRY(lbk__json_items_next(loader->questions, &in));
        if (!in.object) close_subset(loader);
    }
    LBK_TRY(lbk__record_set(base->context, &record->where, in.where, strlen(in.where)));
    LBK_TRY(
        lbk__record_set(base->context, &record->split, loader->subset->split, strlen(loader->subset->split)));
    return read_question(loader, in, record);
}

static void close_vqa(lbk__loader *base) {
    vqa *loader = (vqa *)base;
    lbk__json_items_close(loader->questions);
    lbk__json_items_close(loader->annotations);
    lbk__vqa_vocabulary_free(&loader->vocabulary);
    lbk_free(base->context, loader->index);
    lbk__text_free(base->context, &loader->key);
    lbk__text_free(base->context, &loader->first);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader->images);
    lbk_free(base->context, loader);
}

/* ---- opening ---- */

/* Counts the answers that annotators of the subset agreed on. */
static lbk_status count_answers(vqa *loader, const char *path) {
    lbk__json_items *items;
    lbk__json_in in;
    LBK_TRY(lbk__json_items_open(loader->base.context, path, "annotations", &items));
    lbk_status status = LBK_OK;
    for (;;) {
        const char *answer;
        status = lbk__json_items_next(items, &in);
        if (status == LBK_OK && !in.object) break;
        if (status == LBK_OK) status = lbk__json_get_string(in, "multiple_choice_answer", &answer);
        if (status == LBK_OK) LBK_GO(lbk__vqa_vocabulary_count(&loader->vocabulary, answer));
        if (status != LBK_OK && !(status == LBK_BAD_DATA && loader->skip_bad)) goto done;
    }
done:
    lbk__json_items_close(items);
    return status;
}

/* The whole of a file is seen before its first record is taken: one that was cut is refused. */
static lbk_status look_at(vqa *loader, const char *path, const char *key, uint64_t *count) {
    LBK_TRY(lbk__loader_add_input(&loader->base, path));
    return lbk__json_items_count(loader->base.context, path, key, count);
}

static lbk_status look_at_subset(vqa *loader, const subset *s, bool count_classes) {
    char *questions = NULL, *annotations = NULL;
    uint64_t count;
    lbk_status status = LBK_OK;
    LBK_GO(questions_path(loader, s, &questions));
    LBK_GO(annotations_path(loader, s, &annotations));
    if (!lbk__exists(questions)) goto done;
    LBK_GO(look_at(loader, questions, "questions", &count));
    loader->base.total += count;
    loader->present[loader->num_present++] = s;
    if (!lbk__exists(annotations)) goto done;
    LBK_GO(look_at(loader, annotations, "annotations", &count));
    if (count_classes && strcmp(s->split, "train") == 0) LBK_GO(count_answers(loader, annotations));
done:
    lbk_free(loader->base.context, questions);
    lbk_free(loader->base.context, annotations);
    return status;
}

static lbk_status look_at_all(vqa *loader, const lbk_pack_options *options) {
    lbk_context *context = loader->base.context;
    for (size_t c = 0; c < options->num_classes; c++)
        LBK_TRY(lbk__vqa_vocabulary_give(&loader->vocabulary, options->classes[c]));
    for (size_t i = 0; i < LBK_COUNT(subsets); i++) {
        const subset *last = loader->num_present ? loader->present[loader->num_present - 1] : NULL;
        if (last && strcmp(last->name, "test2015") == 0 && strcmp(subsets[i].name, "test-dev2015") == 0)
            continue;
        LBK_TRY(look_at_subset(loader, subsets + i, options->num_classes == 0));
    }
    if (!loader->num_present)
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s: has no v2_OpenEnded_mscoco_train2014_questions.json or the like",
                         loader->folder);
    if (!lbk__vqa_vocabulary_has_class(&loader->vocabulary))
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s: no answer of train's annotations comes %d times: give the classes",
                         loader->folder, LBK__VQA_FREQUENT);
    return LBK_OK;
}

lbk_status lbk__load_vqa_v2(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_SOFT)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "ten annotators answer each question of VQA: the label kind must be soft");
    vqa *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_vqa};
    loader->skip_bad = options->skip_bad != 0;
    lbk__vqa_vocabulary_start(context, &loader->vocabulary);
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    LBK_GO(lbk__copy_string(context, options->image_root ? options->image_root : options->path,
                            &loader->images));
    LBK_GO(look_at_all(loader, options));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
