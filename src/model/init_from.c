/* init_from.c: starting weights from another model: a Hugging Face BERT-like text encoder, or a VisualBERT,
 * ours or not.
 *
 * Our "visual_bert.X" is looked for as "visual_bert.X", "bert.X" and "X"; layer i comes from the layer that
 * `layers` names. A text encoder has no visual embeddings: they stay random (docs/decisions.md says why). */
#include "model/config_json.h"
#include "model/folder.h"

#include <stdlib.h>
#include <string.h>

typedef struct source {
    lbk_context *context;
    lbk__safetensors *file;
    lbk__model_config config;
    const int32_t *layers;
    size_t num_layers;
    size_t taken, left;
    lbk__text initialised_names;
} source;

static const lbk__tensor_entry *find_under_prefixes(const source *from, const char *name) {
    static const char *const prefixes[] = {"visual_bert.", "bert.", ""};
    char full[192];
    for (size_t i = 0; i < LBK_COUNT(prefixes); i++) {
        snprintf(full, sizeof full, "%s%s", prefixes[i], name);
        const lbk__tensor_entry *entry = lbk__safetensors_find(from->file, full);
        if (entry) return entry;
    }
    return NULL;
}

/* "encoder.layer.2.x" → "encoder.layer.5.x" when layers[2] is 5. */
static void source_name(const source *from, const char *name, char *out, size_t size) {
    static const char start[] = "encoder.layer.";
    snprintf(out, size, "%s", name);
    if (strncmp(name, start, sizeof start - 1) != 0 || !from->layers) return;
    char *rest;
    const long layer = strtol(name + sizeof start - 1, &rest, 10);
    if (layer >= 0 && (size_t)layer < from->num_layers)
        snprintf(out, size, "%s%d%s", start, from->layers[layer], rest);
}

static const lbk__tensor_entry *find_source(const source *from, const lbk__parameter *parameter) {
    static const char own_prefix[] = "visual_bert.";
    char name[128];
    if (strncmp(parameter->name, own_prefix, sizeof own_prefix - 1) != 0)
        return lbk__safetensors_find(from->file, parameter->name);
    source_name(from, parameter->name + sizeof own_prefix - 1, name, sizeof name);
    return find_under_prefixes(from, name);
}

/* Parts that another task or another picture source may have in another shape: they stay as they are. */
static bool may_differ(const lbk__parameter *parameter) {
    return strncmp(parameter->name, "cls.", 4) == 0 || strstr(parameter->name, "visual_projection") != NULL;
}

static lbk_status take(source *from, lbk__model *model, const lbk__parameter *parameter) {
    const lbk__tensor_entry *entry = find_source(from, parameter);
    const bool row_prefix =
        parameter->lookup && entry && entry->rank == 2 && strstr(parameter->name, "position");
    const int64_t first = parameter->rank == 2 ? parameter->rows : parameter->cols;
    bool fits = entry && entry->rank == parameter->rank &&
                (entry->shape[0] == first || (row_prefix && entry->shape[0] > first));
    if (fits && parameter->rank == 2) fits = entry->shape[1] == parameter->cols;
    if (!fits && (!entry || may_differ(parameter))) {
        from->left++;
        return lbk__text_printf(from->context, &from->initialised_names, "%s%s", from->left > 1 ? ", " : "",
                                parameter->name);
    }
    if (!fits)
        return lbk__fail(from->context, LBK_MISMATCH,
                         "%s: tensor \"%s\" does not have the shape of %s [%d, %d]: give the model the sizes "
                         "of its source",
                         lbk__safetensors_path(from->file), entry->name, parameter->name, parameter->rows,
                         parameter->cols);
    from->taken++;
    return lbk__tensor_to_floats(from->context, from->file, entry,
                                 (size_t)parameter->rows * (size_t)parameter->cols,
                                 model->values + parameter->offset);
}

static lbk_status check_layers(const source *from, const lbk__model *model, const char *folder) {
    const int32_t wanted = model->config.num_hidden_layers;
    if (from->layers && from->num_layers != (size_t)wanted)
        return lbk__fail(from->context, LBK_INVALID_ARGUMENT,
                         "init_layers names %zu layers, num_hidden_layers is %d", from->num_layers, wanted);
    for (int32_t i = 0; i < wanted; i++) {
        const int32_t layer = from->layers ? from->layers[i] : i;
        if (layer < 0 || layer >= from->config.num_hidden_layers)
            return lbk__fail(from->context, LBK_INVALID_ARGUMENT, "%s: has no layer %d, only 0 to %d", folder,
                             layer, from->config.num_hidden_layers - 1);
    }
    return LBK_OK;
}

static lbk_status take_all(source *from, lbk__model *model, char **report) {
    for (size_t i = 0; i < model->num_parameters; i++) LBK_TRY(take(from, model, &model->parameters[i]));
    if (from->taken == 0)
        return lbk__fail(from->context, LBK_BAD_DATA, "%s: has none of the weights of a BERT-like encoder",
                         lbk__safetensors_path(from->file));
    if (!report) return LBK_OK;
    return lbk__format(from->context, report, "%zu tensors taken from %s; initialised anew: %s", from->taken,
                       lbk__safetensors_path(from->file), from->left ? from->initialised_names.data : "none");
}

lbk_status lbk__model_config_of(lbk_context *context, const char *given, lbk__model_config *out) {
    char *folder = NULL, *path = NULL;
    json_t *json = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(lbk__join(context, folder, "config.json", &path));
    LBK_GO(lbk__json_load_file(context, path, &json));
    LBK_GO(lbk__config_json_sizes(context, path, json, out));
done:
    json_decref(json);
    lbk_free(context, folder);
    lbk_free(context, path);
    return status;
}

lbk_status lbk__model_init_from(lbk__model *model, const char *given, const int32_t *layers,
                                size_t num_layers, char **report) {
    lbk_context *context = model->context;
    source from = {.context = context, .layers = layers, .num_layers = num_layers};
    char *folder = NULL, *path = NULL;
    lbk_status status = LBK_OK;
    if (report) *report = NULL;
    LBK_GO(lbk__model_config_of(context, given, &from.config));
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(check_layers(&from, model, folder));
    LBK_GO(lbk__join(context, folder, "model.safetensors", &path));
    LBK_GO(lbk__safetensors_open(context, path, &from.file));
    LBK_GO(take_all(&from, model, report));
done:
    lbk__safetensors_close(from.file);
    lbk__text_free(context, &from.initialised_names);
    lbk_free(context, folder);
    lbk_free(context, path);
    return status;
}
