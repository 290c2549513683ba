/* measure.c: metrics of a model on a list of samples, under every view at once. */
#include "train/measure.h"

#include <string.h>

typedef struct measuring {
    const lbk_pack *pack;
    const lbk__cache *cache;
    const int32_t *indices;
    int64_t count;
    int32_t num_views, num_classes;
    lbk_label_kind label_kind;
    lbk__tally *tally[LBK_NUM_VIEWS];
    float *row; /* [C] the targets at hand */
    /* What ranking metrics need of the labelled samples; NULL for soft labels: */
    float *logits;   /* [num_views][count][C] */
    int32_t *labels; /* [count] */
    lbk__labels targets;
    int64_t num_labelled;
} measuring;

static lbk_status begin(lbk_context *context, const float *thresholds, measuring *m) {
    size_t all = (size_t)m->count * (size_t)m->num_classes;
    for (int32_t v = 0; v < m->num_views; v++)
        LBK_TRY(lbk__tally_create(context, m->label_kind, m->num_classes, thresholds, &m->tally[v]));
    LBK_TRY(LBK_ALLOC(context, m->row, m->num_classes));
    if (m->label_kind == LBK_LABEL_SOFT) return LBK_OK;
    LBK_TRY(LBK_ALLOC(context, m->logits, (size_t)m->num_views * all));
    if (m->label_kind == LBK_LABEL_SINGLE) return LBK_ALLOC(context, m->labels, m->count);
    return lbk__labels_read(context, m->pack, m->indices, m->count, &m->targets);
}

static void end(lbk_context *context, measuring *m) {
    for (int v = 0; v < LBK_NUM_VIEWS; v++) lbk__tally_free(m->tally[v]);
    lbk_free(context, m->row);
    lbk_free(context, m->logits);
    lbk_free(context, m->labels);
    lbk__labels_free(context, &m->targets);
}

static void keep(measuring *m, const float *logits, int32_t label) {
    size_t classes = (size_t)m->num_classes, count = (size_t)m->count, at = (size_t)m->num_labelled++;
    for (size_t v = 0; v < (size_t)m->num_views; v++)
        memcpy(m->logits + (v * count + at) * classes, logits + v * classes, classes * sizeof *logits);
    if (m->labels) m->labels[at] = label;
}

static lbk_status add(void *user, int64_t position, const float *logits) {
    measuring *m = user;
    int32_t index = m->indices[position], label;
    uint8_t labelled;
    LBK_TRY(lbk__batch_targets(m->pack, &index, 1, m->row, &label, &labelled));
    for (int32_t v = 0; v < m->num_views; v++)
        LBK_TRY(lbk__tally_add(m->tally[v], logits + v * m->num_classes, labelled ? label : -1,
                               labelled ? m->row : NULL,
                               m->cache ? lbk__cache_logits(m->cache, (lbk_view)v, index) : NULL));
    if (labelled && m->logits) keep(m, logits, label);
    return LBK_OK;
}

static lbk_status finish(lbk_context *context, const measuring *m, lbk__metrics *out) {
    for (int32_t v = 0; v < m->num_views; v++) {
        lbk__tally_metrics(m->tally[v], &out[v]);
        if (!m->logits) continue;
        lbk__metrics_input input = {.label_kind = m->label_kind,
                                    .num_samples = m->num_labelled,
                                    .num_classes = m->num_classes,
                                    .logits = m->logits + v * m->count * m->num_classes,
                                    .labels = m->labels,
                                    .targets = &m->targets};
        LBK_TRY(lbk__ranking_metrics(context, &input, &out[v]));
    }
    return LBK_OK;
}

lbk_status lbk__measure(lbk__inference *inference, const lbk__model *model, const lbk_pack *pack,
                        const lbk__cache *cache, const char *stage, lbk__metrics *out) {
    measuring m = {.pack = pack,
                   .cache = cache,
                   .indices = lbk__inference_indices(inference),
                   .count = lbk__inference_count(inference),
                   .num_views = lbk__inference_num_views(inference),
                   .num_classes = model->config.num_labels,
                   .label_kind = model->label_kind};
    lbk_status status = LBK_OK;
    LBK_GO(begin(model->context, model->thresholds, &m));
    LBK_GO(lbk__inference_run(inference, stage, add, &m));
    LBK_GO(finish(model->context, &m, out));
done:
    end(model->context, &m);
    return status;
}
