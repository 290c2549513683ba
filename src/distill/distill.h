/* distill.h: losses (1)–(5), saliency (6), weights (7)–(10): functions of logits, nothing else. Learned
 * weights, (11), are in weight_network.h. Arrays are [view][sample][class], row-major: logits of view v,
 * sample i start at ((v · B) + i) · C. */
#ifndef LBK_DISTILL_DISTILL_H
#define LBK_DISTILL_DISTILL_H

#include "base/base.h"

/* ---- per-sample terms; gradients with respect to the student's logits ---- */

/* (1): −log softmax(z)_y and, when `gradient` is not NULL, gradient[c] = softmax(z)_c − [c = y]. */
double lbk__cross_entropy(const float *logits, int32_t num_classes, int32_t label, float *gradient);
/* (1') with targets in [0, 1]: Σ_c BCE. */
double lbk__binary_cross_entropy(const float *logits, int32_t num_classes, const float *targets,
                                 float *gradient);
/* (2) single (label kind SINGLE) or (2') (MULTI, SOFT): τ²·KL(teacher ‖ student). */
double lbk__divergence(lbk_label_kind kind, const float *teacher, const float *student, int32_t num_classes,
                       double temperature, float *gradient);
/* Entropy of the prediction at τ = 1, in nats; multi-label: mean over classes. */
double lbk__entropy(lbk_label_kind kind, const float *logits, int32_t num_classes);

/* ---- saliency (6) ---- */

typedef enum lbk__saliency {
    LBK__SALIENCY_KL,
    LBK__SALIENCY_JS,
    LBK__SALIENCY_TV,
    LBK__SALIENCY_LABEL,
    LBK__NUM_SALIENCIES
} lbk__saliency;
extern const char *const lbk__saliency_names[]; /* "kl", "js", "tv", "label", NULL */
/* δ(joint, removed) where `removed` are the logits with the modality taken away. `targets` [C] and `label`
 * are used by LABEL only; unlabelled samples (label −1, targets NULL) give 0 there. */
double lbk__saliency_of(lbk__saliency kind, lbk_label_kind label_kind, const float *joint,
                        const float *removed, int32_t num_classes, int32_t label, const float *targets);

/* ---- weights (7)–(10) ---- */

typedef enum lbk__weighting {
    LBK__WEIGHTS_UNIFORM,
    LBK__WEIGHTS_FIXED,
    LBK__WEIGHTS_POPULATION,
    LBK__WEIGHTS_INSTANCE,
    LBK__WEIGHTS_LEARNED,            /* (11), by weight_network.h … */
    LBK__WEIGHTS_LEARNED_POPULATION, /* … the same three numbers for all samples */
    LBK__NUM_WEIGHTINGS
} lbk__weighting;
extern const char *const lbk__weighting_names[]; /* "uniform", …, "learned-population", NULL */
static inline bool lbk__weights_are_learned(lbk__weighting weighting) {
    return weighting == LBK__WEIGHTS_LEARNED || weighting == LBK__WEIGHTS_LEARNED_POPULATION;
}
/* (9), (10) from the two saliencies, each ≥ 0 (population: their means over the training set): joint = ρ, the
 * rest shared in their proportion; halves where both are 0. */
void lbk__saliency_weights(double rho, double saliency_text, double saliency_image, float out[LBK_NUM_VIEWS]);

typedef struct lbk__weight_rule {
    lbk__weighting weighting;
    double fixed[LBK_NUM_VIEWS]; /* (8) */
    double rho;                  /* (9), (10): in [0, 1] */
    double mean_saliency[2];     /* (9): of text, image */
} lbk__weight_rule;
/* The weights of a sample by (7)–(10); `saliency` (text, image) is read by (10) only. */
void lbk__sample_weights(const lbk__weight_rule *rule, const float saliency[2], float out[LBK_NUM_VIEWS]);

typedef struct lbk__weight_summary {
    double mean, deviation, percentile_5, percentile_50, percentile_95;
} lbk__weight_summary;
/* Per view, of the weights [count][3] of an epoch; all 0 without any. */
lbk_status lbk__summarise_weights(lbk_context *context, const float *weights, int64_t count,
                                  lbk__weight_summary out[LBK_NUM_VIEWS]);

/* ---- the whole loss of a batch ---- */

typedef enum lbk__method { LBK__METHOD_ALONE, LBK__METHOD_KD, LBK__METHOD_MSD, LBK__NUM_METHODS } lbk__method;
extern const char *const lbk__method_names[]; /* "alone", "kd", "msd", NULL */

typedef struct lbk__loss_input {
    lbk__method method;
    lbk_label_kind label_kind;
    int32_t num_samples, num_classes;
    double alpha, temperature;
    const float *student;    /* [views][B][C]; 1 view for alone and kd, 3 for msd */
    const float *teacher;    /* [3][B][C]; NULL for alone */
    const float *targets;    /* [B][C] (multi, soft) */
    const int32_t *labels;   /* [B] (single), −1 unlabelled */
    const uint8_t *labelled; /* [B]; unlabelled samples have no CE term */
    const float *weights;    /* [B][3] for msd */
    double scale;            /* multiplies the gradient only: the batch's share in its optimizer step */
} lbk__loss_input;

/* Means over the B samples (CE: over the labelled ones, 0 without any), not scaled. */
typedef struct lbk__loss_terms {
    double loss;                      /* (3), (4) or (5) */
    double cross_entropy;             /* (1) */
    double divergence[LBK_NUM_VIEWS]; /* (2); 0 for views that the method does not use */
    double weight[LBK_NUM_VIEWS];     /* of (5); kd: 1, 0, 0; alone: 0 */
    int32_t num_labelled;
} lbk__loss_terms;

/* Fills `gradient` [views][B][C] = scale · ∂loss/∂student, and the terms. Finite for finite logits. */
void lbk__loss(const lbk__loss_input *input, float *gradient, lbk__loss_terms *terms);

#endif
