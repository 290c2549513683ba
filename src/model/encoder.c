/* encoder.c: VisualBERT (Li et al. 2019, arXiv 1908.03557) as transformers' VisualBertForVisualReasoning and
 * VisualBertForQuestionAnswering compute it:
 *
 *   x = dropout(layernorm(embeddings))
 *   a = layernorm(x + dropout(attention(x)·Woᵀ + bo));  x = layernorm(a + dropout(gelu(a·Wuᵀ + bu)·Wdᵀ + bd))
 * each layer
 *   logits = dropout(tanh(x[CLS]·Wpᵀ + bp))·Wcᵀ + bc, or dropout(x[last word])·Wcᵀ + bc
 *
 * One token of the last layer is read, so the last layer computes queries and all that follows for that token
 * alone, and no keys and values (pooled_attention.c). */
#include "model/encoder.h"

#include <stdio.h>

typedef struct recorder {
    const lbk__model *model;
    lbk__tape *tape;
    lbk_status status; /* the first failure; later calls do nothing */
} recorder;

static lbk__slot slot(recorder *r, const char *prefix, const char *name) {
    char full[192];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const lbk__parameter *parameter = lbk__model_find(r->model, full);
    if (parameter) return (lbk__slot){parameter->offset, parameter->rows, parameter->cols};
    if (r->status == LBK_OK) r->status = lbk__fail(r->model->context, LBK_INTERNAL, "no parameter %s", full);
    return (lbk__slot){0};
}

static lbk__tensor *linear(recorder *r, lbk__tensor *x, lbk__slot weight, lbk__slot bias,
                           lbk__activation activation) {
    lbk__tensor *y = NULL;
    if (r->status == LBK_OK) r->status = lbk__op_linear(r->tape, x, weight, bias, activation, &y);
    return y;
}

static lbk__tensor *dense(recorder *r, lbk__tensor *x, const char *prefix, const char *name,
                          lbk__activation activation) {
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%.80s.weight", name);
    snprintf(bias, sizeof bias, "%.80s.bias", name);
    return linear(r, x, slot(r, prefix, weight), slot(r, prefix, bias), activation);
}

static lbk__tensor *norm(recorder *r, lbk__tensor *x, lbk__tensor *residual, const char *prefix,
                         const char *name, float probability) {
    char gamma[96], beta[96];
    snprintf(gamma, sizeof gamma, "%.80s.weight", name);
    snprintf(beta, sizeof beta, "%.80s.bias", name);
    lbk__tensor *y = NULL;
    const lbk__slot g = slot(r, prefix, gamma), b = slot(r, prefix, beta);
    if (r->status == LBK_OK)
        r->status =
            lbk__op_layernorm(r->tape, x, residual, g, b, r->model->config.layer_norm_eps, probability, &y);
    return y;
}

static lbk__tensor *dropout(recorder *r, lbk__tensor *x) {
    lbk__tensor *y = NULL;
    if (r->status == LBK_OK)
        r->status = lbk__op_dropout_of(r->tape, x, r->model->config.hidden_dropout_prob, &y);
    return y;
}

static lbk__tensor *pick(recorder *r, lbk__tensor *x) {
    lbk__tensor *y = NULL;
    if (r->status == LBK_OK) r->status = lbk__op_pick(r->tape, x, &y);
    return y;
}

/* x [T, H] → [T, H]. Query, key and value lie behind each other: one product makes all three. */
static lbk__tensor *attention(recorder *r, lbk__tensor *x, const char *prefix) {
    const lbk__model_config *c = &r->model->config;
    lbk__slot weight = slot(r, prefix, "attention.self.query.weight"), /* [H, H] → [3H, H] */
        bias = slot(r, prefix, "attention.self.query.bias");           /* [1, H] → [1, 3H] */
    weight.rows *= 3;
    bias.cols *= 3;
    lbk__tensor *all = linear(r, x, weight, bias, LBK__IDENTITY), *y = NULL;
    if (r->status == LBK_OK)
        r->status =
            lbk__op_attention(r->tape, all, c->num_attention_heads, c->attention_probs_dropout_prob, &y);
    return y;
}

/* x [T, H] and of them picked [S, H], which ask → [S, H] */
static lbk__tensor *pooled_attention(recorder *r, lbk__tensor *x, lbk__tensor *picked, const char *prefix) {
    const lbk__model_config *c = &r->model->config;
    const lbk__slot key = slot(r, prefix, "attention.self.key.weight"),
                    value = slot(r, prefix, "attention.self.value.weight"),
                    bias = slot(r, prefix, "attention.self.value.bias");
    lbk__tensor *query = dense(r, picked, prefix, "attention.self.query", LBK__IDENTITY), *asking = NULL,
                *y = NULL;
    if (r->status == LBK_OK)
        r->status = lbk__op_absorb_keys(r->tape, query, key, c->num_attention_heads, &asking);
    if (r->status == LBK_OK)
        r->status = lbk__op_pooled_attention(r->tape, asking, x, value, bias, c->num_attention_heads,
                                             c->attention_probs_dropout_prob, &y);
    return y;
}

static lbk__tensor *embeddings(recorder *r) {
    static const char prefix[] = "visual_bert.embeddings.";
    const lbk__embed_slots slots = {
        .word = slot(r, prefix, "word_embeddings.weight"),
        .position = slot(r, prefix, "position_embeddings.weight"),
        .segment = slot(r, prefix, "token_type_embeddings.weight"),
        .visual_position = slot(r, prefix, "visual_position_embeddings.weight"),
        .visual_segment = slot(r, prefix, "visual_token_type_embeddings.weight"),
    };
    lbk__tensor *rows = NULL, *x = NULL;
    if (r->status == LBK_OK)
        r->status = lbk__op_visual(r->tape, r->model->config.visual_embedding_dim, &rows);
    lbk__tensor *visual = dense(r, rows, prefix, "visual_projection", LBK__IDENTITY);
    if (r->status == LBK_OK) r->status = lbk__op_embed(r->tape, visual, &slots, &x);
    return dropout(r, norm(r, x, NULL, prefix, "LayerNorm", 0.0f));
}

/* x [T, H] → [T, H], or [S, H] when `last`: of the token that is read only. */
static lbk__tensor *layer(recorder *r, lbk__tensor *x, int32_t index, bool last) {
    const float p = r->model->config.hidden_dropout_prob;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "visual_bert.encoder.layer.%d.", index);
    lbk__tensor *tokens = x;
    if (last) x = pick(r, tokens);
    lbk__tensor *context = last ? pooled_attention(r, tokens, x, prefix) : attention(r, tokens, prefix);
    lbk__tensor *out = dense(r, context, prefix, "attention.output.dense", LBK__IDENTITY);
    lbk__tensor *a = norm(r, out, x, prefix, "attention.output.LayerNorm", p);
    lbk__tensor *up = dense(r, a, prefix, "intermediate.dense", LBK__GELU);
    lbk__tensor *down = dense(r, up, prefix, "output.dense", LBK__IDENTITY);
    return norm(r, down, a, prefix, "output.LayerNorm", p);
}

lbk_status lbk__encoder_record(const lbk__model *model, lbk__tape *tape, lbk__tensor **logits) {
    recorder r = {.model = model, .tape = tape};
    const int32_t layers = model->config.num_hidden_layers;
    lbk__tensor *x = embeddings(&r);
    for (int32_t i = 0; i < layers; i++) x = layer(&r, x, i, i == layers - 1);
    if (model->config.classifier_pooling == LBK__POOL_CLS)
        x = dense(&r, x, "visual_bert.", "pooler.dense", LBK__TANH);
    *logits = dense(&r, dropout(&r, x), "", "cls", LBK__IDENTITY);
    return r.status;
}

lbk_status lbk__encoder_record_states(const lbk__model *model, lbk__tape *tape, lbk__tensor **states) {
    recorder r = {.model = model, .tape = tape};
    *states = embeddings(&r);
    for (int32_t i = 0; i < model->config.num_hidden_layers; i++) *states = layer(&r, *states, i, false);
    return r.status;
}
