/* fit.c: whether a model can read a pack. */
#include "distill/cache.h"
#include "train/infer.h"

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
    int32_t visual_dim = lbk_pack_visual_dim(pack);
    if (visual_dim && visual_dim != model->config.visual_embedding_dim)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads visual rows of %d numbers, the pack's have %d: pack the images as for "
            "the model's training",
            model->config.visual_embedding_dim, visual_dim);
    for (int64_t i = 0; i < count; i++) LBK_TRY(check_sample(model, pack, indices[i]));
    return LBK_OK;
}
