/* model.h: a VisualBERT classifier: configuration, weights under Hugging Face's names, a planned tape that
 * runs it. */
#ifndef LBK_MODEL_MODEL_H
#define LBK_MODEL_MODEL_H

#include "base/base.h"
#include "data/batch.h"
#include "format/weights.h"
#include "kernel/narrow.h"

#include <jansson.h>

/* The token of the last layer that a class is read from. */
typedef enum lbk__pooling {
    LBK__POOL_CLS,      /* [CLS], through the pooler: VisualBertForVisualReasoning */
    LBK__POOL_LAST_WORD /* the text's last word, as it is: VisualBertForQuestionAnswering */
} lbk__pooling;

/* Names and meanings as in Hugging Face's VisualBertConfig; there, the pooling is the architecture. */
typedef struct lbk__model_config {
    int32_t vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
    int32_t max_position_embeddings, type_vocab_size, visual_embedding_dim, num_labels;
    float hidden_dropout_prob, attention_probs_dropout_prob, layer_norm_eps, initializer_range;
    lbk__pooling classifier_pooling;
} lbk__model_config;

/* Checks ranges; the sentence names the key. */
lbk_status lbk__model_config_check(lbk_context *context, const lbk__model_config *config);

typedef struct lbk__parameter {
    char name[96];      /* Hugging Face's, with "visual_bert." and "cls." */
    int32_t rows, cols; /* biases and norms: rows = 1 */
    int rank;           /* in the file: 1 or 2 */
    size_t offset;      /* of its first number in `weights`, and in every array laid out like it */
    bool decay;         /* weight decay applies: matrices, not biases and norms */
} lbk__parameter;

typedef struct lbk__model {
    lbk_context *context;
    lbk__model_config config;
    lbk__parameter *parameters;
    size_t num_parameters;
    const float *weights; /* all parameters, one behind the other; [num_values] */
    size_t num_values;
    float *values;      /* the same memory, to write to; NULL where the weights are those of `file` */
    lbk__weights *file; /* of a loaded model whose file has them laid out as they are here, or NULL */
    int64_t file_bytes; /* of a loaded model's files of weights */
    /* What travels with the weights: */
    char **class_names; /* [num_labels], or NULL */
    lbk_label_kind label_kind;
    unsigned
        other_label_kinds;  /* bits of kinds: a model from elsewhere, which does not say, may be these too */
    float *thresholds;      /* [num_labels] multi-label decision thresholds on probabilities, or NULL: 0.5 */
    bool random_classifier; /* as an import made it that found none */
    char *vocab;            /* content of vocab.txt, or NULL */
    size_t vocab_length;
    int cased;
    int32_t max_text_tokens;
    lbk__precision precision; /* of the products of runners that are made from now on; FP32 at first */
    char *visual_source;      /* JSON: how visual rows are made (from the pack), or NULL */
    char *made_from;          /* JSON: hashes of pack, teacher, configuration, or NULL */
} lbk__model;

lbk_status lbk__model_create(lbk_context *context, const lbk__model_config *config, lbk__model **out);
void lbk__model_free(lbk__model *model);
/* Normal(0, initializer_range) matrices, zero biases, unit norms; a function of the seed and the parameter's
 * name. */
void lbk__model_init_random(lbk__model *model, uint64_t seed);
/* Takes what fits from a Hugging Face folder (BERT-like text encoder or VisualBERT); `layers` (may be NULL:
 * 0, 1, …) says which of its layers become ours. Everything else is as lbk__model_init_random makes it.
 * `report` (may be NULL) says what was taken. */
lbk_status lbk__model_init_from(lbk__model *model, const char *folder, const int32_t *layers,
                                size_t num_layers, uint64_t seed, char **report);
/* Sizes from a model folder's config.json, of any BERT-like model. */
lbk_status lbk__model_config_of(lbk_context *context, const char *folder, lbk__model_config *out);
/* A model to run, not to change. */
lbk_status lbk__model_load(lbk_context *context, const char *folder, lbk__model **out);
/* LBK_BAD_DATA for one that was imported without a classifier: before its logits are used. */
lbk_status lbk__check_classifier(const lbk__model *model);
/* config.json, model.safetensors, vocab.txt; `weights` (may be NULL: the model's own) laid out as
 * model->weights. */
lbk_status lbk__model_save(const lbk__model *model, const float *weights, const char *folder);
/* LBK_MISMATCH unless each token of a pack's vocab.txt, `theirs`, is the same word in a model's, `ours`,
 * which may have more; however lines end. */
lbk_status lbk__vocabulary_match(lbk_context *context, const char *ours, size_t our_size, const char *theirs,
                                 size_t their_size);
/* The same of a folder's vocabulary, whose texts must also keep their case where the pack's do, and only
 * there: before training starts from its embeddings. A folder that says neither fits any pack. *known (may be
 * NULL): whether it has a vocabulary. */
lbk_status lbk__vocabulary_match_folder(lbk_context *context, const char *folder, const char *vocab,
                                        size_t length, bool cased, bool *known);
/* SHA-256 of the weights and the configuration: the teacher's identity in a cache. */
lbk_status lbk__model_hash(const lbk__model *model, char out[65]);

/* ---- running ---- */

typedef enum lbk__run_mode {
    LBK__RUN_INFER, /* forward only: activations share memory */
    LBK__RUN_TRAIN, /* forward, then backward */
    LBK__RUN_META,  /* forward, then backward and tangent in any order and number: nothing is overwritten */
    LBK__RUN_STATES /* forward only, which gives the last layer's hidden states [T, hidden_size] */
} lbk__run_mode;

/* One line per part, in bytes. */
typedef struct lbk__plan_size {
    size_t weights, gradients, activations;
} lbk__plan_size;

typedef struct lbk__runner lbk__runner;

/* Plans the model's tape for batches within `limits`. Gradients [num_values] are allocated unless mode is
 * INFER. The runner reads `weights` (may be NULL: model->weights), laid out as model->weights, at every
 * forward. */
lbk_status lbk__runner_create(lbk__model *model, const float *weights, const lbk__batch_limits *limits,
                              lbk__run_mode mode, uint64_t seed, lbk__runner **out);
/* A second runner of the same model and mode TRAIN that adds to the gradients of `owner`, which must live
 * longer and is not of mode INFER. */
lbk_status lbk__runner_create_beside(lbk__runner *owner, const float *weights,
                                     const lbk__batch_limits *limits, lbk__runner **out);
void lbk__runner_free(lbk__runner *runner);
/* What a runner would need, without making it. */
lbk_status lbk__runner_estimate(lbk__model *model, const lbk__batch_limits *limits, lbk__run_mode mode,
                                lbk__plan_size *out);
/* Logits [S, C] of the batch's sequences, valid until the next forward. `step` ≥ 0: dropout on, masks a
 * function of (seed, step); −1: dropout off. Nothing is allocated. */
const float *lbk__runner_forward(lbk__runner *runner, const lbk__batch *batch, int64_t step);
/* Adds to the gradients, from d_logits [S, C] of the last forward. */
void lbk__runner_backward(lbk__runner *runner, const float *d_logits);
/* Tangent logits [S, C] of the last forward in the direction `direction` [num_values], valid until the next
 * call. META only. */
const float *lbk__runner_tangent(lbk__runner *runner, const float *direction);
/* INFER keeps rounded copies of the weights; this says that the weights are others now. */
void lbk__runner_weights_changed(lbk__runner *runner);
float *lbk__runner_gradients(lbk__runner *runner);
/* Rows of the lookup tables that the backwards since the last zeroing touched need zeroing only: */
void lbk__runner_zero_gradients(lbk__runner *runner);
/* [vocab_size] 1: gradients were added to that row of the word table since they were last zero. */
const uint8_t *lbk__runner_touched(const lbk__runner *runner);
/* From this call on the time of each op is added up; lbk__tape_profile says how it is told. */
void lbk__runner_time(lbk__runner *runner);
lbk_status lbk__runner_profile(const lbk__runner *runner, double steps, json_t **out);
double lbk__runner_operations(const lbk__runner *runner);

#endif
