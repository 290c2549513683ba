/* meta.c: what learned weights need beside a run without them. */
#include "base/file.h"
#include "train/training.h"

lbk_status lbk__meta_create(lbk__training *t) {
    lbk__meta *m = &t->meta;
    if (!lbk__training_learns_weights(t)) return LBK_OK;
    const lbk__weight_network_options options = lbk__config_weight_network(t->config);
    const int64_t most = t->config->train.batch_size * t->config->train.gradient_accumulation_steps;
    const size_t size = (size_t)m->limits.num_samples, group = (size_t)LBK_MIN(most, t->samples.count);
    m->round = -1;
    LBK_TRY(lbk__weight_network_create(t->context, &options, &m->network));
    LBK_TRY(lbk__lookahead_create(t->model, t->runner, &m->limits, &m->lookahead));
    LBK_TRY(lbk__batch_create(t->context, &m->limits, &m->batch));
    LBK_TRY(LBK_ALLOC(t->context, m->targets, size * (size_t)t->num_classes));
    LBK_TRY(LBK_ALLOC(t->context, m->labels, size));
    LBK_TRY(LBK_ALLOC(t->context, m->labelled, size));
    LBK_TRY(LBK_ALLOC(t->context, m->order, t->samples.num_meta));
    LBK_TRY(LBK_ALLOC(t->context, m->features, group * LBK__NUM_FEATURES));
    LBK_TRY(LBK_ALLOC(t->context, m->d_weights, (size_t)t->limits.num_samples * LBK_NUM_VIEWS));
    return LBK_ALLOC(t->context, m->sample_weights, (size_t)lbk_pack_num_samples(t->pack) * LBK_NUM_VIEWS);
}

void lbk__meta_free(lbk__training *t) {
    lbk__meta *m = &t->meta;
    void *const blocks[] = {m->targets,  m->labels,    m->labelled,      m->order,
                            m->features, m->d_weights, m->sample_weights};
    lbk__weight_network_free(m->network);
    lbk__lookahead_free(&m->lookahead);
    lbk__batch_free(t->context, &m->batch);
    for (size_t i = 0; i < LBK_COUNT(blocks); i++) lbk_free(t->context, blocks[i]);
}

lbk_status lbk__meta_write(const lbk__training *t) {
    char *path;
    if (!t->meta.network) return LBK_OK;
    LBK_TRY(lbk__join(t->context, t->run.folder, "weight_network.safetensors", &path));
    lbk_status status = lbk__weight_network_write(t->meta.network, path, t->meta.sample_weights,
                                                  lbk_pack_num_samples(t->pack));
    lbk_free(t->context, path);
    return status;
}
