/* loader.c: what loaders share. */
#include "data/loader.h"

#include <string.h>

void lbk__record_clear(lbk__record *record) {
    lbk__text *const fields[] = {&record->where, &record->id,    &record->text,
                                 &record->split, &record->image, &record->labels};
    for (size_t i = 0; i < LBK_COUNT(fields); i++) fields[i]->length = 0;
    record->num_labels = 0;
    record->labelled = false;
}

void lbk__record_free(lbk_context *context, lbk__record *record) {
    lbk__text *const fields[] = {&record->where, &record->id,    &record->text,
                                 &record->split, &record->image, &record->labels};
    for (size_t i = 0; i < LBK_COUNT(fields); i++) lbk__text_free(context, fields[i]);
    lbk_free(context, record->scores);
    *record = (lbk__record){0};
}

lbk_status lbk__record_set(lbk_context *context, lbk__text *field, const char *text, size_t length) {
    field->length = 0;
    return lbk__text_append(context, field, text, length);
}

lbk_status lbk__record_get_string(lbk__json_in in, const char *key, lbk__text *field) {
    const char *text;
    LBK_TRY(lbk__json_get_string(in, key, &text));
    return lbk__record_set(in.context, field, text, strlen(text));
}

lbk_status lbk__record_get_id(lbk__json_in in, const char *key, lbk__record *record) {
    if (!json_is_integer(json_object_get(in.object, key)))
        return lbk__record_get_string(in, key, &record->id);
    int64_t number;
    LBK_TRY(lbk__json_get_integer(in, key, INT64_MIN, INT64_MAX, &number));
    record->id.length = 0;
    return lbk__text_printf(in.context, &record->id, "%lld", (long long)number);
}

lbk_status lbk__record_add_label(lbk_context *context, lbk__record *record, const char *name, float score) {
    const char *known = record->labels.data;
    for (int32_t k = 0; k < record->num_labels; k++, known += strlen(known) + 1)
        if (strcmp(known, name) == 0) return LBK_OK;
    LBK_TRY(LBK_GROW(context, record->scores, record->scores_capacity, (size_t)record->num_labels + 1));
    LBK_TRY(lbk__text_append(context, &record->labels, name, strlen(name) + 1));
    record->scores[record->num_labels++] = score;
    return LBK_OK;
}

lbk_status lbk__loader_open(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    switch (options->source) {
    case LBK_SOURCE_JSONL:
        return lbk__load_jsonl(context, options, out);
    case LBK_SOURCE_MMIMDB:
        return lbk__load_mmimdb(context, options, out);
    case LBK_SOURCE_OPENCLIPART:
        return lbk__load_openclipart(context, options, out);
    case LBK_SOURCE_SNLI_VE:
        return lbk__load_snli_ve(context, options, out);
    case LBK_SOURCE_VQA_V2:
        return lbk__load_vqa_v2(context, options, out);
    case LBK_SOURCE_HATEFUL_MEMES:
        return lbk__load_hateful_memes(context, options, out);
    case LBK_SOURCE_EASY_VQA:
        return lbk__load_easy_vqa(context, options, out);
    case LBK_SOURCE_APPSTREAM:
        return lbk__load_appstream(context, options, out);
    }
    *out = NULL;
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "source %d is none that limbeck knows",
                     (int)options->source);
}

void lbk__loader_close(lbk__loader *loader) {
    if (!loader) return;
    for (int i = 0; i < loader->num_inputs; i++) lbk_free(loader->context, loader->inputs[i].name);
    loader->close(loader);
}

lbk_status lbk__loader_add_input(lbk__loader *loader, const char *path) {
    if (loader->num_inputs == LBK__MAX_INPUTS)
        return lbk__fail(loader->context, LBK_INTERNAL, "%s: more than %d files", path, LBK__MAX_INPUTS);
    struct lbk__input *input = loader->inputs + loader->num_inputs;
    LBK_TRY(lbk__hash_file(loader->context, path, input->hash));
    LBK_TRY(lbk__copy_string(loader->context, lbk__base_name(path), &input->name));
    loader->num_inputs++;
    return LBK_OK;
}

void lbk__loader_leave_out(lbk__loader *loader, const char *reason) {
    int i = 0;
    while (i < loader->num_reasons && strcmp(loader->left_out[i].reason, reason) != 0) i++;
    if (i == loader->num_reasons) loader->left_out[loader->num_reasons++].reason = reason;
    loader->left_out[i].count++;
}

lbk_status lbk__find_image(lbk_context *context, const char *root, const char *stem, const char *usual,
                           lbk__text *image) {
    const char *const kinds[] = {usual, "jpg", "png", "webp", "jpeg"};
    for (size_t i = 0; i < LBK_COUNT(kinds); i++) {
        bool found;
        image->length = 0;
        LBK_TRY(lbk__text_printf(context, image, "%s.%s", stem, kinds[i]));
        LBK_TRY(lbk__holds(context, root, image->data, &found));
        if (found) return LBK_OK;
    }
    image->length = 0;
    return lbk__text_printf(context, image, "%s.%s", stem, usual);
}
