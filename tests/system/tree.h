/* tree.h: what a folder of limbeck's holds, after a kill and at the end. */
#ifndef LBK_TESTS_TREE_H
#define LBK_TESTS_TREE_H

#include "base/base.h"

/* Whether each file is whole: models, packs, caches and checkpoints have the hash they were written with,
 * JSON is JSON, every line of metrics.jsonl too; what has only one possible content has that of `reference`,
 * where that is there. Not looked at: the dead's temporaries, logs, events, which may end anywhere until they
 * are resumed. Prints what is not, and returns how many. */
int tree_not_whole(lbk_context *context, const char *folder, const char *reference);

/* Whether `folder` has the same files as `reference`, byte for byte. Of files with times or speeds in them
 * (study.json, results.json, models.csv, report.html, plots, done.json, logs, events) only that they are
 * there; of a checkpoint, which has lengths and the name of the events, its numbers. Prints what differs, and
 * returns how many do. */
int tree_differs(lbk_context *context, const char *folder, const char *reference);

#endif
