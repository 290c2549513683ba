/* parameters.c: which parameters a VisualBERT classifier has, under Hugging Face's names, and where their
 * numbers lie. */
#include "model/parameters.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

lbk_status lbk__model_config_check(lbk_context *context, const lbk__model_config *config) {
    const struct {
        const char *key;
        int32_t value, least, most;
    } rows[] = {
        {"vocab_size", config->vocab_size, 4, 1 << 24},
        {"hidden_size", config->hidden_size, 1, 4096},
        {"num_hidden_layers", config->num_hidden_layers, 1, 1000},
        {"num_attention_heads", config->num_attention_heads, 1, 4096},
        {"intermediate_size", config->intermediate_size, 1, 1 << 20},
        {"max_position_embeddings", config->max_position_embeddings, 2, 1 << 20},
        {"type_vocab_size", config->type_vocab_size, 2, 64},
        {"visual_embedding_dim", config->visual_embedding_dim, 1, 1 << 20},
        {"num_labels", config->num_labels, 1, 1 << 20},
    };
    for (size_t i = 0; i < LBK_COUNT(rows); i++)
        if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
            return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s is %d; it must be from %d to %d", rows[i].key,
                             rows[i].value, rows[i].least, rows[i].most);
    if (config->hidden_size % config->num_attention_heads != 0)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "hidden_size %d is no multiple of num_attention_heads %d", config->hidden_size,
                         config->num_attention_heads);
    if (!(config->hidden_dropout_prob >= 0 && config->hidden_dropout_prob < 1))
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "hidden_dropout_prob must be in [0, 1)");
    if (!(config->attention_probs_dropout_prob >= 0 && config->attention_probs_dropout_prob < 1))
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "attention_probs_dropout_prob must be in [0, 1)");
    if (!(config->layer_norm_eps > 0 && config->layer_norm_eps < 1))
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "layer_norm_eps must be in (0, 1)");
    if (!(config->initializer_range >= 0 && config->initializer_range < 10))
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "initializer_range must be in [0, 10)");
    return LBK_OK;
}

/* ---- the list ---- */

typedef struct listing {
    lbk__model *model;
    size_t capacity;
    lbk_status status;
} listing;

static void list(listing *l, const char *name, int32_t rows, int32_t cols, int rank) {
    if (l->status != LBK_OK) return;
    lbk__model *model = l->model;
    l->status = LBK_GROW(model->context, model->parameters, l->capacity, model->num_parameters + 1);
    if (l->status != LBK_OK) return;
    lbk__parameter *parameter = &model->parameters[model->num_parameters++];
    *parameter = (lbk__parameter){.rows = rows, .cols = cols, .rank = rank, .decay = rank == 2};
    snprintf(parameter->name, sizeof parameter->name, "%s", name);
    parameter->offset = model->num_values;
    model->num_values += (size_t)rows * (size_t)cols;
}

static void list_linear(listing *l, const char *name, int32_t out, int32_t in) {
    char full[96];
    snprintf(full, sizeof full, "%.80s.weight", name);
    list(l, full, out, in, 2);
    snprintf(full, sizeof full, "%.80s.bias", name);
    list(l, full, 1, out, 1);
}

static void list_norm(listing *l, const char *name, int32_t hidden) {
    char full[96];
    snprintf(full, sizeof full, "%.80s.weight", name);
    list(l, full, 1, hidden, 1);
    snprintf(full, sizeof full, "%.80s.bias", name);
    list(l, full, 1, hidden, 1);
}

/* A pooler that no logit reads is there for transformers, and training leaves it as it is. */
static void keep_pooler(listing *l) {
    for (size_t i = 0; l->status == LBK_OK && i < 2; i++)
        l->model->parameters[l->model->num_parameters - 1 - i].decay = false;
}

/* Query, key and value follow each other, so that one product computes all three. */
static void list_layer(listing *l, const lbk__model_config *c, int32_t layer) {
    static const char *const projections[] = {"query", "key", "value"};
    char name[96];
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.attention.self.%s.%s", layer,
                     projections[i], part ? "bias" : "weight");
            list(l, name, part ? 1 : c->hidden_size, c->hidden_size, part ? 1 : 2);
        }
    snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.attention.output.dense", layer);
    list_linear(l, name, c->hidden_size, c->hidden_size);
    snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.attention.output.LayerNorm", layer);
    list_norm(l, name, c->hidden_size);
    snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.intermediate.dense", layer);
    list_linear(l, name, c->intermediate_size, c->hidden_size);
    snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.output.dense", layer);
    list_linear(l, name, c->hidden_size, c->intermediate_size);
    snprintf(name, sizeof name, "visual_bert.encoder.layer.%d.output.LayerNorm", layer);
    list_norm(l, name, c->hidden_size);
}

static lbk_status list_parameters(lbk__model *model) {
    const lbk__model_config *c = &model->config;
    listing l = {.model = model};
    list(&l, "visual_bert.embeddings.word_embeddings.weight", c->vocab_size, c->hidden_size, 2);
    list(&l, "visual_bert.embeddings.position_embeddings.weight", c->max_position_embeddings, c->hidden_size,
         2);
    list(&l, "visual_bert.embeddings.token_type_embeddings.weight", c->type_vocab_size, c->hidden_size, 2);
    list(&l, "visual_bert.embeddings.visual_position_embeddings.weight", c->max_position_embeddings,
         c->hidden_size, 2);
    list(&l, "visual_bert.embeddings.visual_token_type_embeddings.weight", c->type_vocab_size, c->hidden_size,
         2);
    list_linear(&l, "visual_bert.embeddings.visual_projection", c->hidden_size, c->visual_embedding_dim);
    list_norm(&l, "visual_bert.embeddings.LayerNorm", c->hidden_size);
    for (int32_t layer = 0; layer < c->num_hidden_layers; layer++) list_layer(&l, c, layer);
    list_linear(&l, "visual_bert.pooler.dense", c->hidden_size, c->hidden_size);
    if (c->classifier_pooling == LBK__POOL_LAST_WORD) keep_pooler(&l);
    list_linear(&l, "cls", c->num_labels, c->hidden_size);
    return l.status;
}

/* ---- the model ---- */

lbk_status lbk__model_shape(lbk_context *context, const lbk__model_config *config, lbk__model **out) {
    *out = NULL;
    LBK_TRY(lbk__model_config_check(context, config));
    lbk__model *model;
    LBK_TRY(LBK_ALLOC(context, model, 1));
    model->precision = LBK__PRECISION_FP32;
    model->max_text_tokens = 128;
    lbk_status status = LBK_OK;
    model->context = context;
    model->config = *config;
    LBK_GO(list_parameters(model));
    *out = model;
done:
    if (status != LBK_OK) lbk__model_free(model);
    return status;
}

lbk_status lbk__model_allocate(lbk__model *model) {
    LBK_TRY(lbk__alloc_aligned(model->context, &model->values, model->num_values * sizeof *model->values));
    model->weights = model->values;
    return LBK_OK;
}

lbk_status lbk__model_create(lbk_context *context, const lbk__model_config *config, lbk__model **out) {
    LBK_TRY(lbk__model_shape(context, config, out));
    const lbk_status status = lbk__model_allocate(*out);
    if (status == LBK_OK) return LBK_OK;
    lbk__model_free(*out);
    *out = NULL;
    return status;
}

void lbk__model_free(lbk__model *model) {
    if (!model) return;
    lbk_context *context = model->context;
    for (int32_t i = 0; model->class_names && i < model->config.num_labels; i++)
        lbk_free(context, model->class_names[i]);
    lbk_free(context, model->class_names);
    lbk_free(context, model->thresholds);
    lbk_free(context, model->vocab);
    lbk_free(context, model->visual_source);
    lbk_free(context, model->made_from);
    lbk_free(context, model->parameters);
    lbk__free_aligned(context, model->values);
    lbk__weights_close(model->file);
    lbk_free(context, model);
}

const lbk__parameter *lbk__model_find(const lbk__model *model, const char *name) {
    for (size_t i = 0; i < model->num_parameters; i++)
        if (strcmp(model->parameters[i].name, name) == 0) return &model->parameters[i];
    return NULL;
}

lbk__tensor_spec lbk__parameter_spec(const lbk__parameter *p) {
    if (p->rank == 1) return (lbk__tensor_spec){.name = p->name, .rank = 1, .shape = {p->cols}};
    return (lbk__tensor_spec){.name = p->name, .rank = 2, .shape = {p->rows, p->cols}};
}

/* CRC-32 of a name: what tells one parameter's random numbers from another's. */
static uint32_t crc32_of(const char *text) {
    uint32_t crc = UINT32_MAX;
    for (; *text; text++) {
        crc ^= (unsigned char)*text;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

void lbk__parameter_init_random(lbk__model *model, const lbk__parameter *parameter, uint64_t seed) {
    float *values = model->values + parameter->offset;
    const size_t count = (size_t)parameter->rows * (size_t)parameter->cols;
    const uint32_t own = crc32_of(parameter->name);
    const float fixed = ends_with(parameter->name, "LayerNorm.weight") ? 1.0f : 0.0f;
    for (size_t k = 0; k < count; k++)
        values[k] = parameter->rank == 1 ? fixed
                                         : model->config.initializer_range *
                                               (float)lbk__normal(seed, LBK__STREAM_INIT, own, k);
}

void lbk__model_init_random(lbk__model *model, uint64_t seed) {
    for (size_t i = 0; i < model->num_parameters; i++)
        lbk__parameter_init_random(model, &model->parameters[i], seed);
}
