/* pack_append.c: a batch's records go into the parts, in order. */
#include "data/pack_builder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MOST_WARNINGS = 100 };

static lbk_status put(lbk__pack_builder *builder, lbk__pack_part part, const void *data, size_t bytes) {
    return lbk__spool_put(builder->parts + part, data, bytes);
}

/* `items` items of `bytes` bytes into `part`, and where they end into its offsets. */
static lbk_status put_run(lbk__pack_builder *builder, lbk__pack_part part, lbk__pack_part offsets,
                          const void *data, size_t items, size_t bytes) {
    LBK_TRY(put(builder, part, data, items * bytes));
    builder->last[part] += (int64_t)items;
    return put(builder, offsets, &builder->last[part], sizeof builder->last[part]);
}

/* The index of the slot's image, −1 without one; *is_new: its rows, now in `builder->rows`, are not in the
 * pack yet. LBK_BAD_DATA: the image cannot be read. */
static lbk_status find_image(lbk__pack_builder *builder, const lbk__pack_slot *slot, int32_t **out,
                             bool *is_new) {
    const lbk__text *image = &slot->record.image;
    *out = NULL;
    *is_new = slot->picture >= 0;
    if (!image->length || !lbk__visual_source_dim(builder->visual)) return LBK_OK;
    bool added;
    LBK_TRY(lbk__name_map_place(&builder->images, image->data, image->length, out, &added));
    if (!*is_new) {
        if (**out >= 0) return LBK_OK;
        return lbk__fail(builder->context, LBK_BAD_DATA,
                         "its image %s cannot be read, as another record found", image->data);
    }
    **out = LBK__IMAGE_FAILED;
    if (!builder->failed[slot->picture]) return LBK_OK;
    lbk_status status =
        lbk__visual_source_read_one(builder->visual, image->data, lbk__pack_rows_of(builder, slot->picture));
    if (status == LBK_IO && lbk__visual_source_lacks(builder->visual, image->data)) return LBK_BAD_DATA;
    return status;
}

static lbk_status append_image(lbk__pack_builder *builder, const lbk__pack_slot *slot, int32_t *index) {
    const lbk__text *image = &slot->record.image;
    LBK_TRY(put_run(builder, LBK__PART_ROWS, LBK__PART_ROW_OFFSET, lbk__pack_rows_of(builder, slot->picture),
                    builder->row_start[slot->picture + 1] - builder->row_start[slot->picture],
                    (size_t)lbk__visual_source_dim(builder->visual) * sizeof *builder->rows));
    LBK_TRY(put_run(builder, LBK__PART_PATH, LBK__PART_PATH_OFFSET, image->data, image->length, 1));
    *index = (int32_t)builder->num_images++;
    return LBK_OK;
}

static lbk_status append_labels(lbk__pack_builder *builder, const lbk__record *record) {
    const char *name = record->labels.data;
    for (int32_t k = 0; k < record->num_labels; k++, name += strlen(name) + 1) {
        int32_t class;
        LBK_TRY(lbk__name_list_add(&builder->classes, name, &class));
        if (builder->classes.count > LBK__MAX_CLASSES)
            return lbk__fail(builder->context, LBK_INVALID_ARGUMENT,
                             "%s: more than %d different labels; is this a label?", record->where.data,
                             LBK__MAX_CLASSES);
        LBK_TRY(put(builder, LBK__PART_LABEL_CLASS, &class, sizeof class));
    }
    return put_run(builder, LBK__PART_LABEL_SCORE, LBK__PART_LABEL_OFFSET, record->scores,
                   (size_t)record->num_labels, sizeof *record->scores);
}

static lbk_status append_split(lbk__pack_builder *builder, const lbk__record *record) {
    int32_t split;
    LBK_TRY(lbk__name_list_add(&builder->splits, record->split.data, &split));
    if (split >= LBK__MAX_SPLITS)
        return lbk__fail(builder->context, LBK_INVALID_ARGUMENT,
                         "%s: more than %d different splits; is this a split?", record->where.data,
                         LBK__MAX_SPLITS);
    const uint8_t number = (uint8_t)split, labelled = record->labelled;
    LBK_TRY(put(builder, LBK__PART_SPLIT, &number, 1));
    return put(builder, LBK__PART_LABELLED, &labelled, 1);
}

static lbk_status append_sample(lbk__pack_builder *builder, const lbk__pack_slot *slot, int32_t image) {
    const lbk__record *record = &slot->record;
    if (builder->num_samples == INT32_MAX)
        return lbk__fail(builder->context, LBK_INVALID_ARGUMENT, "a pack holds at most %d samples",
                         INT32_MAX);
    LBK_TRY(put_run(builder, LBK__PART_ID, LBK__PART_ID_OFFSET, record->id.data, record->id.length, 1));
    LBK_TRY(
        put_run(builder, LBK__PART_TEXT, LBK__PART_TEXT_OFFSET, record->text.data, record->text.length, 1));
    LBK_TRY(put_run(builder, LBK__PART_TOKEN, LBK__PART_TOKEN_OFFSET, slot->tokens, slot->num_tokens,
                    sizeof *slot->tokens));
    LBK_TRY(put(builder, LBK__PART_IMAGE, &image, sizeof image));
    LBK_TRY(append_split(builder, record));
    LBK_TRY(append_labels(builder, record));
    builder->num_samples++;
    builder->num_labelled += record->labelled;
    builder->num_truncated += slot->truncated;
    return LBK_OK;
}

/* The number of a bad record's split in skipped_splits; LBK__MAX_SPLITS where it says none, or one too many.
 */
static lbk_status find_skipped(lbk__pack_builder *builder, const lbk__record *record, int32_t *number) {
    const lbk__text *split = &record->split;
    lbk__name_list *splits = &builder->skipped_splits;
    *number = LBK__MAX_SPLITS;
    if (!split->length || lbk__utf8_valid(split->data, split->length) != split->length) return LBK_OK;
    if (splits->count == LBK__MAX_SPLITS && lbk__name_list_find(splits, split->data) < 0) return LBK_OK;
    return lbk__name_list_add(splits, split->data, number);
}

/* The first bad records of a split are shown, all are counted: a few of train must be seen behind all of a
 * test split that has no features. */
static lbk_status skip(lbk__pack_builder *builder, const lbk__record *record) {
    int32_t split;
    char sentence[LBK__LONGEST_ERROR];
    snprintf(sentence, sizeof sentence, "%s", lbk_error(builder->context));
    LBK_TRY(find_skipped(builder, record, &split));
    const int64_t count = ++builder->skipped_in[split];
    const char *name = split < LBK__MAX_SPLITS ? builder->skipped_splits.names[split] : NULL;
    builder->num_skipped++;
    if (count <= MOST_WARNINGS) lbk__log(builder->context, LBK_LOG_WARNING, "skipped: %s", sentence);
    if (count == MOST_WARNINGS)
        lbk__log(builder->context, LBK_LOG_WARNING, "skipped: further bad records%s%s are only counted",
                 name ? " of the split " : "", name ? name : "");
    return LBK_OK;
}

/* The sentence of a bad record is the context's. */
static lbk_status append_record(lbk__pack_builder *builder, const lbk__pack_slot *slot, bool *bad) {
    *bad = false;
    int32_t *index;
    bool is_new;
    lbk_status status = slot->status;
    if (status != LBK_OK) {
        lbk__fail(builder->context, status, "%s", slot->error);
    } else {
        status = find_image(builder, slot, &index, &is_new);
        if (status != LBK_OK) lbk__pack_fail_at(builder, &slot->record, status);
    }
    *bad = status == LBK_BAD_DATA;
    LBK_TRY(status);
    if (is_new) LBK_TRY(append_image(builder, slot, index));
    return append_sample(builder, slot, index ? *index : -1);
}

lbk_status lbk__pack_append_batch(lbk__pack_builder *builder) {
    for (size_t i = 0; i < builder->num_slots; i++) {
        bool bad;
        lbk_status status = append_record(builder, builder->slots + i, &bad);
        if (bad && builder->options.skip_bad) status = skip(builder, &builder->slots[i].record);
        LBK_TRY(status);
    }
    return LBK_OK;
}
