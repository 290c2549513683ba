/* Rounding to 16 and 8 bits, and products of what was rounded, for every vector kernel and instruction set.
 */
#include "check.h"

#include "base/random.h"
#include "kernel/narrow.h"
#include "kernel/packed.h"

#include <string.h>

enum { M = 7, OUT = 21, IN = 67 };

static const char *const kernels[] = {"sse2", "avx2", "avx512", "bf16"};

static void use(const char *name) {
    setenv("LIMBECK_KERNELS", name, 1);
}

static int done(void **state) {
    (void)state;
    return unsetenv("LIMBECK_KERNELS");
}

static float bits(uint32_t value) {
    float x;
    memcpy(&x, &value, sizeof x);
    return x;
}

static void bf16_rounds_to_nearest_even(void **state) {
    (void)state;
    static const uint32_t given[] = {0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0xbf80ffff, 0x00000000,
                                     0x80000000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x00008001};
    static const uint16_t wanted[] = {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xbf81, 0x0000,
                                      0x8000, 0x7f80, 0xff80, 0x7f80, 0x0001};
    enum { COUNT = LBK_COUNT(given) };
    for (size_t k = 0; k < LBK_COUNT(kernels); k++) {
        use(kernels[k]);
        const lbk__vector *vector = lbk__vector_choose();
        float x[COUNT + 1], y[COUNT + 1];
        uint16_t half[COUNT + 1];
        for (int i = 0; i < COUNT; i++) x[i] = bits(given[i]);
        x[COUNT] = bits(0x7f800001); /* a NaN whose upper half looks infinite */
        vector->float_to_bf16(half, x, COUNT + 1);
        vector->round_to_bf16(y, x, COUNT + 1);
        for (int i = 0; i < COUNT; i++) {
            const float same = bits((uint32_t)wanted[i] << 16);
            assert_int_equal(half[i], wanted[i]);
            assert_memory_equal(&y[i], &same, sizeof same);
        }
        assert_true((half[COUNT] & 0x7f80) == 0x7f80 && (half[COUNT] & 0x7f) != 0);
        assert_true(y[COUNT] != y[COUNT]);
    }
}

static float *numbers(uint32_t stream, int count) {
    float *x = malloc((size_t)count * sizeof *x);
    for (int i = 0; i < count; i++) x[i] = (float)lbk__normal(3, stream, 0, (uint64_t)i);
    return x;
}

/* Every combination of transpositions, written and added, against sums in double. */
static void bf16_products_are_exact_but_for_their_sums(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float *a = numbers(1, M * IN), *b = numbers(2, OUT * IN), c[M * OUT];
    for (size_t kernel = 0; kernel < LBK_COUNT(kernels); kernel++) {
        use(kernels[kernel]);
        const lbk__vector *vector = lbk__vector_choose();
        lbk__narrow *narrow;
        check_ok(context, lbk__narrow_create(context, LBK__PRECISION_BF16, &narrow));
        float *rounded_a = malloc(M * IN * sizeof *a), *rounded_b = malloc(OUT * IN * sizeof *b);
        vector->round_to_bf16(rounded_a, a, M * IN);
        vector->round_to_bf16(rounded_b, b, OUT * IN);
        void *narrow_a = malloc(M * IN * lbk__bf16_size(narrow)),
             *narrow_b = malloc(OUT * IN * lbk__bf16_size(narrow));
        lbk__bf16_from(narrow, narrow_a, a, M * IN);
        lbk__bf16_from(narrow, narrow_b, b, OUT * IN);
        for (int form = 0; form < 8; form++) {
            const bool ta = form & 1, tb = form & 2, add = form & 4;
            for (int i = 0; i < M * OUT; i++) c[i] = 100;
            lbk__bf16_gemm(narrow, ta, tb, M, OUT, IN, narrow_a, narrow_b, add, c);
            for (int i = 0; i < M; i++)
                for (int j = 0; j < OUT; j++) {
                    double sum = add ? 100 : 0;
                    for (int k = 0; k < IN; k++)
                        sum += (double)rounded_a[ta ? k * M + i : i * IN + k] *
                               (double)rounded_b[tb ? j * IN + k : k * OUT + j];
                    check_near((double)c[i * OUT + j], sum, 2e-4);
                }
        }
        lbk__bf16_gemm(narrow, false, false, 0, OUT, IN, narrow_a, narrow_b, false, c);
        free(narrow_a), free(narrow_b), free(rounded_a), free(rounded_b);
        lbk__narrow_free(narrow);
    }
    free(a), free(b);
    lbk_context_destroy(context);
}

/* Against the product of what was rounded, in whole numbers. */
static void check_int8(lbk_context *context, const float *x, const float *w) {
    lbk__narrow *narrow;
    check_ok(context, lbk__narrow_create(context, LBK__PRECISION_INT8, &narrow));
    int8_t values[OUT * IN];
    uint8_t q[M * IN];
    int32_t offset[OUT];
    float scale[OUT], x_scale[M], y[M * OUT];
    const lbk__int8_weights weights = {values, scale, offset};
    lbk__int8_weights_from(narrow, &weights, w, OUT, IN);
    lbk__int8_from(narrow, q, x_scale, x, M, IN);
    lbk__int8_gemm(narrow, M, OUT, IN, q, x_scale, &weights, y);
    for (int i = 0; i < M; i++)
        for (int o = 0; o < OUT; o++) {
            int64_t sum = -offset[o];
            double exact = 0, size = 0;
            for (int k = 0; k < IN; k++) {
                sum += (int64_t)q[i * IN + k] * values[o * IN + k];
                exact += (double)x[i * IN + k] * (double)w[o * IN + k];
                size += fabs((double)x[i * IN + k] * (double)w[o * IN + k]);
            }
            const double wanted = (double)sum * (double)scale[o] * (double)x_scale[i];
            check_near((double)y[i * OUT + o], wanted, 1e-5 * (fabs(wanted) + 1e-3));
            check_near((double)y[i * OUT + o], exact, 0.03 * size + 1e-6);
        }
    lbk__narrow_free(narrow);
}

static void int8_products_are_those_of_whole_numbers(void **state) {
    (void)state;
    lbk_context *context = check_context();
    float *x = numbers(4, M * IN), *w = numbers(5, OUT * IN);
    for (int k = 0; k < IN; k++) x[k] = 0; /* a row without a scale */
    for (size_t kernel = 0; kernel < 3; kernel++) {
        use(kernels[kernel]);
        check_int8(context, x, w);
    }
    /* All at their largest: sums of pairs that 16 bits do not hold. */
    for (int i = 0; i < M * IN; i++) x[i] = 1;
    for (int i = 0; i < OUT * IN; i++) w[i] = i % 2 ? 1 : -1;
    for (int i = 0; i < IN; i++) w[i] = 1, w[IN + i] = -1;
    check_int8(context, x, w);
    free(x), free(w);
    lbk_context_destroy(context);
}

/* Any number of rows up to the largest, in any order, writes those rows as sgemm does. */
static void packed_products_are_those_of_sgemm(void **state) {
    (void)state;
    enum { MOST = 37 };
    static const int rows[] = {1, 37, 16, 17, 32, 33, 1, 0};
    lbk_context *context = check_context();
    lbk__packed *packed;
    check_ok(context, lbk__packed_create(context, OUT, IN, MOST, &packed));
    float *x = numbers(6, MOST * IN), *w = numbers(7, OUT * IN), y[MOST * OUT], wanted[MOST * OUT];
    void *weights = NULL;
    if (packed) check_ok(context, lbk__alloc_aligned(context, &weights, lbk__packed_bytes(packed)));
    if (packed) assert_true(lbk__packed_weights(packed, weights, w));
    for (size_t i = 0; packed && i < LBK_COUNT(rows); i++) {
        memset(y, 0, sizeof y);
        assert_true(lbk__packed_run(packed, rows[i], x, weights, y));
        lbk__gemm(false, true, rows[i], OUT, IN, x, IN, w, IN, 0, wanted, OUT);
        for (int k = 0; k < rows[i] * OUT; k++) check_near((double)y[k], (double)wanted[k], 1e-4);
    }
    lbk__free_aligned(context, weights);
    lbk__packed_free(packed);
    free(x), free(w);
    lbk_context_destroy(context);
}

static void precisions_have_names(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__precision found;
    check_ok(context, lbk__precision_of(context, NULL, LBK__NUM_PRECISIONS, &found));
    assert_int_equal(found, LBK__PRECISION_FP32);
    check_ok(context, lbk__precision_of(context, "int8", LBK__NUM_PRECISIONS, &found));
    assert_int_equal(found, LBK__PRECISION_INT8);
    check_ok(context, lbk__precision_of(context, "auto", LBK__NUM_PRECISIONS, &found));
    assert_true(found == LBK__PRECISION_FP32 || found == LBK__PRECISION_BF16);
    use("avx2"); /* has no bfloat16 */
    check_ok(context, lbk__precision_of(context, "auto", LBK__NUM_PRECISIONS, &found));
    assert_int_equal(found, LBK__PRECISION_FP32);
    check_fails(context, LBK_INVALID_ARGUMENT, "\"int8\" is none of auto, fp32, bf16",
                lbk__precision_of(context, "int8", LBK__PRECISION_INT8, &found));
    check_fails(context, LBK_INVALID_ARGUMENT, "\"half\" is none of auto, fp32, bf16, int8",
                lbk__precision_of(context, "half", LBK__NUM_PRECISIONS, &found));
    lbk_context_destroy(context);
}

#define TEST(name) cmocka_unit_test_teardown(name, done)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(bf16_rounds_to_nearest_even),
        TEST(bf16_products_are_exact_but_for_their_sums),
        TEST(int8_products_are_those_of_whole_numbers),
        TEST(packed_products_are_those_of_sgemm),
        TEST(precisions_have_names),
    };
    return cmocka_run_group_tests_name("narrow", tests, NULL, NULL);
}
