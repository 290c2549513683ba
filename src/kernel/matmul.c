/* matmul.c: matmul primitives of run-time sizes. oneDNN runs them by its gemm kernels, which pack as they go,
 * at the rate of primitives that are made for one size (docs/speed.md). */
#include "kernel/matmul.h"

#include <stdint.h>
#include <stdio.h>

/* A matrix [rows, columns], or its transpose in memory. */
static dnnl_status_t describe(dnnl_memory_desc_t *out, int64_t rows, int64_t columns, dnnl_data_type_t type,
                              bool transposed) {
    const dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, transposed ? dnnl_ba : dnnl_ab);
}

static dnnl_status_t create(lbk__matmul *matmul, dnnl_primitive_attr_t attributes) {
    const int64_t any = DNNL_RUNTIME_DIM_VAL;
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t description;
    dnnl_primitive_desc_t primitive;
    dnnl_status_t status = describe(&a, any, any, matmul->a, matmul->transpose_a);
    if (status == dnnl_success) status = describe(&b, any, any, matmul->b, matmul->transpose_b);
    if (status == dnnl_success) status = describe(&c, any, any, matmul->c, false);
    if (status == dnnl_success) status = dnnl_matmul_desc_init(&description, &a, &b, NULL, &c);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&primitive, &description, attributes, matmul->engine, NULL);
    if (status != dnnl_success) return status;
    status = dnnl_primitive_create(&matmul->primitive, primitive);
    dnnl_primitive_desc_destroy(primitive);
    return status;
}

static dnnl_status_t create_with_sum(lbk__matmul *matmul) {
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t sum;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status != dnnl_success) return status;
    status = dnnl_post_ops_create(&sum);
    if (status == dnnl_success) {
        status = dnnl_post_ops_append_sum(sum, 1.0f);
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, sum);
        if (status == dnnl_success) status = create(matmul, attributes);
        dnnl_post_ops_destroy(sum);
    }
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

lbk_status lbk__matmul_create(lbk_context *context, lbk__matmul *matmul) {
    dnnl_status_t status = dnnl_engine_create(&matmul->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&matmul->stream, matmul->engine, dnnl_stream_default_flags);
    if (status == dnnl_success) status = matmul->accumulate ? create_with_sum(matmul) : create(matmul, NULL);
    if (status == dnnl_success) return LBK_OK;
    return lbk__fail(context, status == dnnl_out_of_memory ? LBK_NO_MEMORY : LBK_INTERNAL,
                     "oneDNN cannot make a matrix product: its status is %d", (int)status);
}

void lbk__matmul_free(lbk__matmul *matmul) {
    if (matmul->primitive) dnnl_primitive_destroy(matmul->primitive);
    if (matmul->stream) dnnl_stream_destroy(matmul->stream);
    if (matmul->engine) dnnl_engine_destroy(matmul->engine);
    *matmul = (lbk__matmul){0};
}

static dnnl_memory_t memory(const lbk__matmul *matmul, int64_t rows, int64_t columns, dnnl_data_type_t type,
                            bool transposed, const void *data) {
    dnnl_memory_desc_t description;
    dnnl_memory_t out = NULL;
    describe(&description, rows, columns, type, transposed);
    dnnl_memory_create(&out, &description, matmul->engine, (void *)(uintptr_t)data);
    return out;
}

bool lbk__matmul_run(const lbk__matmul *matmul, int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                     void *c) {
    if (m == 0 || n == 0) return true;
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, memory(matmul, m, k, matmul->a, matmul->transpose_a, a)},
        {DNNL_ARG_WEIGHTS, memory(matmul, k, n, matmul->b, matmul->transpose_b, b)},
        {DNNL_ARG_DST, memory(matmul, m, n, matmul->c, false, c)},
    };
    const bool done = dnnl_primitive_execute(matmul->primitive, matmul->stream, LBK_COUNT(arguments),
                                             arguments) == dnnl_success &&
                      dnnl_stream_wait(matmul->stream) == dnnl_success;
    for (size_t i = 0; i < LBK_COUNT(arguments); i++) dnnl_memory_destroy(arguments[i].memory);
    return done;
}

static bool has(dnnl_cpu_isa_t wanted) {
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)wanted) == (unsigned)wanted;
}
bool lbk__dnnl_has_avx512(void) {
    return has(dnnl_cpu_isa_avx512_core);
}
bool lbk__dnnl_has_bf16(void) {
    return has(dnnl_cpu_isa_avx512_core_bf16);
}
bool lbk__dnnl_has_vnni(void) {
    return has(dnnl_cpu_isa_avx512_core_vnni);
}

void lbk__dnnl_version(char *out, size_t size) {
    const dnnl_version_t *version = dnnl_version();
    snprintf(out, size, "%d.%d.%d", version->major, version->minor, version->patch);
}
