/* (1)–(6), (10) and their gradients against PyTorch in float64: tests/golden/losses.safetensors, made by
 * oracle/losses.py. */
#include "golden.h"

#include "distill/distill.h"

/* The gradient is float32 and a sum of terms: relative to each number, and to the largest of the tensor. */
static void check_gradient(int k, const float *got, const double *want, size_t count, size_t used) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < count; i++) {
        double value = i < used ? (double)got[i] : 0;
        if (!(fabs(value - want[i]) <= 1e-6 * fabs(want[i]) + 1e-7 * largest))
            fail_msg("case %d, gradient %zu: %.9g, PyTorch %.9g", k, i, value, want[i]);
    }
}

static void check_relative(int k, const char *name, size_t at, double got, double want) {
    if (!(fabs(got - want) <= 1e-6 * fabs(want) + 1e-12))
        fail_msg("case %d, %s %zu: %.12g, PyTorch %.12g", k, name, at, got, want);
}

static void loss_and_gradient_are_pytorchs(void **state) {
    const lbk__safetensors *file = *state;
    for (int k = 0; k < golden_cases(file); k++) {
        const double *setting = golden(file, k, "setting", LBK__F64)->data;
        const lbk__tensor_entry *student = golden(file, k, "student", LBK__F32);
        lbk__loss_input input = {.method = (lbk__method)setting[0],
                                 .label_kind = (lbk_label_kind)setting[1],
                                 .num_samples = (int32_t)student->shape[1],
                                 .num_classes = (int32_t)student->shape[2],
                                 .alpha = setting[2],
                                 .temperature = setting[3],
                                 .student = student->data,
                                 .teacher = golden(file, k, "teacher", LBK__F32)->data,
                                 .targets = golden(file, k, "targets", LBK__F32)->data,
                                 .labels = golden(file, k, "labels", LBK__I32)->data,
                                 .labelled = golden(file, k, "labelled", LBK__U8)->data,
                                 .weights = golden(file, k, "weights", LBK__F32)->data,
                                 .scale = 1};
        size_t one = (size_t)input.num_samples * (size_t)input.num_classes;
        size_t used = input.method == LBK__METHOD_MSD ? 3 * one : one;
        float *gradient = calloc(used, sizeof *gradient);
        lbk__loss_terms terms;
        lbk__loss(&input, gradient, &terms);
        const double *want = golden(file, k, "terms", LBK__F64)->data;
        check_relative(k, "loss", 0, terms.loss, want[0]);
        check_relative(k, "CE", 0, terms.cross_entropy, want[1]);
        for (size_t v = 0; v < LBK_NUM_VIEWS; v++)
            check_relative(k, "D", v, terms.divergence[v], want[2 + v]);
        check_gradient(k, gradient, golden(file, k, "gradient", LBK__F64)->data, 3 * one, used);
        free(gradient);
    }
}

static void check_sample(const lbk__safetensors *file, int k, size_t i) {
    const double *setting = golden(file, k, "setting", LBK__F64)->data;
    const lbk__tensor_entry *teacher = golden(file, k, "teacher", LBK__F32);
    const float *targets = golden(file, k, "targets", LBK__F32)->data;
    const uint8_t *labelled = golden(file, k, "labelled", LBK__U8)->data;
    const int32_t *labels = golden(file, k, "labels", LBK__I32)->data;
    const double *saliency = golden(file, k, "saliency", LBK__F64)->data;
    const double *instance = golden(file, k, "instance", LBK__F64)->data;
    size_t batch = (size_t)teacher->shape[1], classes = (size_t)teacher->shape[2], one = batch * classes;
    const float *joint = (const float *)teacher->data + i * classes;
    for (size_t s = 0; s < LBK__NUM_SALIENCIES; s++) {
        double value[2];
        for (size_t m = 0; m < 2; m++) { /* text is removed in the image view, 2; image in the text view, 1 */
            value[m] =
                lbk__saliency_of((lbk__saliency)s, (lbk_label_kind)setting[1], joint, joint + (2 - m) * one,
                                 (int32_t)classes, labels[i], labelled[i] ? targets + i * classes : NULL);
            check_relative(k, lbk__saliency_names[s], i, value[m], saliency[(s * 2 + m) * batch + i]);
        }
        float weights[LBK_NUM_VIEWS];
        lbk__saliency_weights(setting[4], value[0], value[1], weights);
        for (size_t v = 0; v < LBK_NUM_VIEWS; v++)
            check_relative(k, "weight", v, (double)weights[v], instance[(s * batch + i) * 3 + v]);
    }
}

static void saliencies_and_weights_are_pytorchs(void **state) {
    const lbk__safetensors *file = *state;
    for (int k = 0; k < golden_cases(file); k++)
        for (int64_t i = 0; i < golden(file, k, "teacher", LBK__F32)->shape[1]; i++)
            check_sample(file, k, (size_t)i);
}

static lbk_context *context;

static int open_file(void **state) {
    lbk__safetensors *file;
    context = check_context();
    check_ok(context, lbk__safetensors_open(context, "tests/golden/losses.safetensors", &file));
    *state = file;
    return 0;
}

static int close_file(void **state) {
    lbk__safetensors_close(*state);
    lbk_context_destroy(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient_are_pytorchs),
        cmocka_unit_test(saliencies_and_weights_are_pytorchs),
    };
    return cmocka_run_group_tests_name("losses", tests, open_file, close_file);
}
