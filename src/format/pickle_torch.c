/* pickle_torch.c: the allow-list: what a pickle may name, and what calling it means here. Every argument is
 * checked; a tensor may not claim more elements than its storage has, so no few bytes can ask for much
 * memory.
 */
#include "format/pickle.h"

#include <stdio.h>
#include <string.h>

typedef enum meaning { ORDERED_DICT, SIZE, STORAGE, TENSOR, PARAMETER } meaning;

static const struct {
    const char *module, *name;
    meaning meaning;
    lbk__dtype dtype; /* of a STORAGE */
} allowed[] = {
    {"collections", "OrderedDict", ORDERED_DICT, 0},      {"torch", "Size", SIZE, 0},
    {"torch._utils", "_rebuild_tensor", TENSOR, 0},       {"torch._utils", "_rebuild_tensor_v2", TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", PARAMETER, 0}, {"torch", "FloatStorage", STORAGE, LBK__F32},
    {"torch", "HalfStorage", STORAGE, LBK__F16},          {"torch", "BFloat16Storage", STORAGE, LBK__BF16},
    {"torch", "DoubleStorage", STORAGE, LBK__F64},        {"torch", "LongStorage", STORAGE, LBK__I64},
    {"torch", "IntStorage", STORAGE, LBK__I32},           {"torch", "ShortStorage", STORAGE, LBK__I16},
    {"torch", "CharStorage", STORAGE, LBK__I8},           {"torch", "ByteStorage", STORAGE, LBK__U8},
    {"torch", "BoolStorage", STORAGE, LBK__BOOL},
};

static bool equal(const char *text, size_t length, const char *expected) {
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

lbk_status lbk__pickle_global(lbk__pickle *pickle, const char *module, size_t module_length, const char *name,
                              size_t name_length, int32_t *out) {
    for (size_t i = 0; i < LBK_COUNT(allowed); i++)
        if (equal(module, module_length, allowed[i].module) && equal(name, name_length, allowed[i].name))
            return lbk__pickle_new(pickle, LBK__PICKLE_GLOBAL, (int64_t)i, out);
    char shown_module[80], shown_name[80];
    return lbk__pickle_bad(
        pickle,
        "asks for %s.%s, which is not allowed; only tensors are read, and nothing is run. Save "
        "the model's state_dict() alone, or as safetensors",
        lbk__printable(shown_module, sizeof shown_module, module, module_length),
        lbk__printable(shown_name, sizeof shown_name, name, name_length));
}

/* ---- arguments ---- */

static const lbk__pickle_value *at(const lbk__pickle *pickle, int32_t value) {
    return &pickle->values[value];
}

/* Up to `most` items of a tuple; returns how many it has, or −1 when it is none or has more. */
static int items_of(const lbk__pickle *pickle, const lbk__pickle_value *tuple, int32_t *out, int most) {
    if (tuple->kind != LBK__PICKLE_TUPLE || tuple->count > most) return -1;
    int count = 0;
    for (int32_t cell = tuple->first; cell != LBK__PICKLE_NONE; cell = pickle->cells[cell].next)
        out[count++] = pickle->cells[cell].value;
    return count;
}

/* A tuple of numbers ≥ 0; returns its rank, or −1. */
static int extents_of(const lbk__pickle *pickle, int32_t tuple, int64_t out[LBK__MAX_RANK]) {
    int32_t items[LBK__MAX_RANK];
    const int rank = items_of(pickle, at(pickle, tuple), items, LBK__MAX_RANK);
    for (int i = 0; i < rank; i++) {
        const lbk__pickle_value *item = at(pickle, items[i]);
        if (item->kind != LBK__PICKLE_NUMBER || item->number < 0) return -1;
        out[i] = item->number;
    }
    return rank;
}

/* ---- storages and tensors ---- */

lbk_status lbk__pickle_storage(lbk__pickle *pickle, int32_t description, int32_t *out) {
    int32_t item[6];
    const int count = items_of(pickle, at(pickle, description), item, 6);
    if (count < 5 || !lbk__pickle_is_text(at(pickle, item[0]), "storage"))
        return lbk__pickle_bad(pickle, "refers to something that is no storage of a tensor");
    const lbk__pickle_value *type = at(pickle, item[1]), *key = at(pickle, item[2]),
                            *size = at(pickle, item[4]);
    if (type->kind != LBK__PICKLE_GLOBAL || allowed[type->number].meaning != STORAGE)
        return lbk__pickle_bad(pickle, "has a storage of no known type");
    if (key->kind != LBK__PICKLE_TEXT || size->kind != LBK__PICKLE_NUMBER || size->number < 0)
        return lbk__pickle_bad(pickle, "has a storage without a key or with an impossible size");
    if (count == 6 && at(pickle, item[5])->kind != LBK__PICKLE_NULL)
        return lbk__pickle_bad(pickle,
                               "has a storage that is a view of another, as torch before 0.4 wrote them; "
                               "load and save it with a newer torch");
    LBK_TRY(LBK_GROW(pickle->context, pickle->storages, pickle->max_storages, pickle->num_storages + 1));
    pickle->storages[pickle->num_storages] = (lbk__torch_storage){.dtype = allowed[type->number].dtype,
                                                                  .key = key->text,
                                                                  .key_length = key->length,
                                                                  .count = size->number};
    return lbk__pickle_new(pickle, LBK__PICKLE_STORAGE, (int64_t)pickle->num_storages++, out);
}

/* Whether each element lies within `count` and there are no more than that. */
static bool within(const lbk__torch_tensor *tensor, int64_t count) {
    int64_t elements = 1, last = tensor->offset, reach;
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] == 0) return true;
    for (int i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(elements, tensor->shape[i], &elements) ||
            __builtin_mul_overflow(tensor->shape[i] - 1, tensor->stride[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return false;
    return elements <= count && last < count;
}

/* (storage, offset, size, stride[, requires_grad, hooks[, metadata]]) */
static lbk_status rebuild_tensor(lbk__pickle *pickle, const int32_t *item, int count, int32_t *out) {
    if (count < 4 || at(pickle, item[0])->kind != LBK__PICKLE_STORAGE ||
        at(pickle, item[1])->kind != LBK__PICKLE_NUMBER || at(pickle, item[1])->number < 0)
        return lbk__pickle_bad(pickle, "has a tensor without a storage or with an impossible offset");
    lbk__torch_tensor tensor = {.storage = (int32_t)at(pickle, item[0])->number,
                                .offset = at(pickle, item[1])->number};
    tensor.rank = extents_of(pickle, item[2], tensor.shape);
    if (tensor.rank < 0 || extents_of(pickle, item[3], tensor.stride) != tensor.rank)
        return lbk__pickle_bad(
            pickle, "has a tensor whose size and strides are not up to %d numbers ≥ 0 each", LBK__MAX_RANK);
    if (!within(&tensor, pickle->storages[tensor.storage].count))
        return lbk__pickle_bad(pickle, "has a tensor with more elements than its storage of %lld",
                               (long long)pickle->storages[tensor.storage].count);
    LBK_TRY(LBK_GROW(pickle->context, pickle->tensors, pickle->max_tensors, pickle->num_tensors + 1));
    pickle->tensors[pickle->num_tensors] = tensor;
    return lbk__pickle_new(pickle, LBK__PICKLE_TENSOR, (int64_t)pickle->num_tensors++, out);
}

lbk_status lbk__pickle_call(lbk__pickle *pickle, int32_t function, int32_t arguments, int32_t *out) {
    int32_t item[8];
    const lbk__pickle_value *callee = at(pickle, function);
    const int count = items_of(pickle, at(pickle, arguments), item, LBK_COUNT(item));
    if (callee->kind != LBK__PICKLE_GLOBAL)
        return lbk__pickle_bad(pickle, "calls something that is no allowed function");
    switch (allowed[callee->number].meaning) {
    case ORDERED_DICT:
        if (count != 0) break;
        return lbk__pickle_new(pickle, LBK__PICKLE_DICT, 0, out);
    case SIZE:
        if (count != 1 || at(pickle, item[0])->kind != LBK__PICKLE_TUPLE) break;
        *out = item[0];
        return LBK_OK;
    case PARAMETER: /* (tensor, requires_grad, hooks) */
        if (count < 1 || at(pickle, item[0])->kind != LBK__PICKLE_TENSOR) break;
        *out = item[0];
        return LBK_OK;
    case TENSOR:
        return rebuild_tensor(pickle, item, count, out);
    case STORAGE:
        break;
    }
    return lbk__pickle_bad(pickle, "calls %s.%s with arguments that torch.save does not write",
                           allowed[callee->number].module, allowed[callee->number].name);
}
