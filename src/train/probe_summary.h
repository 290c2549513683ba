/* probe_summary.h: for probe.c: what a cache says of its teacher. */
#ifndef LBK_TRAIN_PROBE_SUMMARY_H
#define LBK_TRAIN_PROBE_SUMMARY_H

#include "distill/cache.h"
#include "model/model.h"

#include <jansson.h>

/* Reads the cache once and adds to `root` what lbk_probe's summary has beside the cache; memory does not grow
 * with the samples. Warns by the log when the teacher knows by heart what it was trained on. */
lbk_status lbk__probe_summary(const lbk__model *teacher, const lbk_pack *pack, const lbk__cache *cache,
                              const char *train_split, const char *dev_split, json_t *root);

#endif
