/* embed.c: a text as one vector: the mean of the last layer's hidden states over its tokens, which
 * sentence-transformers calls mean pooling. */
#include "eval/predictor.h"

#include "base/guest.h"
#include "model/parameters.h"

#include <math.h>
#include <string.h>

int32_t lbk_model_hidden_size(const lbk_model *model) {
    return model->model->config.hidden_size;
}

/* states [rows, size] → out [size] */
static void mean_of_rows(const float *states, int32_t rows, int32_t size, float *out) {
    for (int32_t k = 0; k < size; k++) {
        double sum = 0;
        for (int32_t t = 0; t < rows; t++) sum += (double)states[(size_t)t * (size_t)size + (size_t)k];
        out[k] = (float)(sum / rows);
    }
}

lbk_status lbk_model_embed(lbk_model *model, const char *text, float *out) {
    LBK__GUEST(model->context);
    lbk_context *context = model->context;
    const lbk__model_config *config = &model->model->config;
    int32_t *tokens = NULL;
    size_t capacity = 0, count;
    lbk__batch batch = {0};
    lbk__runner *runner = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk_tokenizer_encode(model->tokenizer, text, strlen(text),
                                LBK_MIN(model->model->max_text_tokens, config->max_position_embeddings),
                                &tokens, &capacity, &count));
    const lbk__batch_item item = {.tokens = tokens, .num_tokens = (int32_t)count};
    const lbk__batch_limits limits = {.num_samples = 1,
                                      .num_views = 1,
                                      .num_sequences = 1,
                                      .num_tokens = (int32_t)count,
                                      .visual_dim = config->visual_embedding_dim,
                                      .longest = (int32_t)count};
    LBK_GO(lbk__batch_create(context, &limits, &batch));
    LBK_GO(lbk__runner_create(model->model, NULL, &limits, LBK__RUN_STATES, 0, &runner));
    LBK_GO(lbk__batch_fill_items(context, &item, 1, &limits, &batch));
    const float *states = lbk__runner_forward(runner, &batch, -1);
    LBK_GO(lbk__check_starved(context));
    mean_of_rows(states, (int32_t)count, config->hidden_size, out);
    for (int32_t k = 0; k < config->hidden_size; k++)
        if (!isfinite(out[k]))
            LBK_GO(lbk__fail(
                context, LBK_NUMERIC,
                "the vector of this text is not finite: the model's weights are too large to be of a "
                "training that went well"));
done:
    lbk__runner_free(runner);
    lbk__batch_free(context, &batch);
    lbk_free(context, tokens);
    return status;
}
