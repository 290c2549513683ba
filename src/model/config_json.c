/* config_json.c: config.json, as transformers' VisualBertConfig writes it, with one object of our own,
 * "limbeck". */
#include "model/config_json.h"

#include "base/names.h"
#include "data/name_list.h"

#include <stdlib.h>
#include <string.h>

/* By lbk__pooling. */
static const char *const architectures[] = {"VisualBertForVisualReasoning", "VisualBertForQuestionAnswering"};
enum { LONGEST_TEXT = 512 }; /* where a folder of others says nothing */

/* ---- reading ---- */

/* `preset` < 0: the key must be there. */
static lbk_status integer(lbk__json_in in, const char *key, int32_t preset, int32_t *out) {
    int64_t value = preset;
    if (preset < 0 || lbk__json_has(in, key)) LBK_TRY(lbk__json_get_integer(in, key, 0, INT32_MAX, &value));
    *out = (int32_t)value;
    return LBK_OK;
}

static lbk_status real(lbk__json_in in, const char *key, float preset, float *out) {
    double value = (double)preset;
    *out = preset;
    if (!lbk__json_has(in, key)) return LBK_OK;
    LBK_TRY(lbk__json_get_real(in, key, 0, 1e9, &value));
    *out = (float)value;
    return LBK_OK;
}

/* DistilBERT's names for BERT's keys. */
static const char *key_of(const json_t *json, const char *key) {
    static const char *const distil[][2] = {
        {"hidden_size", "dim"},
        {"num_hidden_layers", "n_layers"},
        {"num_attention_heads", "n_heads"},
        {"intermediate_size", "hidden_dim"},
        {"hidden_act", "activation"},
        {"hidden_dropout_prob", "dropout"},
        {"attention_probs_dropout_prob", "attention_dropout"},
    };
    const char *type = json_string_value(json_object_get(json, "model_type"));
    if (!type || strcmp(type, "distilbert") != 0) return key;
    for (size_t i = 0; i < LBK_COUNT(distil); i++)
        if (strcmp(key, distil[i][0]) == 0) return distil[i][1];
    return key;
}

/* Others use BERT's names for something else: RoBERTa counts positions from the padding's id on, ERNIE adds
 * embeddings of tasks, LayoutLM those of places on a page. */
static lbk_status refuse_families(lbk_context *context, const char *path, const json_t *json) {
    static const char *const known[] = {"bert", "distilbert", "electra", "visual_bert"};
    const char *type = json_string_value(json_object_get(json, "model_type"));
    char shown[64];
    if (!type) return LBK_OK; /* BERTs of the first years do not say it */
    for (size_t i = 0; i < LBK_COUNT(known); i++)
        if (strcmp(type, known[i]) == 0) return LBK_OK;
    return lbk__fail(
        context, LBK_BAD_DATA,
        "%s: \"model_type\" is \"%s\"; only bert (MiniLM and TinyBERT, too), distilbert, electra "
        "and visual_bert are supported",
        path, lbk__printable(shown, sizeof shown, type, strlen(type)));
}

/* What would make another function of the same weights. */
static lbk_status refuse_variants(lbk_context *context, const char *path, const json_t *json) {
    static const char *const supported[][2] = {{"hidden_act", "gelu"},
                                               {"position_embedding_type", "absolute"}};
    for (size_t i = 0; i < LBK_COUNT(supported); i++) {
        const char *key = key_of(json, supported[i][0]);
        const char *value = json_string_value(json_object_get(json, key));
        char shown[64];
        if (value && strcmp(value, supported[i][1]) != 0)
            return lbk__fail(context, LBK_BAD_DATA, "%s: \"%s\" is \"%s\"; only \"%s\" is supported", path,
                             key, lbk__printable(shown, sizeof shown, value, strlen(value)), supported[i][1]);
    }
    static const char *const unsupported[] = {"bypass_transformer", "is_decoder"};
    for (size_t i = 0; i < LBK_COUNT(unsupported); i++)
        if (json_is_true(json_object_get(json, unsupported[i])))
            return lbk__fail(context, LBK_BAD_DATA, "%s: \"%s\" is not supported", path, unsupported[i]);
    return LBK_OK;
}

const char *lbk__config_json_architecture(const json_t *json) {
    const char *name = json_string_value(json_array_get(json_object_get(json, "architectures"), 0));
    return name ? name : "";
}

lbk_status lbk__config_json_sizes(lbk_context *context, const char *path, const json_t *json,
                                  lbk__model_config *c) {
    const lbk__json_in in = {context, path, json};
    const char *type = json_string_value(json_object_get(json, "model_type"));
    const bool visual = type && strcmp(type, "visual_bert") == 0;
    LBK_TRY(refuse_families(context, path, json));
    LBK_TRY(refuse_variants(context, path, json));
    LBK_TRY(integer(in, "vocab_size", -1, &c->vocab_size));
    LBK_TRY(integer(in, key_of(json, "hidden_size"), -1, &c->hidden_size));
    LBK_TRY(integer(in, key_of(json, "num_hidden_layers"), -1, &c->num_hidden_layers));
    LBK_TRY(integer(in, key_of(json, "num_attention_heads"), -1, &c->num_attention_heads));
    LBK_TRY(integer(in, key_of(json, "intermediate_size"), -1, &c->intermediate_size));
    LBK_TRY(integer(in, "max_position_embeddings", 512, &c->max_position_embeddings));
    LBK_TRY(integer(in, "type_vocab_size", 2, &c->type_vocab_size));
    LBK_TRY(integer(in, "visual_embedding_dim", visual ? 512 : 1, &c->visual_embedding_dim));
    LBK_TRY(real(in, key_of(json, "hidden_dropout_prob"), 0.1f, &c->hidden_dropout_prob));
    LBK_TRY(real(in, key_of(json, "attention_probs_dropout_prob"), 0.1f, &c->attention_probs_dropout_prob));
    LBK_TRY(real(in, "layer_norm_eps", 1e-12f, &c->layer_norm_eps));
    LBK_TRY(real(in, "initializer_range", 0.02f, &c->initializer_range));
    const size_t labels = json_object_size(json_object_get(json, "id2label"));
    c->num_labels = labels ? (int32_t)labels : 2;
    const bool answers = strcmp(lbk__config_json_architecture(json), architectures[LBK__POOL_LAST_WORD]) == 0;
    c->classifier_pooling = answers ? LBK__POOL_LAST_WORD : LBK__POOL_CLS;
    return LBK_OK;
}

static lbk_status read_label(lbk__model *model, const char *path, const json_t *id2label, int32_t class,
                             lbk__name_list *names) {
    char key[16];
    int32_t number;
    snprintf(key, sizeof key, "%d", class);
    const char *name = json_string_value(json_object_get(id2label, key));
    if (!name)
        return lbk__fail(model->context, LBK_BAD_DATA, "%s: \"id2label\" has no label \"%s\"", path, key);
    LBK_TRY(lbk__name_list_add(names, name, &number));
    if (number != class)
        return lbk__fail(model->context, LBK_BAD_DATA,
                         "%s: \"id2label\" has the label of \"%d\" for \"%s\", too", path, number, key);
    return lbk__copy_string(model->context, name, &model->class_names[class]);
}

static lbk_status read_labels(lbk__model *model, const char *path, const json_t *json) {
    const json_t *id2label = json_object_get(json, "id2label");
    lbk__name_list names;
    lbk_status status = LBK_OK;
    if (!id2label) return LBK_OK;
    LBK_TRY(LBK_ALLOC(model->context, model->class_names, model->config.num_labels));
    lbk__name_list_start(model->context, &names);
    for (int32_t i = 0; status == LBK_OK && i < model->config.num_labels; i++)
        status = read_label(model, path, id2label, i, &names);
    lbk__name_list_free(&names);
    return status;
}

/* `problem`: what models that are not ours say, if anything: whether classes exclude each other. */
static lbk_status read_label_kind(lbk__model *model, const char *path, const json_t *problem,
                                  const json_t *value) {
    const char *name = json_string_value(value ? value : problem);
    if (!value && name && strcmp(name, "regression") == 0)
        return lbk__fail(model->context, LBK_BAD_DATA,
                         "%s: \"problem_type\" is \"regression\"; limbeck's models classify", path);
    if (!value) {
        const bool multi = name && strcmp(name, "multi_label_classification") == 0;
        model->label_kind = multi ? LBK_LABEL_MULTI : LBK_LABEL_SINGLE;
        model->other_label_kinds = multi  ? 1U << LBK_LABEL_SOFT
                                   : name ? 0
                                          : 1U << LBK_LABEL_MULTI | 1U << LBK_LABEL_SOFT;
        return LBK_OK;
    }
    if (lbk__label_kind_of(name, &model->label_kind)) return LBK_OK;
    return lbk__fail(model->context, LBK_BAD_DATA, "%s: \"label_kind\" is none of single, multi, soft", path);
}

static lbk_status read_thresholds(lbk__model *model, const char *path, const json_t *thresholds) {
    if (!thresholds) return LBK_OK;
    if (json_array_size(thresholds) != (size_t)model->config.num_labels)
        return lbk__fail(model->context, LBK_BAD_DATA, "%s: \"thresholds\" has not one number a label", path);
    LBK_TRY(LBK_ALLOC(model->context, model->thresholds, model->config.num_labels));
    for (size_t i = 0; i < json_array_size(thresholds); i++) {
        const json_t *value = json_array_get(thresholds, i);
        if (!json_is_number(value))
            return lbk__fail(model->context, LBK_BAD_DATA, "%s: \"thresholds\" has an item that is no number",
                             path);
        model->thresholds[i] = (float)json_number_value(value);
    }
    return LBK_OK;
}

/* The JSON text of an object, through the context; *out NULL when there is none. */
static lbk_status text_of(lbk_context *context, const json_t *value, char **out) {
    *out = NULL;
    return json_is_object(value) ? lbk__json_dump(context, value, JSON_COMPACT, out) : LBK_OK;
}

lbk_status lbk__config_json_rest(lbk__model *model, const char *path, const json_t *json) {
    LBK_TRY(read_labels(model, path, json));
    const json_t *own = json_object_get(json, "limbeck");
    const lbk__json_in in = {model->context, path, own};
    int64_t longest =
        own ? model->max_text_tokens : LBK_MIN(LONGEST_TEXT, model->config.max_position_embeddings);
    if (own && lbk__json_has(in, "max_text_tokens"))
        LBK_TRY(lbk__json_get_integer(in, "max_text_tokens", 2, INT32_MAX, &longest));
    model->max_text_tokens = (int32_t)longest;
    model->cased = json_is_true(json_object_get(own, "cased"));
    LBK_TRY(read_label_kind(model, path, json_object_get(json, "problem_type"),
                            json_object_get(own, "label_kind")));
    const char *classifier = json_string_value(json_object_get(own, "classifier"));
    model->random_classifier = classifier && strcmp(classifier, "random") == 0;
    LBK_TRY(read_thresholds(model, path, json_object_get(own, "thresholds")));
    LBK_TRY(text_of(model->context, json_object_get(own, "visual"), &model->visual_source));
    return text_of(model->context, json_object_get(own, "made_from"), &model->made_from);
}

/* ---- writing ---- */

/* 0.1f as 0.1: the shortest decimal that reads back as the same float. */
static json_t *short_real(float value) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return json_real(strtod(text, NULL));
}

static json_t *own_object(const lbk__model *model) {
    json_t *own =
        json_pack("{s:s*, s:s*, s:b, s:i}", "classifier", model->random_classifier ? "random" : NULL,
                  "label_kind", model->other_label_kinds ? NULL : lbk__label_kind_names[model->label_kind],
                  "cased", model->cased, "max_text_tokens", (int)model->max_text_tokens);
    if (model->visual_source)
        json_object_set_new(own, "visual", json_loads(model->visual_source, JSON_DECODE_ANY, NULL));
    if (model->made_from)
        json_object_set_new(own, "made_from", json_loads(model->made_from, JSON_DECODE_ANY, NULL));
    if (model->thresholds) {
        json_t *thresholds = json_array();
        for (int32_t i = 0; i < model->config.num_labels; i++)
            json_array_append_new(thresholds, short_real(model->thresholds[i]));
        json_object_set_new(own, "thresholds", thresholds);
    }
    return own;
}

json_t *lbk__config_json_make(const lbk__model *model, lbk__dtype dtype) {
    const lbk__model_config *c = &model->config;
    json_t *json =
        json_pack("{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "architectures",
                  architectures[c->classifier_pooling], "model_type", "visual_bert", "vocab_size",
                  c->vocab_size, "hidden_size", c->hidden_size, "num_hidden_layers", c->num_hidden_layers,
                  "num_attention_heads", c->num_attention_heads, "intermediate_size", c->intermediate_size,
                  "max_position_embeddings", c->max_position_embeddings, "type_vocab_size",
                  c->type_vocab_size, "visual_embedding_dim", c->visual_embedding_dim);
    json_object_set_new(json, "hidden_act", json_string("gelu"));
    json_object_set_new(json, "hidden_dropout_prob", short_real(c->hidden_dropout_prob));
    json_object_set_new(json, "attention_probs_dropout_prob", short_real(c->attention_probs_dropout_prob));
    json_object_set_new(json, "layer_norm_eps", short_real(c->layer_norm_eps));
    json_object_set_new(json, "initializer_range", short_real(c->initializer_range));
    json_object_set_new(json, "torch_dtype", json_string(dtype == LBK__F16 ? "float16" : "float32"));
    if (model->label_kind != LBK_LABEL_SINGLE)
        json_object_set_new(json, "problem_type", json_string("multi_label_classification"));
    else if (!model->other_label_kinds && c->num_labels > 1) /* transformers refuses it of one class */
        json_object_set_new(json, "problem_type", json_string("single_label_classification"));
    json_t *id2label = json_object(), *label2id = json_object();
    for (int32_t i = 0; i < c->num_labels; i++) {
        char key[16], name[32];
        snprintf(key, sizeof key, "%d", i);
        snprintf(name, sizeof name, "LABEL_%d", i);
        json_object_set_new(id2label, key, json_string(model->class_names ? model->class_names[i] : name));
        json_object_set_new(label2id, model->class_names ? model->class_names[i] : name, json_integer(i));
    }
    json_object_set_new(json, "id2label", id2label);
    json_object_set_new(json, "label2id", label2id);
    json_object_set_new(json, "limbeck", own_object(model));
    return json;
}
