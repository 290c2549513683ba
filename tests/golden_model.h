/* golden_model.h: rebuilds the models and batches of oracle/golden.py from their golden files: configuration
 * and tokens are in the file, everything large follows from the rule that both sides compute. */
#ifndef LBK_TESTS_GOLDEN_MODEL_H
#define LBK_TESTS_GOLDEN_MODEL_H

#include "check.h"

#include "base/half.h"
#include "base/random.h"
#include "format/safetensors.h"
#include "model/model.h"

/* Names of the golden files are relative to tests/golden/, without ".safetensors". */
static inline lbk__safetensors *golden_open(lbk_context *context, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    lbk__safetensors *file;
    check_ok(context, lbk__safetensors_open(context, path, &file));
    return file;
}

/* The numbers of a tensor; `count` (may be NULL) gets how many. */
static inline const void *golden_data(const lbk__safetensors *file, const char *name, lbk__dtype dtype,
                                      size_t *count) {
    const lbk__tensor_entry *entry = lbk__safetensors_find(file, name);
    if (!entry) fail_msg("%s lacks %s", lbk__safetensors_path(file), name);
    assert_int_equal(entry->dtype, dtype);
    if (count) *count = entry->bytes / lbk__dtype_size(dtype);
    return entry->data;
}

static inline double golden_number(const lbk__safetensors *file, const char *name, size_t index) {
    return ((const double *)golden_data(file, name, LBK__F64, NULL))[index];
}

static inline uint64_t golden_seed(const lbk__safetensors *file) {
    return (uint64_t)((const int64_t *)golden_data(file, "seeds", LBK__I64, NULL))[0];
}

/* ---- the rule ---- */

/* CRC-32 of a name: the step under which its numbers are drawn. */
static inline uint32_t golden_step_of(const char *name) {
    uint32_t crc = UINT32_MAX;
    for (; *name; name++) {
        crc ^= (unsigned char)*name;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* Normal numbers by (seed, name of the parameter, element), and 0 between the parameters. */
static inline void golden_fill(const lbk__model *model, uint64_t seed, float *values) {
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        const int64_t count = (int64_t)p->rows * p->cols;
        const uint32_t step = golden_step_of(p->name);
#pragma omp parallel for schedule(static) if (count > 10000)
        for (int64_t k = 0; k < count; k++)
            values[p->offset + (size_t)k] = (float)lbk__normal(seed, LBK__STREAM_INIT, step, (uint64_t)k);
    }
}

/* Matrices scale · n, biases 0.1 · n, norms 1 + 0.1 · n. */
static inline void golden_init(lbk__model *model, uint64_t seed, double scale) {
    for (size_t i = 0; i < model->num_parameters; i++) {
        const lbk__parameter *p = &model->parameters[i];
        const int64_t count = (int64_t)p->rows * p->cols;
        const uint32_t step = golden_step_of(p->name);
        const double factor = p->rank == 1 ? 0.1 : scale,
                     offset = strstr(p->name, "LayerNorm.weight") ? 1 : 0;
#pragma omp parallel for schedule(static) if (count > 10000)
        for (int64_t k = 0; k < count; k++)
            model->values[p->offset + (size_t)k] =
                (float)(offset + factor * lbk__normal(seed, LBK__STREAM_INIT, step, (uint64_t)k));
    }
}

static inline lbk__model *golden_model(lbk_context *context, const lbk__safetensors *file) {
    size_t count;
    const int32_t *c = golden_data(file, "config", LBK__I32, &count);
    const lbk__model_config config = {.vocab_size = c[0],
                                      .hidden_size = c[1],
                                      .num_hidden_layers = c[2],
                                      .num_attention_heads = c[3],
                                      .intermediate_size = c[4],
                                      .max_position_embeddings = c[5],
                                      .type_vocab_size = c[6],
                                      .visual_embedding_dim = c[7],
                                      .num_labels = c[8],
                                      .hidden_dropout_prob = (float)golden_number(file, "rates", 0),
                                      .attention_probs_dropout_prob = (float)golden_number(file, "rates", 1),
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.02f,
                                      .classifier_pooling = count > 9 ? LBK__POOL_LAST_WORD : LBK__POOL_CLS};
    lbk__model *model;
    check_ok(context, lbk__model_create(context, &config, &model));
    golden_init(model, golden_seed(file), golden_number(file, "rates", 2));
    return model;
}

/* ---- batches ---- */

/* Samples of a golden file (or made up): text ids of sample i from token_start[i], visual rows from
 * row_start[i]. */
typedef struct golden_samples {
    int32_t num_samples, visual_dim;
    const int32_t *tokens, *token_start, *row_start;
    uint16_t *visual; /* [R, D] */
} golden_samples;

/* Float16 of normal numbers drawn for "visual". */
static inline uint16_t *golden_visual(uint64_t seed, size_t count) {
    uint16_t *visual = malloc(count * sizeof *visual + 1);
    const uint32_t step = golden_step_of("visual");
    for (size_t k = 0; k < count; k++)
        visual[k] = lbk__float_to_half((float)lbk__normal(seed, LBK__STREAM_SYNTHETIC, step, k));
    return visual;
}

static inline golden_samples golden_samples_of(const lbk__safetensors *file) {
    size_t count;
    golden_samples samples = {.token_start = golden_data(file, "token_start", LBK__I32, &count),
                              .row_start = golden_data(file, "row_start", LBK__I32, NULL),
                              .tokens = golden_data(file, "tokens", LBK__I32, NULL)};
    samples.num_samples = (int32_t)count - 1;
    samples.visual_dim = ((const int32_t *)golden_data(file, "config", LBK__I32, NULL))[7];
    samples.visual = golden_visual(golden_seed(file), (size_t)samples.row_start[samples.num_samples] *
                                                          (size_t)samples.visual_dim);
    return samples;
}

/* Appends sample i under a view: what the view lacks is absent, positions are those of the joint view. */
static inline void golden_sequence(const golden_samples *samples, int32_t i, int32_t first_row, int view,
                                   lbk__batch *batch) {
    const int32_t length = samples->token_start[i + 1] - samples->token_start[i];
    const int32_t rows = view == LBK_VIEW_TEXT ? 0 : samples->row_start[i + 1] - samples->row_start[i];
    int32_t t = batch->num_tokens;
    for (int32_t k = 0; k < length; k++) {
        if (view == LBK_VIEW_IMAGE && k > 0 && k < length - 1) continue;
        batch->tokens[t] = samples->tokens[samples->token_start[i] + k];
        batch->position[t] = k, batch->segment[t++] = 0;
    }
    batch->last_word[batch->num_sequences] = t - 2;
    for (int32_t row = 0; row < rows; row++) {
        batch->tokens[t] = -1 - (first_row + row);
        batch->position[t] = 0, batch->segment[t++] = 1;
    }
    batch->num_tokens = t;
    batch->start[++batch->num_sequences] = t;
}

/* The samples `order` [count] under the three views. */
static inline lbk__batch golden_batch(const golden_samples *samples, const int32_t *order, int32_t count) {
    size_t tokens = 0, rows = 0, dim = (size_t)samples->visual_dim;
    for (int32_t k = 0; k < count; k++) {
        const int32_t i = order[k];
        tokens += (size_t)(samples->token_start[i + 1] - samples->token_start[i]);
        rows += (size_t)(samples->row_start[i + 1] - samples->row_start[i]);
    }
    lbk__batch batch = {.num_rows = (int32_t)rows,
                        .visual_dim = samples->visual_dim,
                        .num_samples = count,
                        .num_views = LBK_NUM_VIEWS,
                        .tokens = malloc(3 * (tokens + rows) * sizeof *batch.tokens),
                        .position = malloc(3 * (tokens + rows) * sizeof *batch.position),
                        .segment = malloc(3 * (tokens + rows) * sizeof *batch.segment),
                        .start = calloc((size_t)(3 * count + 1), sizeof *batch.start),
                        .last_word = calloc((size_t)(3 * count + 1), sizeof *batch.last_word),
                        .visual = malloc(rows * dim * sizeof *batch.visual + 1)};
    for (int view = 0; view < LBK_NUM_VIEWS; view++)
        for (int32_t k = 0, first = 0; k < count; k++) {
            const int32_t i = order[k], own = samples->row_start[i + 1] - samples->row_start[i];
            golden_sequence(samples, i, first, view, &batch);
            memcpy(batch.visual + (size_t)first * dim, samples->visual + (size_t)samples->row_start[i] * dim,
                   (size_t)own * dim * sizeof *batch.visual);
            first += own;
        }
    return batch;
}

static inline void golden_batch_free(lbk__batch *batch) {
    free(batch->tokens);
    free(batch->position);
    free(batch->segment);
    free(batch->start);
    free(batch->last_word);
    free(batch->visual);
}

static inline lbk__batch_limits golden_limits(const lbk__batch *batch) {
    int32_t longest = 0;
    for (int32_t s = 0; s < batch->num_sequences; s++)
        longest = LBK_MAX(longest, batch->start[s + 1] - batch->start[s]);
    return (lbk__batch_limits){.num_samples = batch->num_samples,
                               .num_views = batch->num_views,
                               .num_tokens = batch->num_tokens,
                               .num_sequences = batch->num_sequences,
                               .num_rows = batch->num_rows,
                               .visual_dim = batch->visual_dim,
                               .longest = longest};
}

/* ---- comparing ---- */

static inline double golden_largest(const float *a, const double *b, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)a[i] - b[i]);
        if (!(difference <= largest)) largest = difference; /* NaN too */
    }
    return largest;
}

#endif
