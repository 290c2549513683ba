/* convnet.h: a chain of convolutions by oneDNN, planned once for one batch and one size of pictures. */
#ifndef LBK_KERNEL_CONVNET_H
#define LBK_KERNEL_CONVNET_H

#include "base/base.h"

/* Layers read and write three buffers, so that a chain needs no more memory than its widest stage. */
typedef enum lbk__conv_buffer { LBK__CONV_A, LBK__CONV_B, LBK__CONV_C, LBK__CONV_BUFFERS } lbk__conv_buffer;

/* y[to] = activation( x[from] ∗ weight + bias (+ y[to]) ). Pictures are padded as TensorFlow's SAME: the
 * output has ⌈size / stride⌉ pixels a side, and of an odd padding the larger half lies right and below. */
typedef struct lbk__conv {
    int32_t in, out, side, stride; /* channels; side of the square kernel */
    bool depthwise;                /* a filter for each channel; in = out */
    bool relu6;                    /* min(max(y, 0), 6) */
    bool residual;                 /* adds what is in `to`, which has the shape of the output */
    lbk__conv_buffer from, to;     /* different; the first layer reads the pictures instead of `from` */
    const float *weight;           /* [out, in, side, side]; depthwise [out, 1, side, side] */
    const float *bias;             /* [out] */
} lbk__conv;

typedef struct lbk__convnet lbk__convnet;

/* Weights are copied. `size`: pixels a side of the pictures. Planned for the OpenMP threads of the caller.
 * LBK_NO_MEMORY, or LBK_INTERNAL with oneDNN's status. */
lbk_status lbk__convnet_create(lbk_context *context, const lbk__conv *layers, size_t num_layers,
                               int32_t batch, int32_t size, lbk__convnet **out);
void lbk__convnet_free(lbk__convnet *net); /* NULL is allowed */
/* Where to put the pictures: [batch, size, size, in]. */
float *lbk__convnet_input(lbk__convnet *net);
/* Pixels a side of the last layer's output. */
int32_t lbk__convnet_output_size(const lbk__convnet *net);
/* Runs all layers on the OpenMP threads of the caller; *out [batch, output size, output size, channels] is
 * the net's and valid until it runs again. */
lbk_status lbk__convnet_run(lbk__convnet *net, const float **out);

#endif
