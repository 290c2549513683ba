/* predict.c: inputs to logits, a batch at a time, under all three views in one pass. An input that cannot be
 * used fails alone. */
#include "base/logits.h"

#include "base/guest.h"
#include "eval/predictor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether a failure is one input's own, and the others can go on. */
static bool is_own(lbk_status status) {
    return status == LBK_BAD_DATA || status == LBK_IO || status == LBK_NUMERIC ||
           status == LBK_INVALID_ARGUMENT || status == LBK_MISMATCH;
}

/* Keeps a failure with its query. */
static lbk_status note(lbk_model *model, lbk__query *query, lbk_status status) {
    query->status = status;
    if (status != LBK_OK) snprintf(query->error, sizeof query->error, "%s", lbk_error(model->context));
    return status == LBK_OK || is_own(status) ? LBK_OK : status;
}

static lbk_status tokenize(lbk_model *model, const lbk_input *input, lbk__query *query) {
    const char *text = input->text ? input->text : "";
    const int32_t longest =
        LBK_MIN(model->model->max_text_tokens, model->model->config.max_position_embeddings);
    size_t count = 0;
    const lbk_status status = lbk_tokenizer_encode(model->tokenizer, text, strlen(text), longest,
                                                   &query->tokens, &query->token_capacity, &count);
    query->item = (lbk__batch_item){.tokens = query->tokens, .num_tokens = (int32_t)count};
    return note(model, query, status);
}

/* ---- visual rows ---- */

static lbk_status check_rows(const lbk_model *model, const lbk_input *input) {
    if (input->visual && input->num_rows < 0)
        return lbk__fail(model->context, LBK_INVALID_ARGUMENT, "an input has %d visual rows",
                         input->num_rows);
    if ((input->image || (input->visual && input->num_rows)) && !model->reads_pictures)
        return lbk__fail(model->context, LBK_MISMATCH,
                         "this model reads no pictures: it was trained on texts alone; leave the image out");
    if (input->visual || !input->image || model->visual) return LBK_OK;
    json_t *source = model->model->visual_source ? json_loads(model->model->visual_source, 0, NULL) : NULL;
    const bool encoded = lbk__extractor_identity_in(source) != NULL;
    json_decref(source);
    return lbk__fail(
        model->context, LBK_INVALID_ARGUMENT,
        "%s: this model reads region features, not pictures: give an HDF5 file that has this image's "
        "(--features)%s, or the rows",
        input->image, encoded ? ", or the weights of the image encoder that made them (--weights)" : "");
}

/* Images become rows here and nowhere else. Those that fail are read once more, alone, for the sentence. */
static lbk_status read_images(lbk_model *model, const lbk_input *inputs, int32_t count, uint16_t *rows) {
    const char *images[LBK__PREDICT_BATCH];
    bool failed[LBK__PREDICT_BATCH] = {false};
    lbk__query *of[LBK__PREDICT_BATCH];
    const int32_t num_rows = lbk__visual_source_num_rows(model->visual);
    const size_t values = (size_t)num_rows * (size_t)lbk__visual_source_dim(model->visual);
    size_t num_images = 0;
    for (int32_t i = 0; i < count; i++) {
        if (model->queries[i].status != LBK_OK || inputs[i].visual || !inputs[i].image) continue;
        of[num_images] = &model->queries[i];
        images[num_images++] = inputs[i].image;
    }
    LBK_TRY(lbk__visual_source_read(model->visual, images, num_images, rows, failed));
    for (size_t i = 0; i < num_images; i++) {
        uint16_t *mine = rows + i * values;
        of[i]->item.visual = mine;
        of[i]->item.num_rows = num_rows;
        if (failed[i])
            LBK_TRY(note(model, of[i], lbk__visual_source_read_one(model->visual, images[i], mine)));
    }
    return LBK_OK;
}

/* The rows of all queries in one buffer: those of images first, then those that were handed in. */
static lbk_status make_rows(lbk_model *model, const lbk_input *inputs, int32_t count) {
    const int32_t dim = model->model->config.visual_embedding_dim;
    const size_t rows_of_image = model->visual ? (size_t)lbk__visual_source_num_rows(model->visual) : 0;
    size_t of_images = 0, handed = 0;
    for (int32_t i = 0; i < count; i++) {
        if (model->queries[i].status != LBK_OK) continue;
        LBK_TRY(note(model, &model->queries[i], check_rows(model, &inputs[i])));
        if (model->queries[i].status != LBK_OK) continue;
        if (inputs[i].visual)
            handed += (size_t)inputs[i].num_rows;
        else if (inputs[i].image)
            of_images += rows_of_image;
    }
    if (of_images + handed == 0) return LBK_OK;
    LBK_TRY(LBK_GROW(model->context, model->rows, model->row_capacity, (of_images + handed) * (size_t)dim));
    if (of_images) LBK_TRY(read_images(model, inputs, count, model->rows));
    uint16_t *next = model->rows + of_images * (size_t)dim;
    for (int32_t i = 0; i < count; i++) {
        lbk__query *query = &model->queries[i];
        if (query->status != LBK_OK || !inputs[i].visual) continue;
        query->item.visual = next;
        query->item.num_rows = inputs[i].num_rows;
        LBK_TRY(note(model, query,
                     lbk__rows_to_half(model->context, inputs[i].visual, inputs[i].num_rows, dim, next)));
        next += (size_t)inputs[i].num_rows * (size_t)dim;
    }
    return LBK_OK;
}

/* ---- running ---- */

void lbk__drop_plan(lbk_model *model) {
    lbk__runner_free(model->runner);
    lbk__batch_free(model->context, &model->batch);
    model->runner = NULL;
    model->limits = (lbk__batch_limits){0};
}

/* Plans for at least these items; room to spare, so that a stream of inputs plans a few times only. */
static lbk_status plan_for(lbk_model *model, const lbk__batch_item *items, int32_t count) {
    const lbk__batch_limits *now = &model->limits;
    int64_t text = 0, rows = 0;
    int32_t longest = 0;
    for (int32_t i = 0; i < count; i++) {
        text += items[i].num_tokens;
        rows += items[i].num_rows;
        longest = LBK_MAX(longest, items[i].num_tokens + items[i].num_rows);
    }
    const int64_t tokens = 2 * text + 2 * rows + 2 * count; /* of the three views together */
    if (model->runner && count <= now->num_samples && tokens <= now->num_tokens && rows <= now->num_rows &&
        longest <= now->longest)
        return LBK_OK;
    if (tokens > INT32_MAX / 2)
        return lbk__fail(model->context, LBK_INVALID_ARGUMENT, "%lld tokens and visual rows are too many",
                         (long long)tokens);
    const lbk__batch_limits limits = {.num_samples = LBK_MAX(count, now->num_samples),
                                      .num_views = LBK_NUM_VIEWS,
                                      .num_sequences = LBK_NUM_VIEWS * LBK_MAX(count, now->num_samples),
                                      .num_tokens = LBK_MAX((int32_t)(tokens + tokens / 4), now->num_tokens),
                                      .num_rows = LBK_MAX((int32_t)(rows + rows / 4), now->num_rows),
                                      .visual_dim = model->model->config.visual_embedding_dim,
                                      .longest = LBK_MAX(longest + longest / 4, now->longest)};
    lbk__drop_plan(model);
    LBK_TRY(lbk__batch_create(model->context, &limits, &model->batch));
    LBK_TRY(lbk__runner_create(model->model, NULL, &limits, LBK__RUN_INFER, 0, &model->runner));
    model->limits = limits;
    return LBK_OK;
}

lbk_status lbk__predict(lbk_model *model, const lbk_input *inputs, int32_t count, const float **logits) {
    lbk__batch_item items[LBK__PREDICT_BATCH];
    int32_t num_items = 0;
    *logits = NULL;
    LBK_TRY(lbk__check_classifier(model->model));
    for (int32_t i = 0; i < count; i++) LBK_TRY(tokenize(model, &inputs[i], &model->queries[i]));
    LBK_TRY(make_rows(model, inputs, count));
    for (int32_t i = 0; i < count; i++)
        if (model->queries[i].status == LBK_OK) items[num_items++] = model->queries[i].item;
    if (num_items == 0) return LBK_OK;
    LBK_TRY(plan_for(model, items, num_items));
    LBK_TRY(lbk__batch_fill_items(model->context, items, num_items, &model->limits, &model->batch));
    *logits = lbk__runner_forward(model->runner, &model->batch, -1);
    return lbk__check_starved(model->context);
}

lbk_status lbk__check_logits(lbk_model *model, lbk__query *query, const float *const logits[LBK_NUM_VIEWS]) {
    for (int view = 0; view < LBK_NUM_VIEWS; view++)
        for (int32_t c = 0; c < model->model->config.num_labels; c++)
            if (!isfinite(logits[view][c]))
                return note(model, query,
                            lbk__fail(model->context, LBK_NUMERIC,
                                      "the model's logits of this input are not finite: its weights are too "
                                      "large to be of a training that went well"));
    return LBK_OK;
}

lbk_status lbk_model_predict(lbk_model *model, const lbk_input *input, float *logits, float *probabilities) {
    LBK__GUEST(model->context);
    const int32_t classes = model->model->config.num_labels;
    const float *found;
    LBK_TRY(lbk__predict(model, input, 1, &found));
    lbk__query *query = &model->queries[0];
    if (query->status == LBK_OK)
        LBK_TRY(lbk__check_logits(model, query,
                                  (const float *const[]){found, found + classes, found + 2 * classes}));
    if (query->status != LBK_OK) return lbk__fail(model->context, query->status, "%s", query->error);
    if (logits) memcpy(logits, found, LBK_NUM_VIEWS * (size_t)classes * sizeof *logits);
    for (int view = 0; probabilities && view < LBK_NUM_VIEWS; view++)
        lbk__probabilities(model->model->label_kind, found + view * classes, classes,
                           probabilities + view * classes);
    return LBK_OK;
}
