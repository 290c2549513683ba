/* Memory that runs out anywhere: the context's n-th allocation fails, n = 1 … all, in each of the library's
 * works: each time it is said, nothing leaks, and the same context goes on. So it is where oneDNN has none
 * for its n-th product. And oneDNN's primitives are made before the first step, or answer, is over. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "op_case.h"
#include "works.h"

#include "kernel/matmul.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <limits.h>

static void the_contexts_blocks_fail(void **state) {
    small_run *run = *state;
    for (const work *w = works; w < works + LBK_COUNT(works); w++) {
        lbk_status status = LBK_NO_MEMORY;
        size_t n = 1, failures = 0, all = 0;
        char *table = table_of(run, w);
        for (; status != LBK_OK; n = next_failure(w, n)) {
            char *summary = NULL;
            const size_t live = run->live;
            remove_made(run);
            run->allocations = 0, run->fail_at = n;
            status = w->run(run, &summary);
            run->fail_at = 0;
            all = run->allocations;
            if (status != LBK_OK && status != LBK_NO_MEMORY)
                fail_msg("%s, allocation %zu: %s: %s", w->name, n, lbk_status_name(status),
                         lbk_error(run->context));
            lbk_free(run->context, summary);
            if (run->live != live)
                fail_msg("%s, allocation %zu: %zu blocks leak", w->name, n, run->live - live);
            failures += status != LBK_OK;
            if (status != LBK_OK) goes_on(run, w, table);
        }
        print_message("%s: %zu allocations, %zu failures\n", w->name, all, failures);
        assert_true(all > w->least);
        free(table);
    }
}

/* ---- oneDNN without memory: its functions are found here first ---- */

static struct {
    long calls, fail_at;
    bool sgemm_only;       /* where a primitive of packed weights fails, sgemm does its work */
    long made, made_first; /* primitives; those of the set-up and the first step */
} products;

static bool starved(void) {
    return ++products.calls == products.fail_at;
}

dnnl_status_t DNNL_API dnnl_sgemm(char transa, char transb, dnnl_dim_t M, dnnl_dim_t N, dnnl_dim_t K,
                                  float alpha, const float *A, dnnl_dim_t lda, const float *B, dnnl_dim_t ldb,
                                  float beta, float *C, dnnl_dim_t ldc) {
    dnnl_status_t (*next)(char, char, dnnl_dim_t, dnnl_dim_t, dnnl_dim_t, float, const float *, dnnl_dim_t,
                          const float *, dnnl_dim_t, float, float *, dnnl_dim_t) = NULL;
    void *found = dlsym(RTLD_NEXT, "dnnl_sgemm");
    memcpy(&next, &found, sizeof next);
    return starved() ? dnnl_out_of_memory
                     : next(transa, transb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
}

dnnl_status_t DNNL_API dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream,
                                              int nargs, const dnnl_exec_arg_t *args) {
    dnnl_status_t (*next)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *) = NULL;
    void *found = dlsym(RTLD_NEXT, "dnnl_primitive_execute");
    memcpy(&next, &found, sizeof next);
    return !products.sgemm_only && starved() ? dnnl_out_of_memory : next(primitive, stream, nargs, args);
}

dnnl_status_t DNNL_API dnnl_primitive_create(dnnl_primitive_t *primitive,
                                             const_dnnl_primitive_desc_t description) {
    dnnl_status_t (*next)(dnnl_primitive_t *, const_dnnl_primitive_desc_t) = NULL;
    void *found = dlsym(RTLD_NEXT, "dnnl_primitive_create");
    memcpy(&next, &found, sizeof next);
    products.made++;
    return next(primitive, description);
}

static lbk_status train_bf16(small_run *run, char **summary) {
    return learn(run, CHANGES("precision=bf16"), NULL, 0, summary);
}

static lbk_status predict_int8(small_run *run, char **summary) {
    lbk_model *model;
    const lbk_input input = {.text = "red old", .image = in(run, "0.tiff")};
    LBK_TRY(lbk_model_open(run->context, in(run, "teacher"), &model));
    lbk_status status = lbk_model_set_precision(model, "int8");
    if (status == LBK_OK) status = lbk_model_answer(model, &input, 0, summary);
    lbk_model_close(model);
    return status;
}

static void oneDNNs_products_fail(void **state) {
    small_run *run = *state;
    static const work few[] = {{"train", train, 40, NULL},
                               {"distill", distill, 60, NULL},
                               {"train in bf16", train_bf16, 40, NULL},
                               {"predict in int8", predict_int8, 5, NULL}};
    for (const work *w = few; w < few + LBK_COUNT(few); w++) {
        lbk_status status = LBK_NO_MEMORY;
        long n = 1, all = LONG_MAX;
        products.sgemm_only = w->run == train || w->run == distill;
        for (; n <= all; n += 1 + n / 4) {
            char *summary = NULL;
            remove_made(run);
            products.calls = 0, products.fail_at = n;
            status = w->run(run, &summary);
            products.fail_at = 0;
            if (n <= products.calls) {
                check_fails(run->context, LBK_NO_MEMORY, "within a matrix product", status);
            } else {
                check_ok(run->context, status);
                all = products.calls;
            }
            lbk_free(run->context, summary);
        }
        print_message("%s: %ld products\n", w->name, all);
        assert_true(all > (long)w->least);
    }
}

/* A product whose packed kernel fails is computed from the weights themselves, within the tape's memory. */
static void packed_products_fall_back(void **state) {
    small_run *run = *state;
    enum { ROWS = 300, IN = 256, OUT = 256 };
    static const int32_t start[] = {0, ROWS};
    const op_spec spec = {.kind = OP_LINEAR,
                          .rows = ROWS,
                          .cols = IN,
                          .out = OUT,
                          .activation = LBK__IDENTITY,
                          .num_sequences = 1,
                          .start = start};
    static double point[ROWS * IN + OUT * IN + OUT], expected[ROWS * OUT], got[ROWS * OUT];
    for (size_t i = 0; i < LBK_COUNT(point); i++) point[i] = sin(0.37 * (double)i);
    products.sgemm_only = false;
    for (long n = 0; n <= 2; n++) { /* nothing, packing the weights, the product itself */
        op_case c;
        op_open(&c, run->context, &spec, LBK__TAPE_INFER, false);
        const bool packs = c.tape->ops[0]->packed != NULL; /* by oneDNN with AVX-512 only */
        products.calls = 0, products.fail_at = n;
        op_forward(&c, point, n ? got : expected);
        products.fail_at = 0;
        if (n && packs) check_ok(run->context, lbk__check_starved(run->context));
        if (n && packs) op_compare("a product that fell back", got, expected, ROWS * OUT, 1, 1e-6);
        run->context->starved = false; /* where nothing is packed, sgemm itself failed */
        op_close(&c);
    }
}

/* ---- primitives ---- */

static void count_primitives(void *user, const lbk_progress *progress) {
    (void)user;
    if (strcmp(progress->unit, "steps") != 0) return;
    if (progress->done == 1) products.made_first = products.made;
    assert_int_equal(products.made, products.made_first);
}

static void steps_make_no_primitives(void **state) {
    small_run *run = *state;
    static const char *const precisions[] = {"precision=fp32", "precision=bf16"};
    setenv("LIMBECK_KERNELS", "bf16", 1); /* oneDNN's products, where it has them */
    run->context->options.progress = count_primitives;
    for (int i = 0; i < 4; i++) {
        const bool bf16 = i % 2, learned = i / 2;
        char *summary = NULL;
        remove_made(run);
        products.made = 0;
        check_ok(run->context, learn(run,
                                     CHANGES("train.max_steps=5", "distill.method=msd", precisions[bf16],
                                             "distill.weights=learned", "distill.meta_fraction=0.3"),
                                     learned ? in(run, "cache") : NULL, 0, &summary));
        if (bf16 && lbk__dnnl_has_avx512()) assert_true(products.made > 0);
        lbk_free(run->context, summary);
    }
    run->context->options.progress = small_run_progress;
    unsetenv("LIMBECK_KERNELS");
}

/* The longest text first: a longer one would be another plan. */
static void known_lengths_make_no_primitives(void **state) {
    small_run *run = *state;
    static const char *const precisions[] = {"fp32", "bf16", "int8"};
    static const char *const texts[] = {"red blue big small round old red blue big small round", "old", "",
                                        "red blue big small round"};
    for (size_t p = 0; p < LBK_COUNT(precisions); p++) {
        lbk_model *model;
        long made[2];
        products.made = 0;
        check_ok(run->context, lbk_model_open(run->context, in(run, "teacher"), &model));
        check_ok(run->context, lbk_model_set_precision(model, precisions[p]));
        for (int round = 0; round < 2; round++) {
            for (size_t i = 0; i < LBK_COUNT(texts); i++) {
                char *answer = NULL;
                const lbk_input input = {.text = texts[i], .image = in(run, "0.tiff")};
                check_ok(run->context, lbk_model_answer(model, &input, 0, &answer));
                lbk_free(run->context, answer);
            }
            made[round] = products.made;
        }
        print_message("%s: %ld primitives\n", precisions[p], made[0]);
        assert_int_equal(made[1], made[0]);
        if (strcmp(precisions[p], "int8") == 0) assert_true(made[0] > 0);
        lbk_model_close(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_contexts_blocks_fail, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(oneDNNs_products_fail, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(packed_products_fall_back, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(steps_make_no_primitives, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(known_lengths_make_no_primitives, set_up, small_run_tear_down),
    };
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
