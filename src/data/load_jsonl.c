/* load_jsonl.c: limbeck's own layout, JSON lines:
 *
 *   {"id": "7", "text": "a red car", "image": "images/7.jpg", "label": "car", "split": "train"}
 *
 * "id" is a text or a whole number. "image" may be absent. Labels are "label": text, "labels": [text, …] or
 * "scores": {text: 0 … 1}, by the label kind of the pack; absent or null: unlabelled. "split" absent:
 * "train". Other keys are ignored. */
#include "base/file.h"
#include "data/split_lines.h"

#include <string.h>

typedef struct jsonl {
    lbk__loader base;
    lbk__json_lines *lines;
    lbk_label_kind kind;
} jsonl;

static const char *const label_keys[] = {"label", "labels", "scores"}; /* in the order of lbk_label_kind */

static lbk_status add_list(lbk__json_in in, lbk__record *record) {
    const json_t *array;
    LBK_TRY(lbk__json_get_array(in, "labels", &array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name;
        LBK_TRY(lbk__json_string_at(in, "labels", array, i, &name));
        LBK_TRY(lbk__record_add_label(in.context, record, name, 1));
    }
    return LBK_OK;
}

static lbk_status add_scores(lbk__json_in in, lbk__record *record) {
    lbk__json_in scores;
    LBK_TRY(lbk__json_get_object(in, "scores", &scores));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)scores.object, name, value) {
        double score;
        LBK_TRY(lbk__json_get_real(scores, name, 0, 1, &score));
        LBK_TRY(lbk__record_add_label(in.context, record, name, (float)score));
    }
    return LBK_OK;
}

/* A pack has one kind of label; a key of another kind would be lost without a word. */
static lbk_status add_labels(const jsonl *loader, lbk__json_in in, lbk__record *record) {
    for (size_t kind = 0; kind < LBK_COUNT(label_keys); kind++)
        if (kind != (size_t)loader->kind && lbk__json_has(in, label_keys[kind]))
            return lbk__fail(
                in.context, LBK_BAD_DATA,
                "%s: has \"%s\", but the label kind of the pack asks for \"%s\"; --labels single "
                "is for \"label\", multi for \"labels\", soft for \"scores\"",
                in.where, label_keys[kind], label_keys[loader->kind]);
    record->labelled = lbk__json_has(in, label_keys[loader->kind]);
    if (!record->labelled) return LBK_OK;
    if (loader->kind == LBK_LABEL_MULTI) return add_list(in, record);
    if (loader->kind == LBK_LABEL_SOFT) return add_scores(in, record);
    const char *name;
    LBK_TRY(lbk__json_get_string(in, "label", &name));
    return lbk__record_add_label(in.context, record, name, 1);
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    jsonl *loader = (jsonl *)base;
    lbk__json_in in;
    *more = true;
    LBK_TRY(lbk__json_lines_next(loader->lines, &in));
    *more = in.object != NULL;
    if (!*more) return LBK_OK;
    LBK_TRY(lbk__record_set(base->context, &record->where, in.where, strlen(in.where)));
    if (lbk__json_has(in, "split")) /* the first, since bad records are counted by split */
        LBK_TRY(lbk__record_get_string(in, "split", &record->split));
    else
        LBK_TRY(lbk__record_set(base->context, &record->split, "train", 5));
    LBK_TRY(lbk__record_get_id(in, "id", record));
    LBK_TRY(lbk__record_get_string(in, "text", &record->text));
    if (lbk__json_has(in, "image")) LBK_TRY(lbk__record_get_string(in, "image", &record->image));
    return add_labels(loader, in, record);
}

static void close_jsonl(lbk__loader *base) {
    lbk__json_lines_close(((jsonl *)base)->lines);
    lbk_free(base->context, base);
}

lbk_status lbk__load_jsonl(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    jsonl *loader;
    if (lbk__is_folder(options->path))
        return lbk__fail(context, LBK_IO,
                         "%s: is a folder, JSON lines are a file; --source names what a folder holds",
                         options->path);
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_jsonl};
    loader->kind = options->label_kind;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__loader_add_input(&loader->base, options->path));
    LBK_GO(lbk__count_lines(context, options->path, &loader->base.total));
    LBK_GO(lbk__json_lines_open(context, options->path, &loader->lines));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
