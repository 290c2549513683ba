/* random.h: Philox 4×32-10, a counter-based generator: every number is a function of (seed, stream, step,
 * element), so masks are recomputed instead of stored and a resumed run draws what an uninterrupted one
 * would. Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef LBK_BASE_RANDOM_H
#define LBK_BASE_RANDOM_H

#include <stdint.h>

/* What a number is for; the high word of the counter, so that uses never share numbers. Dropout ops use
 * LBK__STREAM_DROPOUT + the op's index on the tape. */
enum {
    LBK__STREAM_INIT = 1,
    LBK__STREAM_SHUFFLE = 2,
    LBK__STREAM_SPLIT = 3,
    LBK__STREAM_SYNTHETIC = 4,
    LBK__STREAM_WEIGHTS = 5, /* the first weights of a weight network */
    LBK__STREAM_BOOTSTRAP = 6,
    LBK__STREAM_META = 7, /* order of the meta split */
    LBK__STREAM_DROPOUT = 0x10000
};

/* out[4] ← Philox4x32-10 with key = seed and counter = {element, element >> 32, step, stream}. */
static inline void lbk__philox(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element,
                               uint32_t out[4]) {
    uint32_t c0 = (uint32_t)element, c1 = (uint32_t)(element >> 32), c2 = step, c3 = stream;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* Uniform in (0, 1], 53 bits; standard normal (Box-Muller); uniform integer in [0, bound), bound ≥ 1,
 * unbiased to 2^-32. */
double lbk__uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element);
double lbk__normal(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element);
uint32_t lbk__below(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element, uint32_t bound);
/* Fisher-Yates on `items`, as a function of (seed, stream, step). */
void lbk__shuffle(uint64_t seed, uint32_t stream, uint32_t step, int32_t *items, uint64_t count);

#endif
