/* pack_parts.h: the tensors of a pack, in the order of the file: wide types first, so that each is aligned.
 *
 *   N samples, I images, R visual rows of D values, C classes. An `offset` part holds where each item's run
 * starts in the part that it belongs to, and one more: where the last ends. */
#ifndef LBK_DATA_PACK_PARTS_H
#define LBK_DATA_PACK_PARTS_H

#include "format/safetensors.h"

typedef enum lbk__pack_part {
    LBK__PART_ID_OFFSET,    /* I64 [N + 1] into id.utf8 */
    LBK__PART_TEXT_OFFSET,  /* I64 [N + 1] into text.utf8 */
    LBK__PART_TOKEN_OFFSET, /* I64 [N + 1] into token.id */
    LBK__PART_LABEL_OFFSET, /* I64 [N + 1] into label.class and label.score */
    LBK__PART_ROW_OFFSET,   /* I64 [I + 1] into the rows of visual.rows */
    LBK__PART_PATH_OFFSET,  /* I64 [I + 1] into image_path.utf8 */
    LBK__PART_TOKEN,        /* I32: [CLS] … [SEP] of each sample */
    LBK__PART_IMAGE,        /* I32 [N]: index of the image, −1 without */
    LBK__PART_LABEL_CLASS,  /* I32 */
    LBK__PART_LABEL_SCORE,  /* F32 in [0, 1] */
    LBK__PART_ROWS,         /* F16 [R, D] */
    LBK__PART_SPLIT,        /* U8 [N]: index of the split's name */
    LBK__PART_LABELLED,     /* U8 [N]: 0 or 1 */
    LBK__PART_ID,           /* U8: UTF-8 */
    LBK__PART_TEXT,         /* U8: UTF-8, the text before the tokenizer */
    LBK__PART_PATH,         /* U8: UTF-8, the image's path below the source's image folder */
    LBK__PART_VOCAB,        /* U8: the bytes of vocab.txt */
    LBK__NUM_PARTS
} lbk__pack_part;

enum { LBK__PACK_VERSION = 1, LBK__MAX_SPLITS = 256, LBK__MAX_CLASSES = 1 << 16 };

const char *lbk__pack_part_name(lbk__pack_part part);
lbk__dtype lbk__pack_part_dtype(lbk__pack_part part);

/* Keys of the file's metadata. The description is JSON; its hash and that of the tensors are the pack's
 * identity. */
#define LBK__PACK_DESCRIPTION "limbeck"
#define LBK__PACK_DESCRIPTION_HASH "limbeck_sha256"
#define LBK__PACK_CONTENT_HASH "content_sha256"
/* SHA-256 of both hashes, one after the other. */
void lbk__pack_identity(const char *description_hash, const char *content_hash, char out[LBK__HASH_SIZE]);

#endif
