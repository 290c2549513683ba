/* onnx.h: builds an ONNX graph and writes it as one file. After the first failure, which lbk__onnx_write
 * returns, further calls do nothing. Names are copied; tensors' data are not: they must stay until the file
 * is written, and go to it piece by piece, without a copy of the whole. */
#ifndef LBK_FORMAT_ONNX_H
#define LBK_FORMAT_ONNX_H

#include "format/safetensors.h"

enum { LBK__ONNX_OPSET = 17, LBK__ONNX_IR = 8 };

typedef struct lbk__onnx lbk__onnx;

/* An extent of an input or output: a number, or a name for one that varies. */
typedef struct lbk__onnx_extent {
    const char *name; /* NULL: the number counts */
    int64_t number;
} lbk__onnx_extent;

lbk_status lbk__onnx_create(lbk_context *context, const char *graph_name, lbk__onnx **out);
void lbk__onnx_free(lbk__onnx *onnx); /* NULL is allowed */

void lbk__onnx_input(lbk__onnx *onnx, const char *name, lbk__dtype dtype, int rank,
                     const lbk__onnx_extent *extents);
void lbk__onnx_output(lbk__onnx *onnx, const char *name, lbk__dtype dtype, int rank,
                      const lbk__onnx_extent *extents);
/* An initializer: F32, F16 or I64. */
void lbk__onnx_tensor(lbk__onnx *onnx, const lbk__tensor_spec *spec, const void *data);
/* Constants: I64 [count] (count 0: a scalar of values[0]), and an F32 scalar; their names, equal ones once.
 */
const char *lbk__onnx_integers(lbk__onnx *onnx, const int64_t *values, int count);
const char *lbk__onnx_real(lbk__onnx *onnx, float value);

/* A node with these inputs (ended by NULL) and one output, `output` or a fresh name when that is NULL.
 * Returns the output's name, never NULL, so that calls nest. */
const char *lbk__onnx_node(lbk__onnx *onnx, const char *op, const char *output, const char *const *inputs);
#define LBK__ONNX(onnx, op, ...) lbk__onnx_node(onnx, op, NULL, (const char *const[]){__VA_ARGS__, NULL})
/* Attributes of the node made last. */
void lbk__onnx_set_integer(lbk__onnx *onnx, const char *name, int64_t value);
void lbk__onnx_set_real(lbk__onnx *onnx, const char *name, float value);
void lbk__onnx_set_integers(lbk__onnx *onnx, const char *name, const int64_t *values, int count);

void lbk__onnx_metadata(lbk__onnx *onnx, const char *key, const char *value);
/* The file appears whole or not at all. LBK_INVALID_ARGUMENT beyond 2 GiB, which no protobuf may exceed. */
lbk_status lbk__onnx_write(const lbk__onnx *onnx, const char *path);

#endif
