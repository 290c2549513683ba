/* predictor.h: for this room: a model that answers, and what its files share. */
#ifndef LBK_EVAL_PREDICTOR_H
#define LBK_EVAL_PREDICTOR_H

#include "data/visual_source.h"
#include "model/model.h"

#include <jansson.h>

enum { LBK__PREDICT_BATCH = 32 };

/* One input on its way through a batch: what the encoder gets, or why it gets nothing. */
typedef struct lbk__query {
    lbk_status status;
    char error[LBK__LONGEST_ERROR];
    lbk__batch_item item; /* into `tokens` and the model's `rows` */
    int32_t *tokens;
    size_t token_capacity;
} lbk__query;

struct lbk_model {
    lbk_context *context;
    lbk__model *model;
    bool reads_pictures; /* false: it was trained without any, or is an imported text encoder */
    lbk_tokenizer *tokenizer;
    lbk__visual_source *visual; /* makes rows of an input's image; NULL: nothing does */
    lbk__query queries[LBK__PREDICT_BATCH];
    uint16_t *rows; /* float16 [rows of all queries, visual_embedding_dim] */
    size_t row_capacity;
    lbk__batch_limits limits; /* what runner and batch are planned for; all 0 before the first prediction */
    lbk__runner *runner;
    lbk__batch batch;
};

/* Runs `count` ≤ LBK__PREDICT_BATCH inputs; model->queries say which of them failed. `logits` [views][inputs
 * that did not fail][C], valid until the next call. Fails as a whole for want of memory only. */
lbk_status lbk__predict(lbk_model *model, const lbk_input *inputs, int32_t count, const float **logits);
/* The query fails with LBK_NUMERIC when one of its logits, [C] under each view, is not finite. */
lbk_status lbk__check_logits(lbk_model *model, lbk__query *query, const float *const logits[LBK_NUM_VIEWS]);

/* Forgets runner and batch. */
void lbk__drop_plan(lbk_model *model);
/* What lbk_model_answer says, for each input of a batch; lbk__error_json where one failed. The caller ends
 * with json_decref of each. */
lbk_status lbk__answer_batch(lbk_model *model, const lbk_input *inputs, int32_t count, int32_t top,
                             json_t **answers);
/* {"error": sentence, "status": its name}. */
json_t *lbk__error_json(lbk_status status, const char *sentence);

#endif
