/* vocabulary.c: the vocabulary of a folder, as the lines of a vocab.txt. */
#include "model/vocabulary.h"

#include "base/file.h"
#include "format/json.h"
#include "format/json_parse.h"
#include "model/folder.h"

#include <string.h>

enum { LARGEST_VOCABULARY = 1 << 28 };

/* The file's JSON; *out NULL when there is no such file. */
static lbk_status optional_json(lbk_context *context, const char *folder, const char *name, char **path,
                                json_t **out) {
    *out = NULL;
    LBK_TRY(lbk__join(context, folder, name, path));
    return lbk__exists(*path) ? lbk__json_load_file(context, *path, out) : LBK_OK;
}

/* tokenizer_config.json may have a model_max_length of 10³⁰, which is no integer of any size. */
static lbk_status tokenizer_config(lbk_context *context, const char *folder, char **path, json_t **out) {
    char *text;
    size_t size;
    *out = NULL;
    LBK_TRY(lbk__join(context, folder, "tokenizer_config.json", path));
    if (!lbk__exists(*path)) return LBK_OK;
    LBK_TRY(lbk__read_file(context, *path, LARGEST_VOCABULARY, &text, &size));
    const size_t mark = lbk__json_mark(text, size);
    const lbk_status status =
        lbk__json_parse(context, *path, text + mark, size - mark, JSON_DECODE_INT_AS_REAL, out);
    lbk_free(context, text);
    return status;
}

/* ---- settings that would make other tokens than ours ---- */

static lbk_status refuse(lbk_context *context, const char *path, const char *what) {
    return lbk__fail(context, LBK_BAD_DATA,
                     "%s: %s, which limbeck's tokenizer does not do: the model would see other tokens", path,
                     what);
}

/* BERT strips accents where it makes letters small, unless told otherwise. */
static lbk_status check_accents(const lbk__model *model, const char *path, const json_t *settings) {
    const json_t *strip = json_object_get(settings, "strip_accents");
    if (!json_is_boolean(strip) || json_is_true(strip) != (model->cased != 0)) return LBK_OK;
    return refuse(model->context, path,
                  model->cased ? "strip_accents is true for a model that knows capitals"
                               : "strip_accents is false for a model that knows small letters only");
}

/* Any other is a token of its own wherever it stands in a text. */
static lbk_status check_added(const lbk__model *model, const char *path, const char *token) {
    static const char *const ours[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    char what[128], shown[48];
    for (size_t i = 0; i < LBK_COUNT(ours); i++)
        if (strcmp(token, ours[i]) == 0) return LBK_OK;
    snprintf(what, sizeof what, "\"%s\" is added as a token of its own",
             lbk__printable(shown, sizeof shown, token, strlen(token)));
    return refuse(model->context, path, what);
}

/* {"id": {"content"}} of tokenizer_config.json, or [{"content"}] of tokenizer.json. */
static lbk_status check_all_added(const lbk__model *model, const char *path, const json_t *added) {
    const char *id;
    size_t i;
    json_t *token;
    json_object_foreach((json_t *)(uintptr_t)added, id, token) {
        const char *content = json_string_value(json_object_get(token, "content"));
        LBK_TRY(check_added(model, path, content ? content : id));
    }
    json_array_foreach(added, i, token) {
        const char *content = json_string_value(json_object_get(token, "content"));
        LBK_TRY(check_added(model, path, content ? content : ""));
    }
    return LBK_OK;
}

/* added_tokens.json: {token: id}. */
static lbk_status check_added_file(const lbk__model *model, const char *folder) {
    char *path = NULL;
    const char *token;
    json_t *json = NULL, *id;
    lbk_status status = LBK_OK;
    LBK_GO(optional_json(model->context, folder, "added_tokens.json", &path, &json));
    json_object_foreach(json, token, id) LBK_GO(check_added(model, path, token));
done:
    json_decref(json);
    lbk_free(model->context, path);
    return status;
}

/* ---- the vocabulary ---- */

/* {"[PAD]": 0, …} as lines in the order of the ids, which must be 0, 1, … */
static lbk_status lines_of(lbk_context *context, const char *path, const json_t *vocab, lbk__text *out) {
    const size_t count = json_object_size(vocab);
    const char *token, **tokens;
    json_t *id;
    lbk_status status = LBK_OK;
    LBK_TRY(LBK_ALLOC(context, tokens, count));
    json_object_foreach((json_t *)(uintptr_t)vocab, token, id) {
        const json_int_t number = json_is_integer(id) ? json_integer_value(id) : -1;
        if (number < 0 || (size_t)number >= count || tokens[number] || strchr(token, '\n')) {
            char shown[96];
            status = lbk__fail(context, LBK_BAD_DATA,
                               "%s: token \"%s\": ids must be 0 to %zu, each once, and tokens single lines",
                               path, lbk__printable(shown, sizeof shown, token, strlen(token)), count - 1);
            goto done;
        }
        tokens[number] = token;
    }
    for (size_t i = 0; i < count; i++) {
        LBK_GO(lbk__text_append(context, out, tokens[i], strlen(tokens[i])));
        LBK_GO(lbk__text_append(context, out, "\n", 1));
    }
done:
    lbk_free(context, tokens);
    return status;
}

static bool has_type(const json_t *object, const char *wanted) {
    const char *type = json_string_value(json_object_get(object, "type"));
    return type && strcmp(type, wanted) == 0;
}

/* Whether the value is missing, null or the text. */
static bool is_text_or_none(const json_t *value, const char *wanted) {
    return !value || json_is_null(value) ||
           (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0);
}

/* What tokenizer.json says of how texts become pieces. */
static lbk_status check_splitting(const lbk__model *model, const char *path, const json_t *json) {
    const json_t *normalizer = json_object_get(json, "normalizer"), *pieces = json_object_get(json, "model"),
                 *parts = json_object_get(json, "pre_tokenizer"),
                 *longest = json_object_get(pieces, "max_input_chars_per_word");
    if (!has_type(normalizer, "BertNormalizer"))
        return refuse(model->context, path, "its normalizer is no BertNormalizer");
    if (json_is_false(json_object_get(normalizer, "clean_text")))
        return refuse(model->context, path, "control characters stay in texts");
    if (json_is_object(parts) && !has_type(parts, "BertPreTokenizer"))
        return refuse(model->context, path, "its pre_tokenizer is no BertPreTokenizer");
    if (!is_text_or_none(json_object_get(pieces, "continuing_subword_prefix"), "##"))
        return refuse(model->context, path, "pieces of words do not begin with ##");
    if (!is_text_or_none(json_object_get(pieces, "unk_token"), "[UNK]"))
        return refuse(model->context, path, "words that are not known are not [UNK]");
    if (json_is_integer(longest) && json_integer_value(longest) != 100)
        return refuse(model->context, path, "words may have another length than 100");
    if (json_is_false(json_object_get(normalizer, "handle_chinese_chars")))
        return refuse(model->context, path, "Chinese characters are no tokens of their own");
    return LBK_OK;
}

static lbk_status check_type(lbk_context *context, const char *path, lbk__json_in pieces) {
    const char *type;
    char shown[48];
    LBK_TRY(lbk__json_get_string(pieces, "type", &type));
    if (strcmp(type, "WordPiece") == 0) return LBK_OK;
    return lbk__fail(context, LBK_BAD_DATA, "%s: is a %s tokenizer; only WordPiece is supported", path,
                     lbk__printable(shown, sizeof shown, type, strlen(type)));
}

static lbk_status take_vocabulary(lbk__model *model, const char *path, lbk__json_in pieces) {
    lbk__text lines = {0};
    LBK_TRY(lbk__json_get_object(pieces, "vocab", &pieces));
    const lbk_status status = lines_of(model->context, path, pieces.object, &lines);
    if (status != LBK_OK) {
        lbk__text_free(model->context, &lines);
        return status;
    }
    model->vocab = lines.data;
    model->vocab_length = lines.length;
    return LBK_OK;
}

/* The vocabulary, and whether texts keep their case, where vocab.txt has not given it; what would make other
 * tokens is refused in either case. */
static lbk_status from_tokenizer_json(lbk__model *model, const char *folder, bool *says_case) {
    char *path = NULL;
    json_t *json = NULL;
    lbk__json_in pieces;
    lbk_status status = LBK_OK;
    LBK_GO(optional_json(model->context, folder, "tokenizer.json", &path, &json));
    if (!json) goto done;
    const json_t *normalizer = json_object_get(json, "normalizer");
    LBK_GO(lbk__json_get_object((lbk__json_in){model->context, path, json}, "model", &pieces));
    LBK_GO(check_type(model->context, path, pieces));
    LBK_GO(check_splitting(model, path, json));
    LBK_GO(check_all_added(model, path, json_object_get(json, "added_tokens")));
    if (model->vocab) goto done;
    LBK_GO(take_vocabulary(model, path, pieces));
    model->cased = json_is_false(json_object_get(normalizer, "lowercase"));
    *says_case = true;
    LBK_GO(check_accents(model, path, normalizer));
done:
    json_decref(json);
    lbk_free(model->context, path);
    return status;
}

static lbk_status from_vocab_txt(lbk__model *model, const char *folder) {
    char *path;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__join(model->context, folder, "vocab.txt", &path));
    if (lbk__exists(path))
        status =
            lbk__read_file(model->context, path, LARGEST_VOCABULARY, &model->vocab, &model->vocab_length);
    lbk_free(model->context, path);
    return status;
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

bool lbk__vocabulary_has(const lbk__model *model, const char *token) {
    const char *rest = model->vocab, *const end = rest + model->vocab_length, *line;
    size_t length;
    while (next_line(&rest, end, &line, &length))
        if (length == strlen(token) && memcmp(line, token, length) == 0) return true;
    return false;
}

lbk_status lbk__vocabulary_match(lbk_context *context, const char *ours, size_t our_size, const char *theirs,
                                 size_t their_size) {
    const char *const our_end = ours + our_size, *const their_end = theirs + their_size, *our_line = "",
                      *their_line;
    size_t our_length = 0, their_length;
    for (int32_t id = 0; next_line(&theirs, their_end, &their_line, &their_length); id++) {
        char our_word[64], their_word[64];
        const bool known = next_line(&ours, our_end, &our_line, &our_length);
        if (known && our_length == their_length && memcmp(our_line, their_line, our_length) == 0) continue;
        return lbk__fail(context, LBK_MISMATCH,
                         "token %d is \"%s\" in the pack and %s%s%s for the model: pack the data with the "
                         "model's vocab.txt",
                         id, lbk__printable(their_word, sizeof their_word, their_line, their_length),
                         known ? "\"" : "nothing",
                         known ? lbk__printable(our_word, sizeof our_word, our_line, our_length) : "",
                         known ? "\"" : "");
    }
    return LBK_OK;
}

lbk_status lbk__vocabulary_read(lbk__model *model, const char *folder, bool *says_case) {
    char *path = NULL;
    json_t *json = NULL;
    bool says = false;
    lbk_status status = LBK_OK;
    LBK_GO(from_vocab_txt(model, folder));
    LBK_GO(from_tokenizer_json(model, folder, &says));
    LBK_GO(tokenizer_config(model->context, folder, &path, &json));
    const json_t *lower = json_object_get(json, "do_lower_case");
    if (json_is_boolean(lower)) model->cased = json_is_false(lower), says = true;
    if (!model->vocab) goto done;
    LBK_GO(check_accents(model, path, json));
    if (json_is_false(json_object_get(json, "tokenize_chinese_chars")))
        LBK_GO(refuse(model->context, path, "Chinese characters are no tokens of their own"));
    LBK_GO(check_all_added(model, path, json_object_get(json, "added_tokens_decoder")));
    LBK_GO(check_added_file(model, folder));
done:
    if (says_case) *says_case = says;
    json_decref(json);
    lbk_free(model->context, path);
    return status;
}

lbk_status lbk__vocabulary_match_folder(lbk_context *context, const char *given, const char *vocab,
                                        size_t length, bool cased, bool *known) {
    lbk__model theirs = {.context = context}; /* for its vocabulary alone */
    char *folder = NULL;
    bool says_case;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(lbk__vocabulary_read(&theirs, folder, &says_case));
    if (known) *known = theirs.vocab;
    if (theirs.vocab)
        LBK_GO(lbk__vocabulary_match(context, theirs.vocab, theirs.vocab_length, vocab, length));
    if (says_case && (theirs.cased != 0) != cased)
        status =
            lbk__fail(context, LBK_MISMATCH,
                      theirs.cased ? "its texts keep their case, the pack's do not: pack with --cased"
                                   : "its texts are lower-cased, the pack's are not: pack without --cased");
done:
    lbk_free(context, theirs.vocab);
    lbk_free(context, folder);
    return status;
}
