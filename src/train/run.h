/* run.h: a run folder.
 *
 *   config.yaml   the configuration as resolved
 *
 *   metrics.jsonl   a JSON object a line: {"kind": "train" | "dev" | "weights" | "weights_by_class" | "meta",
 *                   "step", "epoch", numbers}
 *
 *   events.out.…   the same for TensorBoard
 *
 *   log.txt   what was logged, with the time of day
 *
 *   checkpoint/   state.safetensors: where the run stands (checkpoint.h)
 *
 *   best/   the best model on dev, a Hugging Face folder
 *
 *   meta_split.json, weight_network.safetensors   with learned weights: ids of the samples they are judged
 * by; what was learned (distill/weight_network.h)
 *
 *   lock   held while a process works there
 *
 * metrics.jsonl holds no times, so that a resumed run's is the uninterrupted run's, byte for byte. */
#ifndef LBK_TRAIN_RUN_H
#define LBK_TRAIN_RUN_H

#include "base/lock.h"
#include "format/events.h"

#include <stdio.h>

typedef struct lbk__run {
    lbk_context *context;
    char *folder, *best, *checkpoint; /* paths; `checkpoint` is the state's file */
    lbk__lock lock;
    int metrics; /* −1: not open */
    uint64_t metrics_length;
    lbk__text line; /* of metrics.jsonl, being made */
    FILE *log;
    lbk__events *events;
} lbk__run;

/* Where the growing files stood when a checkpoint was written. */
typedef struct lbk__run_mark {
    uint64_t metrics_length, events_length;
    char events_name[512];
} lbk__run_mark;

/* Makes the folder and takes its lock: LBK_BUSY while another process holds it. A new run (`resume` false)
 * refuses a folder with a checkpoint, a study or a model of another's, a resumed one a folder without
 * checkpoint: LBK_INVALID_ARGUMENT. */
lbk_status lbk__run_open(lbk_context *context, const char *folder, bool resume, lbk__run *out);
/* Releases the lock. Safe after a failed open: call it on every exit. */
void lbk__run_close(lbk__run *run);
/* Opens the growing files: empty (`mark` NULL), or cut back to where they were. LBK_BAD_DATA when one is
 * shorter. */
lbk_status lbk__run_begin(lbk__run *run, const lbk__run_mark *mark);
/* Everything written so far is on disk, and this is how much. */
lbk_status lbk__run_sync(lbk__run *run, lbk__run_mark *mark);
/* Writes `text` as config.yaml. */
lbk_status lbk__run_config(lbk__run *run, const char *text);

typedef struct lbk__scalar {
    const char *name;
    double value; /* not finite: null in metrics.jsonl, left out for TensorBoard */
} lbk__scalar;

/* A line of metrics.jsonl, and scalars "kind/name" for TensorBoard. Allocates nothing. */
lbk_status lbk__run_scalars(lbk__run *run, const char *kind, int64_t step, double epoch,
                            const lbk__scalar *scalars, size_t count);
/* To log.txt and to the context's log. */
void lbk__run_log(lbk__run *run, lbk_log_level level, const char *format, ...) LBK__FORMAT(3, 4);

#endif
