/* checkpoint.h: where a run stands, so that it goes on as if it had never stopped.
 *
 * checkpoint/state.safetensors:
 *   values, first_moment, second_moment   F32 [num_values], laid out as lbk__model.values
 *   metadata  "limbeck": {"kind": "checkpoint", "version": 1, the fields below}; "sha256": of the data
 * section
 */
#ifndef LBK_TRAIN_CHECKPOINT_H
#define LBK_TRAIN_CHECKPOINT_H

#include "distill/distill.h"
#include "train/optimizer.h"
#include "train/run.h"

/* Sums over the steps since the last line of metrics.jsonl. */
typedef struct lbk__window {
    double loss, cross_entropy[LBK_NUM_VIEWS], divergence[LBK_NUM_VIEWS], weight[LBK_NUM_VIEWS],
        gradient_norm;
    double steps, labelled_steps; /* counts: all; those with a labelled sample */
} lbk__window;

typedef struct lbk__train_state {
    int64_t step;           /* optimizer steps done, skipped ones included */
    int64_t epoch;          /* epochs finished */
    int64_t position;       /* samples of this epoch that were used */
    int64_t evaluated_step; /* last one measured on dev; −1: none */
    int64_t best_step;      /* 0: none */
    double best;            /* its dev metric */
    int64_t evaluations_since_best;
    int64_t skipped, skipped_in_a_row; /* steps without a finite gradient */
    bool finished, stopped_early;
    lbk__window window;
} lbk__train_state;

/* What a run is made from: SHA-256 in hexadecimal. `teacher` is "" without. */
typedef struct lbk__train_key {
    char configuration[65], pack[65], teacher[65], method[16];
} lbk__train_key;

lbk_status lbk__checkpoint_save(const char *path, const lbk__optimizer *optimizer,
                                const lbk__train_state *state, const lbk__train_key *key,
                                const lbk__run_mark *mark);
/* Into model and optimizer, which have the sizes of the configuration. LBK_MISMATCH, and the sentence says
 * which of configuration, pack, teacher or method is another than when the run began; LBK_BAD_DATA for a file
 * that is damaged or no checkpoint. */
lbk_status lbk__checkpoint_load(const char *path, lbk__optimizer *optimizer, lbk__train_state *state,
                                const lbk__train_key *key, lbk__run_mark *mark);

#endif
