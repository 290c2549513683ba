/* onnx.c: the messages of onnx.proto, made one by one and packed straight into the file. */
#include "format/onnx.h"

#include "base/file.h"
#include "format/onnx.pb-c.h"

#include <stdio.h>
#include <string.h>

/* Blocks of memory that live as long as the graph. */
typedef struct block {
    struct block *next;
} block;

struct lbk__onnx {
    lbk_context *context;
    lbk_status status; /* the first failure */
    block *blocks;
    Lbk__Onnx__Model model;
    Lbk__Onnx__Graph graph;
    Lbk__Onnx__OperatorSet operators, *operator_list;
    size_t node_capacity, tensor_capacity, input_capacity, output_capacity, entry_capacity;
    size_t fresh; /* outputs named so far */
};

/* ---- memory ---- */

/* Zeroed memory; NULL after a failure. */
static void *keep(lbk__onnx *onnx, size_t size) {
    char *memory = NULL;
    if (onnx->status == LBK_OK)
        onnx->status = lbk__alloc_array(onnx->context, &memory, sizeof(block) + size, 1);
    if (!memory) return NULL;
    block *made = (block *)(void *)memory;
    made->next = onnx->blocks;
    onnx->blocks = made;
    return memory + sizeof *made;
}

static char *keep_bytes(lbk__onnx *onnx, const void *data, size_t size) {
    char *copy = keep(onnx, size + 1);
    if (copy && size) memcpy(copy, data, size);
    return copy;
}

static char *keep_text(lbk__onnx *onnx, const char *text) {
    return keep_bytes(onnx, text, strlen(text));
}

/* One of a kind of message: `init` is protobuf-c's initial value. */
#define MAKE(onnx, type, init) make(onnx, &(type)init, sizeof(type))
static void *make(lbk__onnx *onnx, const void *init, size_t size) {
    return keep_bytes(onnx, init, size);
}

#define APPEND(onnx, list, count, capacity, item)                                                            \
    do {                                                                                                     \
        if ((onnx)->status == LBK_OK) (onnx)->status = LBK_GROW((onnx)->context, list, capacity, count + 1); \
        if ((onnx)->status == LBK_OK) list[count++] = item;                                                  \
    } while (0)

lbk_status lbk__onnx_create(lbk_context *context, const char *graph_name, lbk__onnx **out) {
    LBK_TRY(LBK_ALLOC(context, *out, 1));
    lbk__onnx *onnx = *out;
    onnx->context = context;
    onnx->model = (Lbk__Onnx__Model)LBK__ONNX__MODEL__INIT;
    onnx->graph = (Lbk__Onnx__Graph)LBK__ONNX__GRAPH__INIT;
    onnx->operators = (Lbk__Onnx__OperatorSet)LBK__ONNX__OPERATOR_SET__INIT;
    onnx->operator_list = &onnx->operators;
    onnx->operators.domain = keep_text(onnx, "");
    onnx->operators.has_version = 1;
    onnx->operators.version = LBK__ONNX_OPSET;
    onnx->graph.name = keep_text(onnx, graph_name);
    onnx->model.has_ir_version = 1;
    onnx->model.ir_version = LBK__ONNX_IR;
    onnx->model.producer_name = keep_text(onnx, "limbeck");
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LBK_VERSION_MAJOR, LBK_VERSION_MINOR, LBK_VERSION_PATCH);
    onnx->model.producer_version = keep_text(onnx, version);
    onnx->model.graph = &onnx->graph;
    onnx->model.n_opset_import = 1;
    onnx->model.opset_import = &onnx->operator_list;
    return LBK_OK;
}

void lbk__onnx_free(lbk__onnx *onnx) {
    if (!onnx) return;
    for (block *at = onnx->blocks, *next; at; at = next) {
        next = at->next;
        lbk_free(onnx->context, at);
    }
    lbk_free(onnx->context, onnx->graph.node);
    lbk_free(onnx->context, onnx->graph.initializer);
    lbk_free(onnx->context, onnx->graph.input);
    lbk_free(onnx->context, onnx->graph.output);
    lbk_free(onnx->context, onnx->model.metadata_props);
    lbk_free(onnx->context, onnx);
}

/* ---- inputs, outputs, tensors ---- */

static int32_t type_code(lbk__dtype dtype) {
    switch (dtype) {
    case LBK__F32:
        return 1;
    case LBK__I64:
        return 7;
    case LBK__F16:
        return 10;
    default:
        return 0; /* undefined: onnx.checker refuses it */
    }
}

static Lbk__Onnx__Shape *make_shape(lbk__onnx *onnx, int rank, const lbk__onnx_extent *extents) {
    Lbk__Onnx__Shape *shape = MAKE(onnx, Lbk__Onnx__Shape, LBK__ONNX__SHAPE__INIT);
    Lbk__Onnx__Dimension **dimensions = keep(onnx, (size_t)rank * sizeof *dimensions);
    if (!shape || !dimensions) return NULL;
    shape->n_dim = (size_t)rank;
    shape->dim = dimensions;
    for (int i = 0; i < rank; i++) {
        Lbk__Onnx__Dimension *d = MAKE(onnx, Lbk__Onnx__Dimension, LBK__ONNX__DIMENSION__INIT);
        if (!d) return NULL;
        dimensions[i] = d;
        if (extents[i].name) {
            d->value_case = LBK__ONNX__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = keep_text(onnx, extents[i].name);
        } else {
            d->value_case = LBK__ONNX__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = extents[i].number;
        }
    }
    return shape;
}

static Lbk__Onnx__ValueInfo *make_value(lbk__onnx *onnx, const char *name, lbk__dtype dtype, int rank,
                                        const lbk__onnx_extent *extents) {
    Lbk__Onnx__ValueInfo *value = MAKE(onnx, Lbk__Onnx__ValueInfo, LBK__ONNX__VALUE_INFO__INIT);
    Lbk__Onnx__Type *type = MAKE(onnx, Lbk__Onnx__Type, LBK__ONNX__TYPE__INIT);
    Lbk__Onnx__TensorType *tensor = MAKE(onnx, Lbk__Onnx__TensorType, LBK__ONNX__TENSOR_TYPE__INIT);
    if (!value || !type || !tensor) return NULL;
    value->name = keep_text(onnx, name);
    value->type = type;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type_code(dtype);
    tensor->shape = make_shape(onnx, rank, extents);
    return value;
}

void lbk__onnx_input(lbk__onnx *onnx, const char *name, lbk__dtype dtype, int rank,
                     const lbk__onnx_extent *extents) {
    Lbk__Onnx__ValueInfo *value = make_value(onnx, name, dtype, rank, extents);
    APPEND(onnx, onnx->graph.input, onnx->graph.n_input, onnx->input_capacity, value);
}

void lbk__onnx_output(lbk__onnx *onnx, const char *name, lbk__dtype dtype, int rank,
                      const lbk__onnx_extent *extents) {
    Lbk__Onnx__ValueInfo *value = make_value(onnx, name, dtype, rank, extents);
    APPEND(onnx, onnx->graph.output, onnx->graph.n_output, onnx->output_capacity, value);
}

void lbk__onnx_tensor(lbk__onnx *onnx, const lbk__tensor_spec *spec, const void *data) {
    Lbk__Onnx__Tensor *tensor = MAKE(onnx, Lbk__Onnx__Tensor, LBK__ONNX__TENSOR__INIT);
    size_t bytes = lbk__dtype_size(spec->dtype);
    for (int i = 0; i < spec->rank; i++) bytes *= (size_t)spec->shape[i];
    if (!tensor) return;
    tensor->name = keep_text(onnx, spec->name);
    tensor->n_dims = (size_t)spec->rank;
    tensor->dims = (int64_t *)(void *)keep_bytes(onnx, spec->shape, (size_t)spec->rank * sizeof *spec->shape);
    tensor->has_data_type = 1;
    tensor->data_type = type_code(spec->dtype);
    tensor->has_raw_data = 1;
    tensor->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)(uintptr_t)data};
    APPEND(onnx, onnx->graph.initializer, onnx->graph.n_initializer, onnx->tensor_capacity, tensor);
}

/* Its name, once it is there; "" after a failure. */
static const char *constant(lbk__onnx *onnx, const lbk__tensor_spec *spec, const void *data, size_t bytes) {
    for (size_t i = 0; i < onnx->graph.n_initializer; i++)
        if (strcmp(onnx->graph.initializer[i]->name, spec->name) == 0)
            return onnx->graph.initializer[i]->name;
    const void *copy = keep_bytes(onnx, data, bytes);
    lbk__onnx_tensor(onnx, spec, copy);
    return onnx->status == LBK_OK ? onnx->graph.initializer[onnx->graph.n_initializer - 1]->name : "";
}

const char *lbk__onnx_integers(lbk__onnx *onnx, const int64_t *values, int count) {
    char name[160];
    size_t at = (size_t)snprintf(name, sizeof name, count ? "list" : "integer");
    for (int i = 0; i < LBK_MAX(count, 1) && at < sizeof name; i++)
        at += (size_t)snprintf(name + at, sizeof name - at, "_%lld", (long long)values[i]);
    const lbk__tensor_spec spec = {.name = name, .dtype = LBK__I64, .rank = count > 0, .shape = {count}};
    return constant(onnx, &spec, values, (size_t)LBK_MAX(count, 1) * sizeof *values);
}

const char *lbk__onnx_real(lbk__onnx *onnx, float value) {
    char name[48];
    snprintf(name, sizeof name, "real_%.9g", (double)value);
    const lbk__tensor_spec spec = {.name = name, .dtype = LBK__F32};
    return constant(onnx, &spec, &value, sizeof value);
}

/* ---- nodes ---- */

const char *lbk__onnx_node(lbk__onnx *onnx, const char *op, const char *output, const char *const *inputs) {
    Lbk__Onnx__Node *node = MAKE(onnx, Lbk__Onnx__Node, LBK__ONNX__NODE__INIT);
    size_t count = 0;
    char fresh[64];
    while (inputs[count]) count++;
    snprintf(fresh, sizeof fresh, "%.40s_%zu", op, onnx->fresh++);
    char **names = keep(onnx, count * sizeof *names), **outputs = keep(onnx, sizeof *outputs);
    if (!node || !names || !outputs) return "";
    for (size_t i = 0; i < count; i++) names[i] = keep_text(onnx, inputs[i]);
    outputs[0] = keep_text(onnx, output ? output : fresh);
    node->n_input = count;
    node->input = names;
    node->n_output = 1;
    node->output = outputs;
    node->name = keep_text(onnx, fresh);
    node->op_type = keep_text(onnx, op);
    APPEND(onnx, onnx->graph.node, onnx->graph.n_node, onnx->node_capacity, node);
    return onnx->status == LBK_OK ? outputs[0] : "";
}

enum { REAL = 1, INTEGER = 2, INTEGERS = 7, MOST_ATTRIBUTES = 4 };

static Lbk__Onnx__Attribute *attribute(lbk__onnx *onnx, const char *name, int32_t type) {
    Lbk__Onnx__Attribute *made = MAKE(onnx, Lbk__Onnx__Attribute, LBK__ONNX__ATTRIBUTE__INIT);
    if (!made) return NULL;
    Lbk__Onnx__Node *node = onnx->graph.node[onnx->graph.n_node - 1];
    if (!node->attribute) node->attribute = keep(onnx, MOST_ATTRIBUTES * sizeof *node->attribute);
    made->name = keep_text(onnx, name);
    made->has_type = 1;
    made->type = type;
    if (onnx->status == LBK_OK && node->n_attribute == MOST_ATTRIBUTES)
        onnx->status = lbk__fail(onnx->context, LBK_INTERNAL, "%s has too many attributes", node->name);
    if (onnx->status == LBK_OK) node->attribute[node->n_attribute++] = made;
    return made;
}

void lbk__onnx_set_integer(lbk__onnx *onnx, const char *name, int64_t value) {
    Lbk__Onnx__Attribute *made = attribute(onnx, name, INTEGER);
    if (!made) return;
    made->has_i = 1;
    made->i = value;
}

void lbk__onnx_set_real(lbk__onnx *onnx, const char *name, float value) {
    Lbk__Onnx__Attribute *made = attribute(onnx, name, REAL);
    if (!made) return;
    made->has_f = 1;
    made->f = value;
}

void lbk__onnx_set_integers(lbk__onnx *onnx, const char *name, const int64_t *values, int count) {
    Lbk__Onnx__Attribute *made = attribute(onnx, name, INTEGERS);
    if (!made) return;
    made->n_ints = (size_t)count;
    made->ints = (int64_t *)(void *)keep_bytes(onnx, values, (size_t)count * sizeof *values);
}

void lbk__onnx_metadata(lbk__onnx *onnx, const char *key, const char *value) {
    Lbk__Onnx__Entry *entry = MAKE(onnx, Lbk__Onnx__Entry, LBK__ONNX__ENTRY__INIT);
    if (!entry) return;
    entry->key = keep_text(onnx, key);
    entry->value = keep_text(onnx, value);
    APPEND(onnx, onnx->model.metadata_props, onnx->model.n_metadata_props, onnx->entry_capacity, entry);
}

/* ---- the file ---- */

typedef struct sink {
    ProtobufCBuffer base;
    lbk__writer *writer;
    lbk_status status;
} sink;

static void append(ProtobufCBuffer *buffer, size_t length, const uint8_t *data) {
    sink *to = (sink *)(void *)buffer;
    if (to->status == LBK_OK) to->status = lbk__writer_put(to->writer, data, length);
}

lbk_status lbk__onnx_write(const lbk__onnx *onnx, const char *path) {
    LBK_TRY(onnx->status);
    if (lbk__onnx__model__get_packed_size(&onnx->model) > INT32_MAX)
        return lbk__fail(
            onnx->context, LBK_INVALID_ARGUMENT,
            "%s: would exceed 2 GiB, the limit of an ONNX file; export float16, or a smaller model", path);
    lbk__writer writer;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__writer_open(onnx->context, path, &writer));
    sink to = {.base = {append}, .writer = &writer, .status = LBK_OK};
    lbk__onnx__model__pack_to_buffer(&onnx->model, &to.base);
    LBK_GO(to.status);
    LBK_GO(lbk__writer_commit(&writer));
done:
    lbk__writer_close(&writer);
    return status;
}
