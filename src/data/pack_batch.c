/* pack_batch.c: reading: records are checked and tokenised, new images found and decoded. */
#include "data/pack_builder.h"

#include <string.h>

enum { LONGEST_ID = 4096, LONGEST_NAME = 256 };
static const size_t batch_values = 32 << 20; /* of visual rows: a batch ends with the image that reaches it */

lbk_status lbk__pack_fail_at(lbk__pack_builder *builder, const lbk__record *record, lbk_status status) {
    char id[80];
    if (!record->id.length) return lbk__fail_at(builder->context, status, "%s", record->where.data);
    lbk__printable(id, sizeof id, record->id.data, record->id.length);
    return lbk__fail_at(builder->context, status, "%s: record \"%s\"", record->where.data, id);
}

static lbk_status check_utf8(lbk__pack_builder *builder, const lbk__text *field, const char *name) {
    const size_t valid = lbk__utf8_valid(field->data, field->length);
    if (valid == field->length) return LBK_OK;
    return lbk__fail(builder->context, LBK_BAD_DATA, "%s: byte %zu is not valid UTF-8", name, valid);
}

static lbk_status check_name(lbk__pack_builder *builder, const lbk__text *field, const char *name,
                             size_t longest) {
    if (field->length == 0) return lbk__fail(builder->context, LBK_BAD_DATA, "%s is empty", name);
    if (field->length > longest || memchr(field->data, 0, field->length))
        return lbk__fail(builder->context, LBK_BAD_DATA, "%s is longer than %zu bytes or has a 0 byte", name,
                         longest);
    return check_utf8(builder, field, name);
}

static lbk_status check_id(lbk__pack_builder *builder, const lbk__record *record) {
    LBK_TRY(check_name(builder, &record->id, "its id", LONGEST_ID));
    int32_t *number;
    bool added;
    LBK_TRY(lbk__name_map_place(&builder->ids, record->id.data, record->id.length, &number, &added));
    if (!added)
        return lbk__fail(builder->context, LBK_BAD_DATA,
                         "the id was that of record number %d already; ids must be unique", *number);
    *number = (int32_t)builder->num_records;
    return LBK_OK;
}

static lbk_status unknown_label(lbk__pack_builder *builder, const char *name) {
    char shown[80];
    lbk__printable(shown, sizeof shown, name, strlen(name));
    const char **list;
    LBK_TRY(LBK_ALLOC(builder->context, list, builder->classes.count + 1));
    for (int32_t c = 0; c < builder->classes.count; c++) list[c] = builder->classes.names[c];
    const char *nearest = lbk__nearest(name, list);
    lbk_free(builder->context, list);
    return lbk__fail(
        builder->context, LBK_BAD_DATA, "label \"%s\" is none of the %d classes that were given%s%s%s", shown,
        builder->classes.count, nearest ? "; \"" : "", nearest ? nearest : "", nearest ? "\" is near" : "");
}

static lbk_status check_labels(lbk__pack_builder *builder, const lbk__record *record) {
    if (record->labelled && builder->options.label_kind == LBK_LABEL_SINGLE && record->num_labels != 1)
        return lbk__fail(builder->context, LBK_BAD_DATA, "has %d labels, but the label kind is single",
                         record->num_labels);
    const char *name = record->labels.data;
    for (int32_t k = 0; k < record->num_labels; k++, name += strlen(name) + 1) {
        if (!*name || strlen(name) > LONGEST_NAME)
            return lbk__fail(builder->context, LBK_BAD_DATA,
                             "has a label that is empty or longer than %d bytes", LONGEST_NAME);
        if (lbk__utf8_valid(name, strlen(name)) != strlen(name))
            return lbk__fail(builder->context, LBK_BAD_DATA, "has a label that is not valid UTF-8");
        if (!(record->scores[k] >= 0 && record->scores[k] <= 1))
            return lbk__fail(builder->context, LBK_BAD_DATA, "has a score that is not in [0, 1]");
        if (builder->options.num_classes && lbk__name_list_find(&builder->classes, name) < 0)
            return unknown_label(builder, name);
    }
    return LBK_OK;
}

/* A blank text is refused: a sample without a word would silently be an image alone. */
static lbk_status check_text(lbk__pack_builder *builder, lbk__pack_slot *slot) {
    const lbk__text *text = &slot->record.text;
    LBK_TRY(check_utf8(builder, text, "its text"));
    LBK_TRY(lbk_tokenizer_encode(builder->tokenizer, text->length ? text->data : "", text->length, 0,
                                 &slot->tokens, &slot->token_capacity, &slot->num_tokens));
    if (slot->num_tokens <= 2) return lbk__fail(builder->context, LBK_BAD_DATA, "its text is empty");
    const size_t most = (size_t)builder->options.max_text_tokens;
    slot->truncated = slot->num_tokens > most;
    if (slot->truncated) {
        slot->tokens[most - 1] = slot->tokens[slot->num_tokens - 1]; /* [SEP] */
        slot->num_tokens = most;
    }
    return LBK_OK;
}

static lbk_status place_image(lbk__pack_builder *builder, lbk__pack_slot *slot) {
    const lbk__text *image = &slot->record.image;
    if (!image->length || !lbk__visual_source_dim(builder->visual)) return LBK_OK;
    LBK_TRY(check_name(builder, image, "its image", LONGEST_ID));
    int32_t *index;
    bool added;
    LBK_TRY(lbk__name_map_place(&builder->images, image->data, image->length, &index, &added));
    if (!added) return LBK_OK;
    *index = LBK__IMAGE_FAILED;
    int32_t num_rows;
    LBK_TRY(lbk__visual_source_confine(builder->visual, image->data));
    LBK_TRY(lbk__visual_source_count(builder->visual, image->data, &num_rows));
    const size_t picture = builder->num_pictures, end = builder->row_start[picture] + (size_t)num_rows;
    LBK_TRY(LBK_GROW(builder->context, builder->rows, builder->rows_capacity,
                     end * (size_t)lbk__visual_source_dim(builder->visual)));
    *index = LBK__IMAGE_PENDING;
    slot->picture = (int32_t)picture;
    builder->pictures[picture] = image->data;
    builder->row_start[picture + 1] = end;
    builder->num_pictures++;
    return LBK_OK;
}

static bool is_full(const lbk__pack_builder *builder) {
    return builder->num_slots == builder->slot_capacity ||
           builder->row_start[builder->num_pictures] * (size_t)lbk__visual_source_dim(builder->visual) >=
               batch_values;
}

static lbk_status read_record(lbk__pack_builder *builder, lbk__pack_slot *slot, bool *more) {
    lbk__record *record = &slot->record;
    *more = true;
    lbk__record_clear(record);
    LBK_TRY(lbk__text_append(builder->context, &record->where, "record", 6));
    lbk_status status = builder->loader->next(builder->loader, record, more);
    if (status == LBK_OK && !*more) return LBK_OK;
    builder->num_records++;
    if (status != LBK_OK) return status; /* the loader's sentence says where */
    if ((status = check_id(builder, record)) != LBK_OK || (status = check_text(builder, slot)) != LBK_OK ||
        (status = check_labels(builder, record)) != LBK_OK ||
        (status = check_name(builder, &record->split, "its split", LONGEST_NAME)) != LBK_OK ||
        (status = place_image(builder, slot)) != LBK_OK)
        return lbk__pack_fail_at(builder, record, status);
    return LBK_OK;
}

lbk_status lbk__pack_read_batch(lbk__pack_builder *builder) {
    builder->num_slots = builder->num_pictures = 0;
    while (!builder->ended && !is_full(builder)) {
        lbk__pack_slot *slot = builder->slots + builder->num_slots;
        bool more;
        slot->picture = -1;
        slot->status = read_record(builder, slot, &more);
        builder->ended = slot->status == LBK_OK && !more;
        builder->num_slots += !builder->ended;
        if (slot->status == LBK_OK) continue;
        memcpy(slot->error, lbk_error(builder->context), sizeof slot->error - 1);
        if (slot->status != LBK_BAD_DATA || !builder->options.skip_bad) builder->ended = true;
    }
    return lbk__visual_source_read(builder->visual, builder->pictures, builder->num_pictures, builder->rows,
                                   builder->failed);
}
