/* init_from.c: the weights that training starts from: those of a source that the model has room for. */
#include "model/source.h"

static lbk_status check_layers(const lbk__model_source *from, const lbk__model *model, const int32_t *layers,
                               size_t num_layers) {
    const int32_t wanted = model->config.num_hidden_layers;
    if (layers && num_layers != (size_t)wanted)
        return lbk__fail(from->context, LBK_INVALID_ARGUMENT,
                         "init_layers names %zu layers, num_hidden_layers is %d", num_layers, wanted);
    for (int32_t i = 0; i < wanted; i++) {
        const int32_t layer = layers ? layers[i] : i;
        if (layer < 0 || layer >= from->config.num_hidden_layers)
            return lbk__fail(from->context, LBK_INVALID_ARGUMENT, "%s: has no layer %d, only 0 to %d",
                             from->folder, layer, from->config.num_hidden_layers - 1);
    }
    return LBK_OK;
}

static lbk_status describe(const lbk__model_source *from, const lbk__taken *taken, char **report) {
    lbk__text names = {0};
    size_t i;
    const json_t *name;
    lbk_status status = LBK_OK;
    json_array_foreach(taken->initialised, i, name)
        LBK_GO(lbk__text_printf(from->context, &names, "%s%s", i ? ", " : "", json_string_value(name)));
    LBK_GO(lbk__format(from->context, report, "%zu tensors taken from %s; initialised anew: %s",
                       json_object_size(taken->taken), lbk__weights_path(from->weights),
                       names.length ? names.data : "none"));
done:
    lbk__text_free(from->context, &names);
    return status;
}

lbk_status lbk__model_init_from(lbk__model *model, const char *given, const int32_t *layers,
                                size_t num_layers, uint64_t seed, char **report) {
    lbk__model_source from;
    lbk__taken taken = {0};
    lbk_status status = LBK_OK;
    if (report) *report = NULL;
    LBK_TRY(lbk__model_source_open(model->context, given, &from));
    if (model->vocab)
        LBK_GO(lbk__vocabulary_match_folder(model->context, from.folder, model->vocab, model->vocab_length,
                                            model->cased != 0, &from.more_words));
    LBK_GO(check_layers(&from, model, layers, num_layers));
    LBK_GO(lbk__model_take(&from, model, layers, true, seed, &taken));
    if (report) LBK_GO(describe(&from, &taken, report));
done:
    lbk__taken_free(&taken);
    lbk__model_source_close(&from);
    return status;
}
