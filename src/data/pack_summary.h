/* pack_summary.h: what is in a pack, as JSON. */
#ifndef LBK_DATA_PACK_SUMMARY_H
#define LBK_DATA_PACK_SUMMARY_H

#include "base/base.h"

#include <jansson.h>

/* Opens the pack `path` (and so checks what was just written):
 *   {"pack", "sha256", "bytes", "counts": {…as in the description…}, "left_out": {reason: count},
 * "label_kind", "visual": {…}, "splits": {name: {"samples", "labelled", "labels": {class: count}}},
 *    "text_tokens": {"shortest", "mean", "longest"}} */
lbk_status lbk__pack_summary(lbk_context *context, const char *path, char **out);
/* Its "splits"; splits and classes in the pack's order, a class with the samples that have it, by a score
 * above 0. */
lbk_status lbk__pack_splits(lbk_context *context, const lbk_pack *pack, json_t **out);

#endif
