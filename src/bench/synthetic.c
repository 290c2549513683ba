/* synthetic.c: drawn batches. */
#include "bench/synthetic.h"

#include "base/half.h"
#include "base/random.h"

lbk__batch_limits lbk__synthetic_limits(const lbk_bench_options *o, int32_t views) {
    const int32_t joint = o->longest + o->regions, all = joint + o->longest + 2 + o->regions;
    return (lbk__batch_limits){.num_samples = o->batch,
                               .num_views = views,
                               .num_sequences = o->batch * views,
                               .num_tokens = o->batch * (views == 1 ? joint : all),
                               .num_rows = o->batch * o->regions,
                               .visual_dim = o->visual_dim,
                               .longest = joint};
}

/* One sequence of `text` tokens (only [CLS] and [SEP] under the image view) and the sample's visual rows. */
static void lay_sequence(const lbk_bench_options *o, lbk__batch *batch, int32_t sample, int view,
                         int32_t text, uint64_t seed) {
    const int32_t regions = view == LBK_VIEW_TEXT ? 0 : o->regions;
    for (int32_t k = 0; k < text; k++) {
        if (view == LBK_VIEW_IMAGE && k > 0 && k < text - 1) continue;
        batch->tokens[batch->num_tokens] =
            1000 + (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, (uint32_t)sample, (uint64_t)k, 29000);
        batch->position[batch->num_tokens] = k;
        batch->segment[batch->num_tokens++] = 0;
    }
    batch->last_word[batch->num_sequences] = batch->num_tokens - 2;
    for (int32_t r = 0; r < regions; r++) {
        batch->tokens[batch->num_tokens] = -1 - (sample * o->regions + r);
        batch->position[batch->num_tokens] = 0;
        batch->segment[batch->num_tokens++] = 1;
    }
    batch->sample[batch->num_sequences] = sample;
    batch->view[batch->num_sequences++] = (int8_t)view;
    batch->start[batch->num_sequences] = batch->num_tokens;
}

static void fill(const lbk_bench_options *o, int32_t views, lbk__synthetic *s, uint64_t seed) {
    lbk__batch *batch = &s->batch;
    batch->num_tokens = batch->num_sequences = 0;
    batch->num_rows = o->batch * o->regions;
    batch->visual_dim = o->visual_dim;
    batch->num_samples = o->batch;
    batch->num_views = views;
    batch->start[0] = 0;
    for (int view = 0; view < views; view++)
        for (int32_t i = 0; i < o->batch; i++) {
            const int32_t text =
                o->shortest + (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, UINT32_MAX, (uint64_t)i,
                                                  (uint32_t)(o->longest - o->shortest + 1));
            lay_sequence(o, batch, i, view, text, seed);
        }
    for (int64_t k = 0; k < (int64_t)batch->num_rows * o->visual_dim; k++)
        batch->visual[k] = lbk__float_to_half(
            (float)(lbk__uniform(seed, LBK__STREAM_SYNTHETIC, 1u << 30, (uint64_t)k) - 0.5));
    for (int64_t k = 0; k < 3 * (int64_t)o->batch * o->classes; k++)
        s->teacher[k] = (float)lbk__normal(seed, LBK__STREAM_SYNTHETIC, 1u << 29, (uint64_t)k);
    for (int32_t i = 0; i < o->batch; i++)
        s->labels[i] =
            (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, 1u << 28, (uint64_t)i, (uint32_t)o->classes);
}

lbk_status lbk__synthetic_create(lbk_context *context, const lbk_bench_options *options, int32_t views,
                                 uint64_t seed, lbk__synthetic *out) {
    const size_t size = (size_t)options->batch;
    const lbk__batch_limits limits = lbk__synthetic_limits(options, views);
    LBK_TRY(lbk__batch_create(context, &limits, &out->batch));
    LBK_TRY(LBK_ALLOC(context, out->teacher, 3 * size * (size_t)options->classes));
    LBK_TRY(LBK_ALLOC(context, out->labels, size));
    fill(options, views, out, seed);
    return LBK_OK;
}

void lbk__synthetic_free(lbk_context *context, lbk__synthetic *synthetic) {
    lbk__batch_free(context, &synthetic->batch);
    lbk_free(context, synthetic->teacher);
    lbk_free(context, synthetic->labels);
    *synthetic = (lbk__synthetic){0};
}
