/* cache_writer.c: streams a teacher cache. */
#include "distill/cache.h"

#include "base/names.h"
#include "format/by_view.h"

#include <math.h>
#include <string.h>

struct lbk__cache_writer {
    lbk_context *context;
    char *path, *description;
    lbk__cache_key key; /* its hashes are not kept: they are in `description` */
    lbk__by_view logits;
    float *saliency; /* [4][2][N] */
};

static lbk_status describe(lbk_context *context, const lbk__cache_key *key, char **out) {
    char folds[32] = "", precision[32] = "";
    if (key->folds) snprintf(folds, sizeof folds, "\"folds\":%d,", key->folds);
    if (key->precision) snprintf(precision, sizeof precision, "\"precision\":\"%s\",", key->precision);
    return lbk__format(context, out,
                       "{\"kind\":\"cache\",\"version\":%d,\"teacher_sha256\":\"%s\",\"pack_sha256\":\"%s\","
                       "\"label_kind\":\"%s\",%s%s\"views\":[\"joint\"%s],"
                       "\"saliencies\":[\"kl\",\"js\",\"tv\",\"label\"]}",
                       LBK__CACHE_VERSION, key->teacher_sha256, key->pack_sha256,
                       lbk__label_kind_names[key->label_kind], folds, precision,
                       key->joint_only ? "" : ",\"text\",\"image\"");
}

lbk_status lbk__cache_writer_open(lbk_context *context, const char *path, const lbk__cache_key *key,
                                  lbk__cache_writer **out) {
    *out = NULL;
    lbk__cache_writer *writer;
    LBK_TRY(LBK_ALLOC(context, writer, 1));
    writer->context = context;
    writer->key = *key;
    lbk_status status = LBK_OK;
    size_t samples = (size_t)key->num_samples;
    LBK_GO(lbk__copy_string(context, path, &writer->path));
    LBK_GO(describe(context, key, &writer->description));
    LBK_GO(LBK_ALLOC(context, writer->saliency, samples * LBK__NUM_SALIENCIES * LBK__NUM_MODALITIES));
    LBK_GO(lbk__by_view_open(context, writer->path, lbk__cache_views(key), key->num_samples, key->num_classes,
                             &writer->logits));
    *out = writer;
done:
    if (status != LBK_OK) lbk__cache_writer_close(writer);
    return status;
}

void lbk__cache_writer_close(lbk__cache_writer *writer) {
    if (!writer) return;
    lbk_context *context = writer->context;
    lbk__by_view_close(&writer->logits);
    lbk_free(context, writer->path);
    lbk_free(context, writer->description);
    lbk_free(context, writer->saliency);
    lbk_free(context, writer);
}

/* What is removed for S(text) is shown under the image view, and the other way round. */
static void compute(const lbk__cache_key *key, const float *logits, int32_t label, const float *targets,
                    lbk__saliencies out) {
    size_t classes = (size_t)key->num_classes;
    const float *removed[LBK__NUM_MODALITIES] = {logits + LBK_VIEW_IMAGE * classes,
                                                 logits + LBK_VIEW_TEXT * classes};
    for (int kind = 0; kind < LBK__NUM_SALIENCIES; kind++)
        for (int m = 0; m < LBK__NUM_MODALITIES; m++)
            out[kind][m] = (float)lbk__saliency_of((lbk__saliency)kind, key->label_kind, logits, removed[m],
                                                   key->num_classes, label, targets);
}

lbk_status lbk__cache_writer_put(lbk__cache_writer *writer, int64_t sample, const float *logits,
                                 int32_t label, const float *targets, lbk__saliencies saliencies) {
    const lbk__cache_key *key = &writer->key;
    size_t count = (size_t)lbk__cache_views(key) * (size_t)key->num_classes;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(logits[i]))
            return lbk__fail(
                writer->context, LBK_NUMERIC,
                "the teacher's logits of sample %lld are not finite: its weights or the sample's "
                "visual rows are damaged",
                (long long)sample);
    LBK_TRY(lbk__by_view_put(&writer->logits, sample, logits));
    memset(saliencies, 0, sizeof(lbk__saliencies));
    if (!key->joint_only) compute(key, logits, label, targets, saliencies);
    for (int64_t row = 0; row < LBK__NUM_SALIENCIES * LBK__NUM_MODALITIES; row++)
        writer->saliency[row * key->num_samples + sample] =
            saliencies[row / LBK__NUM_MODALITIES][row % LBK__NUM_MODALITIES];
    return LBK_OK;
}

lbk_status lbk__cache_writer_commit(lbk__cache_writer *writer) {
    const lbk__cache_key *key = &writer->key;
    const lbk__tensor_spec specs[] = {
        {"logits", LBK__F32, 3, {lbk__cache_views(key), key->num_samples, key->num_classes}},
        {"saliency", LBK__F32, 3, {LBK__NUM_SALIENCIES, LBK__NUM_MODALITIES, key->num_samples}}};
    const lbk__metadata metadata[] = {{"limbeck", writer->description}};
    lbk__safetensors_writer *file = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_writer_open(writer->context, writer->path, specs, key->joint_only ? 1 : 2,
                                        metadata, LBK_COUNT(metadata), "sha256", &file));
    LBK_GO(lbk__by_view_write(&writer->logits, file));
    if (!key->joint_only)
        LBK_GO(lbk__safetensors_writer_put(file, writer->saliency,
                                           (size_t)key->num_samples * sizeof(lbk__saliencies)));
    LBK_GO(lbk__safetensors_writer_commit(file, NULL));
done:
    lbk__safetensors_writer_close(file);
    return status;
}
