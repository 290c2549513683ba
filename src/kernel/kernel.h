/* kernel.h: the arithmetic under the ops: GEMM by oneDNN, vector code for rows. Single rows and small blocks
 * only; ops loop over rows and share them among threads. All buffers are float32 unless a name says
 * otherwise. */
#ifndef LBK_KERNEL_KERNEL_H
#define LBK_KERNEL_KERNEL_H

#include "base/base.h"

/* C [m, n] = op(A) · op(B) + beta · C, row-major; op is transposition where `transpose_…`, lda/ldb/ldc in
 * floats. beta 0 overwrites C without reading it. Nothing happens when m or n is 0. Uses the OpenMP threads
 * of the caller. False: not done, for want of memory. */
bool lbk__gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
               int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/* Which elements dropout keeps: 16 bits an element, kept where bits ≥ threshold. Element e takes lane e % 8
 * of Philox(seed, stream, step, e / 8), low half-words first. */
typedef struct lbk__dropout {
    uint64_t seed;
    uint32_t stream, step;
    uint32_t threshold; /* round(p · 65536); 0: nothing is dropped */
    float scale;        /* 65536 / (65536 − threshold): what the kept ones are multiplied by */
} lbk__dropout;

lbk__dropout lbk__dropout_make(uint64_t seed, uint32_t stream, uint32_t step, float probability);
/* The bits of `count` elements from element `first` on, both multiples of 8, without vector code. */
void lbk__dropout_bits_plain(const lbk__dropout *dropout, uint64_t first, int64_t count, uint16_t *bits);

#define LBK_ROUND_UP(n, multiple) (((n) + (multiple)-1) / (multiple) * (multiple))
/* Rows of attention scratch are padded to this many floats: the widest vector of any instruction set used. */
enum { LBK__LANES = 16 };

/* What one optimizer step multiplies with, bias corrections included. */
typedef struct lbk__adamw_step {
    float scale; /* of the gradients */
    float beta1, beta2, epsilon;
    float rest1, rest2; /* 1 − β₁, 1 − β₂, rounded once: 1.0f − 0.999f would be off by 5e-5 */
    float rate;         /* learning rate / (1 − β₁ᵗ) */
    float inverse_root; /* 1 / √(1 − β₂ᵗ) */
} lbk__adamw_step;

/* How a line of pixels becomes one of another length: pixel o is Σ weight[o · count + t] · pixel[first[o] +
 * t] over t < length[o]; weights from there to `count`, a multiple of 4, are 0, and pixels that they meet are
 * read all the same. A weight is a whole number of units of 2⁻²². */
typedef struct lbk__taps {
    int32_t size, count;
    int32_t *first, *length; /* [size] */
    int32_t *weight;         /* [size, count] and LBK__LANES more */
} lbk__taps;
enum { LBK__WEIGHT_BITS = 22 };

/* The fast kernels, one table per instruction set. `n` may be any number ≥ 0 and pointers need no alignment,
 * except where padding is demanded. */
typedef struct lbk__vector {
    const char *name;
    /* y += x */
    void (*add)(float *y, const float *x, int64_t n);
    /* y += a · x */
    void (*add_scaled)(float *y, float a, const float *x, int64_t n);
    /* y += x ⊙ g */
    void (*add_product)(float *y, const float *x, const float *g, int64_t n);
    /* Σ x ⊙ y */
    float (*dot)(const float *x, const float *y, int64_t n);
    /* y ⊙= x */
    void (*multiply)(float *y, const float *x, int64_t n);
    /* y = gelu(y + bias), the exact one: z · Φ(z). */
    void (*bias_gelu)(float *y, const float *bias, int64_t n);
    /* z = slope + bias; y = gelu(z), slope = gelu'(z). */
    void (*bias_gelu_slope)(float *y, float *slope, const float *bias, int64_t n);
    /* y = tanh(y + bias) */
    void (*bias_tanh)(float *y, const float *bias, int64_t n);
    /* dz = dy ⊙ (1 − y²); dz may be dy. */
    void (*tanh_gradient)(float *dz, const float *dy, const float *y, int64_t n);
    void (*half_to_float)(float *y, const uint16_t *x, int64_t n);
    /* y = x rounded to bfloat16, to nearest, ties to even; as such, or as the float32 of the same value. */
    void (*float_to_bf16)(uint16_t *y, const float *x, int64_t n);
    void (*round_to_bf16)(float *y, const float *x, int64_t n);
    /* q = round(x / s) + levels + 1 with s = max |x| / levels, which is returned; levels ≤ 127. */
    float (*quantize_row)(uint8_t *q, const float *x, int32_t levels, int64_t n);
    /* y = (sum − offset) ⊙ scale · row_scale; y may be sum. */
    void (*dequantize_row)(float *y, const int32_t *sum, const int32_t *offset, const float *scale,
                           float row_scale, int64_t n);
    /* As lbk__dropout_bits_plain. */
    void (*dropout_bits)(const lbk__dropout *dropout, uint64_t first, int64_t count, uint16_t *bits);
    /* y = kept ? x · scale : 0; y may be x. `bits` are read up to the next multiple of LBK__LANES. */
    void (*dropout_row)(float *y, const float *x, const lbk__dropout *dropout, const uint16_t *bits,
                        int64_t n);
    /* normal = (x − mean) · rstd, y = gamma ⊙ normal + beta; returns rstd. y may be x; normal may not. */
    float (*layernorm_row)(float *y, float *normal, const float *x, const float *gamma, const float *beta,
                           float epsilon, int64_t n);
    /* ds = rstd · (d − mean(d) − normal · mean(d ⊙ normal)), d = dy ⊙ gamma (gamma NULL: d = dy). The
     * projection that backward and tangent of layer norm share. ds may be dy. */
    void (*layernorm_project)(float *ds, const float *dy, const float *gamma, const float *normal, float rstd,
                              int64_t n);
    /* s[0…n) = softmax(s), s[n…padded) = 0; returns the log of the sum of exponentials. */
    float (*softmax_row)(float *s, int64_t n, int64_t padded);
    /* s[0…n) = exp(s − lse), s[n…padded) = 0. */
    void (*exp_row)(float *s, float lse, int64_t n, int64_t padded);
    /* ds = p ⊙ (dp − Σ p ⊙ dp), over `padded` elements, a multiple of LBK__LANES; ds may be dp. */
    void (*softmax_project)(float *ds, const float *p, const float *dp, int64_t padded);
    /* w = w · keep[0] · keep[1] · … · keep[count − 1], in this order */
    void (*decay)(float *w, const float *keep, int count, int64_t n);
    /* One AdamW step on n numbers (train/optimizer.h has the equation); keep = 1 − learning rate · decay. */
    void (*adamw)(float *w, const float *g, float *m, float *v, int64_t n, const lbk__adamw_step *step,
                  float keep);
    /* Σ x², in double. */
    double (*sum_squares)(const float *x, int64_t n);
    /* y [rows, cols] (+)= factor · x. Of x, up to LBK__LANES − 1 numbers beyond a row's end are read. */
    void (*copy_block)(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                       float factor, bool accumulate);
    /* y [cols, ldy] = factor · xᵀ and zeros from column `rows` on; ldy is a multiple of LBK__LANES. x [rows,
     * cols] is read as by copy_block. */
    void (*transpose)(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                      float factor);
    /* C [m, n] (+)= op(A) · B for small blocks, op transposition where `transpose_a`; all are row-major and n
     * is a multiple of LBK__LANES. Single-threaded. */
    void (*small_gemm)(bool transpose_a, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                       const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc);
    /* Pixels of three bytes: y [taps->size] from x, across a row; one byte more is written, LBK__LANES more
     * are read. */
    void (*resample_row)(uint8_t *y, const uint8_t *x, const lbk__taps *taps);
    /* y = Σ weight[t] · rows[t], down `count` rows; those are read to the next multiple of LBK__LANES. */
    void (*sum_rows)(uint8_t *y, const uint8_t *const *rows, const int32_t *weight, int32_t count,
                     int64_t bytes);
} lbk__vector;

/* The widest table that this CPU can run; LIMBECK_KERNELS=sse2|avx2|avx512 in the environment narrows it. */
const lbk__vector *lbk__vector_choose(void);
/* LIMBECK_KERNELS=reference: ops run their plain double-precision references. */
bool lbk__reference_chosen(void);

#endif
