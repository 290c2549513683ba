/* packed.c: matmul primitives of oneDNN with weights in the layout that its kernels (brgemm) read. A
 * primitive is for one number of rows: those of all are rounded up to a multiple of 16. */
#include "kernel/packed.h"

#include <dnnl.h>
#include <string.h>

enum { STEP = 16, NUM_PRIMITIVES = LBK__PACKED_MAX_ROWS / STEP };

struct lbk__packed {
    lbk_context *context;
    int64_t out, in, max_rows;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_desc_t layout; /* of the packed weights */
    dnnl_primitive_t primitives[NUM_PRIMITIVES];
};

/* [rows, columns], or a matrix whose transpose is in memory. */
static dnnl_memory_desc_t plain(int64_t rows, int64_t columns, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t description;
    const dnnl_dims_t dims = {rows, columns};
    dnnl_memory_desc_init_by_tag(&description, 2, dims, dnnl_f32, tag);
    return description;
}

/* The primitive for `rows` and weights in layout `weights` (of any, oneDNN's choice); NULL unless it is one
 * of the kernels that this file is for. */
static dnnl_primitive_desc_t describe(const lbk__packed *packed, int64_t rows,
                                      const dnnl_memory_desc_t *weights) {
    const dnnl_memory_desc_t x = plain(rows, packed->in, dnnl_ab), y = plain(rows, packed->out, dnnl_ab);
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t description;
    const char *kernel = "";
    if (dnnl_matmul_desc_init(&product, &x, weights, NULL, &y) != dnnl_success ||
        dnnl_primitive_desc_create(&description, &product, NULL, packed->engine, NULL) != dnnl_success)
        return NULL;
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &kernel);
    if (strncmp(kernel, "brg", 3) == 0) return description;
    dnnl_primitive_desc_destroy(description);
    return NULL;
}

static bool choose_layout(lbk__packed *packed) {
    const dnnl_memory_desc_t any = plain(packed->in, packed->out, dnnl_format_tag_any);
    dnnl_primitive_desc_t description = describe(packed, packed->max_rows, &any);
    if (!description) return false;
    packed->layout = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(description);
    return true;
}

lbk_status lbk__packed_create(lbk_context *context, int64_t out, int64_t in, int64_t max_rows,
                              lbk__packed **packed) {
    lbk__packed *p;
    *packed = NULL;
    LBK_TRY(LBK_ALLOC(context, p, 1));
    p->context = context;
    p->out = out, p->in = in, p->max_rows = max_rows;
    if (dnnl_engine_create(&p->engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) == dnnl_success &&
        choose_layout(p))
        *packed = p;
    else
        lbk__packed_free(p);
    return LBK_OK;
}

void lbk__packed_free(lbk__packed *packed) {
    if (!packed) return;
    for (int i = 0; i < NUM_PRIMITIVES; i++)
        if (packed->primitives[i]) dnnl_primitive_destroy(packed->primitives[i]);
    if (packed->stream) dnnl_stream_destroy(packed->stream);
    if (packed->engine) dnnl_engine_destroy(packed->engine);
    lbk_free(packed->context, packed);
}

size_t lbk__packed_bytes(const lbk__packed *packed) {
    return dnnl_memory_desc_get_size(&packed->layout);
}

static dnnl_memory_t memory(const lbk__packed *packed, const dnnl_memory_desc_t *description,
                            const void *data) {
    dnnl_memory_t out = NULL;
    dnnl_memory_create(&out, description, packed->engine, (void *)(uintptr_t)data);
    return out;
}

/* Runs and ends the memories; their data stay the caller's. */
static bool run(const lbk__packed *packed, const_dnnl_primitive_t primitive, const dnnl_exec_arg_t *arguments,
                int count) {
    const bool done = dnnl_primitive_execute(primitive, packed->stream, count, arguments) == dnnl_success &&
                      dnnl_stream_wait(packed->stream) == dnnl_success;
    for (int i = 0; i < count; i++) dnnl_memory_destroy(arguments[i].memory);
    return done;
}

bool lbk__packed_weights(const lbk__packed *packed, void *to, const float *weights) {
    const dnnl_memory_desc_t from = plain(packed->in, packed->out, dnnl_ba);
    dnnl_primitive_desc_t description;
    dnnl_primitive_t reorder;
    bool done = false;
    if (dnnl_reorder_primitive_desc_create(&description, &from, packed->engine, &packed->layout,
                                           packed->engine, NULL) != dnnl_success)
        return false;
    if (dnnl_primitive_create(&reorder, description) == dnnl_success) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, memory(packed, &from, weights)},
                                             {DNNL_ARG_TO, memory(packed, &packed->layout, to)}};
        done = run(packed, reorder, arguments, LBK_COUNT(arguments));
        dnnl_primitive_destroy(reorder);
    }
    dnnl_primitive_desc_destroy(description);
    return done;
}

static dnnl_primitive_t primitive_for(lbk__packed *packed, int64_t rows) {
    dnnl_primitive_t *found = &packed->primitives[(rows - 1) / STEP];
    if (*found != NULL) return *found;
    dnnl_primitive_desc_t description = describe(packed, rows, &packed->layout);
    if (!description) return NULL;
    if (dnnl_primitive_create(found, description) != dnnl_success) *found = NULL;
    dnnl_primitive_desc_destroy(description);
    return *found;
}

bool lbk__packed_run(lbk__packed *packed, int64_t m, const float *x, const void *weights, float *y) {
    if (m == 0) return true;
    const int64_t rows = LBK_MIN(LBK_ROUND_UP(m, STEP), packed->max_rows);
    const_dnnl_primitive_t primitive = primitive_for(packed, rows);
    if (!primitive) return false;
    const dnnl_memory_desc_t of_x = plain(rows, packed->in, dnnl_ab),
                             of_y = plain(rows, packed->out, dnnl_ab);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory(packed, &of_x, x)},
                                         {DNNL_ARG_WEIGHTS, memory(packed, &packed->layout, weights)},
                                         {DNNL_ARG_DST, memory(packed, &of_y, y)}};
    return run(packed, primitive, arguments, LBK_COUNT(arguments));
}
