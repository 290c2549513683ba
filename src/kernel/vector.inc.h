/* vector.inc.h: the vector kernels, written once over LANES floats with the compilers' vector extension and
 * compiled for each instruction set. tanh is SLEEF's; the exponential and the normal distribution are ours,
 * in line. Sums run in LANES partial sums, then across the lanes: the order is fixed, so results are the same
 * on every run of one instruction set. */
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

#include "kernel/dropout.inc.h"

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

/* ---- optimizer ---- */

/* Four vectors at once hide how long a product takes. */
static void decay(float *w, const float *keep, int count, int64_t n) {
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        vf a = load(w + i), b = load(w + i + LANES), c = load(w + i + 2 * LANES), d = load(w + i + 3 * LANES);
        for (int s = 0; s < count; s++) a *= keep[s], b *= keep[s], c *= keep[s], d *= keep[s];
        store(w + i, a), store(w + i + LANES, b), store(w + i + 2 * LANES, c), store(w + i + 3 * LANES, d);
    }
    for (; i < n; i += LANES) {
        vf a = get(w + i, n - i);
        for (int s = 0; s < count; s++) a *= keep[s];
        put(w + i, a, n - i);
    }
}

/* Plain loops, which the compiler turns into vectors. */
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

#include "kernel/pixels.inc.h"
#include "kernel/small_products.inc.h"

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
    .decay = decay,
    .adamw = adamw,
    .sum_squares = sum_squares,
    .copy_block = copy_block,
    .transpose = transpose,
    .small_gemm = small_gemm,
    .resample_row = resample_row,
    .sum_rows = sum_rows,
};
