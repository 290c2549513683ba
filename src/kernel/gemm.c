/* gemm.c: float32 matrix products by oneDNN. Its sgemm takes any shape without making a primitive, and
 * reached what its packed matmul primitives reach on the shapes of an encoder (docs/speed.md). */
#include "kernel/kernel.h"

#include <dnnl.h>

bool lbk__gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
               int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    if (m == 0 || n == 0) return true;
    if (k == 0) {
        if (beta == 0.0f)
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++) c[i * ldc + j] = 0.0f;
        return true;
    }
    return dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb, beta,
                      c, ldc) == dnnl_success;
}
