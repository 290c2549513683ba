/* pack_builder.h: a pack in the making. Records come in batches: read and checked in order, their new images
 * decoded in parallel, then appended in order, so that the result is the same for any number of threads.
 * Everything that grows with the data set lies in temporary files, but for 20 bytes for each id and each
 * image. */
#ifndef LBK_DATA_PACK_BUILDER_H
#define LBK_DATA_PACK_BUILDER_H

#include "base/lock.h"
#include "data/loader.h"
#include "data/name_list.h"
#include "data/pack_parts.h"
#include "data/spool.h"
#include "data/visual_source.h"

/* A record on its way into the pack. */
typedef struct lbk__pack_slot {
    lbk__record record;
    int32_t *tokens;
    size_t token_capacity, num_tokens;
    bool truncated;
    int32_t picture;   /* its image is the batch's new image of this number; −1: none, or a known one */
    lbk_status status; /* not LBK_OK: this record is bad, or reading ended here */
    char error[LBK__LONGEST_ERROR];
} lbk__pack_slot;

/* What the image map holds for an image that is not in the pack (yet). */
enum { LBK__IMAGE_PENDING = -1, LBK__IMAGE_FAILED = -2 };

typedef struct lbk__pack_builder {
    lbk_context *context;
    lbk_pack_options options; /* resolved */
    const char *out;
    lbk__lock lock; /* of `out` */
    lbk__loader *loader;
    lbk_tokenizer *tokenizer;
    lbk__visual_source *visual;
    lbk__spool parts[LBK__NUM_PARTS];
    lbk__name_map ids;    /* → number of the record, from 1 */
    lbk__name_map images; /* path → index in the pack */
    lbk__name_list classes, splits;
    char *vocab;
    size_t vocab_size;

    lbk__pack_slot *slots; /* [slot_capacity] */
    size_t slot_capacity, num_slots;
    const char **pictures; /* [slot_capacity] new images of the batch: into the slots' records */
    size_t *row_start; /* [slot_capacity + 1] of the batch's rows: where each of them begins, and the end */
    size_t num_pictures;
    uint16_t *rows; /* [row_start[num_pictures], dim] */
    size_t rows_capacity;
    bool *failed; /* [slot_capacity] */
    bool ended;

    int64_t num_records, num_samples, num_images, num_labelled, num_skipped, num_truncated;
    lbk__name_list skipped_splits;           /* of bad records that say one */
    int64_t skipped_in[LBK__MAX_SPLITS + 1]; /* by number in skipped_splits; the last: the others */
    int64_t last[LBK__NUM_PARTS];            /* the running end of each part that has offsets */
} lbk__pack_builder;

/* Puts where the record is before the sentence that is there; returns `status`. */
lbk_status lbk__pack_fail_at(lbk__pack_builder *builder, const lbk__record *record, lbk_status status);
/* Rows of a new image of the batch. */
static inline uint16_t *lbk__pack_rows_of(const lbk__pack_builder *builder, int32_t picture) {
    return builder->rows + builder->row_start[picture] * (size_t)lbk__visual_source_dim(builder->visual);
}

/* Reads records until the batch is full or the data end; then reads their new images. */
lbk_status lbk__pack_read_batch(lbk__pack_builder *builder);
/* Appends the batch; fails at the first bad record, or counts it with skip_bad. */
lbk_status lbk__pack_append_batch(lbk__pack_builder *builder);
/* From the parts to the file. */
lbk_status lbk__pack_write(lbk__pack_builder *builder);

#endif
