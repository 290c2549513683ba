/* The image encoder: the published networks, PyTorch's numbers (oracle/encoder.py), regions, projections, and
 * whose rows are whose. */
#include "encoder_fixture.h"

#include "format/hdf5_projection.h"
#include "vision/extractor.h"

#include <hdf5.h>
#include <unistd.h>

enum { DIM = LBK__EFFICIENTNET_DIM, PIXELS = ENCODER_SIZE * ENCODER_SIZE * 3, CELLS = 3 };

static char *folder;
static char weights[256], projection[256];

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
    snprintf(projection, sizeof projection, "%s/projection.h5", folder);
    lbk_context *context = check_context();
    encoder_write(context, weights, NULL);
    lbk_context_destroy(context);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove(weights);
    remove(projection);
    rmdir(folder);
    free(folder);
    return 0;
}

/* Numbers of parameters, classifier included, as timm counts them in its tf_efficientnet_lite0 … 4. */
static void the_published_networks_are_listed(void **state) {
    (void)state;
    static const int64_t published[] = {4652008, 5416680, 6092072, 8197096, 13006568};
    lbk_context *context = check_context();
    for (int i = 0; i < 5; i++) {
        lbk__efficientnet_layer layers[LBK__EFFICIENTNET_MAX_LAYERS];
        const lbk__efficientnet_config *config;
        char name[32];
        snprintf(name, sizeof name, "efficientnet-lite%d", i);
        check_ok(context, lbk__efficientnet_find(context, name, &config));
        const size_t count = lbk__efficientnet_layers(config, layers);
        int64_t sum = DIM * 1000 + 1000;
        for (size_t k = 0; k < count; k++) {
            const lbk__conv *c = &layers[k].conv;
            sum += (int64_t)c->out * (c->depthwise ? 1 : c->in) * c->side * c->side + 2 * (int64_t)c->out;
        }
        assert_int_equal(sum, published[i]);
    }
    const lbk__efficientnet_config *config;
    check_fails(context, LBK_INVALID_ARGUMENT, "efficientnet-lite0 to efficientnet-lite4",
                lbk__efficientnet_find(context, "efficientnet-b0", &config));
    lbk_context_destroy(context);
}

/* The map of both pictures [2, 9, 1280], to be freed. */
static float *map_of(lbk_context *context) {
    const lbk__efficientnet_config *config;
    lbk__convnet *net;
    const float *found;
    uint8_t *pixels = malloc(PIXELS);
    check_ok(context, lbk__efficientnet_find(context, "efficientnet-lite0", &config));
    check_ok(context, lbk__efficientnet_open(context, config, weights, 2, ENCODER_SIZE, &net));
    assert_int_equal(lbk__convnet_output_size(net), CELLS);
    for (int b = 0; b < 2; b++) {
        encoder_picture(b, pixels);
        for (int i = 0; i < PIXELS; i++)
            lbk__convnet_input(net)[b * PIXELS + i] = ((float)pixels[i] - 127) / 128;
    }
    check_ok(context, lbk__convnet_run(net, &found));
    float *map = malloc(2 * CELLS * CELLS * DIM * sizeof *map);
    memcpy(map, found, 2 * CELLS * CELLS * DIM * sizeof *map);
    lbk__convnet_free(net);
    free(pixels);
    return map;
}

static void features_are_those_of_pytorch(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__safetensors *file = golden_open(context, "encoder");
    size_t count;
    const double *wanted = golden_data(file, "map", LBK__F64, &count);
    assert_int_equal(count, 2 * CELLS * CELLS * DIM / 8);
    float *map = map_of(context);
    double worst = 0;
    for (size_t i = 0; i < count; i++) worst = fmax(worst, fabs((double)map[8 * i] - wanted[i]));
    print_message("largest difference %.2g of features up to 6\n", worst);
    assert_true(worst < 1e-3);
    free(map);
    lbk__safetensors_close(file);
    lbk_context_destroy(context);
}

static lbk__extractor *open_extractor(lbk_context *context, int32_t grid, const char *with, int32_t batch) {
    lbk__extractor *extractor;
    const lbk_encoder_options options = {"efficientnet-lite0", weights, with, ENCODER_SIZE, grid};
    check_ok(context, lbk__extractor_open(context, &options, batch, &extractor));
    return extractor;
}

/* Mean over the 2 × 2 cells of region (row, column) of a 2 × 2 grid, at feature c. */
static double mean_of(const float *map, int row, int column, int c) {
    double sum = 0;
    for (int v = row; v <= row + 1; v++)
        for (int u = column; u <= column + 1; u++) sum += (double)map[(v * CELLS + u) * DIM + c];
    return sum / 4;
}

static void regions_are_means_over_cells(void **state) {
    (void)state;
    lbk_context *context = check_context();
    uint8_t *pixels = malloc(3 * PIXELS);
    uint16_t *rows = malloc(3 * 4 * DIM * sizeof *rows);
    float *map = map_of(context), boxes[16];
    lbk__extractor *extractor = open_extractor(context, 2, NULL, 2);
    assert_int_equal(lbk__extractor_num_rows(extractor), 4);
    assert_int_equal(lbk__extractor_dim(extractor), DIM);
    for (int b = 0; b < 3; b++) encoder_picture(b % 2, pixels + b * PIXELS);
    check_ok(context, lbk__extractor_run(extractor, pixels, 3, rows)); /* a batch and a half */
    for (int b = 0; b < 2; b++)
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < DIM; c++)
                check_near(lbk__half_to_float(rows[(b * 4 + r) * DIM + c]),
                           mean_of(map + b * CELLS * CELLS * DIM, r / 2, r % 2, c), 4e-3);
    assert_memory_equal(rows, rows + 2 * 4 * DIM, 4 * DIM * sizeof *rows);
    static const float third = 1.0f / 3;
    const float wanted[] = {0, 0,     2 * third, 2 * third, third, 0,     1, 2 * third,
                            0, third, 2 * third, 1,         third, third, 1, 1};
    lbk__extractor_boxes(extractor, boxes);
    for (int i = 0; i < 16; i++) check_near(boxes[i], wanted[i], 1e-6);
    lbk__extractor_close(extractor);
    free(pixels), free(rows), free(map);
    lbk_context_destroy(context);
}

/* ---- projections ---- */

static void put(hid_t file, const char *name, int rank, hsize_t first, hsize_t second, const float *numbers) {
    const hsize_t shape[] = {first, second};
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t set = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* mean c / 1000, two components: the first feature, and the sum of all times `second`. */
static void write_projection(float scale, float second) {
    float *numbers = malloc(3 * DIM * sizeof *numbers);
    for (int c = 0; c < DIM; c++) {
        numbers[c] = (float)c / 1000;
        numbers[DIM + c] = c == 0;
        numbers[2 * DIM + c] = second;
    }
    hid_t file = H5Fcreate(projection, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "mean", 1, DIM, 0, numbers);
    put(file, "components", 2, 2, DIM, numbers + DIM);
    put(file, "scale", 0, 0, 0, &scale);
    H5Fclose(file);
    free(numbers);
}

static void a_projection_is_applied(void **state) {
    (void)state;
    lbk_context *context = check_context();
    uint8_t *pixels = malloc(PIXELS);
    uint16_t rows[4 * 2];
    float *map = map_of(context);
    encoder_picture(0, pixels);
    write_projection(0.5f, 0.125f);
    lbk__extractor *extractor = open_extractor(context, 2, projection, 1);
    assert_int_equal(lbk__extractor_dim(extractor), 2);
    check_ok(context, lbk__extractor_run(extractor, pixels, 1, rows));
    for (int r = 0; r < 4; r++) {
        double sum = 0;
        for (int c = 0; c < DIM; c++) sum += mean_of(map, r / 2, r % 2, c) - c / 1000.0;
        check_near(lbk__half_to_float(rows[2 * r]), 0.5 * mean_of(map, r / 2, r % 2, 0), 2e-3);
        check_near(lbk__half_to_float(rows[2 * r + 1]), 0.5 * 0.125 * sum, 0.07); /* float16 of about 70 */
    }
    lbk__extractor_close(extractor);
    write_projection(1, 1000);
    extractor = open_extractor(context, 2, projection, 1);
    check_fails(context, LBK_NUMERIC, "which float16 cannot hold",
                lbk__extractor_run(extractor, pixels, 1, rows));
    lbk__extractor_close(extractor);
    free(pixels), free(map);
    lbk_context_destroy(context);
}

static void wrong_projections_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__projection read;
    write_projection(1, 1);
    check_fails(context, LBK_BAD_DATA, "\"mean\" must be floats [160], for 160 features",
                lbk__projection_read(context, projection, 160, &read));
    write_projection(NAN, 1);
    check_fails(context, LBK_BAD_DATA, "\"scale\": number 0 is not finite",
                lbk__projection_read(context, projection, DIM, &read));
    write_projection(1, INFINITY);
    check_fails(context, LBK_BAD_DATA, "\"components\": number 1280 is not finite",
                lbk__projection_read(context, projection, DIM, &read));
    static const float scales[2] = {1, 1};
    write_projection(1, 1);
    hid_t file = H5Fopen(projection, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "scale", H5P_DEFAULT);
    put(file, "scale", 1, 2, 0, scales);
    H5Fclose(file);
    check_fails(context, LBK_BAD_DATA, "data set \"scale\" must be one float",
                lbk__projection_read(context, projection, DIM, &read));
    check_fails(context, LBK_BAD_DATA, "has no data set \"mean\"",
                lbk__projection_read(context, "tests/golden/features/half.h5", DIM, &read));
    assert_null(read.mean);
    lbk_context_destroy(context);
}

/* ---- what is refused, and whose rows are whose ---- */

static void wrong_weights_are_named(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__extractor *extractor;
    lbk_encoder_options options = {"efficientnet-lite2", weights, NULL, ENCODER_SIZE, 2};
    check_fails(context, LBK_BAD_DATA,
                "\"_blocks.3._depthwise_conv.weight\" is F32 [144, 1, 5, 5], must be F32 [144, 1, 3, 3]",
                lbk__extractor_open(context, &options, 1, &extractor));
    assert_null(extractor);
    char lacking[300];
    snprintf(lacking, sizeof lacking, "%s/lacking.safetensors", folder);
    encoder_write(context, lacking, "_blocks.7._bn2.running_var");
    options = (lbk_encoder_options){"efficientnet-lite0", lacking, NULL, ENCODER_SIZE, 2};
    check_fails(context, LBK_BAD_DATA, "lacking.safetensors: has no tensor \"_blocks.7._bn2.running_var\"",
                lbk__extractor_open(context, &options, 1, &extractor));
    remove(lacking);
    options.weights = "tests/golden/features/half.h5";
    check_fails(context, LBK_BAD_DATA, "half.h5", lbk__extractor_open(context, &options, 1, &extractor));
    options.weights = weights;
    options.grid = 3;
    check_fails(context, LBK_INVALID_ARGUMENT, "96 pixels give 3 cells a side, so at most 2 regions",
                lbk__extractor_open(context, &options, 1, &extractor));
    options.image_size = 31;
    check_fails(context, LBK_INVALID_ARGUMENT, "image_size 31",
                lbk__extractor_open(context, &options, 1, &extractor));
    options = (lbk_encoder_options){"efficientnet-lite0", NULL, NULL, 0, 0};
    check_fails(context, LBK_INVALID_ARGUMENT, "file of weights",
                lbk__extractor_open(context, &options, 1, &extractor));
    lbk_context_destroy(context);
}

static void rows_know_their_extractor(void **state) {
    (void)state;
    lbk_context *context = check_context();
    write_projection(1, 1);
    lbk__extractor *first = open_extractor(context, 2, NULL, 1),
                   *second = open_extractor(context, 1, NULL, 1),
                   *third = open_extractor(context, 2, projection, 1);
    json_t *identity = lbk__extractor_identity(first), *projected = lbk__extractor_identity(third);
    assert_true(lbk__extractor_identity_in(identity) == identity);
    assert_int_equal(lbk__extractor_options(identity).grid, 2);
    check_ok(context, lbk__extractor_check(first, identity));
    check_ok(context, lbk__extractor_check(third, projected));
    check_fails(context, LBK_MISMATCH, "grid 2; this is efficientnet-lite0, 96 pixels, grid 1",
                lbk__extractor_check(second, identity));
    check_fails(context, LBK_MISMATCH, "without a projection", lbk__extractor_check(third, identity));
    check_fails(context, LBK_MISMATCH, "with a projection", lbk__extractor_check(first, projected));
    json_object_set_new(projected, "projection_sha256", json_string("0"));
    check_fails(context, LBK_MISMATCH, "projection is not the one", lbk__extractor_check(third, projected));
    json_object_set_new(identity, "weights_sha256", json_string("0"));
    check_fails(context, LBK_MISMATCH, "not those that made the rows", lbk__extractor_check(first, identity));
    json_t *of_features = json_pack("{s:s, s:O}", "kind", "hdf5", "attributes", identity);
    assert_true(lbk__extractor_identity_in(of_features) == identity);
    json_object_del(identity, "grid");
    assert_null(lbk__extractor_identity_in(identity));
    assert_null(lbk__extractor_identity_in(of_features));
    json_decref(of_features), json_decref(identity), json_decref(projected);
    lbk__extractor_close(first), lbk__extractor_close(second), lbk__extractor_close(third);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_networks_are_listed), cmocka_unit_test(features_are_those_of_pytorch),
        cmocka_unit_test(regions_are_means_over_cells),      cmocka_unit_test(a_projection_is_applied),
        cmocka_unit_test(wrong_projections_are_refused),     cmocka_unit_test(wrong_weights_are_named),
        cmocka_unit_test(rows_know_their_extractor),
    };
    return cmocka_run_group_tests_name("extractor", tests, set_up, tear_down);
}
