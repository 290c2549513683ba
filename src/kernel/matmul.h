/* matmul.h: for this room: oneDNN's matmul primitives for sizes that are known when they run, so that one
 * primitive serves them all. */
#ifndef LBK_KERNEL_MATMUL_H
#define LBK_KERNEL_MATMUL_H

#include "kernel/kernel.h"

#include <dnnl.h>

typedef struct lbk__matmul {
    dnnl_data_type_t a, b, c;
    bool transpose_a, transpose_b, accumulate;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
} lbk__matmul;

/* Types and flags are set by the caller. LBK_NO_MEMORY, or LBK_INTERNAL with oneDNN's status. */
lbk_status lbk__matmul_create(lbk_context *context, lbk__matmul *matmul);
void lbk__matmul_free(lbk__matmul *matmul); /* also of a zeroed one */
/* C [m, n] (+)= op(A) · op(B), rows dense. False: not done, for want of memory. */
bool lbk__matmul_run(const lbk__matmul *matmul, int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                     void *c);
/* Instructions that oneDNN was found to use; ONEDNN_MAX_CPU_ISA narrows them. */
bool lbk__dnnl_has_avx512(void); /* with it oneDNN multiplies bfloat16, if slowly */
bool lbk__dnnl_has_bf16(void);
bool lbk__dnnl_has_vnni(void);
void lbk__dnnl_version(char *out, size_t size); /* "2.6.3" */

#endif
