/* dropout.inc.h: bits of Philox and what they let through; a part of vector.inc.h. */

/* Products of the even lanes, in 64 bits: an instruction that compilers do not find by themselves. */
#if LANES == 16
INLINE vu multiply_even(vu a, vu b) {
    return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
#elif LANES == 8
INLINE vu multiply_even(vu a, vu b) {
    return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
#else
INLINE vu multiply_even(vu a, vu b) {
    return (vu)_mm_mul_epu32((__m128i)a, (__m128i)b);
}
#endif

/* The low and high words of a · constant, lane by lane. */
INLINE void multiply_wide(vu a, uint32_t constant, vu *low, vu *high) {
    const vw mask = (vw){0} + 0xFFFFFFFFu;
    const vu factor = (vu){0} + constant;
    const vw even = (vw)multiply_even(a, factor), odd = (vw)multiply_even((vu)((vw)a >> 32), factor);
    *low = (vu)((even & mask) | (odd << 32));
    *high = (vu)((even >> 32) | (odd & ~mask));
}

/* LANES blocks of Philox at once; the counter's lowest word must not wrap within them. */
INLINE void philox_blocks(const lbk__dropout *dropout, uint64_t block, vu word[4]) {
    vu c0 = (vu){0} + (uint32_t)block, c1 = (vu){0} + (uint32_t)(block >> 32);
    vu c2 = (vu){0} + dropout->step, c3 = (vu){0} + dropout->stream;
    for (int i = 0; i < LANES; i++) c0[i] += (uint32_t)i;
    uint32_t k0 = (uint32_t)dropout->seed, k1 = (uint32_t)(dropout->seed >> 32);
    for (int round = 0; round < 10; round++) {
        vu low0, high0, low1, high1;
        multiply_wide(c0, 0xD2511F53u, &low0, &high0);
        multiply_wide(c2, 0xCD9E8D57u, &low1, &high1);
        c0 = high1 ^ c1 ^ k0, c1 = low1;
        c2 = high0 ^ c3 ^ k1, c3 = low0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

/* Lanes of a and b in turns, from the lower halves or (s = LANES/2) the upper; of 32 and of 64 bits. */
#define ZIP(l, s) (((l)&1) * LANES + (l) / 2 + (s))
#define ZIP_PAIRS(l, s) (((l) / 2 & 1) * LANES + (l) / 4 * 2 + ((l)&1) + (s))

/* LANES blocks of 8 elements each. */
INLINE void bits_of_blocks(const lbk__dropout *dropout, uint64_t block, uint16_t *bits) {
    vu word[4], out[4];
    philox_blocks(dropout, block, word);
    for (int half = 0; half < 2; half++) {
        const vu low = half ? SHUFFLE(word[0], word[1], ZIP, LANES / 2) : SHUFFLE(word[0], word[1], ZIP, 0),
                 high = half ? SHUFFLE(word[2], word[3], ZIP, LANES / 2) : SHUFFLE(word[2], word[3], ZIP, 0);
        out[2 * half] = SHUFFLE(low, high, ZIP_PAIRS, 0);
        out[2 * half + 1] = SHUFFLE(low, high, ZIP_PAIRS, LANES / 2);
    }
    memcpy(bits, out, sizeof out);
}

static void dropout_bits(const lbk__dropout *dropout, uint64_t first, int64_t count, uint16_t *bits) {
    const int64_t blocks = count / 8;
    int64_t done = 0;
    for (; done < blocks; done += LANES) {
        const uint64_t block = first / 8 + (uint64_t)done;
        if ((uint32_t)block > UINT32_MAX - LANES) break;
        if (done + LANES <= blocks) {
            bits_of_blocks(dropout, block, bits + 8 * done);
        } else {
            uint16_t rest[8 * LANES];
            bits_of_blocks(dropout, block, rest);
            memcpy(bits + 8 * done, rest, (size_t)(blocks - done) * 8 * sizeof *bits);
        }
    }
    if (done < blocks)
        lbk__dropout_bits_plain(dropout, first + 8 * (uint64_t)done, count - 8 * done, bits + 8 * done);
}

static void dropout_row(float *y, const float *x, const lbk__dropout *dropout, const uint16_t *bits,
                        int64_t n) {
    const vi threshold = (vi){0} + (int32_t)dropout->threshold;
    for (int64_t i = 0; i < n; i += LANES) {
        vh part;
        memcpy(&part, bits + i, sizeof part);
        const vi kept = __builtin_convertvector(part, vi) >= threshold;
        put(y + i, (vf)(kept & (vi)(get(x + i, n - i) * dropout->scale)), n - i);
    }
}
