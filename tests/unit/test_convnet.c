/* Convolutions by oneDNN against plain sums in double precision: each kind of layer that the encoders have,
 * on sizes that divide by the stride and sizes that do not. */
#include "check.h"

#include "base/random.h"
#include "kernel/convnet.h"

enum { SEED = 5 };

static float *random_numbers(uint32_t step, size_t count, double factor) {
    float *numbers = malloc(count * sizeof *numbers);
    for (size_t k = 0; k < count; k++)
        numbers[k] = (float)(factor * lbk__normal(SEED, LBK__STREAM_INIT, step, k));
    return numbers;
}

/* One output of one picture; `x` [size, size, in]. */
static double plain(const lbk__conv *c, const float *x, int size, int v, int u, int out) {
    const int reduced = (size + c->stride - 1) / c->stride;
    int padding = (reduced - 1) * c->stride + c->side - size;
    if (padding < 0) padding = 0;
    double sum = (double)c->bias[out];
    const int inputs = c->depthwise ? 1 : c->in;
    for (int i = 0; i < inputs; i++)
        for (int b = 0; b < c->side; b++)
            for (int a = 0; a < c->side; a++) {
                const int y = v * c->stride + b - padding / 2, z = u * c->stride + a - padding / 2;
                if (y < 0 || y >= size || z < 0 || z >= size) continue;
                const int channel = c->depthwise ? out : i;
                sum += (double)c->weight[((out * inputs + i) * c->side + b) * c->side + a] *
                       (double)x[(y * size + z) * c->in + channel];
            }
    return sum;
}

static double clipped(double y, bool relu6) {
    return !relu6 ? y : y < 0 ? 0 : y > 6 ? 6 : y;
}

/* x [batch, size, size, in] through one layer; `add` (may be NULL) is what a residual adds. */
static float *plain_layer(const lbk__conv *c, const float *x, int batch, int size, const float *add) {
    const int reduced = (size + c->stride - 1) / c->stride;
    float *y = malloc((size_t)(batch * reduced * reduced * c->out) * sizeof *y);
    size_t k = 0;
    for (int b = 0; b < batch; b++)
        for (int v = 0; v < reduced; v++)
            for (int u = 0; u < reduced; u++)
                for (int o = 0; o < c->out; o++, k++)
                    y[k] = (float)clipped(plain(c, x + b * size * size * c->in, size, v, u, o) +
                                              (c->residual ? (double)add[k] : 0),
                                          c->relu6);
    return y;
}

static void compare(const float *got, const float *wanted, size_t count, const char *what) {
    double worst = 0;
    for (size_t i = 0; i < count; i++) worst = fmax(worst, fabs((double)got[i] - (double)wanted[i]));
    if (!(worst <= 2e-5)) fail_msg("%s: off by %g", what, worst);
}

static void each_kind_of_layer_is_the_plain_sum(void **state) {
    (void)state;
    static const struct {
        int in, out, side, stride, depthwise, relu6, batch, size;
    } cases[] = {
        {3, 32, 3, 2, 0, 1, 2, 16},  {3, 32, 3, 2, 0, 1, 1, 15}, {16, 96, 1, 1, 0, 1, 2, 9},
        {96, 24, 1, 1, 0, 0, 3, 5},  {24, 24, 3, 1, 1, 1, 2, 8}, {24, 24, 3, 2, 1, 1, 2, 8},
        {40, 40, 3, 2, 1, 1, 1, 7},  {40, 40, 5, 1, 1, 1, 2, 7}, {40, 40, 5, 2, 1, 1, 2, 14},
        {40, 40, 5, 2, 1, 1, 2, 13}, {8, 8, 5, 2, 1, 0, 1, 1},   {352, 1280, 1, 1, 0, 1, 1, 3},
    };
    lbk_context *context = check_context();
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int in = cases[i].in, out = cases[i].out, side = cases[i].side, batch = cases[i].batch,
                  size = cases[i].size, inputs = cases[i].depthwise ? 1 : in;
        float *weight = random_numbers(4 * i, (size_t)(out * inputs * side * side),
                                       2 / sqrt((double)(inputs * side * side)));
        float *bias = random_numbers(4 * i + 1, (size_t)out, 1);
        float *x = random_numbers(4 * i + 2, (size_t)(batch * size * size * in), 1);
        const lbk__conv layer = {in,
                                 out,
                                 side,
                                 cases[i].stride,
                                 cases[i].depthwise,
                                 cases[i].relu6,
                                 false,
                                 LBK__CONV_A,
                                 LBK__CONV_B,
                                 weight,
                                 bias};
        lbk__convnet *net;
        const float *got;
        char what[64];
        check_ok(context, lbk__convnet_create(context, &layer, 1, batch, size, &net));
        const int reduced = lbk__convnet_output_size(net);
        assert_int_equal(reduced, (size + cases[i].stride - 1) / cases[i].stride);
        memcpy(lbk__convnet_input(net), x, (size_t)(batch * size * size * in) * sizeof *x);
        check_ok(context, lbk__convnet_run(net, &got));
        float *wanted = plain_layer(&layer, x, batch, size, NULL);
        snprintf(what, sizeof what, "case %u", i);
        compare(got, wanted, (size_t)(batch * reduced * reduced * out), what);
        lbk__convnet_free(net);
        free(weight), free(bias), free(x), free(wanted);
    }
    lbk_context_destroy(context);
}

/* Into A, then A → B → C → A with a residual, twice: the second run starts from the first one's buffers. */
static void a_chain_with_a_residual_runs_again_and_again(void **state) {
    (void)state;
    enum { BATCH = 2, SIZE = 9, HALF = 5 };
    lbk_context *context = check_context();
    lbk__conv layers[] = {
        {3, 16, 3, 2, false, true, false, LBK__CONV_A, LBK__CONV_A, NULL, NULL},
        {16, 48, 1, 1, false, true, false, LBK__CONV_A, LBK__CONV_B, NULL, NULL},
        {48, 48, 5, 1, true, true, false, LBK__CONV_B, LBK__CONV_C, NULL, NULL},
        {48, 16, 1, 1, false, false, true, LBK__CONV_C, LBK__CONV_A, NULL, NULL},
    };
    float *numbers[8];
    for (uint32_t i = 0; i < 4; i++) {
        const int filter = (layers[i].depthwise ? 1 : layers[i].in) * layers[i].side * layers[i].side;
        layers[i].weight = numbers[2 * i] =
            random_numbers(100 + i, (size_t)(layers[i].out * filter), 1 / sqrt((double)filter));
        layers[i].bias = numbers[2 * i + 1] = random_numbers(200 + i, (size_t)layers[i].out, 1);
    }
    lbk__convnet *net;
    check_ok(context, lbk__convnet_create(context, layers, 4, BATCH, SIZE, &net));
    assert_int_equal(lbk__convnet_output_size(net), HALF);
    for (uint32_t turn = 0; turn < 2; turn++) {
        float *x = random_numbers(300 + turn, BATCH * SIZE * SIZE * 3, 1);
        memcpy(lbk__convnet_input(net), x, BATCH * SIZE * SIZE * 3 * sizeof *x);
        float *a = plain_layer(&layers[0], x, BATCH, SIZE, NULL),
              *b = plain_layer(&layers[1], a, BATCH, HALF, NULL),
              *c = plain_layer(&layers[2], b, BATCH, HALF, NULL),
              *d = plain_layer(&layers[3], c, BATCH, HALF, a);
        const float *got;
        check_ok(context, lbk__convnet_run(net, &got));
        compare(got, d, BATCH * HALF * HALF * 16, "chain");
        free(x), free(a), free(b), free(c), free(d);
    }
    lbk__convnet_free(net);
    for (int i = 0; i < 8; i++) free(numbers[i]);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_layer_is_the_plain_sum),
        cmocka_unit_test(a_chain_with_a_residual_runs_again_and_again),
    };
    return cmocka_run_group_tests_name("convnet", tests, NULL, NULL);
}
