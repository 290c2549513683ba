/* encoder_fixture.h: an EfficientNet-Lite0 whose numbers follow the rule of oracle/encoder.py, as a file. */
#ifndef LBK_TESTS_ENCODER_FIXTURE_H
#define LBK_TESTS_ENCODER_FIXTURE_H

#include "golden_model.h"

#include "vision/efficientnet.h"

enum { ENCODER_SEED = 77, ENCODER_SIZE = 96 };

/* Normal numbers times `factor` plus `offset`; `squared`: those numbers squared. */
static inline void encoder_put(lbk_context *context, lbk__safetensors_writer *writer, const char *name,
                               int64_t count, double factor, double offset, bool squared) {
    const uint32_t step = golden_step_of(name);
    float *numbers = malloc((size_t)count * sizeof *numbers);
#pragma omp parallel for schedule(static) if (count > 10000)
    for (int64_t k = 0; k < count; k++) {
        numbers[k] =
            (float)(offset + factor * lbk__normal(ENCODER_SEED, LBK__STREAM_INIT, step, (uint64_t)k));
        if (squared) numbers[k] *= numbers[k];
    }
    check_ok(context, lbk__safetensors_writer_put(writer, numbers, (size_t)count * sizeof *numbers));
    free(numbers);
}

/* Convolutions n · √(2 / numbers of a filter), norms 1 + 0.1 n, 0.1 n, 0.1 n, (1 + 0.1 n)². `without` (may be
 * NULL): a tensor that is left out. */
static inline void encoder_write(lbk_context *context, const char *path, const char *without) {
    enum { PARTS = 5 };
    static const char *const parts[PARTS] = {"", "weight", "bias", "running_mean", "running_var"};
    static lbk__efficientnet_layer layers[LBK__EFFICIENTNET_MAX_LAYERS];
    static lbk__tensor_spec specs[LBK__EFFICIENTNET_MAX_LAYERS * PARTS];
    static char names[LBK__EFFICIENTNET_MAX_LAYERS * PARTS][64];
    const lbk__efficientnet_config *config;
    check_ok(context, lbk__efficientnet_find(context, "efficientnet-lite0", &config));
    const size_t count = lbk__efficientnet_layers(config, layers);
    size_t num_specs = 0;
    for (size_t i = 0; i < count * PARTS; i++) {
        const lbk__efficientnet_layer *layer = &layers[i / PARTS];
        const lbk__conv *conv = &layer->conv;
        lbk__tensor_spec *spec = &specs[num_specs];
        snprintf(names[num_specs], sizeof names[0], "%s%s%s", i % PARTS ? layer->norm : layer->weight,
                 i % PARTS ? "." : "", parts[i % PARTS]);
        *spec = (lbk__tensor_spec){names[num_specs],
                                   LBK__F32,
                                   i % PARTS ? 1 : 4,
                                   {conv->out, conv->depthwise ? 1 : conv->in, conv->side, conv->side}};
        if (!without || strcmp(spec->name, without) != 0) num_specs++;
    }
    lbk__safetensors_writer *writer;
    check_ok(context, lbk__safetensors_writer_open(context, path, specs, num_specs, NULL, 0, NULL, &writer));
    for (size_t i = 0; i < num_specs; i++) {
        const int64_t *shape = specs[i].shape, filter = shape[1] * shape[2] * shape[3];
        if (specs[i].rank == 4)
            encoder_put(context, writer, names[i], shape[0] * filter, sqrt(2.0 / (double)filter), 0, false);
        else if (strstr(names[i], ".running_var"))
            encoder_put(context, writer, names[i], shape[0], 0.1, 1, true);
        else
            encoder_put(context, writer, names[i], shape[0], 0.1, strstr(names[i], ".weight") ? 1 : 0, false);
    }
    check_ok(context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
}

/* Picture b of the oracle: [96, 96, 3]. */
static inline void encoder_picture(int b, uint8_t *pixels) {
    for (int y = 0; y < ENCODER_SIZE; y++)
        for (int x = 0; x < ENCODER_SIZE; x++)
            for (int c = 0; c < 3; c++)
                *pixels++ = (uint8_t)((31 * x + 17 * y + 53 * c + 7 * x * y + 101 * b) % 256);
}

#endif
