/* checkpoint.h: where a run stands, so that it goes on as if it had never stopped.
 *
 * checkpoint/state.safetensors:
 *   values, first_moment, second_moment   F32 [num_values], laid out as lbk__model.weights
 *   weight_network F64, sample_weights F32 [samples of the pack, 3], with learned weights
 *   metadata  "limbeck": {"kind": "checkpoint", "version": 3, the fields below}; "sha256": of the data
 * section
 */
#ifndef LBK_TRAIN_CHECKPOINT_H
#define LBK_TRAIN_CHECKPOINT_H

#include "distill/distill.h"
#include "format/safetensors.h"
#include "train/optimizer.h"
#include "train/run.h"

/* Sums over the steps since the last line of metrics.jsonl. */
typedef struct lbk__window {
    double loss, cross_entropy[LBK_NUM_VIEWS], divergence[LBK_NUM_VIEWS], weight[LBK_NUM_VIEWS],
        gradient_norm;
    double steps, labelled_steps; /* counts: all; those with a labelled sample */
} lbk__window;

/* Sums over the steps of this epoch in which the network of learned weights learned. */
typedef struct lbk__meta_window {
    double steps;              /* their number */
    double meta_loss;          /* CE_{B'}(s') */
    double gain, gain_uniform; /* what the virtual step takes off CE_{B'}, to first order; with weights 1/3 */
    double gradient_norm;      /* ‖∇φ‖ */
    double cosine[LBK_NUM_VIEWS]; /* not a sum: between g' and each view's ∇D, in the last of them … */
    double watched;               /* … if this is 1 */
} lbk__meta_window;

typedef struct lbk__train_state {
    int64_t step;           /* optimizer steps done, skipped ones included */
    int64_t epoch;          /* epochs finished */
    int64_t position;       /* samples of this epoch that were used */
    int64_t evaluated_step; /* last one measured on dev; −1: none */
    int64_t best_step;      /* 0: none */
    double best;            /* its dev metric */
    int64_t evaluations_since_best;
    int64_t skipped, skipped_in_a_row; /* steps without a finite gradient */
    int64_t meta_skipped;              /* meta gradients that were not finite */
    bool finished, stopped_early;
    lbk__window window;
    lbk__meta_window meta;
} lbk__train_state;

/* What a run is made from: SHA-256 in hexadecimal. `teacher` and `cache`, all that it said, are "" without.
 */
typedef struct lbk__train_key {
    char configuration[65], pack[65], teacher[65], cache[65], method[16];
} lbk__train_key;

/* Further numbers, kept as a tensor. */
typedef struct lbk__checkpoint_part {
    const char *name;
    lbk__dtype dtype;
    void *data;
    size_t count;
} lbk__checkpoint_part;
enum { LBK__MAX_CHECKPOINT_PARTS = 2 };

lbk_status lbk__checkpoint_save(const char *path, const lbk__optimizer *optimizer,
                                const lbk__checkpoint_part *parts, size_t num_parts,
                                const lbk__train_state *state, const lbk__train_key *key,
                                const lbk__run_mark *mark);
/* Into model, optimizer and parts, which have the sizes of the configuration. LBK_MISMATCH, and the sentence
 * says which of configuration, pack, teacher or method is another than when the run began; LBK_BAD_DATA for a
 * file that is damaged or no checkpoint. */
lbk_status lbk__checkpoint_load(const char *path, lbk__optimizer *optimizer,
                                const lbk__checkpoint_part *parts, size_t num_parts, lbk__train_state *state,
                                const lbk__train_key *key, lbk__run_mark *mark);

#endif
