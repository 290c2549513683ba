/* predict.c: a model that answers for one text and picture at a time, under all three views in one pass. */
#include "base/file.h"
#include "base/logits.h"
#include "data/image.h"
#include "model/folder.h"
#include "model/parameters.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

struct lbk_model {
    lbk_context *context;
    lbk__model *model;
    lbk_tokenizer *tokenizer;
    int32_t image_size, patch_size; /* 0: the model's rows are not patches */
    int32_t *tokens;
    size_t token_capacity;
    lbk__batch_limits limits; /* what runner and batch are planned for; all 0 before the first prediction */
    lbk__runner *runner;
    lbk__batch batch;
};

static void read_patches(lbk_model *model) {
    const char *text = model->model->visual_source;
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(json, "kind"));
    if (kind && strcmp(kind, "patches") == 0) {
        model->image_size = (int32_t)json_integer_value(json_object_get(json, "image_size"));
        model->patch_size = (int32_t)json_integer_value(json_object_get(json, "patch_size"));
    }
    json_decref(json);
}

static lbk_status check_patches(const lbk_model *model, const char *folder) {
    if (model->image_size == 0) return LBK_OK;
    LBK_TRY(lbk__image_check_sizes(model->context, model->image_size, model->patch_size));
    if (lbk__image_patch_dim(model->patch_size) == model->model->config.visual_embedding_dim) return LBK_OK;
    return lbk__fail(model->context, LBK_BAD_DATA,
                     "%s: config.json: patches of %d pixels do not give visual_embedding_dim %d", folder,
                     model->patch_size, model->model->config.visual_embedding_dim);
}

lbk_status lbk_model_open(lbk_context *context, const char *given, lbk_model **out) {
    char *folder = NULL, *vocab = NULL;
    lbk_model *model = NULL;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_GO(LBK_ALLOC(context, model, 1));
    model->context = context;
    LBK_GO(lbk__model_folder(context, given, &folder));
    LBK_GO(lbk__model_load(context, folder, &model->model));
    LBK_GO(lbk__join(context, folder, "vocab.txt", &vocab));
    LBK_GO(lbk_tokenizer_open(context, vocab, model->model->cased, &model->tokenizer));
    if (lbk_tokenizer_vocab_size(model->tokenizer) > model->model->config.vocab_size) {
        status =
            lbk__fail(context, LBK_MISMATCH, "%s: has %d tokens, but the model's vocab_size is %d", vocab,
                      lbk_tokenizer_vocab_size(model->tokenizer), model->model->config.vocab_size);
        goto done;
    }
    read_patches(model);
    LBK_GO(check_patches(model, folder));
    *out = model;
done:
    if (status != LBK_OK) lbk_model_close(model);
    lbk_free(context, folder);
    lbk_free(context, vocab);
    return status;
}

static void drop_plan(lbk_model *model) {
    lbk__runner_free(model->runner);
    lbk__batch_free(model->context, &model->batch);
    model->runner = NULL;
    model->limits = (lbk__batch_limits){0};
}

void lbk_model_close(lbk_model *model) {
    if (!model) return;
    drop_plan(model);
    lbk_tokenizer_close(model->tokenizer);
    lbk_free(model->context, model->tokens);
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
    return lbk__model_count(model->model);
}

const char *lbk_model_class_name(const lbk_model *model, int32_t index) {
    if (index < 0 || index >= model->model->config.num_labels || !model->model->class_names) return NULL;
    return model->model->class_names[index];
}

/* Plans for at least this many tokens and rows; room to spare, so that a stream of inputs plans a few times
 * only. */
static lbk_status plan_for(lbk_model *model, int32_t num_tokens, int32_t num_rows) {
    const int32_t text = LBK_ROUND_UP(num_tokens, 32), rows = LBK_ROUND_UP(num_rows, 16);
    if (model->runner && text + rows <= model->limits.longest && rows <= model->limits.num_rows &&
        2 * text + 2 * rows + 2 <= model->limits.num_tokens)
        return LBK_OK;
    drop_plan(model);
    const lbk__batch_limits limits = {.num_samples = 1,
                                      .num_views = LBK_NUM_VIEWS,
                                      .num_sequences = LBK_NUM_VIEWS,
                                      .num_tokens = 2 * text + 2 * rows + 2,
                                      .num_rows = rows,
                                      .visual_dim = model->model->config.visual_embedding_dim,
                                      .longest = text + rows};
    LBK_TRY(lbk__batch_create(model->context, &limits, &model->batch));
    lbk_status status = lbk__runner_create(model->model, NULL, &limits, LBK__RUN_INFER, 0, &model->runner);
    if (status == LBK_OK)
        model->limits = limits;
    else
        lbk__batch_free(model->context, &model->batch);
    return status;
}

/* The rows that the input has or that are made from its picture; *made is to be freed. */
static lbk_status rows_of(lbk_model *model, const lbk_input *input, const float **rows, int32_t *num_rows,
                          float **made) {
    *rows = input->visual;
    *num_rows = input->visual ? input->num_rows : 0;
    *made = NULL;
    if (input->visual || !input->image) return LBK_OK;
    if (model->image_size == 0)
        return lbk__fail(
            model->context, LBK_INVALID_ARGUMENT,
            "%s: this model's visual rows are not made from pictures by patches; give it the rows",
            input->image);
    LBK_TRY(lbk__image_load_rows(model->context, input->image, model->image_size, model->patch_size, made));
    *rows = *made;
    *num_rows = lbk__image_num_patches(model->image_size, model->patch_size);
    return LBK_OK;
}

static void to_probabilities(lbk_label_kind kind, const float *logits, int32_t num_classes, float *out) {
    const double total = lbk__log_sum_exp(logits, num_classes, 1);
    for (int32_t c = 0; c < num_classes; c++)
        out[c] = (float)(kind == LBK_LABEL_SINGLE ? exp((double)logits[c] - total)
                                                  : lbk__sigmoid((double)logits[c]));
}

lbk_status lbk_model_predict(lbk_model *model, const lbk_input *input, float *logits, float *probabilities) {
    const char *text = input->text ? input->text : "";
    const int32_t classes = model->model->config.num_labels;
    const float *rows;
    float *made = NULL;
    int32_t num_rows;
    size_t num_tokens;
    lbk_status status = LBK_OK;
    const int32_t longest =
        LBK_MIN(model->model->max_text_tokens, model->model->config.max_position_embeddings);
    LBK_TRY(lbk_tokenizer_encode(model->tokenizer, text, strlen(text), longest, &model->tokens,
                                 &model->token_capacity, &num_tokens));
    LBK_GO(rows_of(model, input, &rows, &num_rows, &made));
    LBK_GO(plan_for(model, (int32_t)num_tokens, num_rows));
    LBK_GO(lbk__batch_fill_one(model->context, model->tokens, (int32_t)num_tokens, rows, num_rows,
                               &model->limits, &model->batch));
    const float *found = lbk__runner_forward(model->runner, &model->batch, -1);
    for (int view = 0; view < LBK_NUM_VIEWS; view++) {
        if (logits) memcpy(logits + view * classes, found + view * classes, (size_t)classes * sizeof *logits);
        if (probabilities)
            to_probabilities(model->model->label_kind, found + view * classes, classes,
                             probabilities + view * classes);
    }
done:
    lbk_free(model->context, made);
    return status;
}
