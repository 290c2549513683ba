/* runner.c: a model's planned tape, fed with batches. On reference tapes everything is float64 inside and
 * converted at this border. */
#include "model/encoder.h"

#include <math.h>
#include <string.h>

struct lbk__runner {
    lbk__model *model;
    const float *weights; /* NULL: model->weights */
    lbk__tape *tape;
    lbk__tensor *output; /* logits, or hidden states */
    lbk__runner *owner;  /* of gradients and touched; NULL: the runner itself */
    float *gradients;    /* [num_values] */
    double *wide;        /* reference: weights, gradients, direction, each [num_values] */
    float *narrow;       /* reference: the output as float32, then its tangent */
    uint8_t *touched;    /* [vocab_size]: rows of the word table that some backward added to */
};

static bool infers(lbk__run_mode mode) {
    return mode == LBK__RUN_INFER || mode == LBK__RUN_STATES;
}

static lbk__tape_mode tape_mode(lbk__run_mode mode) {
    if (infers(mode)) return LBK__TAPE_INFER;
    return mode == LBK__RUN_TRAIN ? LBK__TAPE_TRAIN : LBK__TAPE_META;
}

static lbk_status record(lbk__model *model, const lbk__batch_limits *limits, lbk__run_mode mode,
                         bool measure_only, lbk__tape **tape, lbk__tensor **output) {
    const int32_t rows[LBK__NUM_EXTENTS] = {[LBK__TOKENS] = limits->num_tokens,
                                            [LBK__SEQUENCES] = limits->num_sequences,
                                            [LBK__VISUAL_ROWS] = limits->num_rows};
    LBK_TRY(lbk__tape_create(model->context, tape_mode(mode), lbk__reference_chosen(), model->precision, rows,
                             limits->longest, tape));
    lbk_status status = LBK_OK;
    LBK_GO(mode == LBK__RUN_STATES ? lbk__encoder_record_states(model, *tape, output)
                                   : lbk__encoder_record(model, *tape, output));
    LBK_GO(lbk__tape_plan(*tape, *output, measure_only));
done:
    if (status != LBK_OK) {
        lbk__tape_free(*tape);
        *tape = NULL;
    }
    return status;
}

static lbk__plan_size size_of(const lbk__model *model, const lbk__tape *tape, lbk__run_mode mode) {
    lbk__plan_size size = {.weights = model->num_values * sizeof(float), .activations = tape->arena_bytes};
    if (!infers(mode)) size.gradients = size.weights;
    return size;
}

/* Of the output, for the largest batch. */
static size_t most_numbers(const lbk__runner *runner) {
    return (size_t)runner->tape->max_rows[runner->output->extent] * (size_t)runner->output->cols;
}

static lbk_status create(lbk__model *model, const float *weights, const lbk__batch_limits *limits,
                         lbk__run_mode mode, uint64_t seed, lbk__runner *owner, lbk__runner **out) {
    *out = NULL;
    lbk_context *context = model->context;
    lbk__runner *runner;
    LBK_TRY(LBK_ALLOC(context, runner, 1));
    lbk_status status = LBK_OK;
    runner->model = model;
    runner->weights = weights;
    runner->owner = owner;
    LBK_GO(record(model, limits, mode, false, &runner->tape, &runner->output));
    runner->tape->seed = seed;
    const size_t count = model->num_values;
    if (owner) {
        runner->gradients = owner->gradients;
        runner->touched = owner->touched;
    } else if (!infers(mode)) {
        LBK_GO(LBK_ALLOC(context, runner->gradients, count)); /* not large pages: most words never come */
        LBK_GO(LBK_ALLOC(context, runner->touched, model->config.vocab_size));
    }
    if (runner->tape->reference) {
        LBK_GO(lbk__alloc_aligned(context, &runner->wide, 3 * count * sizeof *runner->wide));
        LBK_GO(LBK_ALLOC(context, runner->narrow, 2 * most_numbers(runner)));
    }
    *out = runner;
done:
    if (status != LBK_OK) lbk__runner_free(runner);
    return status;
}

lbk_status lbk__runner_create(lbk__model *model, const float *weights, const lbk__batch_limits *limits,
                              lbk__run_mode mode, uint64_t seed, lbk__runner **out) {
    return create(model, weights, limits, mode, seed, NULL, out);
}

lbk_status lbk__runner_create_beside(lbk__runner *owner, const float *weights,
                                     const lbk__batch_limits *limits, lbk__runner **out) {
    return create(owner->model, weights, limits, LBK__RUN_TRAIN, owner->tape->seed, owner, out);
}

void lbk__runner_free(lbk__runner *runner) {
    if (!runner) return;
    lbk_context *context = runner->model->context;
    lbk__tape_free(runner->tape);
    lbk__free_aligned(context, runner->wide);
    lbk_free(context, runner->narrow);
    if (!runner->owner) {
        lbk_free(context, runner->gradients);
        lbk_free(context, runner->touched);
    }
    lbk_free(context, runner);
}

lbk_status lbk__runner_estimate(lbk__model *model, const lbk__batch_limits *limits, lbk__run_mode mode,
                                lbk__plan_size *out) {
    lbk__tape *tape;
    lbk__tensor *logits;
    LBK_TRY(record(model, limits, mode, true, &tape, &logits));
    *out = size_of(model, tape, mode);
    lbk__tape_free(tape);
    return LBK_OK;
}

static void widen(const float *from, double *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (double)from[i];
}

/* The numbers of the output's value or tangent as float32. */
static const float *as_floats(lbk__runner *runner, const lbk__buffer *buffer) {
    if (!runner->tape->reference) return buffer->data;
    const size_t count = (size_t)lbk__rows(runner->tape, runner->output) * (size_t)runner->output->cols;
    const double *from = buffer->data;
    float *to = runner->narrow + (buffer == &runner->output->tangent ? most_numbers(runner) : 0);
    for (size_t i = 0; i < count; i++) to[i] = (float)from[i];
    return to;
}

const float *lbk__runner_forward(lbk__runner *runner, const lbk__batch *batch, int64_t step) {
    const lbk__layout layout = {
        .rows = {[LBK__TOKENS] = batch->num_tokens,
                 [LBK__SEQUENCES] = batch->num_sequences,
                 [LBK__VISUAL_ROWS] = batch->num_rows},
        .tokens = batch->tokens,
        .position = batch->position,
        .segment = batch->segment,
        .start = batch->start,
        .pooled =
            runner->model->config.classifier_pooling == LBK__POOL_LAST_WORD ? batch->last_word : batch->start,
        .visual = batch->visual,
    };
    const float *weights = runner->weights ? runner->weights : runner->model->weights;
    runner->tape->weights = weights;
    if (runner->tape->reference) {
        widen(weights, runner->wide, runner->model->num_values);
        runner->tape->weights = runner->wide;
    }
    lbk__tape_forward(runner->tape, &layout, step);
    return as_floats(runner, &runner->output->value);
}

static void touch_rows(lbk__runner *runner) {
    const lbk__layout *layout = &runner->tape->layout;
    for (int32_t t = 0; t < layout->rows[LBK__TOKENS]; t++)
        if (layout->tokens[t] >= 0) runner->touched[layout->tokens[t]] = 1;
}

void lbk__runner_backward(lbk__runner *runner, const float *d_logits) {
    lbk__tape *tape = runner->tape;
    const size_t count = (size_t)tape->layout.rows[LBK__SEQUENCES] * (size_t)runner->model->config.num_labels;
    touch_rows(runner);
    if (!tape->reference) {
        memcpy(runner->output->gradient.data, d_logits, count * sizeof *d_logits);
        tape->gradients = runner->gradients;
        lbk__tape_backward(tape);
        return;
    }
    double *gradients = runner->wide + runner->model->num_values;
    widen(d_logits, runner->output->gradient.data, count);
    memset(gradients, 0, runner->model->num_values * sizeof *gradients);
    tape->gradients = gradients;
    lbk__tape_backward(tape);
    for (size_t i = 0; i < runner->model->num_values; i++)
        runner->gradients[i] = (float)((double)runner->gradients[i] + gradients[i]);
}

const float *lbk__runner_tangent(lbk__runner *runner, const float *direction) {
    if (runner->tape->reference) {
        double *wide = runner->wide + 2 * runner->model->num_values;
        widen(direction, wide, runner->model->num_values);
        lbk__tape_tangent(runner->tape, wide);
    } else {
        lbk__tape_tangent(runner->tape, direction);
    }
    return as_floats(runner, &runner->output->tangent);
}

void lbk__runner_weights_changed(lbk__runner *runner) {
    runner->tape->constants_known = false;
}

void lbk__runner_time(lbk__runner *runner) {
    runner->tape->timed = true;
}

lbk_status lbk__runner_profile(const lbk__runner *runner, double steps, json_t **out) {
    return lbk__tape_profile(runner->tape, steps, out);
}

double lbk__runner_operations(const lbk__runner *runner) {
    return lbk__tape_operations(runner->tape);
}

float *lbk__runner_gradients(lbk__runner *runner) {
    return runner->gradients;
}

const uint8_t *lbk__runner_touched(const lbk__runner *runner) {
    return runner->touched;
}

/* The word table is the first parameter; of its many rows a step touches few. */
void lbk__runner_zero_gradients(lbk__runner *runner) {
    enum { BLOCK = 1 << 16 };
    const int64_t vocab = runner->model->config.vocab_size, cols = runner->model->config.hidden_size,
                  rest = (int64_t)runner->model->num_values - vocab * cols;
    float *behind = runner->gradients + vocab * cols; /* the table */
    for (int64_t row = 0; row < vocab; row++)
        if (runner->touched[row]) memset(runner->gradients + row * cols, 0, (size_t)cols * sizeof(float));
    memset(runner->touched, 0, (size_t)vocab);
#pragma omp parallel for schedule(static) num_threads(runner->model->context->num_threads) if (rest > BLOCK)
    for (int64_t at = 0; at < rest; at += BLOCK)
        memset(behind + at, 0, (size_t)LBK_MIN((int64_t)BLOCK, rest - at) * sizeof(float));
}
