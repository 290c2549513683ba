/* cache_writer.c: streams a teacher cache. A sample arrives with its three views together, the file wants one
 * view after the other: logits go to a temporary file by sample first. */
#include "distill/cache.h"

#include "format/safetensors.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct lbk__cache_writer {
    lbk_context *context;
    char *path, *description;
    lbk__cache_key key;    /* its hashes are not kept: they are in `description` */
    FILE *scratch;         /* [N][3][C], without a name */
    float *saliency;       /* [4][2][N] */
    int64_t num_put, next; /* samples put; the one that `scratch` stands before */
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
    LBK_GO(lbk__unnamed_file(context, path, &writer->scratch));
    *out = writer;
done:
    if (status != LBK_OK) lbk__cache_writer_close(writer);
    return status;
}

void lbk__cache_writer_close(lbk__cache_writer *writer) {
    if (!writer) return;
    lbk_context *context = writer->context;
    if (writer->scratch) fclose(writer->scratch);
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

static lbk_status seek(lbk__cache_writer *writer, uint64_t offset) {
    if (fseeko(writer->scratch, (off_t)offset, SEEK_SET) == 0) return LBK_OK;
    return lbk__fail_errno(writer->context, "%s: the temporary file for it cannot be written", writer->path);
}

lbk_status lbk__cache_writer_put(lbk__cache_writer *writer, int64_t sample, const float *logits,
                                 int32_t label, const float *targets, lbk__saliencies saliencies) {
    const lbk__cache_key *key = &writer->key;
    size_t count = (size_t)lbk__cache_views(key) * (size_t)key->num_classes;
    if (writer->num_put == key->num_samples || sample >= key->num_samples)
        return lbk__fail(writer->context, LBK_INTERNAL, "%s: more samples than the %lld of the pack",
                         writer->path, (long long)key->num_samples);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(logits[i]))
            return lbk__fail(
                writer->context, LBK_NUMERIC,
                "the teacher's logits of sample %lld are not finite: its weights or the sample's "
                "visual rows are damaged",
                (long long)sample);
    if (sample != writer->next) LBK_TRY(seek(writer, (uint64_t)sample * count * sizeof *logits));
    if (fwrite(logits, sizeof *logits, count, writer->scratch) != count)
        return lbk__fail_errno(writer->context, "%s: the temporary file for it cannot be written",
                               writer->path);
    writer->next = sample + 1;
    memset(saliencies, 0, sizeof(lbk__saliencies));
    if (!key->joint_only) compute(key, logits, label, targets, saliencies);
    for (int64_t row = 0; row < LBK__NUM_SALIENCIES * LBK__NUM_MODALITIES; row++)
        writer->saliency[row * key->num_samples + sample] =
            saliencies[row / LBK__NUM_MODALITIES][row % LBK__NUM_MODALITIES];
    writer->num_put++;
    return LBK_OK;
}

/* Copies one view of all samples, `block` of them at a time. */
static lbk_status lay_out_view(lbk__cache_writer *writer, int view, float *buffer, int64_t block,
                               lbk__safetensors_writer *file) {
    size_t classes = (size_t)writer->key.num_classes, views = (size_t)lbk__cache_views(&writer->key);
    LBK_TRY(seek(writer, 0));
    for (int64_t first = 0; first < writer->key.num_samples; first += block) {
        size_t samples = (size_t)LBK_MIN(block, writer->key.num_samples - first);
        size_t wanted = samples * views * classes;
        if (fread(buffer, sizeof *buffer, wanted, writer->scratch) != wanted)
            return lbk__fail_errno(writer->context, "%s: cannot read its temporary back", writer->path);
        for (size_t i = 0; i < samples; i++)
            memmove(buffer + i * classes, buffer + (i * views + (size_t)view) * classes,
                    classes * sizeof *buffer);
        LBK_TRY(lbk__safetensors_writer_put(file, buffer, samples * classes * sizeof *buffer));
    }
    return LBK_OK;
}

lbk_status lbk__cache_writer_commit(lbk__cache_writer *writer) {
    const lbk__cache_key *key = &writer->key;
    if (writer->num_put != key->num_samples)
        return lbk__fail(writer->context, LBK_INTERNAL, "%s: only %lld of %lld samples were written",
                         writer->path, (long long)writer->num_put, (long long)key->num_samples);
    const int32_t views = lbk__cache_views(key);
    const lbk__tensor_spec specs[] = {
        {"logits", LBK__F32, 3, {views, key->num_samples, key->num_classes}},
        {"saliency", LBK__F32, 3, {LBK__NUM_SALIENCIES, LBK__NUM_MODALITIES, key->num_samples}}};
    const lbk__metadata metadata[] = {{"limbeck", writer->description}};
    int64_t block = LBK_MAX(1, (1 << 18) / key->num_classes);
    lbk__safetensors_writer *file = NULL;
    float *buffer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(writer->context, buffer, block * views * key->num_classes));
    LBK_GO(lbk__safetensors_writer_open(writer->context, writer->path, specs, key->joint_only ? 1 : 2,
                                        metadata, LBK_COUNT(metadata), "sha256", &file));
    for (int view = 0; view < views; view++) LBK_GO(lay_out_view(writer, view, buffer, block, file));
    if (!key->joint_only)
        LBK_GO(lbk__safetensors_writer_put(file, writer->saliency,
                                           (size_t)key->num_samples * sizeof(lbk__saliencies)));
    LBK_GO(lbk__safetensors_writer_commit(file, NULL));
done:
    lbk__safetensors_writer_close(file);
    lbk_free(writer->context, buffer);
    return status;
}
