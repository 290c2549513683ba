/* efficientnet.h: EfficientNet-Lite 0 to 4 as published, without the classifier: pictures to a map of 1280
 * features a cell. Batch norms are folded into the convolutions. */
#ifndef LBK_VISION_EFFICIENTNET_H
#define LBK_VISION_EFFICIENTNET_H

#include "kernel/convnet.h"

typedef struct lbk__efficientnet_config {
    const char *name;
    int32_t width, depth; /* coefficients, in tenths */
    int32_t image_size;   /* that the published weights were trained with */
} lbk__efficientnet_config;

enum { LBK__EFFICIENTNET_DIM = 1280, LBK__EFFICIENTNET_MAX_LAYERS = 96 };

/* "efficientnet-lite0" … "efficientnet-lite4"; LBK_INVALID_ARGUMENT names them for any other name. */
lbk_status lbk__efficientnet_find(lbk_context *context, const char *name,
                                  const lbk__efficientnet_config **out);

/* A convolution and the names of its parameters in a state dict of efficientnet-pytorch's. */
typedef struct lbk__efficientnet_layer {
    lbk__conv conv;
    char weight[48], norm[24]; /* "_blocks.3._expand_conv.weight", "_blocks.3._bn0" */
} lbk__efficientnet_layer;

/* The network's layers, from stem to head, without their weights; returns how many. */
size_t lbk__efficientnet_layers(const lbk__efficientnet_config *config,
                                lbk__efficientnet_layer layers[LBK__EFFICIENTNET_MAX_LAYERS]);

/* From a file of weights to a network for `batch` pictures of `size` × `size`: pixels (v − 127) / 128 in,
 * features after the head's activation out. LBK_BAD_DATA names the tensor that is missing or of another
 * shape. */
lbk_status lbk__efficientnet_open(lbk_context *context, const lbk__efficientnet_config *config,
                                  const char *path, int32_t batch, int32_t size, lbk__convnet **out);

#endif
