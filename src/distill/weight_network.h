/* weight_network.h: (11): weights of the views as a learned function of what is known of a sample.
 *
 *   w_i = σ(V_φ(f_i)),  V_φ(f) = W₂·tanh(W₁·f + b₁) + b₂,  σ the sigmoid of each view or the softmax over
 * views
 *
 * without features and hidden units, w = σ(b₂) is the same for all samples: the population's weights.
 * Features are standardised by running statistics, gradients stop there. A few hundred numbers, so all of it
 * is double.
 */
#ifndef LBK_DISTILL_WEIGHT_NETWORK_H
#define LBK_DISTILL_WEIGHT_NETWORK_H

#include "distill/distill.h"

/* f_i of (11). */
typedef enum lbk__feature {
    LBK__FEATURE_DIVERGENCE_JOINT,
    LBK__FEATURE_DIVERGENCE_TEXT,
    LBK__FEATURE_DIVERGENCE_IMAGE,
    LBK__FEATURE_SALIENCY_TEXT,
    LBK__FEATURE_SALIENCY_IMAGE,
    LBK__FEATURE_ENTROPY, /* of the teacher under the joint view */
    LBK__NUM_FEATURES
} lbk__feature;
extern const char *const lbk__feature_names[]; /* "divergence_joint", …, NULL */

typedef enum lbk__weight_activation {
    LBK__WEIGHT_SIGMOID,
    LBK__WEIGHT_SOFTMAX,
    LBK__NUM_WEIGHT_ACTIVATIONS
} lbk__weight_activation;
extern const char *const lbk__weight_activation_names[]; /* "sigmoid", "softmax", NULL */

typedef struct lbk__weight_network_options {
    int32_t num_features; /* 0 with hidden_size 0: population */
    lbk__feature features[LBK__NUM_FEATURES];
    int32_t hidden_size;
    lbk__weight_activation activation;
    double learning_rate; /* of Adam: β₁ 0.9, β₂ 0.999, ε 1e-12 */
    uint64_t seed;
} lbk__weight_network_options;

typedef struct lbk__weight_network {
    lbk_context *context;
    lbk__weight_network_options options;
    size_t num_parameters, num_state;
    double *state;                /* [num_state]: all that a checkpoint keeps; it consists of: */
    double *parameters;           /* φ: W₁ [hidden, features], b₁ [hidden], W₂ [3, hidden], b₂ [3] */
    double *first, *second;       /* Adam's moments, laid out as φ */
    double *mean, *variance;      /* [LBK__NUM_FEATURES] */
    double *updates, *observed;   /* steps of Adam; batches in the statistics */
    double *gradient;             /* ∇φ, laid out as φ */
    double *inputs, *hidden, *dh; /* of the sample at hand: [features], [hidden], [hidden] */
} lbk__weight_network;

/* Starts from the uniform weights (7): W₂ = 0, and σ(b₂) = 1/3. */
lbk_status lbk__weight_network_create(lbk_context *context, const lbk__weight_network_options *options,
                                      lbk__weight_network **out);
void lbk__weight_network_free(lbk__weight_network *network); /* NULL is allowed */

/* All six features of a batch, [B, 6]; `saliency` [B, 2] (text, image). */
void lbk__weight_features(const lbk__loss_input *input, const float *saliency, double *features);
/* Takes a batch's features into the statistics: each counts with 1/k, k the number of batches so far, and
 * from the hundredth on with 1/100. Batches that are not finite are left out. */
void lbk__weight_network_observe(lbk__weight_network *network, const double *features, int32_t num_samples);
/* [B, 3]. */
void lbk__weight_network_weights(lbk__weight_network *network, const double *features, int32_t num_samples,
                                 float *weights);
/* Adds to ∇φ, from the gradient [B, 3] with respect to the weights. */
void lbk__weight_network_backward(lbk__weight_network *network, const double *features, int32_t num_samples,
                                  const double *d_weights);
/* A step of Adam by ∇φ, whose norm is returned and which is 0 then. Nothing is learned from one that is not
 * finite. */
double lbk__weight_network_step(lbk__weight_network *network);

/* Writes φ, the statistics and each sample's last weights [count, 3] as safetensors that other tools open. */
lbk_status lbk__weight_network_write(const lbk__weight_network *network, const char *path,
                                     const float *sample_weights, int64_t count);

#endif
