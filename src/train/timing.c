/* timing.c: latency and throughput of a model on real samples. */
#include "base/sorted.h"
#include "train/measure.h"

enum { WARMUP = 5, LATENCIES = 100, BATCHES = 20 };

/* A runner for batches of `size` joint views, and the samples to choose from. */
typedef struct bench {
    lbk_context *context;
    const lbk_pack *pack;
    const int32_t *indices;
    int64_t count, next;
    int32_t size, chosen[LBK__TIMING_BATCH];
    lbk__batch_limits limits;
    lbk__batch batch;
    lbk__runner *runner;
} bench;

static lbk_status open_bench(bench *b, lbk__model *model, int32_t size) {
    b->size = size;
    b->next = 0;
    LBK_TRY(lbk__batch_limits_of(b->context, b->pack, b->indices, b->count, size, 1, &b->limits));
    LBK_TRY(lbk__batch_create(b->context, &b->limits, &b->batch));
    return lbk__runner_create(model, NULL, &b->limits, LBK__RUN_INFER, 0, &b->runner);
}

static void close_bench(bench *b) {
    if (b->runner) lbk__runner_free(b->runner);
    lbk__batch_free(b->context, &b->batch);
    b->runner = NULL;
    b->batch = (lbk__batch){0};
}

/* The next batch, round the list; its seconds. */
static lbk_status run_one(bench *b, double *seconds) {
    if (lbk__interrupted(b->context)) return lbk__fail(b->context, LBK_INTERRUPTED, "stopped on request");
    for (int32_t i = 0; i < b->size; i++) b->chosen[i] = b->indices[b->next++ % b->count];
    double start = lbk__seconds();
    LBK_TRY(lbk__batch_fill(b->context, b->pack, b->chosen, b->size, 1, &b->limits, &b->batch));
    lbk__runner_forward(b->runner, &b->batch, -1);
    *seconds = lbk__seconds() - start;
    return lbk__check_starved(b->context);
}

static lbk_status measure(bench *b, double *seconds, int count) {
    double ignored;
    for (int i = 0; i < WARMUP; i++) LBK_TRY(run_one(b, &ignored));
    for (int i = 0; i < count; i++) LBK_TRY(run_one(b, &seconds[i]));
    return LBK_OK;
}

lbk_status lbk__time_model(lbk__model *model, const lbk_pack *pack, const int32_t *indices, int64_t count,
                           lbk__timing *out) {
    bench b = {.context = model->context, .pack = pack, .indices = indices, .count = count};
    double latency[LATENCIES], seconds[BATCHES], total = 0;
    int32_t batch_size = (int32_t)LBK_MIN(count, LBK__TIMING_BATCH);
    lbk_status status = LBK_OK;
    LBK_GO(open_bench(&b, model, 1));
    LBK_GO(measure(&b, latency, LATENCIES));
    close_bench(&b);
    LBK_GO(open_bench(&b, model, batch_size));
    LBK_GO(measure(&b, seconds, BATCHES));
    lbk__sort(latency, LATENCIES);
    for (int i = 0; i < BATCHES; i++) total += seconds[i];
    *out = (lbk__timing){.latency_ms = 1e3 * lbk__percentile(latency, LATENCIES, 50),
                         .samples_per_s = (double)batch_size * BATCHES / total,
                         .batch_size = batch_size};
done:
    close_bench(&b);
    return status;
}
