/* pack_parts.c: names and types of a pack's tensors. */
#include "data/pack_parts.h"

#include <string.h>

static const struct {
    const char *name;
    lbk__dtype dtype;
} parts[LBK__NUM_PARTS] = {
    [LBK__PART_ID_OFFSET] = {"id.offset", LBK__I64},
    [LBK__PART_TEXT_OFFSET] = {"text.offset", LBK__I64},
    [LBK__PART_TOKEN_OFFSET] = {"token.offset", LBK__I64},
    [LBK__PART_LABEL_OFFSET] = {"label.offset", LBK__I64},
    [LBK__PART_ROW_OFFSET] = {"visual.offset", LBK__I64},
    [LBK__PART_PATH_OFFSET] = {"image_path.offset", LBK__I64},
    [LBK__PART_TOKEN] = {"token.id", LBK__I32},
    [LBK__PART_IMAGE] = {"image", LBK__I32},
    [LBK__PART_LABEL_CLASS] = {"label.class", LBK__I32},
    [LBK__PART_LABEL_SCORE] = {"label.score", LBK__F32},
    [LBK__PART_ROWS] = {"visual.rows", LBK__F16},
    [LBK__PART_SPLIT] = {"split", LBK__U8},
    [LBK__PART_LABELLED] = {"labelled", LBK__U8},
    [LBK__PART_ID] = {"id.utf8", LBK__U8},
    [LBK__PART_TEXT] = {"text.utf8", LBK__U8},
    [LBK__PART_PATH] = {"image_path.utf8", LBK__U8},
    [LBK__PART_VOCAB] = {"vocab.utf8", LBK__U8},
};

const char *lbk__pack_part_name(lbk__pack_part part) {
    return parts[part].name;
}

lbk__dtype lbk__pack_part_dtype(lbk__pack_part part) {
    return parts[part].dtype;
}

void lbk__pack_identity(const char *description_hash, const char *content_hash, char out[LBK__HASH_SIZE]) {
    char both[2 * LBK__HASH_SIZE];
    size_t first = strnlen(description_hash, LBK__HASH_SIZE - 1),
           second = strnlen(content_hash, LBK__HASH_SIZE - 1);
    memcpy(both, description_hash, first);
    memcpy(both + first, content_hash, second);
    lbk__hash_bytes(both, first + second, out);
}
