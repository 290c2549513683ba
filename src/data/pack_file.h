/* pack_file.h: an open pack, for the files that read and check it. */
#ifndef LBK_DATA_PACK_FILE_H
#define LBK_DATA_PACK_FILE_H

#include "data/pack.h"
#include "data/pack_parts.h"

struct lbk_pack {
    lbk_context *context;
    char *path;
    lbk__safetensors *file;
    int64_t num_samples, num_images;
    int32_t num_classes, num_splits, visual_dim, max_text_tokens, vocab_size;
    lbk_label_kind label_kind;
    bool cased;
    char **classes, **splits; /* names */
    char *visual;             /* JSON */
    char hash[LBK__HASH_SIZE];

    int64_t length[LBK__NUM_PARTS]; /* items of each part; rows of visual.rows */
    const int64_t *id_offset, *text_offset, *token_offset, *label_offset, *row_offset, *path_offset;
    const int32_t *token, *image, *label_class;
    const float *label_score;
    const uint16_t *rows; /* [R, visual_dim] */
    const uint8_t *split, *labelled;
    const char *id, *text, *image_path, *vocab;
};

/* Everything that later code relies on: offsets rise and end where their part ends, indices are in range,
 * scores in [0, 1], label counts as the kind says. One pass over all but text and visual rows. */
lbk_status lbk__pack_check(const lbk_pack *pack);

#endif
