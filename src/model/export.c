/* export.c: a model as a Hugging Face folder with everything that transformers asks for, or as one ONNX file.
 */
#include "model/export.h"

#include "base/file.h"
#include "base/guest.h"
#include "base/half.h"
#include "base/lock.h"
#include "format/json.h"
#include "format/kind.h"
#include "model/folder.h"

#include <math.h>

lbk_status lbk__export_halves(const lbk__model *model, uint16_t **out) {
    LBK_TRY(LBK_ALLOC(model->context, *out, model->num_values));
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        const size_t end = p->offset + (size_t)p->rows * (size_t)p->cols;
        for (size_t k = p->offset; k < end; k++) {
            (*out)[k] = lbk__float_to_half(model->weights[k]);
            if (isfinite(lbk__half_to_float((*out)[k]))) continue;
            lbk_free(model->context, *out);
            *out = NULL;
            return lbk__fail(model->context, LBK_NUMERIC,
                             "%s has the number %g, which float16 cannot hold; export float32", p->name,
                             (double)model->weights[k]);
        }
    }
    return LBK_OK;
}

static lbk_status export_folder(const lbk__model *model, bool half, const char *out) {
    uint16_t *halves = NULL;
    lbk_status status = LBK_OK;
    if (half) LBK_GO(lbk__export_halves(model, &halves));
    LBK_GO(half ? lbk__model_save_as(model, LBK__F16, halves, true, out)
                : lbk__model_save_as(model, LBK__F32, model->weights, true, out));
done:
    lbk_free(model->context, halves);
    return status;
}

static lbk_status summarise(const lbk__model *model, const lbk_export_options *options, char **summary) {
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:i}", "out", options->out, "format",
                             options->format == LBK_EXPORT_ONNX ? "onnx" : "hf", "dtype",
                             options->half ? "float16" : "float32", "parameters",
                             (json_int_t)model->num_values, "classes", (int)model->config.num_labels);
    const lbk_status status = lbk__json_dump(model->context, json, JSON_INDENT(2), summary);
    json_decref(json);
    return status;
}

lbk_status lbk_export(lbk_context *context, const lbk_export_options *options, char **summary) {
    LBK__GUEST(context);
    const bool half = options->half != 0;
    lbk__model *model = NULL;
    lbk__lock lock = {0};
    lbk_status status = LBK_OK;
    if (summary) *summary = NULL;
    if (!options->model || !options->out || options->format > LBK_EXPORT_ONNX)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "an export needs a model, a place to write to and a format of lbk_export_format");
    LBK_TRY(lbk__check_path(context, options->out));
    LBK_TRY(options->format == LBK_EXPORT_ONNX ? lbk__refuse_others(context, options->out, LBK__KIND_ONNX)
                                               : lbk__refuse_model(context, options->out));
    LBK_TRY(lbk__model_load(context, options->model, &model));
    LBK_GO(lbk__check_classifier(model));
    if (options->format == LBK_EXPORT_ONNX)
        model->other_label_kinds = 0; /* no pack follows that would tell */
    LBK_GO(options->format == LBK_EXPORT_ONNX ? lbk__lock_file(context, options->out, &lock)
                                              : lbk__model_lock(context, options->out, &lock));
    LBK_GO(options->format == LBK_EXPORT_ONNX ? lbk__export_onnx(model, half, options->out)
                                              : export_folder(model, half, options->out));
    if (summary) LBK_GO(summarise(model, options, summary));
done:
    lbk__unlock(&lock);
    lbk__model_free(model);
    return status;
}
