/* load_easy_vqa.c: the layout of easy-VQA (Zhou, 2019; the PyPI package easy-vqa): a folder with
 *
 *   train/questions.json, test/questions.json   [[question, answer, image's number], …]
 *   train/images/N.png, test/images/N.png
 *
 * There is no dev split: questions on every tenth picture of train (numbers ending in 9) are it, so that
 * splits share no picture. A sample's id is its file's name and its place in it, "train/17". */
#include "data/loader.h"

#include <string.h>

typedef struct easy_vqa {
    lbk__loader base;
    char *folder;
    json_t *questions[2]; /* of train and test */
    int part;
    size_t index;
} easy_vqa;

static const char *const parts[] = {"train", "test"};

static lbk_status read_question(lbk__json_in in, const char *part, lbk__record *record) {
    LBK_TRY(lbk__record_set(in.context, &record->split, part, strlen(part)));
    const json_t *question = json_array_get(in.object, 0), *answer = json_array_get(in.object, 1),
                 *image = json_array_get(in.object, 2);
    if (json_array_size(in.object) != 3 || !json_is_string(question) || !json_is_string(answer) ||
        !json_is_integer(image) || json_integer_value(image) < 0)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: must be [question, answer, number of the image]",
                         in.where);
    const bool dev = strcmp(part, "train") == 0 && json_integer_value(image) % 10 == 9;
    if (dev) LBK_TRY(lbk__record_set(in.context, &record->split, "dev", 3));
    record->labelled = true;
    record->image.length = 0;
    LBK_TRY(lbk__record_set(in.context, &record->text, json_string_value(question),
                            json_string_length(question)));
    LBK_TRY(lbk__text_printf(in.context, &record->image, "%s/images/%lld.png", part,
                             (long long)json_integer_value(image)));
    return lbk__record_add_label(in.context, record, json_string_value(answer), 1);
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    easy_vqa *loader = (easy_vqa *)base;
    if (loader->part == 0 && loader->index == json_array_size(loader->questions[0]))
        loader->part = 1, loader->index = 0;
    *more = loader->index < json_array_size(loader->questions[loader->part]);
    if (!*more) return LBK_OK;
    const char *part = parts[loader->part];
    const size_t index = loader->index++;
    record->where.length = record->id.length = 0;
    LBK_TRY(lbk__text_printf(base->context, &record->id, "%s/%zu", part, index));
    LBK_TRY(lbk__text_printf(base->context, &record->where, "%s/%s/questions.json, item %zu", loader->folder,
                             part, index + 1));
    const lbk__json_in in = {base->context, record->where.data,
                             json_array_get(loader->questions[loader->part], index)};
    return read_question(in, part, record);
}

static void close_easy_vqa(lbk__loader *base) {
    easy_vqa *loader = (easy_vqa *)base;
    for (int p = 0; p < 2; p++) json_decref(loader->questions[p]);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader);
}

static lbk_status read_part(easy_vqa *loader, int part) {
    lbk_context *context = loader->base.context;
    char *path;
    LBK_TRY(lbk__format(context, &path, "%s/%s/questions.json", loader->folder, parts[part]));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__loader_add_input(&loader->base, path));
    LBK_GO(lbk__json_load_file(context, path, &loader->questions[part]));
    if (!json_is_array(loader->questions[part]))
        LBK_GO(lbk__fail(context, LBK_BAD_DATA, "%s: must be a list of questions", path));
    loader->base.total += json_array_size(loader->questions[part]);
done:
    lbk_free(context, path);
    return status;
}

lbk_status lbk__load_easy_vqa(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_SINGLE)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "easy-VQA has one answer a question: the label kind must be single");
    easy_vqa *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_easy_vqa};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    for (int p = 0; p < 2; p++) LBK_GO(read_part(loader, p));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
