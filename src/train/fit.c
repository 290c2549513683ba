/* fit.c: whether a model can read a pack. */
#include "data/pack.h"
#include "distill/cache.h"
#include "train/infer.h"

#include <jansson.h>
#include <string.h>

static lbk_status check_classes(const lbk__model *model, const lbk_pack *pack) {
    int32_t count = lbk_pack_num_classes(pack);
    if (model->config.num_labels != count)
        return lbk__fail(model->context, LBK_MISMATCH,
                         "the model tells %d classes apart, the pack has %d: give the pack it was trained on",
                         model->config.num_labels, count);
    if (model->label_kind != lbk_pack_label_kind(pack))
        return lbk__fail(
            model->context, LBK_MISMATCH, "the model was trained for labels of kind %s, the pack's are %s",
            lbk__label_kind_names[model->label_kind], lbk__label_kind_names[lbk_pack_label_kind(pack)]);
    for (int32_t c = 0; model->class_names && c < count; c++)
        if (strcmp(model->class_names[c], lbk_pack_class_name(pack, c)) != 0) {
            char ours[64], theirs[64];
            return lbk__fail(
                model->context, LBK_MISMATCH,
                "class %d is \"%s\" for the model and \"%s\" in the pack: pack the data with the model's "
                "classes",
                c, lbk__printable(ours, sizeof ours, model->class_names[c], strlen(model->class_names[c])),
                lbk__printable(theirs, sizeof theirs, lbk_pack_class_name(pack, c),
                               strlen(lbk_pack_class_name(pack, c))));
        }
    return LBK_OK;
}

/* Whether rows of the same width were made the same way: by patches of the same sizes, or by features. */
static bool same_visual_source(const char *ours, const char *theirs) {
    json_t *a = json_loads(ours, 0, NULL), *b = json_loads(theirs, 0, NULL);
    bool same = true;
    static const char *const keys[] = {"kind", "image_size", "patch_size"};
    for (size_t k = 0; k < LBK_COUNT(keys); k++) {
        json_t *x = json_object_get(a, keys[k]), *y = json_object_get(b, keys[k]);
        same = same && (x == y || json_equal(x, y));
    }
    json_decref(a);
    json_decref(b);
    return same;
}

static lbk_status check_visual(const lbk__model *model, const lbk_pack *pack) {
    int32_t dim = lbk_pack_visual_dim(pack);
    if (dim == 0) return LBK_OK;
    if (dim != model->config.visual_embedding_dim)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads visual rows of %d numbers, the pack's have %d: pack the images as for "
            "the model's training",
            model->config.visual_embedding_dim, dim);
    const char *theirs = lbk__pack_visual_description(pack);
    if (model->visual_source && !same_visual_source(model->visual_source, theirs))
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model was trained on visual rows made by %s, the pack's are made by %s: pack the "
            "images as for the model's training",
            model->visual_source, theirs);
    return LBK_OK;
}

static lbk_status check_sample(const lbk__model *model, const lbk_pack *pack, int32_t index) {
    const lbk__model_config *config = &model->config;
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(pack, index, &sample));
    if (sample.num_tokens > config->max_position_embeddings)
        return lbk__fail(model->context, LBK_MISMATCH,
                         "sample %d has %d tokens, the model has positions for %d: pack with a smaller "
                         "max_text_tokens",
                         index, sample.num_tokens, config->max_position_embeddings);
    for (int32_t t = 0; t < sample.num_tokens; t++)
        if (sample.tokens[t] < 0 || sample.tokens[t] >= config->vocab_size)
            return lbk__fail(
                model->context, LBK_MISMATCH,
                "sample %d has token id %d, the model knows 0 … %d: pack with the model's vocab.txt", index,
                sample.tokens[t], config->vocab_size - 1);
    return LBK_OK;
}

lbk_status lbk__check_fit(const lbk__model *model, const lbk_pack *pack, const int32_t *indices,
                          int64_t count) {
    LBK_TRY(check_classes(model, pack));
    LBK_TRY(check_visual(model, pack));
    for (int64_t i = 0; i < count; i++) LBK_TRY(check_sample(model, pack, indices[i]));
    return LBK_OK;
}
