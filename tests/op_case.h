/* op_case.h: one op alone on a tape, as a function of one vector: `point` = its inputs, then its parameters,
 * each flattened (shapes as in oracle/ops.py). Numbers go in and out as float64, whatever the tape computes
 * in; whatever an op has to write holds NaN before. */
#ifndef LBK_TESTS_OP_CASE_H
#define LBK_TESTS_OP_CASE_H

#include "check.h"

#include "tape/ops.h"

enum {
    OP_LINEAR,
    OP_LAYERNORM,
    OP_ATTENTION,
    OP_ABSORB_KEYS,
    OP_POOLED_ATTENTION,
    OP_DROPOUT,
    OP_EMBED,
    OP_PICK
};

typedef struct op_spec {
    int32_t kind, rows, cols, out, activation; /* out, activation: linear */
    int32_t form;                              /* layernorm: with a residual; embed: with visual rows */
    int32_t heads, visual, vocab, positions;
    float probability;
    int32_t num_sequences;
    const int32_t *start;                       /* [num_sequences + 1] */
    const int32_t *tokens, *position, *segment; /* [rows], embed */
} op_spec;

typedef struct op_case {
    lbk_context *context;
    lbk__tape *tape;
    lbk__tensor *input[2], *output;
    int num_inputs;
    size_t point, weights, result; /* numbers of the point, of its part that is parameters, of the result */
    void *numbers[3];              /* weights, gradients, direction in the tape's type */
    lbk__layout layout;
} op_case;

/* ---- numbers in and out ---- */

static inline void op_put(const op_case *c, void *to, size_t at, const double *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (c->tape->reference)
            ((double *)to)[at + i] = from[i];
        else
            ((float *)to)[at + i] = (float)from[i];
    }
}

static inline void op_get(const op_case *c, const void *from, size_t at, double *to, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = c->tape->reference ? ((const double *)from)[at + i] : (double)((const float *)from)[at + i];
}

static inline void op_blank(const op_case *c, void *to, size_t count) {
    const double nan = NAN;
    for (size_t i = 0; i < count; i++) op_put(c, to, i, &nan, 1);
}

static inline size_t op_count(const op_case *c, const lbk__tensor *tensor) {
    return (size_t)c->layout.rows[tensor->extent] * (size_t)tensor->cols;
}

/* ---- building ---- */

static inline lbk__tensor *op_input(op_case *c, lbk__extent extent, int32_t cols) {
    lbk__tensor *tensor;
    check_ok(c->context, lbk__tape_tensor(c->tape, extent, cols, &tensor));
    c->input[c->num_inputs++] = tensor;
    c->point += op_count(c, tensor);
    return tensor;
}

static inline lbk__slot op_slot(op_case *c, int32_t rows, int32_t cols) {
    const lbk__slot slot = {c->weights, rows, cols};
    c->weights += (size_t)rows * (size_t)cols;
    return slot;
}

static inline lbk_status op_record(op_case *c, const op_spec *s) {
    lbk__tensor *x = NULL, *y = NULL;
    switch (s->kind) {
    case OP_LINEAR: {
        x = op_input(c, LBK__TOKENS, s->cols);
        const lbk__slot weight = op_slot(c, s->out, s->cols), bias = op_slot(c, 1, s->out);
        return lbk__op_linear(c->tape, x, weight, bias, (lbk__activation)s->activation, &c->output);
    }
    case OP_LAYERNORM: {
        x = op_input(c, LBK__TOKENS, s->cols);
        if (s->form) y = op_input(c, LBK__TOKENS, s->cols);
        const lbk__slot gamma = op_slot(c, 1, s->cols), beta = op_slot(c, 1, s->cols);
        return lbk__op_layernorm(c->tape, x, y, gamma, beta, 1e-12f, s->probability, &c->output);
    }
    case OP_ATTENTION:
        x = op_input(c, LBK__TOKENS, 3 * s->cols);
        return lbk__op_attention(c->tape, x, s->heads, s->probability, &c->output);
    case OP_ABSORB_KEYS:
        x = op_input(c, LBK__SEQUENCES, s->cols);
        return lbk__op_absorb_keys(c->tape, x, op_slot(c, s->cols, s->cols), s->heads, &c->output);
    case OP_POOLED_ATTENTION: {
        x = op_input(c, LBK__SEQUENCES, s->heads * s->cols);
        y = op_input(c, LBK__TOKENS, s->cols);
        const lbk__slot weight = op_slot(c, s->cols, s->cols), bias = op_slot(c, 1, s->cols);
        return lbk__op_pooled_attention(c->tape, x, y, weight, bias, s->heads, s->probability, &c->output);
    }
    case OP_DROPOUT:
        x = op_input(c, LBK__TOKENS, s->cols);
        return lbk__op_dropout_of(c->tape, x, s->probability, &c->output);
    case OP_EMBED: {
        if (s->form) x = op_input(c, LBK__VISUAL_ROWS, s->cols);
        lbk__embed_slots slots;
        slots.word = op_slot(c, s->vocab, s->cols);
        slots.position = op_slot(c, s->positions, s->cols);
        slots.segment = op_slot(c, 2, s->cols);
        slots.visual_position = op_slot(c, s->positions, s->cols);
        slots.visual_segment = op_slot(c, 2, s->cols);
        return lbk__op_embed(c->tape, x, &slots, &c->output);
    }
    default:
        x = op_input(c, LBK__TOKENS, s->cols);
        return lbk__op_pick(c->tape, x, &c->output);
    }
}

/* The plan is made for somewhat more than the batch has. */
static inline void op_open(op_case *c, lbk_context *context, const op_spec *s, lbk__tape_mode mode,
                           bool reference) {
    *c = (op_case){.context = context,
                   .layout = {.rows = {s->rows, s->num_sequences, s->visual},
                              .tokens = s->tokens,
                              .position = s->position,
                              .segment = s->segment,
                              .start = s->start,
                              .pooled = s->start}};
    int32_t most[LBK__NUM_EXTENTS], longest = 1;
    for (int extent = 0; extent < LBK__NUM_EXTENTS; extent++) most[extent] = c->layout.rows[extent] + 2;
    for (int32_t i = 0; i < s->num_sequences; i++)
        longest = LBK_MAX(longest, s->start[i + 1] - s->start[i] + 1);
    check_ok(context,
             lbk__tape_create(context, mode, reference, LBK__PRECISION_FP32, most, longest, &c->tape));
    check_ok(context, op_record(c, s));
    check_ok(context, lbk__tape_plan(c->tape, c->output, false));
    c->point += c->weights;
    c->result = op_count(c, c->output);
    for (int i = 0; i < 3; i++) c->numbers[i] = calloc(c->weights + 1, sizeof(double));
    c->tape->weights = c->numbers[0];
    c->tape->gradients = c->numbers[1];
    c->tape->seed = 500;
}

static inline void op_close(op_case *c) {
    lbk__tape_free(c->tape);
    for (int i = 0; i < 3; i++) free(c->numbers[i]);
}

/* ---- running; dropout is that of step 9 ---- */

static inline void op_forward(op_case *c, const double *point, double *y) {
    for (int i = 0; i < c->num_inputs; i++) {
        op_put(c, c->input[i]->value.data, 0, point, op_count(c, c->input[i]));
        point += op_count(c, c->input[i]);
    }
    op_put(c, c->numbers[0], 0, point, c->weights);
    op_blank(c, c->output->value.data, c->result);
    lbk__tape_forward(c->tape, &c->layout, 9);
    op_get(c, c->output->value.data, 0, y, c->result);
}

/* gradient = Jᵀ·v; with `prior` (may be NULL) what was in the gradients before, which stays added. */
static inline void op_backward(op_case *c, const double *v, const double *prior, double *gradient) {
    size_t at = 0;
    for (int i = 0; i < c->num_inputs; i++) {
        const size_t count = op_count(c, c->input[i]);
        for (int k = 0; k < LBK__MAX_INPUTS; k++)
            if (c->tape->ops[0]->input[k] == c->input[i]) c->tape->ops[0]->accumulate[k] = prior != NULL;
        if (prior)
            op_put(c, c->input[i]->gradient.data, 0, prior + at, count);
        else
            op_blank(c, c->input[i]->gradient.data, count);
        at += count;
    }
    const double zero = 0;
    for (size_t i = 0; i < c->weights; i++) op_put(c, c->numbers[1], i, prior ? prior + at + i : &zero, 1);
    op_put(c, c->output->gradient.data, 0, v, c->result);
    lbk__tape_backward(c->tape);
    at = 0;
    for (int i = 0; i < c->num_inputs; i++) {
        op_get(c, c->input[i]->gradient.data, 0, gradient + at, op_count(c, c->input[i]));
        at += op_count(c, c->input[i]);
    }
    op_get(c, c->numbers[1], 0, gradient + at, c->weights);
}

static inline void op_tangent(op_case *c, const double *u, double *tangent) {
    for (int i = 0; i < c->num_inputs; i++) {
        op_put(c, c->input[i]->tangent.data, 0, u, op_count(c, c->input[i]));
        u += op_count(c, c->input[i]);
    }
    op_put(c, c->numbers[2], 0, u, c->weights);
    op_blank(c, c->output->tangent.data, c->result);
    lbk__tape_tangent(c->tape, c->numbers[2]);
    op_get(c, c->output->tangent.data, 0, tangent, c->result);
}

/* ---- comparing ---- */

/* ‖a − b‖ ≤ tolerance · max(‖b‖, size); fails with `what`. */
static inline void op_compare(const char *what, const double *a, const double *b, size_t count, double size,
                              double tolerance) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    const double bound = tolerance * fmax(sqrt(norm), size);
    if (!(sqrt(difference) <= bound)) fail_msg("%s: off by %g, bound %g", what, sqrt(difference), bound);
}

#endif
