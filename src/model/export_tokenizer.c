/* export_tokenizer.c: tokenizer.json, as Hugging Face's tokenizers library reads it: BERT's normalisation,
 * WordPiece over the lines of vocab.txt, [CLS] before and [SEP] after. */
#include "format/json.h"
#include "model/export.h"

#include <string.h>

/* {piece: id}; of equal lines the last counts. */
static json_t *vocabulary(const lbk__model *model) {
    json_t *out = json_object();
    const char *line = model->vocab, *end = line + model->vocab_length;
    for (json_int_t id = 0; line < end; id++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        const size_t length = (size_t)(stop - line) - (stop > line && stop[-1] == '\r');
        json_object_setn_new(out, line, length, json_integer(id));
        line = stop + 1;
    }
    return out;
}

static json_t *added_tokens(const json_t *vocab) {
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    json_t *out = json_array();
    for (size_t i = 0; i < LBK_COUNT(special); i++) {
        json_t *id = json_object_get(vocab, special[i]);
        if (id)
            json_array_append_new(out, json_pack("{s:O, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content",
                                                 special[i], "single_word", 0, "lstrip", 0, "rstrip", 0,
                                                 "normalized", 0, "special", 1));
    }
    return out;
}

static json_t *special_piece(const char *token, int segment) {
    return json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", token, "type_id", segment);
}

static json_t *sequence_piece(const char *name, int segment) {
    return json_pack("{s:{s:s, s:i}}", "Sequence", "id", name, "type_id", segment);
}

static json_t *special_token(const json_t *vocab, const char *token) {
    return json_pack("{s:s, s:[O], s:[s]}", "id", token, "ids", json_object_get(vocab, token), "tokens",
                     token);
}

static json_t *template_of(const json_t *vocab) {
    json_t *single =
        json_pack("[o, o, o]", special_piece("[CLS]", 0), sequence_piece("A", 0), special_piece("[SEP]", 0));
    json_t *pair = json_pack("[o, o, o, o, o]", special_piece("[CLS]", 0), sequence_piece("A", 0),
                             special_piece("[SEP]", 0), sequence_piece("B", 1), special_piece("[SEP]", 1));
    return json_pack("{s:s, s:o, s:o, s:{s:o, s:o}}", "type", "TemplateProcessing", "single", single, "pair",
                     pair, "special_tokens", "[CLS]", special_token(vocab, "[CLS]"), "[SEP]",
                     special_token(vocab, "[SEP]"));
}

/* Takes the vocabulary over. */
static json_t *tokenizer(const lbk__model *model, json_t *vocab) {
    json_t *out = json_pack("{s:s, s:n, s:n, s:o}", "version", "1.0", "truncation", "padding", "added_tokens",
                            added_tokens(vocab));
    json_object_set_new(out, "normalizer",
                        json_pack("{s:s, s:b, s:b, s:n, s:b}", "type", "BertNormalizer", "clean_text", 1,
                                  "handle_chinese_chars", 1, "strip_accents", "lowercase", !model->cased));
    json_object_set_new(out, "pre_tokenizer", json_pack("{s:s}", "type", "BertPreTokenizer"));
    json_object_set_new(out, "post_processor", template_of(vocab));
    json_object_set_new(out, "decoder",
                        json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", 1));
    json_object_set_new(out, "model",
                        json_pack("{s:s, s:s, s:s, s:i, s:o}", "type", "WordPiece", "unk_token", "[UNK]",
                                  "continuing_subword_prefix", "##", "max_input_chars_per_word", 100, "vocab",
                                  vocab));
    return out;
}

static lbk_status save(lbk_context *context, const char *folder, const char *name, json_t *json) {
    char *path = NULL;
    lbk_status status = lbk__join(context, folder, name, &path);
    if (status == LBK_OK) status = lbk__json_write_file(context, path, json, JSON_INDENT(1));
    json_decref(json);
    lbk_free(context, path);
    return status;
}

static lbk_status check_special(lbk_context *context, const json_t *vocab) {
    static const char *const needed[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
    for (size_t i = 0; i < LBK_COUNT(needed); i++)
        if (!json_object_get(vocab, needed[i]))
            return lbk__fail(context, LBK_BAD_DATA,
                             "the model's vocab.txt lacks %s, so it is no BERT vocabulary", needed[i]);
    return LBK_OK;
}

lbk_status lbk__export_tokenizer(const lbk__model *model, const char *folder) {
    json_t *vocab = vocabulary(model);
    const lbk_status status = check_special(model->context, vocab);
    const char *mask = json_object_get(vocab, "[MASK]") ? "[MASK]" : NULL; /* transformers would add it */
    if (status != LBK_OK) json_decref(vocab);
    LBK_TRY(status);
    LBK_TRY(save(model->context, folder, "tokenizer.json", tokenizer(model, vocab)));
    return save(model->context, folder, "special_tokens_map.json",
                json_pack("{s:s, s:s, s:s, s:s, s:s?}", "pad_token", "[PAD]", "unk_token", "[UNK]",
                          "cls_token", "[CLS]", "sep_token", "[SEP]", "mask_token", mask));
}
