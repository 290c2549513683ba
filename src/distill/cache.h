/* cache.h: what a teacher says about every sample of a pack, kept so that students need no teacher.
 *
 * A safetensors file:
 *   logits    F32 [3, N, C]  under the views in the order of lbk_view; [1, N, C]: under the joint view only
 *   saliency  F32 [4, 2, N]  (6) in the kinds in the order of lbk__saliency; of text, of image; absent with
 *                         one view
 *
 * and metadata: "limbeck": {"kind": "cache", "version": 1, "teacher_sha256", "pack_sha256", "label_kind",
 * "views", "saliencies", "folds" where there are some, "precision" where it is not fp32}; "sha256": of the
 * data section. */
#ifndef LBK_DISTILL_CACHE_H
#define LBK_DISTILL_CACHE_H

#include "base/file.h"
#include "distill/distill.h"

enum { LBK__CACHE_VERSION = 1, LBK__NUM_MODALITIES = 2 }; /* text, image */

/* What a cache was made from: hashes of 64 hexadecimal digits, and the pack's measures. */
typedef struct lbk__cache_key {
    const char *teacher_sha256, *pack_sha256;
    lbk_label_kind label_kind;
    int64_t num_samples;
    int32_t num_classes;
    int32_t folds;   /* 0: every sample's logits are the teacher's. K: those of training samples are of one of
                        K teachers that did not see them */
    bool joint_only; /* has one view; not compared */
    const char *precision; /* of the teacher's products; NULL: fp32 */
} lbk__cache_key;

static inline int32_t lbk__cache_views(const lbk__cache_key *key) {
    return key->joint_only ? 1 : LBK_NUM_VIEWS;
}

typedef float lbk__saliencies[LBK__NUM_SALIENCIES][LBK__NUM_MODALITIES];

/* ---- writing: each sample once, in any order; memory grows by 32 bytes a sample only ---- */

typedef struct lbk__cache_writer lbk__cache_writer;

/* Needs room for the logits twice: beside `path` they are collected by sample, then laid out by view. LBK_IO.
 */
lbk_status lbk__cache_writer_open(lbk_context *context, const char *path, const lbk__cache_key *key,
                                  lbk__cache_writer **out);
/* A sample's logits [views][C], and its label (single; −1: unlabelled) or targets [C] (multi, soft; NULL:
 * unlabelled). `saliencies` gets what was stored for it, zeros with one view. LBK_NUMERIC when a logit is not
 * finite. */
lbk_status lbk__cache_writer_put(lbk__cache_writer *writer, int64_t sample, const float *logits,
                                 int32_t label, const float *targets, lbk__saliencies saliencies);
/* The file appears. LBK_INTERNAL unless all N samples were put. */
lbk_status lbk__cache_writer_commit(lbk__cache_writer *writer);
void lbk__cache_writer_close(lbk__cache_writer *writer); /* on every exit; NULL is allowed */

/* ---- reading: memory-mapped ---- */

typedef struct lbk__cache lbk__cache;

/* LBK_BAD_DATA for a file that is no cache, has another version, or whose tensors are not as above. */
lbk_status lbk__cache_open(lbk_context *context, const char *path, lbk__cache **out);
void lbk__cache_close(lbk__cache *cache); /* NULL is allowed */
/* Valid while the cache is open. */
const lbk__cache_key *lbk__cache_made_from(const lbk__cache *cache);
/* LBK_MISMATCH, and the sentence names what differs, teacher, pack or configuration, and what to do. NULL
 * hashes and `num_classes` 0 of `wanted` are not compared, folds and precision neither without a teacher or
 * when the folds are −1. */
lbk_status lbk__cache_match(const lbk__cache *cache, const lbk__cache_key *wanted);
/* Reads everything: LBK_BAD_DATA when it does not have the hash it was written with. */
lbk_status lbk__cache_verify(const lbk__cache *cache);
/* LBK_NUMERIC: saliencies that are not finite; what is drawn of a cache that was not verified. */
lbk_status lbk__cache_check_saliency(const lbk__cache *cache);
/* SHA-256 of all that a verified cache says and of what it says it was made from. */
void lbk__cache_identity(const lbk__cache *cache, char out[LBK__HASH_SIZE]);
/* [C]; `sample` in 0 … N − 1. NULL for a view that the cache does not have. */
const float *lbk__cache_logits(const lbk__cache *cache, lbk_view view, int64_t sample);
/* S(text), S(image) of a sample; 0 with one view. */
void lbk__cache_saliency(const lbk__cache *cache, lbk__saliency kind, int64_t sample,
                         float out[LBK__NUM_MODALITIES]);

#endif
