/* The weight network of (11): where it starts, its gradient against central differences, its statistics, what
 * it does not learn from. */
#include "check.h"

#include "base/random.h"
#include "distill/weight_network.h"
#include "format/safetensors.h"

enum { SAMPLES = 6, FEATURES = SAMPLES * LBK__NUM_FEATURES, WEIGHTS = SAMPLES * LBK_NUM_VIEWS };

static const lbk__weight_network_options all_features = {
    .num_features = 6, .features = {0, 1, 2, 3, 4, 5}, .hidden_size = 5, .learning_rate = 0.1, .seed = 3};
static const lbk__weight_network_options two_features = {
    .num_features = 2,
    .features = {LBK__FEATURE_ENTROPY, LBK__FEATURE_DIVERGENCE_TEXT},
    .hidden_size = 3,
    .activation = LBK__WEIGHT_SOFTMAX,
    .learning_rate = 0.1};
static const lbk__weight_network_options population = {.activation = LBK__WEIGHT_SOFTMAX,
                                                       .learning_rate = 0.1};

static void draw(double *features, uint32_t step, double scale, double offset) {
    for (int k = 0; k < FEATURES; k++)
        features[k] = offset + scale * lbk__normal(9, LBK__STREAM_SYNTHETIC, step, (uint64_t)k);
}

static lbk__weight_network *network_of(lbk_context *context, const lbk__weight_network_options *options) {
    lbk__weight_network *network;
    check_ok(context, lbk__weight_network_create(context, options, &network));
    return network;
}

static void weights_start_uniform(void **state) {
    (void)state;
    lbk_context *context = check_context();
    const lbk__weight_network_options *const options[] = {&all_features, &two_features, &population};
    for (size_t k = 0; k < LBK_COUNT(options); k++) {
        lbk__weight_network *network = network_of(context, options[k]);
        double features[FEATURES];
        float weights[WEIGHTS];
        draw(features, 0, 3, 1);
        lbk__weight_network_weights(network, features, SAMPLES, weights);
        for (int i = 0; i < WEIGHTS; i++) check_near((double)weights[i], 1.0 / 3, 1e-7);
        lbk__weight_network_free(network);
    }
    lbk_context_destroy(context);
}

/* Σ d ⊙ w, in the precision of float weights. */
static double objective(lbk__weight_network *network, const double *features, const double *d) {
    float weights[WEIGHTS];
    double sum = 0;
    lbk__weight_network_weights(network, features, SAMPLES, weights);
    for (int i = 0; i < WEIGHTS; i++) sum += d[i] * (double)weights[i];
    return sum;
}

static void gradients_are_central_differences(void **state) {
    (void)state;
    static const double h = 1e-2;
    lbk_context *context = check_context();
    const lbk__weight_network_options *const options[] = {&all_features, &two_features, &population};
    for (size_t k = 0; k < LBK_COUNT(options); k++) {
        lbk__weight_network *network = network_of(context, options[k]);
        double features[FEATURES], d[FEATURES];
        draw(features, 1, 1, 0.5);
        draw(d, 2, 1, 0);
        for (size_t p = 0; p < network->num_parameters; p++)
            network->parameters[p] = 0.4 * lbk__normal(4, LBK__STREAM_SYNTHETIC, 0, p);
        lbk__weight_network_observe(network, features, SAMPLES);
        lbk__weight_network_backward(network, features, SAMPLES, d);
        for (size_t p = 0; p < network->num_parameters; p++) {
            const double kept = network->parameters[p];
            network->parameters[p] = kept + h;
            const double above = objective(network, features, d);
            network->parameters[p] = kept - h;
            const double below = objective(network, features, d);
            network->parameters[p] = kept;
            check_near(network->gradient[p], (above - below) / (2 * h), 5e-4);
        }
        lbk__weight_network_free(network);
    }
    lbk_context_destroy(context);
}

/* The first hundred batches count the same: mean and variance are those of all their samples. */
static void statistics_run(void **state) {
    (void)state;
    enum { BATCHES = 40 };
    lbk_context *context = check_context();
    lbk__weight_network *network = network_of(context, &all_features);
    double features[FEATURES], sum = 0, squares = 0;
    for (uint32_t b = 0; b < BATCHES; b++) {
        draw(features, 10 + b, 2 + b, 5 - (double)b);
        lbk__weight_network_observe(network, features, SAMPLES);
        for (int i = 0; i < SAMPLES; i++) {
            const double x = features[i * LBK__NUM_FEATURES + LBK__FEATURE_SALIENCY_TEXT];
            sum += x, squares += x * x;
        }
    }
    const double mean = sum / (BATCHES * SAMPLES), variance = squares / (BATCHES * SAMPLES) - mean * mean;
    check_near(network->mean[LBK__FEATURE_SALIENCY_TEXT], mean, 1e-9);
    check_near(network->variance[LBK__FEATURE_SALIENCY_TEXT], variance, 1e-9 * variance);
    features[7] = INFINITY;
    lbk__weight_network_observe(network, features, SAMPLES);
    lbk__weight_network_observe(network, features, 0);
    check_near(network->mean[LBK__FEATURE_SALIENCY_TEXT], mean, 1e-9);
    check_near(*network->observed, BATCHES, 0);
    /* Later ones count with 1/100: what was long ago is forgotten. */
    for (uint32_t b = 0; b < 2000; b++) {
        draw(features, 100 + b, 1, 7);
        lbk__weight_network_observe(network, features, SAMPLES);
    }
    check_near(network->mean[LBK__FEATURE_SALIENCY_TEXT], 7, 0.2);
    check_near(network->variance[LBK__FEATURE_SALIENCY_TEXT], 1, 0.2);
    lbk__weight_network_free(network);
    lbk_context_destroy(context);
}

static void nothing_is_learned_from_what_is_not_finite(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__weight_network *network = network_of(context, &all_features);
    double *before = malloc(network->num_state * sizeof *before), features[FEATURES], d[WEIGHTS] = {1};
    memcpy(before, network->state, network->num_state * sizeof *before);
    draw(features, 3, 1, 0);
    d[4] = NAN;
    lbk__weight_network_backward(network, features, SAMPLES, d);
    assert_int_equal(isfinite(lbk__weight_network_step(network)) != 0, 0);
    assert_memory_equal(before, network->state, network->num_state * sizeof *before);
    d[4] = 0;
    lbk__weight_network_backward(network, features, SAMPLES, d);
    assert_int_equal(isfinite(lbk__weight_network_step(network)) != 0, 1);
    assert_memory_not_equal(before, network->state, network->num_state * sizeof *before);
    free(before);
    lbk__weight_network_free(network);
    lbk_context_destroy(context);
}

static void a_file_has_it_all(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[300], command[320];
    snprintf(path, sizeof path, "%s/network.safetensors", folder);
    static const float weights[] = {0.5f, 0.25f, 0.125f, 1, 0, 0};
    lbk__weight_network *network = network_of(context, &two_features);
    network->parameters[0] = 0.75;
    check_ok(context, lbk__weight_network_write(network, path, weights, 2));
    lbk__safetensors *file;
    const lbk__tensor_entry *entry;
    check_ok(context, lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__safetensors_expect(file, "hidden.weight", LBK__F64, 2, (int64_t[]){3, 2}, &entry));
    check_near(*(const double *)entry->data, 0.75, 0);
    check_ok(context,
             lbk__safetensors_expect(file, "sample_weights", LBK__F32, 2, (int64_t[]){2, 3}, &entry));
    assert_memory_equal(entry->data, weights, sizeof weights);
    const char *about = lbk__safetensors_metadata(file, "limbeck");
    assert_non_null(strstr(about, "\"features\":[\"entropy\",\"divergence_text\"]"));
    assert_non_null(strstr(about, "\"activation\":\"softmax\""));
    lbk__safetensors_close(file);
    lbk__weight_network_free(network);
    /* Without features and hidden units there are three numbers. */
    network = network_of(context, &population);
    assert_int_equal(network->num_parameters, 3);
    check_ok(context, lbk__weight_network_write(network, path, weights, 2));
    check_ok(context, lbk__safetensors_open(context, path, &file));
    check_ok(context, lbk__safetensors_expect(file, "output.weight", LBK__F64, 2, (int64_t[]){3, 0}, &entry));
    lbk__safetensors_close(file);
    lbk__weight_network_free(network);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    free(folder);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_start_uniform), cmocka_unit_test(gradients_are_central_differences),
        cmocka_unit_test(statistics_run),        cmocka_unit_test(nothing_is_learned_from_what_is_not_finite),
        cmocka_unit_test(a_file_has_it_all),
    };
    return cmocka_run_group_tests_name("weight network", tests, NULL, NULL);
}
