/* pack_check.c: a pack's numbers are checked once, when it is opened, and trusted afterwards. */
#include "data/pack_file.h"

#include <limits.h>

static lbk_status bad(const lbk_pack *pack, lbk__pack_part part, int64_t item, const char *what) {
    return lbk__fail(pack->context, LBK_BAD_DATA, "%s: %s, item %lld: %s; the pack is damaged: make it again",
                     pack->path, lbk__pack_part_name(part), (long long)item, what);
}

/* `part` has `count` + 1 offsets that rise from 0 to `end`, by at most INT32_MAX each. */
static lbk_status check_offsets(const lbk_pack *pack, lbk__pack_part part, const int64_t *offset,
                                int64_t count, int64_t end) {
    if (pack->length[part] != count + 1)
        return bad(pack, part, pack->length[part], "has another number of items");
    if (offset[0] != 0) return bad(pack, part, 0, "is not 0");
    for (int64_t i = 0; i < count; i++)
        if (offset[i + 1] < offset[i] || offset[i + 1] > end || offset[i + 1] - offset[i] > INT32_MAX)
            return bad(pack, part, i + 1, "is no offset that follows the one before it");
    return offset[count] == end ? LBK_OK : bad(pack, part, count, "is not where the part ends");
}

static lbk_status check_length(const lbk_pack *pack, lbk__pack_part part, int64_t wanted) {
    return pack->length[part] == wanted ? LBK_OK
                                        : bad(pack, part, pack->length[part], "has another number of items");
}

static lbk_status check_range(const lbk_pack *pack, lbk__pack_part part, const int32_t *item, int32_t low,
                              int64_t end) {
    for (int64_t i = 0; i < pack->length[part]; i++)
        if (item[i] < low || item[i] >= end) return bad(pack, part, i, "is out of range");
    return LBK_OK;
}

static lbk_status check_below(const lbk_pack *pack, lbk__pack_part part, const uint8_t *item, int end) {
    for (int64_t i = 0; i < pack->length[part]; i++)
        if (item[i] >= end) return bad(pack, part, i, "is out of range");
    return LBK_OK;
}

static lbk_status check_labels(const lbk_pack *pack) {
    for (int64_t i = 0; i < pack->length[LBK__PART_LABEL_SCORE]; i++)
        if (!(pack->label_score[i] >= 0 && pack->label_score[i] <= 1))
            return bad(pack, LBK__PART_LABEL_SCORE, i, "is not in [0, 1]");
    for (int64_t i = 0; i < pack->num_samples; i++) {
        const int64_t count = pack->label_offset[i + 1] - pack->label_offset[i];
        if (count > pack->num_classes || (!pack->labelled[i] && count) ||
            (pack->labelled[i] && pack->label_kind == LBK_LABEL_SINGLE && count != 1))
            return bad(pack, LBK__PART_LABEL_OFFSET, i, "has a wrong number of labels");
    }
    return LBK_OK;
}

static lbk_status check_tokens(const lbk_pack *pack) {
    for (int64_t i = 0; i < pack->num_samples; i++) {
        const int64_t count = pack->token_offset[i + 1] - pack->token_offset[i];
        if (count < 2 || count > pack->max_text_tokens)
            return bad(pack, LBK__PART_TOKEN_OFFSET, i, "has a wrong number of tokens");
    }
    return check_range(pack, LBK__PART_TOKEN, pack->token, 0, pack->vocab_size);
}

lbk_status lbk__pack_check(const lbk_pack *pack) {
    const int64_t samples = pack->num_samples, images = pack->num_images;
    LBK_TRY(check_offsets(pack, LBK__PART_ID_OFFSET, pack->id_offset, samples, pack->length[LBK__PART_ID]));
    LBK_TRY(
        check_offsets(pack, LBK__PART_TEXT_OFFSET, pack->text_offset, samples, pack->length[LBK__PART_TEXT]));
    LBK_TRY(check_offsets(pack, LBK__PART_TOKEN_OFFSET, pack->token_offset, samples,
                          pack->length[LBK__PART_TOKEN]));
    LBK_TRY(check_offsets(pack, LBK__PART_LABEL_OFFSET, pack->label_offset, samples,
                          pack->length[LBK__PART_LABEL_CLASS]));
    LBK_TRY(
        check_offsets(pack, LBK__PART_ROW_OFFSET, pack->row_offset, images, pack->length[LBK__PART_ROWS]));
    LBK_TRY(
        check_offsets(pack, LBK__PART_PATH_OFFSET, pack->path_offset, images, pack->length[LBK__PART_PATH]));
    if (pack->visual_dim == 0 && pack->length[LBK__PART_ROWS] > 0) /* rows of nothing, which no bytes bound */
        return bad(pack, LBK__PART_ROWS, 0, "is there, though rows have no numbers");
    LBK_TRY(check_length(pack, LBK__PART_IMAGE, samples));
    LBK_TRY(check_length(pack, LBK__PART_SPLIT, samples));
    LBK_TRY(check_length(pack, LBK__PART_LABELLED, samples));
    LBK_TRY(check_length(pack, LBK__PART_LABEL_SCORE, pack->length[LBK__PART_LABEL_CLASS]));
    LBK_TRY(check_range(pack, LBK__PART_IMAGE, pack->image, -1, images));
    LBK_TRY(check_range(pack, LBK__PART_LABEL_CLASS, pack->label_class, 0, pack->num_classes));
    LBK_TRY(check_below(pack, LBK__PART_SPLIT, pack->split, pack->num_splits));
    LBK_TRY(check_below(pack, LBK__PART_LABELLED, pack->labelled, 2));
    LBK_TRY(check_labels(pack));
    return check_tokens(pack);
}
