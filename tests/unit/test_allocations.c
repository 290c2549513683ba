/* Memory that runs out anywhere: the n-th allocation fails, n = 1 … all, in each of the library's works. The
 * context's blocks: each time an error, nothing leaks, and the context goes on. Jansson's blocks: each time
 * an error, or the result is what it would have been; nothing leaks. */
#include "small_run.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <limits.h>

typedef struct work {
    const char *name;
    lbk_status (*run)(small_run *run, char **summary);
    size_t least; /* allocations of the context that it must have */
} work;

/* ---- works ---- */

static const char *in(const small_run *run, const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", run->folder, name);
    return path;
}

static lbk_status pack(small_run *run, char **summary) {
    const lbk_pack_options options = {.source = LBK_SOURCE_JSONL,
                                      .path = in(run, "few.jsonl"),
                                      .image_root = run->folder,
                                      .vocab = in(run, "vocab.txt"),
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 8,
                                      .patch_size = 4};
    return lbk_pack_build(run->context, &options, in(run, "made"), summary);
}

/* Two steps, a measurement, a checkpoint. */
static lbk_status learn(small_run *run, const char *const *changes, const char *cache, char **summary) {
    char pack_is[320];
    const char *overrides[24] = {pack_is,
                                 "model.hidden_size=4",
                                 "model.num_hidden_layers=1",
                                 "model.num_attention_heads=2",
                                 "model.intermediate_size=4",
                                 "model.max_position_embeddings=16",
                                 "train.batch_size=8",
                                 "train.max_steps=2",
                                 "train.logging_steps=1"};
    size_t count = 9;
    snprintf(pack_is, sizeof pack_is, "pack=%s/pack", run->folder);
    while (*changes) overrides[count++] = *changes++;
    lbk_config *config;
    LBK_TRY(lbk_config_load(run->context, NULL, overrides, count, &config));
    const lbk_status status = cache ? lbk_distill(run->context, config, cache, in(run, "made"), 0, summary)
                                    : lbk_train(run->context, config, in(run, "made"), 0, summary);
    lbk_config_close(config);
    return status;
}

static lbk_status train(small_run *run, char **summary) {
    return learn(run, CHANGES("seed=1"), NULL, summary);
}

static lbk_status distill(small_run *run, char **summary) {
    return learn(run, CHANGES("distill.method=msd", "distill.weights=learned", "distill.meta_fraction=0.3"),
                 in(run, "cache"), summary);
}

static lbk_status probe(small_run *run, char **summary) {
    const lbk_probe_options options = {
        .teacher = in(run, "teacher"), .pack = in(run, "pack"), .out = in(run, "made")};
    return lbk_probe(run->context, &options, summary);
}

static lbk_status evaluate(small_run *run, char **summary) {
    const lbk_evaluate_options options = {
        .model = in(run, "teacher"), .pack = in(run, "pack"), .split = "dev", .cache = in(run, "cache")};
    return lbk_evaluate(run->context, &options, summary);
}

static lbk_status predict(small_run *run, char **summary) {
    lbk_model *model;
    const lbk_input input = {.text = "red old", .image = in(run, "0.tiff")};
    LBK_TRY(lbk_model_open(run->context, in(run, "teacher"), &model));
    const lbk_status status = lbk_model_answer(model, &input, 0, summary);
    lbk_model_close(model);
    return status;
}

static lbk_status import(small_run *run, char **summary) {
    return lbk_import(run->context, "tests/golden/import/minilm", in(run, "made"), summary);
}

static lbk_status export_as(small_run *run, lbk_export_format format, char **summary) {
    const lbk_export_options options = {
        .model = in(run, "teacher"), .out = in(run, "made"), .format = format, .half = 1};
    return lbk_export(run->context, &options, summary);
}

static lbk_status export_hf(small_run *run, char **summary) {
    return export_as(run, LBK_EXPORT_HF, summary);
}

static lbk_status export_onnx(small_run *run, char **summary) {
    return export_as(run, LBK_EXPORT_ONNX, summary);
}

static lbk_status info(small_run *run, char **summary) {
    return lbk_info(run->context, in(run, "cache"), summary);
}

static const work works[] = {
    {"pack", pack, 100},
    {"train", train, 100},
    {"distill", distill, 100},
    {"probe", probe, 50},
    {"evaluate", evaluate, 50},
    {"predict", predict, 50},
    {"import", import, 50},
    {"export to a folder", export_hf, 50},
    {"export to ONNX", export_onnx, 50},
    {"info", info, 10},
};

/* ---- failing ---- */

static void remove_made(const small_run *run) {
    char command[320];
    snprintf(command, sizeof command, "rm -rf %s/made", run->folder);
    assert_int_equal(system(command), 0);
}

static void the_contexts_blocks_fail(void **state) {
    small_run *run = *state;
    for (const work *w = works; w < works + LBK_COUNT(works); w++) {
        lbk_status status = LBK_NO_MEMORY;
        size_t n = 1;
        for (; status != LBK_OK; n++) {
            char *summary = NULL;
            const size_t live = run->live;
            remove_made(run);
            run->allocations = 0, run->fail_at = n;
            status = w->run(run, &summary);
            run->fail_at = 0;
            if (status != LBK_OK && status != LBK_NO_MEMORY)
                fail_msg("%s, allocation %zu: %s: %s", w->name, n, lbk_status_name(status),
                         lbk_error(run->context));
            lbk_free(run->context, summary);
            if (run->live != live)
                fail_msg("%s, allocation %zu: %zu blocks leak", w->name, n, run->live - live);
        }
        print_message("%s: %zu allocations\n", w->name, n - 1);
        assert_true(n > w->least);
    }
}

/* ---- oneDNN without memory: its functions are found here first ---- */

static struct {
    long calls, fail_at;
    bool sgemm_only; /* where a primitive of packed weights fails, sgemm does its work */
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

static lbk_status train_bf16(small_run *run, char **summary) {
    return learn(run, CHANGES("precision=bf16"), NULL, summary);
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
    static const work few[] = {{"train", train, 40},
                               {"distill", distill, 60},
                               {"train in bf16", train_bf16, 40},
                               {"predict in int8", predict_int8, 5}};
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

/* A teacher, its cache, and a pack's few records. */
static int set_up(void **state) {
    if (small_run_set_up(state) != 0) return 1;
    small_run *run = *state;
    char *summary = NULL;
    check_ok(run->context, learn(run, CHANGES("seed=2"), NULL, &summary));
    lbk_free(run->context, summary);
    assert_int_equal(rename(in(run, "made"), in(run, "teacher")), 0);
    check_ok(run->context, probe(run, NULL));
    assert_int_equal(rename(in(run, "made"), in(run, "cache")), 0);
    static const char few[] =
        "{\"id\": \"a\", \"text\": \"red\", \"image\": \"0.tiff\", \"label\": \"cat\"}\n"
        "{\"id\": \"b\", \"text\": \"blue\", \"image\": \"1.tiff\", \"label\": \"dog\"}\n";
    check_ok(run->context, lbk__write_file(run->context, in(run, "few.jsonl"), few, sizeof few - 1));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_contexts_blocks_fail, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(oneDNNs_products_fail, set_up, small_run_tear_down),
    };
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
