/* vector.inc.h: the vector kernels, written once over LANES floats with the compilers' vector extension and
 * compiled for each instruction set. Transcendental functions are SLEEF's. Sums run in LANES partial sums,
 * then across the lanes: the order is fixed, so results are the same on every run of one instruction set. */
#include "base/half.h"
#include "kernel/tables.h"

#include <immintrin.h>
#include <math.h>
#include <sleef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef uint64_t vw __attribute__((vector_size(LANES * 4)));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef uint8_t vb __attribute__((vector_size(LANES)));

INLINE vf load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void store(float *p, vf v) {
    memcpy(p, &v, sizeof v);
}
/* `left` numbers remain; beyond them a vector reads as 0 and nothing is written. */
#if LANES == 16
INLINE vf get(const float *p, int64_t left) {
    if (left >= LANES) return load(p);
    return _mm512_maskz_loadu_ps((__mmask16)((1u << left) - 1), p);
}
INLINE void put(float *p, vf v, int64_t left) {
    if (left >= LANES)
        store(p, v);
    else
        _mm512_mask_storeu_ps(p, (__mmask16)((1u << left) - 1), v);
}
#else
INLINE vf get(const float *p, int64_t left) {
    if (left >= LANES) return load(p);
    vf v = {0};
    memcpy(&v, p, (size_t)left * sizeof(float));
    return v;
}
INLINE void put(float *p, vf v, int64_t left) {
    memcpy(p, &v, (size_t)(left >= LANES ? LANES : left) * sizeof(float));
}
#endif
INLINE vf splat(float x) {
    return x - (vf){0};
}
INLINE vf choose(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}
INLINE vf larger(vf a, vf b) {
    return choose(a > b, a, b);
}
INLINE float sum_lanes(vf v) {
    float half[LANES];
    store(half, v);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) half[i] += half[i + width];
    return half[0];
}
INLINE float max_lanes(vf v) {
    float x[LANES], best;
    store(x, v);
    best = x[0];
    for (int i = 1; i < LANES; i++) best = x[i] > best ? x[i] : best;
    return best;
}

/* Lanes of two vectors by number; LIST(f, s) is f(l, s) for all lanes l. */
#if LANES == 16
#define LIST(f, s)                                                                                      \
    f(0, s), f(1, s), f(2, s), f(3, s), f(4, s), f(5, s), f(6, s), f(7, s), f(8, s), f(9, s), f(10, s), \
        f(11, s), f(12, s), f(13, s), f(14, s), f(15, s)
#elif LANES == 8
#define LIST(f, s) f(0, s), f(1, s), f(2, s), f(3, s), f(4, s), f(5, s), f(6, s), f(7, s)
#else
#define LIST(f, s) f(0, s), f(1, s), f(2, s), f(3, s)
#endif
#define SHUFFLE(a, b, f, s) __builtin_shufflevector(a, b, LIST(f, s))

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) put(y + i, get(y + i, n - i) + get(x + i, n - i), n - i);
}

static void add_scaled(float *y, float a, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES)
        put(y + i, get(y + i, n - i) + splat(a) * get(x + i, n - i), n - i);
}

static void add_product(float *y, const float *x, const float *g, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES)
        put(y + i, get(y + i, n - i) + get(x + i, n - i) * get(g + i, n - i), n - i);
}

static float dot(const float *x, const float *y, int64_t n) {
    vf sum = {0};
    for (int64_t i = 0; i < n; i += LANES) sum += get(x + i, n - i) * get(y + i, n - i);
    return sum_lanes(sum);
}

/* ---- activations ---- */

/* eˣ for x ≤ 1, within 2 units in the last place; 0 below −87.3, where float32's normal numbers end. e^r of
 * the remainder r, |r| ≤ ln 2 / 2, is Cephes' polynomial. */
INLINE vf exp_of(vf x) {
    const vf lowest = splat(-87.3f), magic = splat(12582912.0f); /* 1.5 · 2²³: adding it rounds */
    const vf bounded = choose(x < lowest, lowest, x);
    const vf times = (bounded * 1.44269504f + magic) - magic;
    const vf r = (bounded - times * 0.693359375f) + times * 2.12194440e-4f;
    vf p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const vi scaled = (vi)p + (__builtin_convertvector(times, vi) << 23);
    return choose(x < lowest, (vf){0}, (vf)scaled);
}

/* φ(z) and Φ(z), density and distribution function of the standard normal distribution. Both need the one
 * exponential: Φ(−|z|) = t·P(t)·exp(−z²/2)/2 with t = 1/(1 + p·|z|). P, of degree 8, was fitted to erfcx with
 * p = 0.48/√2; its relative error is 4e-8. */
INLINE vf normal(vf z, vf *density) {
    const vf size = choose(z < 0.0f, -z, z), e = exp_of(-0.5f * z * z);
    const vf t = 1.0f / (1.0f + 0.33941126f * size);
    vf p = splat(-0.050872113556f);
    p = p * t + 0.27366653085f;
    p = p * t - 0.53884732723f;
    p = p * t + 0.39943590760f;
    p = p * t - 0.08567919582f;
    p = p * t + 0.22939004004f;
    p = p * t + 0.23042339087f;
    p = p * t + 0.27170896530f;
    p = p * t + 0.27077382803f;
    const vf tail = 0.5f * t * p * e;
    *density = 0.39894228040f * e;
    return choose(z < 0.0f, tail, 1.0f - tail);
}

static void bias_gelu(float *y, const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vf density, z = get(y + i, n - i) + get(bias + i, n - i);
        put(y + i, z * normal(z, &density), n - i);
    }
}

static void bias_gelu_slope(float *y, float *slope, const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vf density, z = get(slope + i, n - i) + get(bias + i, n - i);
        const vf below = normal(z, &density);
        put(y + i, z * below, n - i);
        put(slope + i, below + z * density, n - i);
    }
}

static void multiply(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) put(y + i, get(y + i, n - i) * get(x + i, n - i), n - i);
}

static void bias_tanh(float *y, const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES)
        put(y + i, (vf)SLEEF(tanh, u10)(get(y + i, n - i) + get(bias + i, n - i)), n - i);
}

static void tanh_gradient(float *dz, const float *dy, const float *y, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vf v = get(y + i, n - i);
        put(dz + i, get(dy + i, n - i) * (1.0f - v * v), n - i);
    }
}

/* Bits of x rounded to the upper 16. A NaN stays one: it is not rounded but made quiet. */
INLINE vu rounded_to_bf16(vf x) {
    const vu bits = (vu)x, even = (bits >> 16) & 1;
    const vi is_nan = x != x;
    return (vu)choose(is_nan, (vf)(bits | 0x400000), (vf)(bits + 0x7fff + even)) & 0xffff0000;
}

static void float_to_bf16(uint16_t *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vh half = __builtin_convertvector(rounded_to_bf16(get(x + i, n - i)) >> 16, vh);
        memcpy(y + i, &half, (size_t)(n - i < LANES ? n - i : LANES) * sizeof *y);
    }
}

static void round_to_bf16(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) put(y + i, (vf)rounded_to_bf16(get(x + i, n - i)), n - i);
}

static float quantize_row(uint8_t *q, const float *x, int32_t levels, int64_t n) {
    vf largest = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        const vf v = get(x + i, n - i);
        largest = larger(larger(largest, v), -v);
    }
    const float most = max_lanes(largest), inverse = most > 0 ? (float)levels / most : 0.0f;
    const vf middle = splat((float)levels + 1.5f); /* all positive, so that truncation rounds */
    for (int64_t i = 0; i < n; i += LANES) {
        const vi rounded = __builtin_convertvector(get(x + i, n - i) * inverse + middle, vi);
        const vb byte = __builtin_convertvector(rounded, vb);
        memcpy(q + i, &byte, (size_t)(n - i < LANES ? n - i : LANES));
    }
    return most / (float)levels;
}

static void dequantize_row(float *y, const int32_t *sum, const int32_t *offset, const float *scale,
                           float row_scale, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vi x = (vi)get((const float *)sum + i, n - i) - (vi)get((const float *)offset + i, n - i);
        put(y + i, __builtin_convertvector(x, vf) * get(scale + i, n - i) * row_scale, n - i);
    }
}

static void half_to_float(float *y, const uint16_t *x, int64_t n) {
    int64_t i = 0;
#if LANES >= 8
    for (; i + 8 <= n; i += 8) {
        __m128i half;
        memcpy(&half, x + i, sizeof half);
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(half));
    }
#endif
    for (; i < n; i++) y[i] = lbk__half_to_float(x[i]);
}

/* ---- dropout ---- */

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

/* ---- layer norm ---- */

static float layernorm_row(float *y, float *normal, const float *x, const float *gamma, const float *beta,
                           float epsilon, int64_t n) {
    vf sum = {0}, squares = {0};
    for (int64_t i = 0; i < n; i += LANES) sum += get(x + i, n - i);
    const float mean = sum_lanes(sum) / (float)n;
    for (int64_t i = 0; i < n; i += LANES) {
        vf d = get(x + i, n - i) - mean;
        put(normal + i, d, n - i);
        d = get(normal + i, n - i); /* 0 beyond the row's end */
        squares += d * d;
    }
    const float rstd = 1.0f / sqrtf(sum_lanes(squares) / (float)n + epsilon);
    for (int64_t i = 0; i < n; i += LANES) {
        vf d = get(normal + i, n - i) * rstd;
        put(normal + i, d, n - i);
        put(y + i, d * get(gamma + i, n - i) + get(beta + i, n - i), n - i);
    }
    return rstd;
}

static void layernorm_project(float *ds, const float *dy, const float *gamma, const float *normal, float rstd,
                              int64_t n) {
    vf sum = {0}, dots = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vf d = get(dy + i, n - i);
        if (gamma) d *= get(gamma + i, n - i);
        sum += d;
        dots += d * get(normal + i, n - i);
    }
    const float mean = sum_lanes(sum) / (float)n, dot = sum_lanes(dots) / (float)n;
    for (int64_t i = 0; i < n; i += LANES) {
        vf d = get(dy + i, n - i);
        if (gamma) d *= get(gamma + i, n - i);
        put(ds + i, rstd * (d - mean - get(normal + i, n - i) * dot), n - i);
    }
}

/* ---- softmax ---- */

static void exp_row(float *s, float lse, int64_t n, int64_t padded) {
    for (int64_t i = 0; i < n; i += LANES) put(s + i, exp_of(get(s + i, n - i) - lse), n - i);
    for (int64_t i = n; i < padded; i++) s[i] = 0.0f;
}

static float softmax_row(float *s, int64_t n, int64_t padded) {
    for (int64_t i = n; i < padded; i++) s[i] = -INFINITY;
    vf top = splat(-INFINITY), sum = {0};
    for (int64_t i = 0; i < padded; i += LANES) top = larger(load(s + i), top);
    const float most = max_lanes(top);
    for (int64_t i = 0; i < padded; i += LANES) {
        vf e = exp_of(load(s + i) - most);
        store(s + i, e);
        sum += e;
    }
    const float total = sum_lanes(sum);
    const vf inverse = splat(1.0f / total);
    for (int64_t i = 0; i < padded; i += LANES) store(s + i, load(s + i) * inverse);
    return most + logf(total);
}

static void softmax_project(float *ds, const float *p, const float *dp, int64_t padded) {
    vf sum = {0};
    for (int64_t i = 0; i < padded; i += LANES) sum += load(p + i) * load(dp + i);
    const float dot = sum_lanes(sum);
    for (int64_t i = 0; i < padded; i += LANES) store(ds + i, load(p + i) * (load(dp + i) - dot));
}

/* ---- optimizer: plain loops, which the compiler turns into vectors ---- */

static void adamw(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, int64_t n,
                  const lbk__adamw_step *step, float keep) {
    const lbk__adamw_step c = *step;
    for (int64_t i = 0; i < n; i++) {
        const float gradient = g[i] * c.scale;
        m[i] = c.beta1 * m[i] + c.rest1 * gradient;
        v[i] = c.beta2 * v[i] + c.rest2 * gradient * gradient;
        w[i] = keep * w[i] - c.rate * m[i] / (sqrtf(v[i]) * c.inverse_root + c.epsilon);
    }
}

static double sum_squares(const float *x, int64_t n) {
    double lanes[16] = {0}, total = 0.0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) lanes[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < n; i++) lanes[0] += (double)x[i] * (double)x[i];
    for (int k = 0; k < 16; k++) total += lanes[k];
    return total;
}

/* ---- small matrices ---- */

static void copy_block(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                       float factor, bool accumulate) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < cols; c += LANES) {
            vf v = factor * load(x + i * ldx + c);
            if (accumulate) v += get(y + i * ldy + c, cols - c);
            put(y + i * ldy + c, v, cols - c);
        }
}

/* Step s of a transposition in place: of rows i and i + s, blocks of s lanes change places. */
#define STAY(l, s) ((l) & (s) ? LANES + (l) - (s) : (l))
#define MOVE(l, s) ((l) & (s) ? LANES + (l) : (l) + (s))
#define SWAP_BLOCKS(m, s)                                                                       \
    for (int i = 0; i < LANES; i++)                                                             \
        if (!(i & (s))) {                                                                       \
            const vf upper = m[i], lower = m[i + (s)];                                          \
            m[i] = SHUFFLE(upper, lower, STAY, s), m[i + (s)] = SHUFFLE(upper, lower, MOVE, s); \
        }

INLINE void transpose_square(vf m[LANES]) {
    SWAP_BLOCKS(m, 1)
    SWAP_BLOCKS(m, 2)
#if LANES >= 8
    SWAP_BLOCKS(m, 4)
#endif
#if LANES >= 16
    SWAP_BLOCKS(m, 8)
#endif
}

static void transpose(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                      float factor) {
    for (int64_t i = 0; i < ldy; i += LANES)
        for (int64_t c = 0; c < cols; c += LANES) {
            vf m[LANES];
            for (int k = 0; k < LANES; k++)
                m[k] = i + k < rows ? factor * load(x + (i + k) * ldx + c) : (vf){0};
            transpose_square(m);
            for (int k = 0; k < LANES; k++)
                if (c + k < cols) store(y + (c + k) * ldy + i, m[k]);
        }
}

/* Rows of C at a time: as many as have registers for two vectors of sums each and an address in A. */
enum { MOST_ROWS = LANES == 16 ? 8 : 6 };

/* `rows` rows of C by `wide` vectors; both, and one of `row` and `column`, are constants wherever this is
 * called, so the sums stay in registers. */
INLINE void small_block(int rows, int wide, int64_t k, const float *a, int64_t row, int64_t column,
                        const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    vf sum[MOST_ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) sum[r][w] = accumulate ? load(c + r * ldc + w * LANES) : (vf){0};
    for (int64_t p = 0; p < k; p++) {
        vf right[2];
        for (int w = 0; w < wide; w++) right[w] = load(b + p * ldb + w * LANES);
        for (int r = 0; r < rows; r++) {
            const vf left = splat(a[r * row + p * column]);
            for (int w = 0; w < wide; w++) sum[r][w] += left * right[w];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) store(c + r * ldc + w * LANES, sum[r][w]);
}

INLINE void small_columns(int wide, int64_t m, int64_t k, const float *a, int64_t row, int64_t column,
                          const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    int64_t i = 0;
    for (; i + MOST_ROWS <= m; i += MOST_ROWS)
        small_block(MOST_ROWS, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
    for (; i + 2 <= m; i += 2)
        small_block(2, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
    if (i < m) small_block(1, wide, k, a + i * row, row, column, b, ldb, accumulate, c + i * ldc, ldc);
}

INLINE void small_matrix(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t column,
                         const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES)
        small_columns(2, m, k, a, row, column, b + j, ldb, accumulate, c + j, ldc);
    if (j < n) small_columns(1, m, k, a, row, column, b + j, ldb, accumulate, c + j, ldc);
}

static void small_gemm(bool transpose_a, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                       const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    if (transpose_a)
        small_matrix(m, n, k, a, 1, lda, b, ldb, accumulate, c, ldc);
    else
        small_matrix(m, n, k, a, lda, 1, b, ldb, accumulate, c, ldc);
}

#include "kernel/pixels.inc.h"

const lbk__vector TABLE = {
    .name = TABLE_NAME,
    .add = add,
    .add_scaled = add_scaled,
    .add_product = add_product,
    .dot = dot,
    .multiply = multiply,
    .bias_gelu = bias_gelu,
    .bias_gelu_slope = bias_gelu_slope,
    .bias_tanh = bias_tanh,
    .tanh_gradient = tanh_gradient,
    .half_to_float = half_to_float,
    .float_to_bf16 = float_to_bf16,
    .round_to_bf16 = round_to_bf16,
    .quantize_row = quantize_row,
    .dequantize_row = dequantize_row,
    .dropout_bits = dropout_bits,
    .dropout_row = dropout_row,
    .layernorm_row = layernorm_row,
    .layernorm_project = layernorm_project,
    .softmax_row = softmax_row,
    .exp_row = exp_row,
    .softmax_project = softmax_project,
    .adamw = adamw,
    .sum_squares = sum_squares,
    .copy_block = copy_block,
    .transpose = transpose,
    .small_gemm = small_gemm,
    .resample_row = resample_row,
    .sum_rows = sum_rows,
};
