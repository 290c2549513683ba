/* infer.c: inference in windows: a window's samples are batched by length, its logits handed on in order. */
#include "train/infer.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_BATCHES = 16 };

/* A sample of the window: its place in the list, its tokens and visual rows. */
typedef struct item {
    int64_t position;
    int32_t length;
} item;

struct lbk__inference {
    lbk_context *context;
    const lbk_pack *pack;
    const int32_t *indices;
    int64_t count;
    int32_t num_views, num_classes, batch_size, window;
    lbk__batch_limits limits;
    lbk__batch batch;
    lbk__runner *runner;
    item *items;     /* [window] */
    int32_t *chosen; /* [batch_size] samples of the pack */
    float *logits;   /* [window][num_views][C] */
};

static lbk_status allocate(lbk__inference *inference, lbk__model *model, const float *weights) {
    lbk_context *context = inference->context;
    size_t per_sample = (size_t)inference->num_views * (size_t)inference->num_classes;
    LBK_TRY(LBK_ALLOC(context, inference->items, inference->window));
    LBK_TRY(LBK_ALLOC(context, inference->chosen, inference->batch_size));
    LBK_TRY(LBK_ALLOC(context, inference->logits, (size_t)inference->window * per_sample));
    LBK_TRY(lbk__batch_limits_of(context, inference->pack, inference->indices, inference->count,
                                 inference->batch_size, inference->num_views, &inference->limits));
    LBK_TRY(lbk__batch_create(context, &inference->limits, &inference->batch));
    return lbk__runner_create(model, weights, &inference->limits, LBK__RUN_INFER, 0, &inference->runner);
}

lbk_status lbk__inference_create(lbk__model *model, const float *weights, const lbk_pack *pack,
                                 const int32_t *indices, int64_t count, int32_t num_views, int32_t batch_size,
                                 lbk__inference **out) {
    *out = NULL;
    LBK_TRY(lbk__check_fit(model, pack, indices, count));
    lbk__inference *inference;
    LBK_TRY(LBK_ALLOC(model->context, inference, 1));
    inference->context = model->context;
    inference->pack = pack;
    inference->indices = indices;
    inference->count = count;
    inference->num_views = num_views;
    inference->num_classes = model->config.num_labels;
    inference->batch_size = (int32_t)LBK_MAX(1, LBK_MIN(batch_size, count));
    inference->window = (int32_t)LBK_MIN((int64_t)inference->batch_size * WINDOW_BATCHES, LBK_MAX(count, 1));
    lbk_status status = count ? allocate(inference, model, weights) : LBK_OK;
    if (status == LBK_OK)
        *out = inference;
    else
        lbk__inference_free(inference);
    return status;
}

void lbk__inference_free(lbk__inference *inference) {
    if (!inference) return;
    lbk_context *context = inference->context;
    if (inference->runner) lbk__runner_free(inference->runner);
    lbk__batch_free(context, &inference->batch);
    lbk_free(context, inference->items);
    lbk_free(context, inference->chosen);
    lbk_free(context, inference->logits);
    lbk_free(context, inference);
}

int64_t lbk__inference_count(const lbk__inference *inference) {
    return inference->count;
}

const int32_t *lbk__inference_indices(const lbk__inference *inference) {
    return inference->indices;
}

int32_t lbk__inference_num_views(const lbk__inference *inference) {
    return inference->num_views;
}

/* Longest first, so that the largest batch comes first; equals in the order of the list. */
static int by_length(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? 1 : -1;
    return (x->position > y->position) - (x->position < y->position);
}

static lbk_status choose(lbk__inference *inference, int64_t first, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(inference->pack, inference->indices[first + i], &sample));
        inference->items[i] = (item){.position = first + i, .length = sample.num_tokens + sample.num_rows};
    }
    qsort(inference->items, (size_t)count, sizeof *inference->items, by_length);
    return LBK_OK;
}

/* Runs `count` items and puts their logits where the order wants them. */
static lbk_status run_batch(lbk__inference *inference, int64_t first, const item *items, int32_t count) {
    size_t classes = (size_t)inference->num_classes, views = (size_t)inference->num_views;
    for (int32_t i = 0; i < count; i++) inference->chosen[i] = inference->indices[items[i].position];
    LBK_TRY(lbk__batch_fill(inference->context, inference->pack, inference->chosen, count,
                            inference->num_views, &inference->limits, &inference->batch));
    const float *logits = lbk__runner_forward(inference->runner, &inference->batch, -1);
    LBK_TRY(lbk__check_starved(inference->context));
    for (size_t v = 0; v < views; v++)
        for (size_t i = 0; i < (size_t)count; i++) {
            size_t at = (size_t)(items[i].position - first);
            memcpy(inference->logits + (at * views + v) * classes, logits + (v * (size_t)count + i) * classes,
                   classes * sizeof *logits);
        }
    return LBK_OK;
}

static lbk_status run_window(lbk__inference *inference, const char *stage, int64_t first, int32_t count) {
    LBK_TRY(choose(inference, first, count));
    for (int32_t done = 0; done < count; done += inference->batch_size) {
        if (lbk__interrupted(inference->context))
            return lbk__fail(inference->context, LBK_INTERRUPTED, "stopped on request");
        int32_t size = LBK_MIN(inference->batch_size, count - done);
        LBK_TRY(run_batch(inference, first, inference->items + done, size));
        if (stage)
            lbk__report(inference->context, stage, "samples", (uint64_t)(first + done + size),
                        (uint64_t)inference->count, NULL);
    }
    return LBK_OK;
}

lbk_status lbk__inference_run(lbk__inference *inference, const char *stage, lbk__infer_sink sink,
                              void *user) {
    int64_t per_sample = (int64_t)inference->num_views * inference->num_classes;
    if (inference->runner) lbk__runner_weights_changed(inference->runner);
    for (int64_t first = 0; first < inference->count; first += inference->window) {
        int32_t count = (int32_t)LBK_MIN(inference->window, inference->count - first);
        LBK_TRY(run_window(inference, stage, first, count));
        for (int32_t i = 0; i < count; i++)
            LBK_TRY(sink(user, first + i, inference->logits + i * per_sample));
    }
    return LBK_OK;
}
