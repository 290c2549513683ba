/* export_onnx.c: the encoder as an ONNX graph, the equations of encoder.c over padded batches.
 *
 *   input_ids, attention_mask, token_type_ids   int64 [batch, text]
 *   visual_embeds                               float32 [batch, regions, visual_embedding_dim]
 *   visual_attention_mask                       int64 [batch, regions]
 *   logits                                      float32 [batch, num_labels]
 *
 * Names are those of transformers' VisualBERT, weights keep theirs. All extents may be anything, `regions`
 * also 0. Of attention_mask, which begins with a 1 for each token, the sum minus 2 is the last word's place.
 * What a mask has 0 for is not attended to. float16 weights are widened on loading: arithmetic is
 * float32 always. */
#include "model/export.h"

#include "format/json.h"
#include "format/onnx.h"
#include "model/config_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char embeddings[] = "visual_bert.embeddings.";

typedef struct recorder {
    const lbk__model *model;
    lbk__onnx *onnx;
    bool half;
    lbk_status status;
} recorder;

/* ---- pieces ---- */

static const char *integer(recorder *r, int64_t value) {
    return lbk__onnx_integers(r->onnx, &value, 0);
}

static const char *list(recorder *r, int64_t value) {
    return lbk__onnx_integers(r->onnx, &value, 1);
}

/* A weight by its name, as float32. */
static const char *weight(recorder *r, const char *prefix, const char *name) {
    char full[192];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const lbk__parameter *parameter = lbk__model_find(r->model, full);
    if (!parameter) r->status = lbk__fail(r->model->context, LBK_INTERNAL, "no parameter %s", full);
    if (!parameter || !r->half) return parameter ? parameter->name : "";
    const char *wide = LBK__ONNX(r->onnx, "Cast", parameter->name);
    lbk__onnx_set_integer(r->onnx, "to", 1);
    return wide;
}

/* x·Wᵀ + b */
static const char *linear(recorder *r, const char *x, const char *prefix, const char *name) {
    char part[96];
    snprintf(part, sizeof part, "%.80s.weight", name);
    const char *transposed = LBK__ONNX(r->onnx, "Transpose", weight(r, prefix, part));
    const char *product = LBK__ONNX(r->onnx, "MatMul", x, transposed);
    snprintf(part, sizeof part, "%.80s.bias", name);
    return LBK__ONNX(r->onnx, "Add", product, weight(r, prefix, part));
}

static const char *norm(recorder *r, const char *x, const char *prefix, const char *name) {
    char gamma[96], beta[96];
    snprintf(gamma, sizeof gamma, "%.80s.weight", name);
    snprintf(beta, sizeof beta, "%.80s.bias", name);
    const char *g = weight(r, prefix, gamma), *b = weight(r, prefix, beta);
    const char *y = LBK__ONNX(r->onnx, "LayerNormalization", x, g, b);
    lbk__onnx_set_integer(r->onnx, "axis", -1);
    lbk__onnx_set_real(r->onnx, "epsilon", r->model->config.layer_norm_eps);
    return y;
}

/* x·(1 + erf(x / √2)) / 2 */
static const char *gelu(recorder *r, const char *x) {
    lbk__onnx *o = r->onnx;
    const char *erf = LBK__ONNX(o, "Erf", LBK__ONNX(o, "Div", x, lbk__onnx_real(o, (float)M_SQRT2)));
    const char *twice = LBK__ONNX(o, "Mul", x, LBK__ONNX(o, "Add", erf, lbk__onnx_real(o, 1.0f)));
    return LBK__ONNX(o, "Mul", twice, lbk__onnx_real(o, 0.5f));
}

static const char *concat(recorder *r, const char *a, const char *b) {
    const char *both = LBK__ONNX(r->onnx, "Concat", a, b);
    lbk__onnx_set_integer(r->onnx, "axis", 1);
    return both;
}

static const char *gather(recorder *r, const char *table, const char *index, int64_t axis) {
    const char *rows = LBK__ONNX(r->onnx, "Gather", table, index);
    lbk__onnx_set_integer(r->onnx, "axis", axis);
    return rows;
}

static const char *transpose(recorder *r, const char *x, const int64_t order[4]) {
    const char *y = LBK__ONNX(r->onnx, "Transpose", x);
    lbk__onnx_set_integers(r->onnx, "perm", order, 4);
    return y;
}

/* ---- the encoder ---- */

/* [batch, text + regions, hidden] */
static const char *embed(recorder *r) {
    lbk__onnx *o = r->onnx;
    const char *length = LBK__ONNX(o, "Shape", "input_ids");
    lbk__onnx_set_integer(o, "start", 1);
    const char *positions = LBK__ONNX(o, "Slice", weight(r, embeddings, "position_embeddings.weight"),
                                      list(r, 0), length, list(r, 0));
    const char *words = gather(r, weight(r, embeddings, "word_embeddings.weight"), "input_ids", 0);
    const char *segments =
        gather(r, weight(r, embeddings, "token_type_embeddings.weight"), "token_type_ids", 0);
    const char *text = LBK__ONNX(o, "Add", LBK__ONNX(o, "Add", words, segments), positions);
    const char *rows = linear(r, "visual_embeds", embeddings, "visual_projection");
    const char *position =
        gather(r, weight(r, embeddings, "visual_position_embeddings.weight"), integer(r, 0), 0);
    const char *segment =
        gather(r, weight(r, embeddings, "visual_token_type_embeddings.weight"), integer(r, 1), 0);
    const char *visual = LBK__ONNX(o, "Add", rows, LBK__ONNX(o, "Add", position, segment));
    return norm(r, concat(r, text, visual), embeddings, "LayerNorm");
}

/* What is added to the scores: 0, or −10³⁰ where the masks have 0. [batch, 1, 1, text + regions] */
static const char *mask(recorder *r) {
    lbk__onnx *o = r->onnx;
    const char *absent =
        LBK__ONNX(o, "Equal", concat(r, "attention_mask", "visual_attention_mask"), integer(r, 0));
    const char *bias = LBK__ONNX(o, "Where", absent, lbk__onnx_real(o, -1e30f), lbk__onnx_real(o, 0.0f));
    return LBK__ONNX(o, "Unsqueeze", bias, lbk__onnx_integers(o, (const int64_t[]){1, 2}, 2));
}

/* [batch, n, hidden] → [batch, heads, n, width], or [batch, heads, width, n] */
static const char *heads(recorder *r, const char *x, bool turned) {
    const lbk__model_config *c = &r->model->config;
    const int64_t shape[] = {0, 0, c->num_attention_heads, c->hidden_size / c->num_attention_heads};
    static const int64_t plain[] = {0, 2, 1, 3}, turn[] = {0, 2, 3, 1};
    return transpose(r, LBK__ONNX(r->onnx, "Reshape", x, lbk__onnx_integers(r->onnx, shape, 4)),
                     turned ? turn : plain);
}

static const char *attention(recorder *r, const char *queries_of, const char *x, const char *bias,
                             const char *prefix) {
    lbk__onnx *o = r->onnx;
    const lbk__model_config *c = &r->model->config;
    const float scale = sqrtf((float)(c->hidden_size / c->num_attention_heads));
    const char *q = heads(r, linear(r, queries_of, prefix, "attention.self.query"), false);
    const char *k = heads(r, linear(r, x, prefix, "attention.self.key"), true);
    const char *v = heads(r, linear(r, x, prefix, "attention.self.value"), false);
    const char *scores = LBK__ONNX(o, "Div", LBK__ONNX(o, "MatMul", q, k), lbk__onnx_real(o, scale));
    const char *p = LBK__ONNX(o, "Softmax", LBK__ONNX(o, "Add", scores, bias));
    lbk__onnx_set_integer(o, "axis", -1);
    const char *y = transpose(r, LBK__ONNX(o, "MatMul", p, v), (const int64_t[]){0, 2, 1, 3});
    return LBK__ONNX(o, "Reshape", y, lbk__onnx_integers(o, (const int64_t[]){0, 0, c->hidden_size}, 3));
}

/* [batch, n, hidden] → [batch, 1, hidden]: [CLS], or the last word, which is [CLS] where there is none. */
static const char *pick(recorder *r, const char *x) {
    lbk__onnx *o = r->onnx;
    if (r->model->config.classifier_pooling == LBK__POOL_CLS) return gather(r, x, list(r, 0), 1);
    const char *length = LBK__ONNX(o, "ReduceSum", "attention_mask", list(r, 1));
    const char *place = LBK__ONNX(o, "Max", LBK__ONNX(o, "Sub", length, integer(r, 2)), integer(r, 0));
    const char *picked = LBK__ONNX(o, "GatherND", x, LBK__ONNX(o, "Unsqueeze", place, list(r, 2)));
    lbk__onnx_set_integer(o, "batch_dims", 1);
    return picked;
}

/* As in encoder.c, the last layer computes queries and what follows for one token alone. */
static const char *layer(recorder *r, const char *x, const char *bias, int32_t index, bool last) {
    lbk__onnx *o = r->onnx;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "visual_bert.encoder.layer.%d.", index);
    const char *from = last ? pick(r, x) : x;
    const char *out = linear(r, attention(r, from, x, bias, prefix), prefix, "attention.output.dense");
    const char *a = norm(r, LBK__ONNX(o, "Add", out, from), prefix, "attention.output.LayerNorm");
    const char *up = gelu(r, linear(r, a, prefix, "intermediate.dense"));
    const char *down = linear(r, up, prefix, "output.dense");
    return norm(r, LBK__ONNX(o, "Add", down, a), prefix, "output.LayerNorm");
}

static void record(recorder *r) {
    const int32_t layers = r->model->config.num_hidden_layers;
    const char *x = embed(r), *bias = mask(r);
    for (int32_t i = 0; i < layers; i++) x = layer(r, x, bias, i, i == layers - 1);
    x = gather(r, x, integer(r, 0), 1);
    if (r->model->config.classifier_pooling == LBK__POOL_CLS)
        x = LBK__ONNX(r->onnx, "Tanh", linear(r, x, "visual_bert.", "pooler.dense"));
    lbk__onnx_node(r->onnx, "Identity", "logits", (const char *const[]){linear(r, x, "", "cls"), NULL});
}

/* ---- what is around it ---- */

static void describe_ends(recorder *r) {
    const lbk__model_config *c = &r->model->config;
    const lbk__onnx_extent text[] = {{"batch", 0}, {"text", 0}},
                           visual[] = {{"batch", 0}, {"regions", 0}, {NULL, c->visual_embedding_dim}},
                           logits[] = {{"batch", 0}, {NULL, c->num_labels}};
    lbk__onnx_input(r->onnx, "input_ids", LBK__I64, 2, text);
    lbk__onnx_input(r->onnx, "attention_mask", LBK__I64, 2, text);
    lbk__onnx_input(r->onnx, "token_type_ids", LBK__I64, 2, text);
    lbk__onnx_input(r->onnx, "visual_embeds", LBK__F32, 3, visual);
    lbk__onnx_input(r->onnx, "visual_attention_mask", LBK__I64, 2, visual);
    lbk__onnx_output(r->onnx, "logits", LBK__F32, 2, logits);
}

/* "id2label": JSON; "limbeck": what config.json has under that key. */
static lbk_status describe_model(recorder *r) {
    static const char *const keys[] = {"id2label", "limbeck"};
    json_t *config = lbk__config_json_make(r->model, LBK__F32);
    lbk_status status = LBK_OK;
    for (size_t i = 0; status == LBK_OK && i < LBK_COUNT(keys); i++) {
        char *text;
        status = lbk__json_dump(r->model->context, json_object_get(config, keys[i]), JSON_COMPACT, &text);
        if (status == LBK_OK) lbk__onnx_metadata(r->onnx, keys[i], text);
        lbk_free(r->model->context, text);
    }
    json_decref(config);
    return status;
}

static bool is_used(const lbk__model *model, const lbk__parameter *parameter) {
    return model->config.classifier_pooling == LBK__POOL_CLS || !strstr(parameter->name, ".pooler.");
}

static void add_weights(recorder *r, const uint16_t *halves) {
    for (size_t i = 0; i < r->model->num_parameters; i++) {
        const lbk__parameter *p = &r->model->parameters[i];
        if (!is_used(r->model, p)) continue;
        lbk__tensor_spec spec = lbk__parameter_spec(p);
        spec.dtype = r->half ? LBK__F16 : LBK__F32;
        lbk__onnx_tensor(r->onnx, &spec,
                         r->half ? (const void *)(halves + p->offset) : r->model->weights + p->offset);
    }
}

lbk_status lbk__export_onnx(const lbk__model *model, bool half, const char *path) {
    recorder r = {.model = model, .half = half};
    uint16_t *halves = NULL;
    lbk_status status = LBK_OK;
    if (half) LBK_GO(lbk__export_halves(model, &halves));
    LBK_GO(lbk__onnx_create(model->context, "visual_bert", &r.onnx));
    describe_ends(&r);
    add_weights(&r, halves);
    record(&r);
    LBK_GO(r.status);
    LBK_GO(describe_model(&r));
    LBK_GO(lbk__onnx_write(r.onnx, path));
done:
    lbk__onnx_free(r.onnx);
    lbk_free(model->context, halves);
    return status;
}
