/* predictions.c: logits of a split, written and read. */
#include "study/predictions.h"

#include "data/pack.h"
#include "format/by_view.h"
#include "format/json.h"
#include "model/folder.h"
#include "model/parameters.h"
#include "train/infer.h"

#include <string.h>

enum { VERSION = 1, BATCH = 32 };

/* ---- what is true ---- */

static lbk_status keep_labelled(lbk__truth *t, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        lbk_sample sample;
        LBK_TRY(lbk_pack_sample(t->pack, t->samples[i], &sample));
        if (sample.labelled) t->samples[t->num_samples++] = t->samples[i];
    }
    return LBK_OK;
}

lbk_status lbk__truth_open(lbk_context *context, const lbk_pack *pack, const char *split, lbk__truth *out) {
    *out = (lbk__truth){
        .pack = pack, .label_kind = lbk_pack_label_kind(pack), .num_classes = lbk_pack_num_classes(pack)};
    int64_t count;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__pack_split(pack, split, &out->samples, &count));
    LBK_GO(keep_labelled(out, count));
    if (out->num_samples == 0)
        LBK_GO(lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "no sample of the split \"%s\" has a label: there is nothing to score", split));
    LBK_GO(lbk__labels_read(context, pack, out->samples, out->num_samples, &out->labels));
done:
    if (status != LBK_OK) lbk__truth_close(context, out);
    return status;
}

void lbk__truth_close(lbk_context *context, lbk__truth *truth) {
    lbk_free(context, truth->samples);
    lbk__labels_free(context, &truth->labels);
    *truth = (lbk__truth){0};
}

/* ---- writing ---- */

static lbk_status put(void *user, int64_t position, const float *logits) {
    return lbk__by_view_put(user, position, logits);
}

static lbk_status write_file(lbk_context *context, const char *path, const char *description,
                             const lbk__truth *truth, lbk__by_view *logits, const float *thresholds) {
    const int64_t n = truth->num_samples, classes = truth->num_classes;
    const lbk__tensor_spec specs[] = {{"logits", LBK__F32, 3, {LBK_NUM_VIEWS, n, classes}},
                                      {"sample", LBK__I32, 1, {n}},
                                      {"thresholds", LBK__F32, 1, {classes}}};
    const lbk__metadata metadata[] = {{"limbeck", description}};
    lbk__safetensors_writer *writer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_writer_open(context, path, specs, thresholds ? 3 : 2, metadata, 1, "sha256",
                                        &writer));
    LBK_GO(lbk__by_view_write(logits, writer));
    LBK_GO(lbk__safetensors_writer_put(writer, truth->samples, (size_t)n * sizeof *truth->samples));
    if (thresholds)
        LBK_GO(lbk__safetensors_writer_put(writer, thresholds, (size_t)classes * sizeof *thresholds));
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
done:
    lbk__safetensors_writer_close(writer);
    return status;
}

static lbk_status describe(lbk_context *context, const lbk__model *model, const lbk_pack *pack,
                           const char *split, char **out) {
    char hash[LBK__HASH_SIZE];
    LBK_TRY(lbk__model_hash(model, hash));
    json_t *root = json_pack("{s:s, s:i, s:s, s:s, s:s}", "kind", "predictions", "version", VERSION,
                             "model_sha256", hash, "pack_sha256", lbk_pack_hash(pack), "split", split);
    lbk_status status = lbk__json_dump(context, root, JSON_COMPACT, out);
    json_decref(root);
    return status;
}

lbk_status lbk__predictions_write(lbk_context *context, const char *model_folder, const char *pack_path,
                                  const char *split, const char *path) {
    lbk_pack *pack = NULL;
    lbk__model *model = NULL;
    lbk__inference *inference = NULL;
    lbk__truth truth = {0};
    lbk__by_view logits = {0};
    char *description = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk_pack_open(context, pack_path, &pack));
    LBK_GO(lbk__model_load(context, model_folder, &model));
    LBK_GO(lbk__truth_open(context, pack, split, &truth));
    LBK_GO(lbk__by_view_open(context, path, LBK_NUM_VIEWS, truth.num_samples, truth.num_classes, &logits));
    LBK_GO(lbk__inference_create(model, NULL, pack, truth.samples, truth.num_samples, LBK_NUM_VIEWS, BATCH,
                                 &inference));
    LBK_GO(lbk__inference_run(inference, "test", put, &logits));
    LBK_GO(describe(context, model, pack, split, &description));
    LBK_GO(write_file(context, path, description, &truth, &logits, model->thresholds));
done:
    lbk__inference_free(inference);
    lbk__by_view_close(&logits);
    lbk_free(context, description);
    lbk__truth_close(context, &truth);
    lbk__model_free(model);
    lbk_pack_close(pack);
    return status;
}

/* ---- reading ---- */

/* The description in the file; json_decref it. */
static lbk_status read_about(lbk_context *context, const char *path, const lbk__safetensors *file,
                             json_t **out) {
    const char *text = lbk__safetensors_metadata(file, "limbeck");
    json_t *about = text ? json_loads(text, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(about, "kind"));
    *out = about;
    if (kind && strcmp(kind, "predictions") == 0 &&
        json_integer_value(json_object_get(about, "version")) == VERSION)
        return LBK_OK;
    return lbk__fail(context, LBK_BAD_DATA, "%s: is no file of predictions of this version", path);
}

static lbk_status check_origin(lbk_context *context, const char *path, const lbk__safetensors *file,
                               const lbk__truth *truth) {
    json_t *about;
    lbk_status status = read_about(context, path, file, &about);
    const char *pack = json_string_value(json_object_get(about, "pack_sha256"));
    if (status == LBK_OK && (!pack || strcmp(pack, lbk_pack_hash(truth->pack)) != 0))
        status = lbk__fail(context, LBK_MISMATCH, "%s: was made from another pack", path);
    json_decref(about);
    return status;
}

static lbk_status hash_folder(lbk_context *context, const char *folder, char out[LBK__HASH_SIZE]) {
    lbk__model *model;
    LBK_TRY(lbk__model_load(context, folder, &model));
    const lbk_status status = lbk__model_hash(model, out);
    lbk__model_free(model);
    return status;
}

lbk_status lbk__predictions_are_of(lbk_context *context, const char *path, const char *split,
                                   const char *model_folder, bool *out) {
    lbk__safetensors *file;
    json_t *about = NULL;
    char hash[LBK__HASH_SIZE];
    *out = false;
    LBK_TRY(lbk__safetensors_open(context, path, &file));
    lbk_status status = LBK_OK;
    LBK_GO(read_about(context, path, file, &about));
    LBK_GO(hash_folder(context, model_folder, hash));
    const char *found = json_string_value(json_object_get(about, "split")),
               *model = json_string_value(json_object_get(about, "model_sha256"));
    *out = found && strcmp(found, split) == 0 && model && strcmp(model, hash) == 0;
done:
    json_decref(about);
    lbk__safetensors_close(file);
    return status;
}

lbk_status lbk__predictions_open(lbk_context *context, const char *path, const lbk__truth *truth,
                                 lbk__predictions *out) {
    const int64_t n = truth->num_samples, classes = truth->num_classes;
    const lbk__tensor_entry *logits, *samples, *thresholds = NULL;
    *out = (lbk__predictions){0};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_open(context, path, &out->file));
    LBK_GO(check_origin(context, path, out->file, truth));
    LBK_GO(lbk__safetensors_expect(out->file, "logits", LBK__F32, 3, (int64_t[]){LBK_NUM_VIEWS, n, classes},
                                   &logits));
    LBK_GO(lbk__safetensors_expect(out->file, "sample", LBK__I32, 1, (int64_t[]){n}, &samples));
    if (lbk__safetensors_find(out->file, "thresholds"))
        LBK_GO(
            lbk__safetensors_expect(out->file, "thresholds", LBK__F32, 1, (int64_t[]){classes}, &thresholds));
    if (memcmp(samples->data, truth->samples, (size_t)n * sizeof *truth->samples) != 0)
        LBK_GO(lbk__fail(context, LBK_MISMATCH,
                         "%s: holds other samples than the split has; remove it to make it again", path));
    out->logits = logits->data;
    out->thresholds = thresholds ? thresholds->data : NULL;
done:
    if (status != LBK_OK) lbk__predictions_close(out);
    return status;
}

void lbk__predictions_close(lbk__predictions *predictions) {
    if (predictions->file) lbk__safetensors_close(predictions->file);
    *predictions = (lbk__predictions){0};
}

lbk__metrics_input lbk__predictions_view(const lbk__predictions *predictions, const lbk__truth *truth,
                                         lbk_view view, const float *teacher) {
    return (lbk__metrics_input){.label_kind = truth->label_kind,
                                .num_samples = truth->num_samples,
                                .num_classes = truth->num_classes,
                                .logits = predictions->logits +
                                          (int64_t)view * truth->num_samples * truth->num_classes,
                                .labels = truth->labels.classes,
                                .targets = &truth->labels,
                                .thresholds = predictions->thresholds,
                                .teacher = teacher};
}
