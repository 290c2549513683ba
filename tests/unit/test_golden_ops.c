/* Each op's forward, backward and tangent against PyTorch's in float64 (oracle/ops.py): the plain references
 * to 1e-12, the fast kernels, whose numbers are float32, to 2e-6 of the norm. */
#include "op_case.h"

#include "golden.h"
#include "golden_model.h"

enum { SEED = 500 };

static double *rule(int k, const char *name, size_t count) {
    double *numbers = malloc((count + 1) * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] =
            (double)(float)lbk__normal(SEED + (uint64_t)k, LBK__STREAM_SYNTHETIC, golden_step_of(name), i);
    return numbers;
}

static op_spec spec_of(const lbk__safetensors *file, int k) {
    const int32_t *s = golden(file, k, "spec", LBK__I32)->data;
    const lbk__tensor_entry *start = golden(file, k, "start", LBK__I32);
    op_spec spec = {.kind = s[0],
                    .rows = s[1],
                    .cols = s[2],
                    .out = s[3],
                    .activation = s[4],
                    .form = s[5],
                    .heads = s[6],
                    .visual = s[7],
                    .vocab = s[8],
                    .positions = s[9],
                    .probability = *(const float *)golden(file, k, "probability", LBK__F32)->data,
                    .num_sequences = (int32_t)start->shape[0] - 1,
                    .start = start->data};
    if (spec.kind == OP_EMBED) {
        spec.tokens = golden(file, k, "tokens", LBK__I32)->data;
        spec.position = golden(file, k, "position", LBK__I32)->data;
        spec.segment = golden(file, k, "segment", LBK__I32)->data;
    }
    return spec;
}

static const double *answer(const lbk__safetensors *file, int k, const char *name, size_t count) {
    const lbk__tensor_entry *entry = golden(file, k, name, LBK__F64);
    assert_int_equal(entry->bytes, count * sizeof(double));
    return entry->data;
}

static void compare_case(lbk_context *context, const lbk__safetensors *file, int k, bool reference) {
    const op_spec spec = spec_of(file, k);
    op_case c;
    op_open(&c, context, &spec, LBK__TAPE_META, reference);
    double *point = rule(k, "point", c.point), *u = rule(k, "u", c.point), *v = rule(k, "v", c.result);
    double *y = malloc((c.result + 1) * sizeof *y), *gradient = malloc((c.point + 1) * sizeof *gradient);
    const double tolerance = reference ? 1e-12 : 2e-6, size = 1e-3;
    char what[96];
    const char *name = c.tape->ops[0]->class->name;
    snprintf(what, sizeof what, "case %d, forward of %s %s", k, reference ? "reference" : "fast", name);
    op_forward(&c, point, y);
    op_compare(what, y, answer(file, k, "y", c.result), c.result, size, tolerance);
    snprintf(what, sizeof what, "case %d, backward of %s %s", k, reference ? "reference" : "fast", name);
    op_backward(&c, v, NULL, gradient);
    op_compare(what, gradient, answer(file, k, "gradient", c.point), c.point, size, tolerance);
    snprintf(what, sizeof what, "case %d, tangent of %s %s", k, reference ? "reference" : "fast", name);
    op_tangent(&c, u, y);
    op_compare(what, y, answer(file, k, "tangent", c.result), c.result, size, tolerance);
    free(point);
    free(u);
    free(v);
    free(y);
    free(gradient);
    op_close(&c);
}

static void compare_all(bool reference) {
    lbk_context *context = check_context();
    lbk__safetensors *file = golden_open(context, "ops");
    const int cases = golden_cases(file);
    assert_true(cases > 50);
    for (int k = 0; k < cases; k++) compare_case(context, file, k, reference);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static void references_give_pytorch_s_numbers(void **state) {
    (void)state;
    compare_all(true);
}

/* With every instruction set that this processor has. */
static void fast_ops_give_pytorch_s_numbers(void **state) {
    (void)state;
    static const char *const kernels[] = {"sse2", "avx2", "avx512"};
    for (size_t i = 0; i < LBK_COUNT(kernels); i++) {
        setenv("LIMBECK_KERNELS", kernels[i], 1);
        compare_all(false);
    }
    unsetenv("LIMBECK_KERNELS");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_give_pytorch_s_numbers),
        cmocka_unit_test(fast_ops_give_pytorch_s_numbers),
    };
    return cmocka_run_group_tests_name("golden ops", tests, NULL, NULL);
}
