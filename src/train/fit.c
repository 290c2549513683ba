/* fit.c: whether a model can read a pack. */
#include "base/names.h"
#include "data/pack.h"
#include "distill/cache.h"
#include "train/infer.h"
#include "vision/extractor.h"

#include <jansson.h>
#include <string.h>

static lbk_status check_classes(lbk__model *model, const lbk_pack *pack) {
    if (model->other_label_kinds >> lbk_pack_label_kind(pack) & 1)
        model->label_kind = lbk_pack_label_kind(pack);
    int32_t count = lbk_pack_num_classes(pack);
    if (model->config.num_labels != count)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model tells %d classes apart, the pack has %d: pack the data with the model's classes "
            "in its order (--classes); `limbeck info` on the model lists them",
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
                "classes in its order (--classes), or name them in id2label of its config.json",
                c, lbk__printable(ours, sizeof ours, model->class_names[c], strlen(model->class_names[c])),
                lbk__printable(theirs, sizeof theirs, lbk_pack_class_name(pack, c),
                               strlen(lbk_pack_class_name(pack, c))));
        }
    return LBK_OK;
}

static bool same_values(const json_t *a, const json_t *b, const char *const *keys) {
    for (; *keys; keys++) {
        json_t *x = json_object_get(a, *keys), *y = json_object_get(b, *keys);
        if (x != y && !json_equal(x, y)) return false;
    }
    return true;
}

bool lbk__same_visual_source(const char *ours, const char *theirs) {
    static const char *const of_others[] = {"kind", "image_size", "patch_size", NULL};
    json_t *a = json_loads(ours, 0, NULL), *b = json_loads(theirs, 0, NULL);
    const json_t *our_encoder = lbk__extractor_identity_in(a), *their_encoder = lbk__extractor_identity_in(b);
    const bool same = our_encoder && their_encoder ? lbk__extractor_same(our_encoder, their_encoder)
                                                   : same_values(a, b, of_others);
    json_decref(a);
    json_decref(b);
    return same;
}

/* The options that make a pack's rows as the model's were made; "" where it does not know, or where an
 * encoder made them. */
static void options_of(const lbk__model *model, char out[80]) {
    json_t *made = model->visual_source ? json_loads(model->visual_source, 0, NULL) : NULL;
    const json_int_t image = json_integer_value(json_object_get(made, "image_size")),
                     patch = json_integer_value(json_object_get(made, "patch_size"));
    out[0] = 0;
    if (image > 0 && patch > 0)
        snprintf(out, 80, " (--image-size %lld --patch-size %lld)", (long long)image, (long long)patch);
    json_decref(made);
}

static lbk_status check_visual(const lbk__model *model, const lbk_pack *pack) {
    int32_t dim = lbk_pack_visual_dim(pack);
    if (dim == 0) return LBK_OK;
    if (model->config.visual_embedding_dim == 1 && dim != 1)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads no pictures, as a text encoder that was imported: train it on the pack "
            "first (model.init_from), or pack with --visual none");
    char options[80];
    options_of(model, options);
    if (dim != model->config.visual_embedding_dim)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads visual rows of %d numbers, the pack's have %d: pack the images as for "
            "the model's training%s",
            model->config.visual_embedding_dim, dim, options);
    const char *theirs = lbk__pack_visual_description(pack);
    if (model->visual_source && !lbk__same_visual_source(model->visual_source, theirs))
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model was trained on visual rows made by %s, the pack's are made by %s: pack the "
            "images as for the model's training%s",
            model->visual_source, theirs, options);
    return LBK_OK;
}

/* The ids of a text must mean to the model what they mean in the pack. */
static lbk_status check_vocabulary(const lbk__model *model, const lbk_pack *pack) {
    size_t length;
    const char *vocab = lbk__pack_vocab(pack, &length);
    if (model->vocab)
        LBK_TRY(lbk__vocabulary_match(model->context, model->vocab, model->vocab_length, vocab, length));
    const bool known = model->cased || model->visual_source; /* models from elsewhere may not say */
    if (known && (model->cased != 0) != lbk__pack_cased(pack))
        return lbk__fail(model->context, LBK_MISMATCH,
                         model->cased
                             ? "the model's texts keep their case, the pack's do not: pack with --cased"
                             : "the model's texts are lower-cased, the pack's are not: pack without "
                               "--cased");
    return LBK_OK;
}

lbk_status lbk__check_lengths(lbk_context *context, int64_t positions, const lbk_pack *pack,
                              const int32_t *indices, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t index = indices ? indices[i] : i;
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(pack, index, &sample));
        if (sample.num_tokens > positions)
            return lbk__fail(
                context, LBK_MISMATCH,
                "sample %lld has %d tokens, the model has positions for %lld: pack with a "
                "smaller --max-text-tokens, or train a model with more (model.max_position_embeddings)",
                (long long)index, sample.num_tokens, (long long)positions);
    }
    return LBK_OK;
}

static lbk_status check_words(const lbk__model *model, const lbk_pack *pack, int32_t index) {
    const lbk__model_config *config = &model->config;
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(pack, index, &sample));
    for (int32_t t = 0; t < sample.num_tokens; t++)
        if (sample.tokens[t] < 0 || sample.tokens[t] >= config->vocab_size)
            return lbk__fail(
                model->context, LBK_MISMATCH,
                "sample %d has token id %d, the model knows 0 … %d: pack with the model's vocab.txt", index,
                sample.tokens[t], config->vocab_size - 1);
    return LBK_OK;
}

lbk_status lbk__check_fit(lbk__model *model, const lbk_pack *pack, const int32_t *indices, int64_t count) {
    LBK_TRY(lbk__check_classifier(model));
    LBK_TRY(check_classes(model, pack));
    LBK_TRY(check_vocabulary(model, pack));
    LBK_TRY(check_visual(model, pack));
    for (int64_t i = 0; i < count; i++) LBK_TRY(check_words(model, pack, indices[i]));
    return lbk__check_lengths(model->context, model->config.max_position_embeddings, pack, indices, count);
}
