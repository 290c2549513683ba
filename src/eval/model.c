/* model.c: lbk_model: a model folder opened to answer inputs. */
#include "base/file.h"
#include "base/guest.h"
#include "eval/predictor.h"
#include "model/folder.h"
#include "model/parameters.h"

#include <math.h>
#include <string.h>

/* How the visual rows of the model's training data were made; all 0 where it does not say. */
typedef struct visual_kind {
    bool patches, none;
    int32_t image_size, patch_size;
} visual_kind;

static visual_kind kind_of(const lbk__model *model) {
    json_t *json = model->visual_source ? json_loads(model->visual_source, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(json, "kind"));
    visual_kind kind = {.patches = name && strcmp(name, "patches") == 0,
                        .none = name && strcmp(name, "none") == 0,
                        .image_size = (int32_t)json_integer_value(json_object_get(json, "image_size")),
                        .patch_size = (int32_t)json_integer_value(json_object_get(json, "patch_size"))};
    json_decref(json);
    return kind;
}

static bool reads_pictures(const lbk__model *model) {
    return !kind_of(model).none && (model->visual_source || model->config.visual_embedding_dim > 1);
}

static void drop_source(lbk_model *model) {
    lbk__visual_source_close(model->visual);
    model->visual = NULL;
}

/* Where both the model and a file of features say which encoder made their rows, it is the same. */
static lbk_status check_encoder(const lbk_model *model, const lbk__visual_source *source, const char *what) {
    json_t *ours = model->model->visual_source ? json_loads(model->model->visual_source, 0, NULL) : NULL;
    lbk_status status = LBK_OK;
    const json_t *our_encoder = lbk__extractor_identity_in(ours),
                 *their_encoder = lbk__extractor_identity_in(lbk__visual_source_attributes(source));
    if (our_encoder && their_encoder && !lbk__extractor_same(our_encoder, their_encoder))
        status = lbk__fail(
            model->context, LBK_MISMATCH,
            "%s: its rows were made by another image encoder than those of the model's training", what);
    json_decref(ours);
    return status;
}

static lbk_status check_source(const lbk_model *model, const lbk__visual_source *source, const char *what,
                               const json_t *identity) {
    const int32_t dim = lbk__visual_source_dim(source);
    if (identity) LBK_TRY(lbk__extractor_check(lbk__visual_source_extractor(source), identity));
    if (!identity) LBK_TRY(check_encoder(model, source, what));
    if (dim == model->model->config.visual_embedding_dim) return LBK_OK;
    return lbk__fail(model->context, LBK_MISMATCH,
                     "%s: has visual rows of %d numbers, the model's visual_embedding_dim is %d", what, dim,
                     model->model->config.visual_embedding_dim);
}

/* `what`: whose rows they are, for the sentence; `identity`: the encoder that must have made them, or NULL.
 */
static lbk_status use_source(lbk_model *model, const lbk_pack_options *options, const char *root,
                             const char *what, const json_t *identity) {
    lbk__visual_source *source;
    LBK_TRY(
        lbk__visual_source_open(model->context, options, root ? root : "", LBK__IMAGE_PICTURE, 1, &source));
    const lbk_status status = check_source(model, source, what, identity);
    if (status != LBK_OK) {
        lbk__visual_source_close(source);
        return status;
    }
    drop_source(model);
    model->visual = source;
    return LBK_OK;
}

/* Pictures or features become rows as they did for the pack that the model was trained on. */
lbk_status lbk_model_set_images(lbk_model *model, const char *root, const char *features) {
    LBK__GUEST(model->context);
    const visual_kind kind = kind_of(model->model);
    if (features && kind.patches)
        return lbk__fail(model->context, LBK_MISMATCH,
                         "%s: this model reads the pictures themselves, not region features", features);
    lbk_pack_options options = {.visual = LBK_VISUAL_HDF5, .features = features};
    if (kind.patches) {
        options = (lbk_pack_options){
            .visual = LBK_VISUAL_PATCHES, .image_size = kind.image_size, .patch_size = kind.patch_size};
        LBK_TRY(lbk__image_check_sizes(model->context, kind.image_size, kind.patch_size));
    }
    if (kind.patches || features)
        return use_source(model, &options, root, features ? features : "config.json", NULL);
    drop_source(model);
    return LBK_OK;
}

/* `source` is what the model says about its rows. The encoder's identity is in it, or, for a file of
 * features, among that file's attributes. */
static lbk_status use_encoder(lbk_model *model, const json_t *source, lbk_pack_options *options,
                              const char *root) {
    const json_t *identity = lbk__extractor_identity_in(source);
    const char *weights = options->encoder.weights, *projection = options->encoder.projection;
    if (!identity)
        return lbk__fail(
            model->context, LBK_MISMATCH,
            "the visual rows of this model were not made by an image encoder of limbeck's: leave its "
            "weights out");
    options->encoder = lbk__extractor_options(identity);
    options->encoder.weights = weights;
    options->encoder.projection = projection;
    return use_source(model, options, root, "the encoder", identity);
}

lbk_status lbk_model_set_encoder(lbk_model *model, const char *root, const char *weights,
                                 const char *projection) {
    LBK__GUEST(model->context);
    if (!weights)
        return lbk__fail(model->context, LBK_INVALID_ARGUMENT, "an image encoder needs its file of weights");
    json_t *source = model->model->visual_source ? json_loads(model->model->visual_source, 0, NULL) : NULL;
    lbk_pack_options options = {.visual = LBK_VISUAL_ENCODER,
                                .encoder = {.weights = weights, .projection = projection}};
    const lbk_status status = use_encoder(model, source, &options, root);
    json_decref(source);
    return status == LBK_OK ? LBK_OK : lbk__fail_at(model->context, status, "%s", weights);
}

lbk_status lbk_model_open(lbk_context *context, const char *given, lbk_model **out) {
    LBK__GUEST(context);
    char *folder = NULL, *vocab = NULL;
    lbk_model *model = NULL;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_GO(LBK_ALLOC(context, model, 1));
    model->context = context;
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(lbk__model_load(context, folder, &model->model));
    model->reads_pictures = reads_pictures(model->model);
    LBK_GO(lbk__join(context, folder, "vocab.txt", &vocab));
    if (model->model->vocab && !lbk__exists(vocab))
        LBK_GO(lbk__fail(
            context, LBK_IO,
            "%s: is not there, but tokenizer.json is: limbeck import makes a folder that answers", vocab));
    LBK_GO(lbk_tokenizer_open(context, vocab, model->model->cased, &model->tokenizer));
    if (lbk_tokenizer_vocab_size(model->tokenizer) > model->model->config.vocab_size) {
        status =
            lbk__fail(context, LBK_MISMATCH, "%s: has %d tokens, but the model's vocab_size is %d", vocab,
                      lbk_tokenizer_vocab_size(model->tokenizer), model->model->config.vocab_size);
        goto done;
    }
    status = lbk_model_set_images(model, NULL, NULL);
    if (status != LBK_OK) {
        lbk__fail_at(context, status, "%s", folder);
        goto done;
    }
    *out = model;
done:
    if (status != LBK_OK) lbk_model_close(model);
    lbk_free(context, folder);
    lbk_free(context, vocab);
    return status;
}

lbk_status lbk_model_set_precision(lbk_model *model, const char *precision) {
    LBK__GUEST(model->context);
    LBK_TRY(lbk__precision_of(model->context, precision, LBK__NUM_PRECISIONS, &model->model->precision));
    lbk__drop_plan(model);
    return LBK_OK;
}

void lbk_model_close(lbk_model *model) {
    if (!model) return;
    LBK__GUEST(model->context);
    lbk__drop_plan(model);
    lbk__visual_source_close(model->visual);
    lbk_tokenizer_close(model->tokenizer);
    for (size_t i = 0; i < LBK_COUNT(model->queries); i++) lbk_free(model->context, model->queries[i].tokens);
    lbk_free(model->context, model->rows);
    lbk__model_free(model->model);
    lbk_free(model->context, model);
}

int32_t lbk_model_num_classes(const lbk_model *model) {
    return model->model->config.num_labels;
}
lbk_label_kind lbk_model_label_kind(const lbk_model *model) {
    return model->model->label_kind;
}
int64_t lbk_model_num_parameters(const lbk_model *model) {
    return (int64_t)model->model->num_values;
}
int32_t lbk_model_visual_dim(const lbk_model *model) {
    return model->reads_pictures ? model->model->config.visual_embedding_dim : 0;
}

float lbk_model_threshold(const lbk_model *given, int32_t index) {
    const lbk__model *model = given->model;
    if (index < 0 || index >= model->config.num_labels || model->label_kind != LBK_LABEL_MULTI) return NAN;
    return model->thresholds ? model->thresholds[index] : 0.5f;
}

const char *lbk_model_class_name(const lbk_model *model, int32_t index) {
    if (index < 0 || index >= model->model->config.num_labels || !model->model->class_names) return NULL;
    return model->model->class_names[index];
}
