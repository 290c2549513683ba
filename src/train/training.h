/* training.h: for the training loop: everything that one run consists of, opened and allocated before step 1.
 * lbk_train and lbk_distill are the same loop; a teacher's cache and views are what distilling adds. */
#ifndef LBK_TRAIN_TRAINING_H
#define LBK_TRAIN_TRAINING_H

#include "distill/cache.h"
#include "distill/lookahead.h"
#include "eval/metrics.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/infer.h"
#include "train/schedule.h"

/* Which samples a run sees; indices into the pack. */
typedef struct lbk__train_samples {
    int32_t *train; /* [count]: of the training split, then of the unlabelled splits */
    int32_t *order; /* [count]: this epoch's */
    int64_t count;
    uint8_t *labelled; /* [samples of the pack]: its label is used */
    int32_t *dev;
    int64_t num_dev;
    int32_t *meta; /* NULL unless weights are learned */
    int64_t num_meta;
} lbk__train_samples;

/* Buffers of one batch of at most B = batch_size samples, V = 1 or 3 views. */
typedef struct lbk__step_buffers {
    lbk__batch batch;
    float *targets;    /* [B, C] */
    int32_t *labels;   /* [B] */
    uint8_t *labelled; /* [B] */
    float *teacher;    /* [3, B, C]; NULL without a teacher */
    float *saliency;   /* [B, 2] of text, image; NULL without a teacher */
    float *weights;    /* [B, 3] */
    float *gradient;   /* [V, B, C] */
} lbk__step_buffers;

/* What learned weights need, (11) and (12); network NULL: they are not learned. */
typedef struct lbk__meta {
    lbk__weight_network *network;
    lbk__lookahead lookahead;
    lbk__batch_limits limits;
    lbk__batch batch;      /* B', joint view */
    float *targets;        /* [B', C] */
    int32_t *labels;       /* [B'] */
    uint8_t *labelled;     /* [B'] */
    int32_t *order;        /* [num_meta]: this round's */
    int64_t round;         /* −1: none yet */
    double *features;      /* [G, 6] of a step's samples */
    double *d_weights;     /* [B, 3] */
    float *sample_weights; /* [samples of the pack, 3]: those a sample was last learned with */
} lbk__meta;

/* In bytes. */
typedef struct lbk__train_plan {
    size_t weights, gradients, moments, activations, batches, total;
} lbk__train_plan;

typedef struct lbk__training {
    lbk_context *context;
    const lbk_config *config;
    const char *stage, *cache_path,
        *metric; /* "train" or "distill"; NULL: no teacher; of lbk__metric_names */
    lbk__method method;
    const uint8_t *left_out; /* [samples of the pack] not learned from; NULL: none */
    int32_t num_views, num_classes;
    lbk_pack *pack;
    lbk__cache *cache;
    lbk__model *model;
    lbk__train_samples samples;
    lbk__batch_limits limits;
    lbk__runner *runner;
    lbk__optimizer optimizer;
    lbk__inference *inference;       /* over dev, joint view; reads the weights in training */
    float *dev_logits, *dev_teacher; /* [num_dev, C], for thresholds; NULL unless multi-label */
    lbk__labels dev_labels;          /* with them */
    float *epoch_weights;            /* [count, 3] of (5), for their summary; NULL unless msd */
    lbk__step_buffers buffers;
    lbk__meta meta;
    lbk__weight_rule rule;
    lbk__schedule schedule;
    lbk__train_key key;
    lbk__train_state state;
    lbk__run run;
    double last_dev;      /* metric of the last measurement; NaN: none */
    double seconds;       /* spent in steps of this call … */
    int64_t samples_done; /* … and the samples they saw */
    double saved;         /* when the last checkpoint was written; without one: when the run began */
    int64_t saved_step;   /* of that checkpoint; −1: none yet */
} lbk__training;

/* ---- prepare.c ---- */

/* What lbk_distill would refuse of a configuration once it runs on the pack, without teacher or model. */
lbk_status lbk__training_check(lbk_context *context, const lbk_config *config, lbk_pack *pack);
/* Opens pack, cache and model; chooses the samples. */
lbk_status lbk__training_open(lbk__training *training);
/* Plans and allocates; LBK_NO_MEMORY when the plan is over the limit. */
lbk_status lbk__training_allocate(lbk__training *training);
/* Initial weights, or those of the checkpoint with its state and mark. */
lbk_status lbk__training_start(lbk__training *training, bool resume, lbk__run_mark *mark);
/* What a checkpoint keeps beside model, optimizer and state; returns how many parts. */
size_t lbk__training_parts(const lbk__training *training,
                           lbk__checkpoint_part parts[LBK__MAX_CHECKPOINT_PARTS]);
/* Safe at every stage. */
void lbk__training_close(lbk__training *training);

/* ---- samples.c ---- */

lbk_status lbk__train_samples_choose(lbk__training *training);

/* ---- meta_split.c ---- */

bool lbk__training_learns_weights(const lbk__training *training);
/* Takes the meta split out of samples.train, where it is drawn from there, or from the pack's split. */
lbk_status lbk__meta_split_choose(lbk__training *training);
/* Its ids, to meta_split.json in the run folder. */
lbk_status lbk__meta_split_write(const lbk__training *training);

/* ---- meta.c ---- */

/* The network, and buffers for batches of the meta split. */
lbk_status lbk__meta_create(lbk__training *training);
void lbk__meta_free(lbk__training *training);
/* What was learned so far, to weight_network.safetensors in the run folder. */
lbk_status lbk__meta_write(const lbk__training *training);

/* ---- watch.c ---- */

/* Lines "weights" and "weights_by_class": how the weights (5) of the epoch's samples so far are spread. */
lbk_status lbk__training_log_weights(lbk__training *training);
/* Line "meta", and the window of the next epoch begins. */
lbk_status lbk__training_log_meta(lbk__training *training);

/* ---- plan.c ---- */

/* Logs the plan, refuses one over train.memory_limit. Sets training->limits and training->meta.limits. */
lbk_status lbk__training_plan(lbk__training *training);

/* ---- step.c ---- */

/* One optimizer step: gradient accumulation over the next samples of the epoch. LBK_NUMERIC after
 * train.max_skipped_steps in a row without a finite loss and gradient. Allocates nothing. */
lbk_status lbk__training_step(lbk__training *training);
/* (6) of a sample of the pack, of text and image, as distill.saliency has it; `label` says nothing, 0, of a
 * sample whose label is not used. */
void lbk__training_saliency(const lbk__training *training, int32_t index, float out[LBK__NUM_MODALITIES]);
/* The weights of (5) of a sample of the pack. */
void lbk__training_weights(const lbk__training *training, int32_t index, float out[LBK_NUM_VIEWS]);

/* ---- dev.c ---- */

/* LBK_INVALID_ARGUMENT when the metric is not defined for the labels of dev. */
lbk_status lbk__training_check_dev(const lbk__training *training);
/* Measures on dev, logs, keeps the best model. LBK_INTERRUPTED leaves the state as it was. */
lbk_status lbk__training_evaluate(lbk__training *training);

/* ---- loop.c ---- */

/* The whole run, from the run folder to the summary (may be NULL). */
lbk_status lbk__training_run(lbk__training *training, const char *out, bool resume, char **summary);
int64_t lbk__training_total_steps(const lbk__training *training);
/* Epochs done, with the fraction of the one at hand. */
double lbk__training_epoch(const lbk__training *training);

#endif
