/* choose.c: which kernels run, and the dropout rule that all of them follow. */
#include "base/random.h"
#include "kernel/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const lbk__vector *lbk__vector_choose(void) {
    const char *wanted = getenv("LIMBECK_KERNELS");
    /* F16C, which clang 14 cannot ask for by name, came to every processor before AVX2. */
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (wanted && strcmp(wanted, "sse2") == 0) return &lbk__vector_sse2;
    if (wanted && strcmp(wanted, "avx2") == 0) avx512 = false;
    if (avx512) return &lbk__vector_avx512;
    return avx2 ? &lbk__vector_avx2 : &lbk__vector_sse2;
}

bool lbk__reference_chosen(void) {
    const char *wanted = getenv("LIMBECK_KERNELS");
    return wanted && strcmp(wanted, "reference") == 0;
}

lbk__dropout lbk__dropout_make(uint64_t seed, uint32_t stream, uint32_t step, float probability) {
    lbk__dropout dropout = {.seed = seed, .stream = stream, .step = step, .scale = 1.0f};
    dropout.threshold = (uint32_t)lround((double)probability * 65536.0);
    dropout.scale = 65536.0f / (float)(65536 - dropout.threshold);
    return dropout;
}

void lbk__dropout_bits_plain(const lbk__dropout *dropout, uint64_t first, int64_t count, uint16_t *bits) {
    for (int64_t block = 0; block < count / 8; block++) {
        uint32_t word[4];
        lbk__philox(dropout->seed, dropout->stream, dropout->step, first / 8 + (uint64_t)block, word);
        for (int lane = 0; lane < 8; lane++)
            bits[8 * block + lane] = (uint16_t)(word[lane / 2] >> (16 * (lane % 2)));
    }
}
