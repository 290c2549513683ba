/* pixels.inc.h: sums of weighted pixels of three bytes, in whole numbers, so that every processor makes the
 * same picture; a part of vector.inc.h. */

/* Compilers make chains of single bytes of the general conversion and of the general shuffle. */
INLINE vi load_bytes(const uint8_t *p) {
#if LANES == 16
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif LANES == 8
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    const __m128i zero = _mm_setzero_si128();
    return (vi)_mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_loadu_si32(p), zero), zero);
#endif
}

/* LANES / 4 pixels; every fourth lane holds a byte that means nothing. */
INLINE vi load_pixels(const uint8_t *p) {
#if LANES > 4
    const __m128i spread = _mm_setr_epi8(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
#endif
#if LANES == 16
    return (vi)_mm512_cvtepu8_epi32(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p), spread));
#elif LANES == 8
    return (vi)_mm256_cvtepu8_epi32(_mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)p), spread));
#else
    return load_bytes(p);
#endif
}

/* From units of 2⁻²² to the nearest of 0 … 255. */
INLINE vb to_bytes(vi sum) {
    vi v = (sum + (1 << (LBK__WEIGHT_BITS - 1))) >> LBK__WEIGHT_BITS;
    v &= v > 0;
    v |= v > 255; /* all ones: the lowest byte is 255 */
    return __builtin_convertvector(v, vb);
}

/* LANES / 4 pixels at a time: lane l belongs to pixel l / 4. */
static void resample_row(uint8_t *y, const uint8_t *x, const lbk__taps *taps) {
#define PIXEL(l, s) ((l) / 4)
#define TURNED(l, s) (((l) + (s)) % LANES)
    for (int32_t o = 0; o < taps->size; o++) {
        const int32_t *weight = taps->weight + (int64_t)o * taps->count;
        const uint8_t *from = x + 3 * (int64_t)taps->first[o];
        vi sum = {0};
        for (int32_t t = 0; t < taps->length[o]; t += LANES / 4) {
            vi w;
            memcpy(&w, weight + t, sizeof w);
            sum += load_pixels(from + 3 * t) * SHUFFLE(w, w, PIXEL, 0);
        }
        for (int half = LANES / 2; half >= 4; half /= 2)
            sum += half == 8 ? SHUFFLE(sum, sum, TURNED, 8 % LANES) : SHUFFLE(sum, sum, TURNED, 4 % LANES);
        const vb pixel = to_bytes(sum);
        memcpy(y + 3 * o, &pixel, 4);
    }
#undef PIXEL
#undef TURNED
}

static void sum_rows(uint8_t *y, const uint8_t *const *rows, const int32_t *weight, int32_t count,
                     int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += LANES) {
        vi sum = {0};
        for (int32_t t = 0; t < count; t++) sum += load_bytes(rows[t] + i) * weight[t];
        const vb made = to_bytes(sum);
        if (bytes - i >= LANES)
            memcpy(y + i, &made, LANES);
        else
            memcpy(y + i, &made, (size_t)(bytes - i));
    }
}
