/* pack.h: what other rooms may ask of a pack beyond the public functions. */
#ifndef LBK_DATA_PACK_H
#define LBK_DATA_PACK_H

#include "base/base.h"

/* Indices of the samples of the split `name`, in the order of the pack, in fresh memory; *count ≥ 1.
 * LBK_INVALID_ARGUMENT, with the names and sizes of the splits that are there, when there is none such. */
lbk_status lbk__pack_split(const lbk_pack *pack, const char *name, int32_t **indices, int64_t *count);

/* Whether a class that a sample lists with this score counts as true of it: with single and multi labels,
 * whose scores are 1, each; with soft ones those scored at least one half. */
static inline bool lbk__is_true(float score) {
    return score >= 0.5f;
}

/* The vocab.txt that the texts were tokenised with, and how. */
const char *lbk__pack_vocab(const lbk_pack *pack, size_t *size);
bool lbk__pack_cased(const lbk_pack *pack);
int32_t lbk__pack_max_text_tokens(const lbk_pack *pack);

/* JSON that says how the visual rows were made; a model trained on the pack carries it (docs/pack.md, "The
 * file", lists the kinds). */
const char *lbk__pack_visual_description(const lbk_pack *pack);
/* The whole description in the file's metadata, JSON. */
const char *lbk__pack_description(const lbk_pack *pack);
/* Path of an image below the source's image folder; not 0-terminated. NULL when out of range. */
const char *lbk__pack_image_path(const lbk_pack *pack, int64_t image, size_t *length);

#endif
