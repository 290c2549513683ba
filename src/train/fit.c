/* fit.c: whether a model can read a pack. */
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
                "classes in its order (--classes), or name them in id2label of its config.json",
                c, lbk__printable(ours, sizeof ours, model->class_names[c], strlen(model->class_names[c])),
                lbk__printable(theirs, sizeof theirs, lbk_pack_class_name(pack, c),
                               strlen(lbk_pack_class_name(pack, c))));
        }
    return LBK_OK;
}

/* The next line of a vocab.txt, without its end; false behind the last one. */
static bool next_line(const char **rest, const char *end, const char **line, size_t *length) {
    if (*rest == end) return false;
    const char *stop = memchr(*rest, '\n', (size_t)(end - *rest));
    *line = *rest;
    *length = (size_t)((stop ? stop : end) - *line);
    if (*length && (*line)[*length - 1] == '\r') --*length;
    *rest = stop ? stop + 1 : end;
    return true;
}

/* A token's id must mean the same word to both; the model may know more words. */
static lbk_status check_vocabulary(const lbk__model *model, const lbk_pack *pack) {
    size_t size, our_length = 0, their_length;
    const char *theirs = lbk__pack_vocab(pack, &size), *ours = model->vocab, *our_line = "", *their_line;
    if (!ours) return LBK_OK;
    const char *const their_end = theirs + size, *const our_end = ours + model->vocab_length;
    for (int32_t id = 0; next_line(&theirs, their_end, &their_line, &their_length); id++) {
        char our_word[64], their_word[64];
        const bool known = next_line(&ours, our_end, &our_line, &our_length);
        if (known && our_length == their_length && memcmp(our_line, their_line, our_length) == 0) continue;
        return lbk__fail(model->context, LBK_MISMATCH,
                         "token %d is \"%s\" in the pack and %s%s%s for the model: pack the data with the "
                         "model's vocab.txt",
                         id, lbk__printable(their_word, sizeof their_word, their_line, their_length),
                         known ? "\"" : "nothing",
                         known ? lbk__printable(our_word, sizeof our_word, our_line, our_length) : "",
                         known ? "\"" : "");
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
    static const char *const of_encoders[] = {"extractor", "weights_sha256",    "input_size",
                                              "grid",      "projection_sha256", NULL};
    static const char *const of_others[] = {"kind", "image_size", "patch_size", NULL};
    json_t *a = json_loads(ours, 0, NULL), *b = json_loads(theirs, 0, NULL);
    const json_t *our_encoder = lbk__extractor_identity_in(a), *their_encoder = lbk__extractor_identity_in(b);
    const bool same = our_encoder && their_encoder ? same_values(our_encoder, their_encoder, of_encoders)
                                                   : same_values(a, b, of_others);
    json_decref(a);
    json_decref(b);
    return same;
}

static lbk_status check_visual(const lbk__model *model, const lbk_pack *pack) {
    int32_t dim = lbk_pack_visual_dim(pack);
    if (dim == 0) return LBK_OK;
    if (model->config.visual_embedding_dim == 1 && dim != 1)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads no pictures, as a text encoder that was imported: train it on the pack "
            "first (model.init_from), or pack with --visual none");
    if (dim != model->config.visual_embedding_dim)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the model reads visual rows of %d numbers, the pack's have %d: pack the images as for "
            "the model's training",
            model->config.visual_embedding_dim, dim);
    const char *theirs = lbk__pack_visual_description(pack);
    if (model->visual_source && !lbk__same_visual_source(model->visual_source, theirs))
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

lbk_status lbk__check_fit(lbk__model *model, const lbk_pack *pack, const int32_t *indices, int64_t count) {
    LBK_TRY(check_classes(model, pack));
    LBK_TRY(check_vocabulary(model, pack));
    LBK_TRY(check_visual(model, pack));
    for (int64_t i = 0; i < count; i++) LBK_TRY(check_sample(model, pack, indices[i]));
    return LBK_OK;
}
