/* import.c: a Hugging Face folder of someone else's becomes a model folder of ours: its sizes, its weights
 * under our names, its labels, its vocabulary. */
#include "base/file.h"
#include "base/guest.h"
#include "base/lock.h"
#include "format/json.h"
#include "model/config_json.h"
#include "model/folder.h"
#include "model/source.h"
#include "model/vocabulary.h"

#include <string.h>

/* As many classes as the head has, when it is one that reads as ours does; else as many as there are labels.
 */
static void size_head(const lbk__model_source *from, lbk__model_config *config) {
    const int64_t head = lbk__model_source_find(from, "cls.bias", NULL);
    if (head >= 0) config->num_labels = (int32_t)lbk__weights_at(from->weights, (size_t)head)->shape[0];
}

static lbk_status read_rest(const lbk__model_source *from, lbk__model *model) {
    char *path = NULL;
    json_t *json = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__join(from->context, from->folder, "config.json", &path));
    LBK_GO(lbk__json_load_file(from->context, path, &json));
    LBK_GO(lbk__config_json_rest(model, path, json));
done:
    json_decref(json);
    lbk_free(from->context, path);
    return status;
}

/* {"stage", "architecture", "weights_sha256": {file: hash}} */
static lbk_status note_origin(const lbk__model_source *from, lbk__model *model) {
    json_t *hashes = json_object();
    json_t *origin = json_pack("{s:s, s:s, s:o}", "stage", "import", "architecture", from->architecture,
                               "weights_sha256", hashes);
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < lbk__weights_num_files(from->weights); i++) {
        char hash[LBK__HASH_SIZE];
        const char *file = lbk__weights_file(from->weights, i);
        LBK_GO(lbk__hash_file(from->context, file, hash));
        json_object_set_new(hashes, lbk__base_name(file), json_string(hash));
    }
    lbk_free(from->context, model->made_from);
    LBK_GO(lbk__json_dump(from->context, origin, JSON_COMPACT, &model->made_from));
done:
    json_decref(origin);
    return status;
}

static lbk_status summarise(const lbk__model_source *from, const lbk__model *model, const lbk__taken *taken,
                            char **out) {
    json_t *summary =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:O, s:O, s:O}", "source", from->folder, "architecture",
                  from->architecture, "head", from->head, "weights", lbk__weights_path(from->weights),
                  "vocabulary", model->vocab != NULL, "parameters", (json_int_t)model->num_values, "taken",
                  taken->taken, "left", taken->left, "initialised", taken->initialised);
    const lbk_status status = lbk__json_dump(from->context, summary, JSON_INDENT(2), out);
    json_decref(summary);
    return status;
}

lbk_status lbk_import(lbk_context *context, const char *source, const char *out, char **summary) {
    LBK__GUEST(context);
    lbk__model_source from;
    lbk__model *model = NULL;
    lbk__taken taken = {0};
    lbk__lock lock = {0};
    lbk_status status = LBK_OK;
    if (summary) *summary = NULL;
    LBK_TRY(lbk__check_path(context, source));
    LBK_TRY(lbk__refuse_model(context, out));
    LBK_TRY(lbk__model_source_open(context, source, &from));
    lbk__model_config config = from.config;
    size_head(&from, &config);
    status = lbk__model_create(context, &config, &model);
    if (status != LBK_OK) {
        lbk__fail_at(context, status, "%s/config.json", from.folder);
        goto done;
    }
    LBK_GO(lbk__model_take(&from, model, NULL, false, 0, &taken));
    LBK_GO(read_rest(&from, model));
    if (!json_object_get(taken.taken, "cls.weight")) model->random_classifier = true;
    LBK_GO(lbk__vocabulary_read(model, from.folder, NULL));
    LBK_GO(note_origin(&from, model));
    LBK_GO(lbk__model_lock(context, out, &lock));
    LBK_GO(lbk__model_save(model, NULL, out));
    if (summary) LBK_GO(summarise(&from, model, &taken, summary));
done:
    lbk__unlock(&lock);
    lbk__taken_free(&taken);
    lbk__model_free(model);
    lbk__model_source_close(&from);
    return status;
}
