/* efficientnet.c: the layers of EfficientNet-Lite, and their weights.
 *
 * A block is an inverted bottleneck: 1 × 1 expansion, depthwise convolution, 1 × 1 projection without
 * activation, plus its own input where shapes allow. Lite: ReLU6, no squeeze and excitation, stem and head of
 * one width for all, first and last stage never repeated more. */
#include "vision/efficientnet.h"

#include "format/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const lbk__efficientnet_config configs[] = {
    {"efficientnet-lite0", 10, 10, 224}, {"efficientnet-lite1", 10, 11, 240},
    {"efficientnet-lite2", 11, 12, 260}, {"efficientnet-lite3", 12, 14, 280},
    {"efficientnet-lite4", 14, 18, 300},
};

static const struct {
    int32_t repeats, side, stride, expansion, out;
} stages[] = {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
              {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};

enum { STEM = 32, LAST_STAGE = LBK_COUNT(stages) - 1 };
static const double norm_epsilon = 1e-3;

lbk_status lbk__efficientnet_find(lbk_context *context, const char *name,
                                  const lbk__efficientnet_config **out) {
    *out = NULL;
    for (size_t i = 0; i < LBK_COUNT(configs); i++)
        if (strcmp(configs[i].name, name) == 0) *out = configs + i;
    if (*out) return LBK_OK;
    char shown[80];
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "\"%s\" is no image encoder: there are efficientnet-lite0 to efficientnet-lite4",
                     lbk__printable(shown, sizeof shown, name, strlen(name)));
}

/* ---- layers ---- */

/* Channels times the coefficient, to a multiple of 8 that is not below 90 % of it. */
static int32_t widened(int32_t channels, int32_t tenths) {
    const int32_t exact = channels * tenths, rounded = LBK_MAX((exact + 40) / 80 * 8, 8);
    return 100 * rounded < 9 * exact ? rounded + 8 : rounded;
}

static int32_t repeats_of(size_t stage, int32_t tenths) {
    if (stage == 0 || stage == LAST_STAGE) return stages[stage].repeats;
    return (stages[stage].repeats * tenths + 9) / 10;
}

/* Buffer A holds a block's input and output, B and C what is between them. */
static size_t list_block(lbk__efficientnet_layer *at, int block, int32_t in, int32_t out, int32_t side,
                         int32_t stride, int32_t expansion) {
    lbk__efficientnet_layer *layer = at;
    const int32_t inner = in * expansion;
    if (expansion > 1) {
        layer->conv = (lbk__conv){.in = in,
                                  .out = inner,
                                  .side = 1,
                                  .stride = 1,
                                  .relu6 = true,
                                  .from = LBK__CONV_A,
                                  .to = LBK__CONV_B};
        snprintf(layer->weight, sizeof layer->weight, "_blocks.%d._expand_conv.weight", block);
        snprintf(layer->norm, sizeof layer->norm, "_blocks.%d._bn0", block);
        layer++;
    }
    layer->conv = (lbk__conv){.in = inner,
                              .out = inner,
                              .side = side,
                              .stride = stride,
                              .depthwise = true,
                              .relu6 = true,
                              .from = expansion > 1 ? LBK__CONV_B : LBK__CONV_A,
                              .to = LBK__CONV_C};
    snprintf(layer->weight, sizeof layer->weight, "_blocks.%d._depthwise_conv.weight", block);
    snprintf(layer->norm, sizeof layer->norm, "_blocks.%d._bn1", block);
    layer++;
    layer->conv = (lbk__conv){.in = inner,
                              .out = out,
                              .side = 1,
                              .stride = 1,
                              .residual = stride == 1 && in == out,
                              .from = LBK__CONV_C,
                              .to = LBK__CONV_A};
    snprintf(layer->weight, sizeof layer->weight, "_blocks.%d._project_conv.weight", block);
    snprintf(layer->norm, sizeof layer->norm, "_blocks.%d._bn2", block);
    return (size_t)(layer + 1 - at);
}

size_t lbk__efficientnet_layers(const lbk__efficientnet_config *config,
                                lbk__efficientnet_layer layers[LBK__EFFICIENTNET_MAX_LAYERS]) {
    size_t count = 0;
    int32_t in = STEM;
    int block = 0;
    layers[count++] = (lbk__efficientnet_layer){
        {.in = 3, .out = STEM, .side = 3, .stride = 2, .relu6 = true, .to = LBK__CONV_A},
        "_conv_stem.weight",
        "_bn0"};
    for (size_t s = 0; s <= LAST_STAGE; s++)
        for (int32_t i = 0; i < repeats_of(s, config->depth); i++, block++) {
            const int32_t out = widened(stages[s].out, config->width);
            count += list_block(layers + count, block, in, out, stages[s].side, i ? 1 : stages[s].stride,
                                stages[s].expansion);
            in = out;
        }
    layers[count++] = (lbk__efficientnet_layer){{.in = in,
                                                 .out = LBK__EFFICIENTNET_DIM,
                                                 .side = 1,
                                                 .stride = 1,
                                                 .relu6 = true,
                                                 .from = LBK__CONV_A,
                                                 .to = LBK__CONV_B},
                                                "_conv_head.weight",
                                                "_bn1"};
    return count;
}

/* ---- weights ---- */

static size_t filter_size(const lbk__conv *conv) {
    return (size_t)((conv->depthwise ? 1 : conv->in) * conv->side * conv->side);
}

/* norm(x ∗ w) = x ∗ (w · γ / √(σ² + ε)) + (β − μ · γ / √(σ² + ε)); `room` for weight, bias, γ, β, μ, σ². */
static lbk_status fold(lbk__weights *weights, const lbk__efficientnet_layer *layer, float *room,
                       lbk__conv *out) {
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    const lbk__conv *conv = &layer->conv;
    const int64_t shape[] = {conv->out, conv->depthwise ? 1 : conv->in, conv->side, conv->side};
    const size_t filter = filter_size(conv), channels = (size_t)conv->out;
    float *bias = room + channels * filter, *norm[LBK_COUNT(parts)];
    LBK_TRY(lbk__weights_read_as(weights, layer->weight, 4, shape, room));
    for (size_t i = 0; i < LBK_COUNT(parts); i++) {
        char name[48];
        snprintf(name, sizeof name, "%s.%s", layer->norm, parts[i]);
        norm[i] = bias + channels * (i + 1);
        LBK_TRY(lbk__weights_read_as(weights, name, 1, shape, norm[i]));
    }
    for (size_t c = 0; c < channels; c++) {
        const double factor = (double)norm[0][c] / sqrt((double)norm[3][c] + norm_epsilon);
        for (size_t i = 0; i < filter; i++)
            room[c * filter + i] = (float)((double)room[c * filter + i] * factor);
        bias[c] = (float)((double)norm[1][c] - (double)norm[2][c] * factor);
    }
    *out = *conv;
    out->weight = room;
    out->bias = bias;
    return LBK_OK;
}

lbk_status lbk__efficientnet_open(lbk_context *context, const lbk__efficientnet_config *config,
                                  const char *path, int32_t batch, int32_t size, lbk__convnet **out) {
    lbk__efficientnet_layer layers[LBK__EFFICIENTNET_MAX_LAYERS];
    lbk__conv convs[LBK__EFFICIENTNET_MAX_LAYERS];
    const size_t count = lbk__efficientnet_layers(config, layers);
    size_t numbers = 0, used = 0;
    float *room = NULL;
    lbk__weights *weights = NULL;
    lbk_status status = LBK_OK;
    *out = NULL;
    for (size_t i = 0; i < count; i++)
        numbers += (size_t)layers[i].conv.out * (filter_size(&layers[i].conv) + 5);
    LBK_GO(lbk__weights_open(context, path, &weights));
    LBK_GO(LBK_ALLOC(context, room, numbers));
    for (size_t i = 0; i < count; i++) {
        LBK_GO(fold(weights, layers + i, room + used, convs + i));
        used += (size_t)layers[i].conv.out * (filter_size(&layers[i].conv) + 5);
    }
    status = lbk__convnet_create(context, convs, count, batch, size, out);
done:
    if (status == LBK_BAD_DATA) lbk__fail_at(context, status, "%s", config->name);
    lbk_free(context, room);
    lbk__weights_close(weights);
    return status;
}
