/* batch.c: the one place where views exist: samples laid out as sequences, and how large a batch can become.
 */
#include "data/batch.h"

#include "base/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of a sample in the first `num_views` views together. */
static int64_t tokens_in_views(int32_t num_tokens, int32_t num_rows, int32_t num_views) {
    const int64_t in_view[LBK_NUM_VIEWS] = {
        [LBK_VIEW_JOINT] = (int64_t)num_tokens + num_rows,
        [LBK_VIEW_TEXT] = num_tokens,
        [LBK_VIEW_IMAGE] = (int64_t)2 + num_rows,
    };
    int64_t sum = 0;
    for (int32_t v = 0; v < LBK_MIN(num_views, LBK_NUM_VIEWS); v++) sum += in_view[v];
    return sum;
}

/* ---- limits ---- */

static int descending(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x < y) - (x > y);
}

/* The largest sum of `most` values, all of them again and again when there are fewer. Sorts the values. */
static lbk_status largest_sum(lbk_context *context, int64_t *values, int64_t count, int32_t most,
                              const char *what, int32_t *out) {
    int64_t all = 0, some = 0;
    *out = 0;
    if (count == 0) return LBK_OK;
    qsort(values, (size_t)count, sizeof *values, descending);
    for (int64_t i = 0; i < count; i++) all += values[i];
    for (int64_t i = 0; i < most % count; i++) some += values[i];
    int64_t sum;
    if (__builtin_mul_overflow(all, most / count, &sum) || __builtin_add_overflow(sum, some, &sum) ||
        sum > INT32_MAX)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a batch of %d samples could have more than %d %s; use a smaller batch", most,
                         INT32_MAX, what);
    *out = (int32_t)sum;
    return LBK_OK;
}

lbk_status lbk__batch_limits_of(lbk_context *context, const lbk_pack *pack, const int32_t *indices,
                                int64_t count, int32_t num_samples, int32_t num_views,
                                lbk__batch_limits *out) {
    if (num_samples < 1 || num_views < 1 || num_views > LBK_NUM_VIEWS)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "a batch of %d samples under %d views cannot be made",
                         num_samples, num_views);
    if (num_samples > INT32_MAX / num_views)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "a batch of %d samples is too large", num_samples);
    *out = (lbk__batch_limits){.num_samples = num_samples,
                               .num_views = num_views,
                               .num_sequences = num_samples * num_views,
                               .visual_dim = lbk_pack_visual_dim(pack)};
    int64_t *tokens = NULL, *rows = NULL;
    lbk_status status;
    LBK_GO(LBK_ALLOC(context, tokens, count));
    LBK_GO(LBK_ALLOC(context, rows, count));
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_GO(lbk_pack_sample(pack, indices[i], &sample));
        tokens[i] = tokens_in_views(sample.num_tokens, sample.num_rows, num_views);
        rows[i] = sample.num_rows;
        out->longest = LBK_MAX(out->longest, sample.num_tokens + sample.num_rows);
    }
    LBK_GO(largest_sum(context, tokens, count, num_samples, "tokens", &out->num_tokens));
    LBK_GO(largest_sum(context, rows, count, num_samples, "visual rows", &out->num_rows));
done:
    lbk_free(context, rows);
    lbk_free(context, tokens);
    return status;
}

/* ---- buffers ---- */

lbk_status lbk__batch_create(lbk_context *context, const lbk__batch_limits *limits, lbk__batch *out) {
    *out = (lbk__batch){.visual_dim = limits->visual_dim};
    lbk_status status;
    LBK_GO(LBK_ALLOC(context, out->tokens, limits->num_tokens));
    LBK_GO(LBK_ALLOC(context, out->position, limits->num_tokens));
    LBK_GO(LBK_ALLOC(context, out->segment, limits->num_tokens));
    LBK_GO(LBK_ALLOC(context, out->start, (size_t)limits->num_sequences + 1));
    LBK_GO(LBK_ALLOC(context, out->last_word, limits->num_sequences));
    LBK_GO(LBK_ALLOC(context, out->sample, limits->num_sequences));
    LBK_GO(LBK_ALLOC(context, out->view, limits->num_sequences));
    LBK_GO(LBK_ALLOC(context, out->row_start, (size_t)limits->num_samples + 1));
    LBK_GO(LBK_ALLOC(context, out->visual, (size_t)limits->num_rows * (size_t)limits->visual_dim));
done:
    if (status != LBK_OK) lbk__batch_free(context, out);
    return status;
}

void lbk__batch_free(lbk_context *context, lbk__batch *batch) {
    lbk_free(context, batch->tokens);
    lbk_free(context, batch->position);
    lbk_free(context, batch->segment);
    lbk_free(context, batch->start);
    lbk_free(context, batch->last_word);
    lbk_free(context, batch->sample);
    lbk_free(context, batch->view);
    lbk_free(context, batch->row_start);
    lbk_free(context, batch->visual);
    *batch = (lbk__batch){0};
}

/* ---- layout ---- */

/* Empties the batch for samples that have so many tokens and rows in all, if its buffers hold them. */
static lbk_status start_batch(lbk_context *context, const lbk__batch_limits *limits, int32_t num_samples,
                              int32_t num_views, int64_t num_tokens, int64_t num_rows, lbk__batch *batch) {
    if (num_samples > limits->num_samples || num_views < 1 || num_views > limits->num_views ||
        num_tokens > limits->num_tokens || num_rows > limits->num_rows)
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "%d samples under %d views (%lld tokens, %lld visual rows) do not fit a batch that was "
            "made for %d under %d (%d tokens, %d rows)",
            num_samples, num_views, (long long)num_tokens, (long long)num_rows, limits->num_samples,
            limits->num_views, limits->num_tokens, limits->num_rows);
    batch->num_samples = num_samples;
    batch->num_views = num_views;
    batch->num_tokens = batch->num_sequences = batch->num_rows = 0;
    batch->start[0] = batch->row_start[0] = 0;
    return LBK_OK;
}

static void put_token(lbk__batch *batch, int32_t token, int32_t position, int32_t segment) {
    int32_t t = batch->num_tokens++;
    batch->tokens[t] = token;
    batch->position[t] = position;
    batch->segment[t] = segment;
}

/* The next sequence: sample i of the batch, whose rows are laid out already, under one view. */
static void put_sequence(lbk__batch *batch, int32_t view, int32_t i, const lbk__batch_item *item) {
    if (view == LBK_VIEW_IMAGE) {
        put_token(batch, item->tokens[0], 0, 0);
        put_token(batch, item->tokens[item->num_tokens - 1], item->num_tokens - 1, 0);
    } else {
        for (int32_t t = 0; t < item->num_tokens; t++) put_token(batch, item->tokens[t], t, 0);
    }
    const int32_t s = batch->num_sequences++;
    batch->last_word[s] = batch->num_tokens - 2;
    if (view != LBK_VIEW_TEXT)
        for (int32_t r = batch->row_start[i]; r < batch->row_start[i + 1]; r++)
            put_token(batch, -1 - r, 0, 1);
    batch->sample[s] = i;
    batch->view[s] = (int8_t)view;
    batch->start[s + 1] = batch->num_tokens;
}

/* Visual rows of the next sample, which is sample i. */
static void put_rows(lbk__batch *batch, int32_t i, const lbk__batch_item *item) {
    const size_t dim = (size_t)batch->visual_dim;
    if (item->num_rows)
        memcpy(batch->visual + (size_t)batch->num_rows * dim, item->visual,
               (size_t)item->num_rows * dim * sizeof *batch->visual);
    batch->num_rows += item->num_rows;
    batch->row_start[i + 1] = batch->num_rows;
}

static lbk_status item_of(const lbk_pack *pack, int32_t index, lbk__batch_item *out) {
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(pack, index, &sample));
    *out = (lbk__batch_item){sample.tokens, sample.visual, sample.num_tokens, sample.num_rows};
    return LBK_OK;
}

lbk_status lbk__batch_fill(lbk_context *context, const lbk_pack *pack, const int32_t *indices, int32_t count,
                           int32_t num_views, const lbk__batch_limits *limits, lbk__batch *batch) {
    lbk__batch_item item;
    int64_t num_tokens = 0, num_rows = 0;
    if (lbk_pack_visual_dim(pack) != limits->visual_dim)
        return lbk__fail(context, LBK_MISMATCH, "the pack's visual rows have %d numbers, the batch's %d",
                         lbk_pack_visual_dim(pack), limits->visual_dim);
    for (int32_t i = 0; i < count; i++) {
        LBK_TRY(item_of(pack, indices[i], &item));
        num_tokens += tokens_in_views(item.num_tokens, item.num_rows, num_views);
        num_rows += item.num_rows;
    }
    LBK_TRY(start_batch(context, limits, count, num_views, num_tokens, num_rows, batch));
    for (int32_t v = 0; v < num_views; v++)
        for (int32_t i = 0; i < count; i++) {
            LBK_TRY(item_of(pack, indices[i], &item));
            if (v == 0) put_rows(batch, i, &item);
            put_sequence(batch, v, i, &item);
        }
    return LBK_OK;
}

lbk_status lbk__batch_fill_items(lbk_context *context, const lbk__batch_item *items, int32_t count,
                                 const lbk__batch_limits *limits, lbk__batch *batch) {
    const int32_t num_views = limits->num_views;
    int64_t num_tokens = 0, num_rows = 0;
    for (int32_t i = 0; i < count; i++) {
        num_tokens += tokens_in_views(items[i].num_tokens, items[i].num_rows, num_views);
        num_rows += items[i].num_rows;
    }
    LBK_TRY(start_batch(context, limits, count, num_views, num_tokens, num_rows, batch));
    for (int32_t i = 0; i < count; i++) put_rows(batch, i, &items[i]);
    for (int32_t v = 0; v < num_views; v++)
        for (int32_t i = 0; i < count; i++) put_sequence(batch, v, i, &items[i]);
    return LBK_OK;
}

lbk_status lbk__rows_to_half(lbk_context *context, const float *rows, int32_t num_rows, int32_t dim,
                             uint16_t *out) {
    const size_t values = (size_t)num_rows * (size_t)dim;
    for (size_t i = 0; i < values; i++) {
        out[i] = lbk__float_to_half(rows[i]);
        if (!isfinite(lbk__half_to_float(out[i])))
            return lbk__fail(context, LBK_NUMERIC,
                             "number %zu of visual row %zu is %g; it must lie within ±65504 (float16)",
                             i % (size_t)dim, i / (size_t)dim, (double)rows[i]);
    }
    return LBK_OK;
}

/* ---- targets ---- */

lbk_status lbk__batch_targets(const lbk_pack *pack, const int32_t *indices, int32_t count, float *targets,
                              int32_t *classes, uint8_t *labelled) {
    size_t num_classes = (size_t)lbk_pack_num_classes(pack);
    bool soft = lbk_pack_label_kind(pack) == LBK_LABEL_SOFT,
         single = lbk_pack_label_kind(pack) == LBK_LABEL_SINGLE;
    if (count) memset(targets, 0, (size_t)count * num_classes * sizeof *targets);
    for (int32_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(pack, indices[i], &sample));
        labelled[i] = sample.labelled != 0;
        if (single) classes[i] = sample.labelled ? sample.classes[0] : -1;
        for (int32_t k = 0; k < sample.num_labels; k++)
            targets[(size_t)i * num_classes + (size_t)sample.classes[k]] = soft ? sample.scores[k] : 1.0f;
    }
    return LBK_OK;
}
