/* tape.c: recording and running. */
#include "tape/tape.h"

#include "base/random.h"
#include "kernel/threads.h"

#include <string.h>

lbk_status lbk__tape_create(lbk_context *context, lbk__tape_mode mode, bool reference,
                            lbk__precision precision, const int32_t max_rows[LBK__NUM_EXTENTS],
                            int32_t longest, lbk__tape **out) {
    lbk__tape *tape;
    LBK_TRY(LBK_ALLOC(context, tape, 1));
    tape->context = context;
    tape->mode = mode;
    tape->reference = reference;
    tape->vector = lbk__vector_choose();
    tape->longest = longest;
    memcpy(tape->max_rows, max_rows, sizeof tape->max_rows);
    tape->precision = precision;
    *out = tape;
    if (reference || precision == LBK__PRECISION_FP32) return LBK_OK;
    const lbk_status status = lbk__narrow_create(context, precision, &tape->narrow);
    if (status != LBK_OK) {
        lbk__tape_free(tape);
        *out = NULL;
    }
    return status;
}

void lbk__tape_free(lbk__tape *tape) {
    if (!tape) return;
    for (size_t i = 0; i < tape->num_tensors; i++) lbk_free(tape->context, tape->tensors[i]);
    for (size_t i = 0; i < tape->num_ops; i++) {
        lbk__packed_free(tape->ops[i]->packed);
        lbk_free(tape->context, tape->ops[i]);
    }
    lbk_free(tape->context, tape->tensors);
    lbk_free(tape->context, tape->ops);
    lbk__narrow_free(tape->narrow);
    lbk__free_aligned(tape->context, tape->arena);
    lbk_free(tape->context, tape);
}

lbk_status lbk__tape_tensor(lbk__tape *tape, lbk__extent extent, int32_t cols, lbk__tensor **out) {
    LBK_TRY(LBK_GROW(tape->context, tape->tensors, tape->tensor_capacity, tape->num_tensors + 1));
    lbk__tensor *tensor;
    LBK_TRY(LBK_ALLOC(tape->context, tensor, 1));
    *tensor = (lbk__tensor){.extent = extent, .cols = cols, .producer = -1, .first_use = -1, .last_use = -1};
    tape->tensors[tape->num_tensors++] = tensor;
    size_t count = (size_t)tape->max_rows[extent] * (size_t)cols;
    lbk__tape_ask(tape, &tensor->value, count);
    lbk__tape_ask(tape, &tensor->gradient, count);
    lbk__tape_ask(tape, &tensor->tangent, count);
    *out = tensor;
    return LBK_OK;
}

lbk_status lbk__tape_record(lbk__tape *tape, const lbk__op_class *class, lbk__tensor *output, lbk__op **out) {
    LBK_TRY(LBK_GROW(tape->context, tape->ops, tape->op_capacity, tape->num_ops + 1));
    lbk__op *op;
    LBK_TRY(LBK_ALLOC(tape->context, op, 1));
    op->class = class;
    op->index = (int)tape->num_ops;
    op->output = output;
    output->producer = op->index;
    tape->ops[tape->num_ops++] = op;
    *out = op;
    return LBK_OK;
}

void lbk__tape_ask(const lbk__tape *tape, lbk__buffer *buffer, size_t count) {
    buffer->bytes = count * lbk__element_size(tape);
}

lbk__dropout lbk__op_dropout(const lbk__tape *tape, const lbk__op *op) {
    return lbk__dropout_make(tape->seed, LBK__STREAM_DROPOUT + (uint32_t)op->index, (uint32_t)tape->step,
                             tape->step < 0 ? 0.0f : op->probability);
}

/* Threads for the batch at hand: a small one is done before a second thread has woken up, and on a busy
 * machine threads that wait for each other are what it would spend its time on. */
static int num_threads(const lbk__tape *tape) {
    static const int64_t share = 32 << 20; /* multiplications worth a thread: a third of a millisecond */
    int64_t work = 0;
    for (int extent = 0; extent < LBK__NUM_EXTENTS; extent++)
        work += tape->multiplications[extent] * tape->layout.rows[extent];
    return (int)LBK_MIN(tape->context->num_threads, 1 + work / share);
}

typedef void pass_of_op(lbk__tape *, lbk__op *);

static pass_of_op *pass_of(const lbk__tape *tape, const lbk__op *op, lbk__pass pass) {
    const lbk__op_class *c = op->class;
    if (pass == LBK__FORWARD) return tape->reference ? c->reference_forward : c->forward;
    if (pass == LBK__BACKWARD) return tape->reference ? c->reference_backward : c->backward;
    return tape->reference ? c->reference_tangent : c->tangent;
}

static void run(lbk__tape *tape, size_t index, lbk__pass pass) {
    lbk__op *op = tape->ops[index];
    const double begin = tape->timed ? lbk__seconds() : 0.0;
    pass_of(tape, op, pass)(tape, op);
    if (tape->timed) op->time[pass].seconds += lbk__seconds() - begin;
}

void lbk__tape_forward(lbk__tape *tape, const lbk__layout *layout, int64_t step) {
    tape->layout = *layout;
    tape->step = step;
    const lbk__threads host = lbk__threads_enter(num_threads(tape));
    for (size_t i = 0; i < tape->num_ops; i++) run(tape, i, LBK__FORWARD);
    tape->constants_known = tape->mode == LBK__TAPE_INFER;
    lbk__threads_leave(&host);
}

void lbk__tape_backward(lbk__tape *tape) {
    const lbk__threads host = lbk__threads_enter(num_threads(tape));
    for (size_t i = tape->num_ops; i-- > 0;) run(tape, i, LBK__BACKWARD);
    lbk__threads_leave(&host);
}

void lbk__tape_tangent(lbk__tape *tape, const void *direction) {
    tape->direction = direction;
    const lbk__threads host = lbk__threads_enter(num_threads(tape));
    for (size_t i = 0; i < tape->num_ops; i++) run(tape, i, LBK__TANGENT);
    lbk__threads_leave(&host);
}
