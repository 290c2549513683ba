/* random.c: distributions over Philox. */
#include "base/random.h"

#include <math.h>

static double unit(uint32_t high, uint32_t low) {
    return ((double)(((uint64_t)high << 21) ^ (low >> 11)) + 1.0) * 0x1p-53;
}

double lbk__uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element) {
    uint32_t word[4];
    lbk__philox(seed, stream, step, element, word);
    return unit(word[0], word[1]);
}

double lbk__normal(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element) {
    uint32_t word[4];
    lbk__philox(seed, stream, step, element, word);
    return sqrt(-2.0 * log(unit(word[0], word[1]))) * cos(6.283185307179586476925 * unit(word[2], word[3]));
}

uint32_t lbk__below(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element, uint32_t bound) {
    uint32_t word[4];
    lbk__philox(seed, stream, step, element, word);
    uint64_t wide = ((uint64_t)word[0] << 32) | word[1];
    return (uint32_t)(((unsigned __int128)wide * bound) >> 64);
}

void lbk__shuffle(uint64_t seed, uint32_t stream, uint32_t step, int32_t *items, uint64_t count) {
    for (uint64_t i = count; i > 1; i--) {
        uint64_t j = lbk__below(seed, stream, step, i, (uint32_t)i);
        int32_t swap = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swap;
    }
}
