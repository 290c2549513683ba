/* plan.c: the memory plan. The life of a tape of n ops has 3n steps: forward of op i is step i, backward n +
 * (n−1−i), tangent 2n + i. Every buffer has a first and a last step; buffers whose lives do not meet share
 * memory, placed greedily, the largest first, each at the lowest offset that is free during its life. A
 * gradient may take the place of the value itself. */
#include "tape/tape.h"

#include <stdlib.h>
#include <string.h>

/* SLACK: vector code may read as far beyond a buffer's end (kernel.h). */
enum { ALIGNMENT = 64, SLACK = LBK__LANES * (int)sizeof(float) };

static int backward_step(const lbk__tape *tape, int op) {
    return 2 * (int)tape->num_ops - 1 - op;
}
static int tangent_step(const lbk__tape *tape, int op) {
    return 2 * (int)tape->num_ops + op;
}

static void live(lbk__buffer *buffer, int birth, int death) {
    buffer->birth = birth;
    buffer->death = death;
}

static void find_uses(lbk__tape *tape) {
    for (size_t i = 0; i < tape->num_ops; i++) {
        lbk__op *op = tape->ops[i];
        for (int k = 0; k < LBK__MAX_INPUTS; k++) {
            lbk__tensor *input = op->input[k];
            if (!input) continue;
            if (input->first_use < 0) input->first_use = (int)i;
            input->last_use = (int)i;
            input->saved |= op->class->saves_input[k];
        }
        op->output->saved |= op->class->saves_output;
    }
    /* Backward runs from the last use to the first: the last use writes the gradient, the others add. */
    for (size_t i = 0; i < tape->num_ops; i++)
        for (int k = 0; k < LBK__MAX_INPUTS; k++)
            if (tape->ops[i]->input[k])
                tape->ops[i]->accumulate[k] = tape->ops[i]->input[k]->last_use != (int)i;
}

/* Whether the gradient lies where the value does: where the only op that reads the value is through with it
 * when it writes the gradient, and backward runs once. */
static bool in_place(const lbk__tape *tape, const lbk__tensor *tensor) {
    return tape->mode == LBK__TAPE_TRAIN && !tape->reference && !tensor->leaf && tensor->first_use >= 0 &&
           tensor->first_use == tensor->last_use && tape->ops[tensor->first_use]->class->gradient_in_place &&
           !tape->ops[tensor->producer]->class->saves_output;
}

static void lifetimes(lbk__tape *tape, lbk__tensor *output) {
    const int n = (int)tape->num_ops, end = 3 * n;
    for (size_t i = 0; i < tape->num_tensors; i++) {
        lbk__tensor *tensor = tape->tensors[i];
        int last = LBK_MAX(tensor->last_use, tensor->producer);
        int death = last;
        if (tape->mode == LBK__TAPE_TRAIN && tensor->saved) death = backward_step(tape, tensor->producer);
        if (tape->mode == LBK__TAPE_META && tensor->saved) death = end;
        live(&tensor->value, tensor->producer, tensor == output ? end : death);
        live(&tensor->gradient, tensor == output ? 0 : backward_step(tape, last),
             backward_step(tape, tensor->producer));
        live(&tensor->tangent, tangent_step(tape, tensor->producer),
             tensor == output ? end : tangent_step(tape, last));
        if (tape->mode == LBK__TAPE_INFER || tensor->leaf || in_place(tape, tensor))
            tensor->gradient.bytes = 0;
        if (tape->mode != LBK__TAPE_META || tensor->leaf) tensor->tangent.bytes = 0;
    }
    /* The output's gradient is the caller's to fill, at any time: before it and after it nothing may take its
     * place. */
    if (output->gradient.bytes) output->gradient.death = end;
}

static lbk_status add_buffer(lbk__tape *tape, lbk__buffer ***list, size_t *count, size_t *capacity,
                             lbk__buffer *buffer) {
    if (buffer->bytes == 0) return LBK_OK;
    lbk__buffer **grown = *list;
    LBK_TRY(LBK_GROW(tape->context, grown, *capacity, *count + 1));
    *list = grown;
    (*list)[(*count)++] = buffer;
    return LBK_OK;
}

/* Scratch is used by one op at a time in each of its three passes: one buffer that serves all ops, alive
 * always. */
static size_t largest_scratch(const lbk__tape *tape) {
    size_t bytes = 0;
    for (size_t i = 0; i < tape->num_ops; i++) bytes = LBK_MAX(bytes, tape->ops[i]->scratch.bytes);
    return bytes;
}

static lbk_status gather_buffers(lbk__tape *tape, lbk__buffer ***list, size_t *count, size_t *capacity) {
    for (size_t i = 0; i < tape->num_tensors; i++) {
        LBK_TRY(add_buffer(tape, list, count, capacity, &tape->tensors[i]->value));
        LBK_TRY(add_buffer(tape, list, count, capacity, &tape->tensors[i]->gradient));
        LBK_TRY(add_buffer(tape, list, count, capacity, &tape->tensors[i]->tangent));
    }
    for (size_t i = 0; i < tape->num_ops; i++) {
        for (int k = 0; k < LBK__MAX_SAVED; k++) {
            int death = (int)i;
            if (tape->mode == LBK__TAPE_TRAIN) death = backward_step(tape, (int)i);
            if (tape->mode == LBK__TAPE_META) death = 3 * (int)tape->num_ops;
            live(&tape->ops[i]->saved[k], (int)i, death);
            LBK_TRY(add_buffer(tape, list, count, capacity, &tape->ops[i]->saved[k]));
        }
        live(&tape->ops[i]->constant, 0, 3 * (int)tape->num_ops);
        LBK_TRY(add_buffer(tape, list, count, capacity, &tape->ops[i]->constant));
    }
    return LBK_OK;
}

static int by_size_then_birth(const void *a, const void *b) {
    const lbk__buffer *x = *(lbk__buffer *const *)a, *y = *(lbk__buffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->birth > y->birth) - (x->birth < y->birth);
}

/* The lowest offset at which `buffer` meets none of the `count` buffers that are placed. */
static size_t lowest_offset(lbk__buffer *const *placed, size_t count, const lbk__buffer *buffer) {
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const lbk__buffer *other = placed[i];
            bool together = buffer->birth <= other->death && other->birth <= buffer->death;
            bool overlap = offset < other->offset + other->bytes && other->offset < offset + buffer->bytes;
            if (together && overlap) {
                offset = LBK_ROUND_UP(other->offset + other->bytes, (size_t)ALIGNMENT);
                moved = true;
            }
        }
    }
    return offset;
}

lbk_status lbk__tape_plan(lbk__tape *tape, lbk__tensor *output, bool measure_only) {
    find_uses(tape);
    lifetimes(tape, output);
    lbk__buffer **buffers = NULL;
    size_t count = 0, capacity = 0, top = 0;
    lbk_status status = LBK_OK;
    LBK_GO(gather_buffers(tape, &buffers, &count, &capacity));
    qsort(buffers, count, sizeof *buffers, by_size_then_birth);
    for (size_t i = 0; i < count; i++) {
        buffers[i]->offset = lowest_offset(buffers, i, buffers[i]);
        top = LBK_MAX(top, LBK_ROUND_UP(buffers[i]->offset + buffers[i]->bytes, (size_t)ALIGNMENT));
    }
    tape->arena_bytes = top + largest_scratch(tape) + SLACK;
    if (measure_only) goto done;
    LBK_GO(lbk__alloc_aligned(tape->context, &tape->arena, tape->arena_bytes));
    for (size_t i = 0; i < count; i++) buffers[i]->data = (char *)tape->arena + buffers[i]->offset;
    for (size_t i = 0; i < tape->num_tensors; i++)
        if (in_place(tape, tape->tensors[i])) tape->tensors[i]->gradient.data = tape->tensors[i]->value.data;
    for (size_t i = 0; i < tape->num_ops; i++) tape->ops[i]->scratch.data = (char *)tape->arena + top;
done:
    lbk_free(tape->context, buffers);
    return status;
}
