/* Answers of a small random model: the numbers of eval, whatever shares the batch. */
#include "answering_fixture.h"
#include "encoder_fixture.h"

#include "base/half.h"
#include "data/image.h"
#include "format/hdf5_features.h"
#include "model/parameters.h"
#include "vision/extractor.h"

/* The cache of the same weights: what eval and distill see of each sample. */
static lbk__cache *open_cache(fixture *f) {
    lbk__cache *cache;
    check_ok(f->context, probe(f, f->teacher_path, 0, NULL));
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    return cache;
}

/* ---- one input ---- */

static void predictions_equal_those_of_eval(void **state) {
    fixture *f = *state;
    lbk__cache *cache = open_cache(f);
    lbk_model *model = open_patch_model(f);
    for (int i = 0; i < SAMPLES; i++) {
        lbk_sample sample;
        check_ok(f->context, lbk_pack_sample(f->pack, i, &sample));
        char text[200], image[32], *answer;
        snprintf(text, sizeof text, "%.*s", (int)sample.text_length, sample.text);
        snprintf(image, sizeof image, "%d.tiff", i);
        const lbk_input input = {.text = text, .image = sample.visual ? image : NULL};
        float logits[LBK_NUM_VIEWS][CLASSES], probabilities[LBK_NUM_VIEWS][CLASSES], saliency[2];
        check_ok(f->context, lbk_model_predict(model, &input, logits[0], probabilities[0]));
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            for (int c = 0; c < CLASSES; c++)
                check_near((double)logits[v][c], (double)lbk__cache_logits(cache, (lbk_view)v, i)[c], 1e-5);
        check_ok(f->context, lbk_model_answer(model, &input, 0, &answer));
        json_t *root = parse(f, answer);
        lbk__cache_saliency(cache, LBK__SALIENCY_KL, i, saliency);
        check_near(number(root, "saliency/text"), (double)saliency[0], 1e-4);
        check_near(number(root, "saliency/image"), (double)saliency[1], 1e-4);
        check_near(number(root, "text/probabilities/dog"), (double)probabilities[LBK_VIEW_TEXT][1], 1e-5);
        json_decref(root);
    }
    lbk_model_close(model);
    lbk__cache_close(cache);
}

static void precision_can_be_chosen(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    const lbk_input input = {.text = "red old", .image = "0.tiff"};
    float exact[LBK_NUM_VIEWS][CLASSES], narrow[LBK_NUM_VIEWS][CLASSES];
    check_ok(f->context, lbk_model_predict(model, &input, exact[0], NULL));
    check_ok(f->context, lbk_model_set_precision(model, "int8"));
    check_ok(f->context, lbk_model_predict(model, &input, narrow[0], NULL));
    assert_memory_not_equal(exact, narrow, sizeof exact);
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        for (int c = 0; c < CLASSES; c++) check_near((double)narrow[v][c], (double)exact[v][c], 0.3);
    check_ok(f->context, lbk_model_set_precision(model, "fp32"));
    check_ok(f->context, lbk_model_predict(model, &input, narrow[0], NULL));
    assert_memory_equal(exact, narrow, sizeof exact);
    /* One that is refused changes nothing, also where a longer input asks for another plan. */
    check_ok(f->context, lbk_model_set_precision(model, "int8"));
    check_fails(f->context, LBK_INVALID_ARGUMENT, "int16", lbk_model_set_precision(model, "int16"));
    const lbk_input longer = {.text = "red old big small round blue red old", .image = "0.tiff"};
    check_ok(f->context, lbk_model_predict(model, &longer, narrow[0], NULL));
    check_ok(f->context, lbk_model_set_precision(model, "fp32"));
    check_ok(f->context, lbk_model_predict(model, &longer, exact[0], NULL));
    assert_memory_not_equal(exact, narrow, sizeof exact);
    lbk_model_close(model);
}

/* Trained on texts alone, or an imported text encoder: pictures would go through weights of nothing. */
static void a_model_of_texts_takes_no_pictures(void **state) {
    fixture *f = *state;
    static const float row[1] = {1};
    static const char *const sources[] = {"{\"kind\": \"none\"}", NULL};
    float logits[LBK_NUM_VIEWS * CLASSES];
    for (size_t i = 0; i < LBK_COUNT(sources); i++) {
        lbk_model *model = open_model(f, 1, sources[i], LBK_LABEL_SINGLE);
        assert_int_equal(lbk_model_visual_dim(model), 0);
        check_ok(f->context, lbk_model_predict(model, &(lbk_input){.text = "red"}, logits, NULL));
        check_fails(f->context, LBK_MISMATCH, "reads no pictures",
                    lbk_model_predict(model, &(lbk_input){.text = "red", .image = "0.tiff"}, logits, NULL));
        check_fails(f->context, LBK_MISMATCH, "reads no pictures",
                    lbk_model_predict(model, &(lbk_input){.text = "red", .visual = row, .num_rows = 1},
                                      logits, NULL));
        lbk_model_close(model);
    }
}

static json_t *answer(fixture *f, lbk_model *model, int32_t top) {
    char *text;
    check_ok(f->context, lbk_model_answer(model, &(lbk_input){.text = "red", .image = "0.tiff"}, top, &text));
    return parse(f, text);
}

static void labels_are_decided_by_the_kind(void **state) {
    fixture *f = *state;
    const int32_t dim = lbk_pack_visual_dim(f->pack);
    const char *visual = lbk__pack_visual_description(f->pack);
    lbk_model *model = open_model(f, dim, visual, LBK_LABEL_SINGLE);
    assert_true(isnan(lbk_model_threshold(model, 0)));
    json_t *root = answer(f, model, 1), *joint = json_object_get(root, "joint");
    const json_t *likeliest = json_object_get(joint, "probabilities");
    assert_int_equal(json_object_size(likeliest), 1);
    assert_non_null(json_object_get(likeliest, json_string_value(json_object_get(joint, "label"))));
    assert_non_null(json_string_value(json_object_get(root, "sentence")));
    json_decref(root);
    char *none;
    check_fails(f->context, LBK_INVALID_ARGUMENT, "top is -1",
                lbk_model_answer(model, &(lbk_input){.text = "red"}, -1, &none));
    lbk_model_close(model);
    model = open_model(f, dim, visual, LBK_LABEL_MULTI);
    root = answer(f, model, 0);
    joint = json_object_get(root, "joint");
    size_t decided = 0;
    for (int32_t c = 0; c < CLASSES; c++) {
        assert_true(lbk_model_threshold(model, c) == thresholds[c]);
        decided += json_real_value(json_object_get(json_object_get(joint, "probabilities"),
                                                   lbk_model_class_name(model, c))) >= (double)thresholds[c];
    }
    assert_in_range(decided, 1, CLASSES - 1);
    assert_int_equal(json_array_size(json_object_get(joint, "labels")), decided);
    assert_true(isnan(lbk_model_threshold(model, CLASSES)) && isnan(lbk_model_threshold(model, -1)));
    json_decref(root);
    lbk_model_close(model);
}

static void features_become_rows(void **state) {
    fixture *f = *state;
    *f->log = 0;
    static const char features[] = "tests/golden/features/half.h5";
    lbk_model *model = open_model(f, 4, "{\"kind\": \"hdf5\"}", LBK_LABEL_SINGLE);
    assert_int_equal(lbk_model_visual_dim(model), 4);
    lbk_input named = {.text = "red", .image = "a/2.webp"};
    float wanted[LBK_NUM_VIEWS][CLASSES], got[LBK_NUM_VIEWS][CLASSES];
    check_fails(f->context, LBK_INVALID_ARGUMENT,
                "give an HDF5 file that has this image's (--features), or the rows",
                lbk_model_predict(model, &named, got[0], NULL));
    check_ok(f->context, lbk_model_set_images(model, NULL, features));
    check_ok(f->context, lbk_model_predict(model, &named, got[0], NULL));
    uint16_t halves[12];
    float rows[12];
    lbk__features *file;
    check_ok(f->context, lbk__features_open(f->context, features, &file));
    check_ok(f->context, lbk__features_read(file, 2, 1, halves));
    lbk__features_close(file);
    for (int i = 0; i < 12; i++) rows[i] = lbk__half_to_float(halves[i]);
    const lbk_input handed = {.text = "red", .visual = rows, .num_rows = 3};
    check_ok(f->context, lbk_model_predict(model, &handed, wanted[0], NULL));
    assert_memory_equal(got, wanted, sizeof wanted);
    check_fails(f->context, LBK_IO, "typo.h5", lbk_model_set_images(model, NULL, "typo.h5"));
    check_ok(f->context, lbk_model_predict(model, &named, got[0], NULL)); /* the file before is still there */
    assert_memory_equal(got, wanted, sizeof wanted);
    named.image = "a/2.webp.png"; /* by its stem */
    check_ok(f->context, lbk_model_predict(model, &named, got[0], NULL));
    assert_memory_equal(got, wanted, sizeof wanted);
    assert_string_equal(f->log, ""); /* of one image one may ask again */
    named.image = "nowhere.webp";
    check_fails(f->context, LBK_BAD_DATA, "has no features of the image \"nowhere.webp\"",
                lbk_model_predict(model, &named, got[0], NULL));
    lbk_model_close(model);
    model = open_model(f, 5, "{\"kind\": \"hdf5\"}", LBK_LABEL_SINGLE);
    check_fails(f->context, LBK_MISMATCH,
                "has visual rows of 4 numbers, the model's visual_embedding_dim is 5",
                lbk_model_set_images(model, NULL, features));
    lbk_model_close(model);
    model = open_patch_model(f);
    check_fails(f->context, LBK_MISMATCH, "reads the pictures themselves",
                lbk_model_set_images(model, NULL, features));
    lbk_model_close(model);
}

/* The identity of the encoder is the model's own, or that of the file of features it was trained on. */
static void pictures_go_through_the_encoder(void **state) {
    fixture *f = *state;
    enum { VALUES = 4 * LBK__EFFICIENTNET_DIM };
    char *weights = path_in(f, "weights.safetensors"), *other = path_in(f, "other.safetensors"),
         *picture = path_in(f, "0.tiff");
    lbk__extractor *extractor;
    uint8_t *pixels = malloc(ENCODER_SIZE * ENCODER_SIZE * 3);
    uint16_t *halves = malloc(VALUES * sizeof *halves);
    float *rows = malloc(VALUES * sizeof *rows);
    encoder_write(f->context, weights, NULL);
    const lbk_encoder_options options = {"efficientnet-lite0", weights, NULL, ENCODER_SIZE, 2};
    check_ok(f->context, lbk__extractor_open(f->context, &options, 1, &extractor));
    check_ok(f->context,
             lbk__image_decode(picture, LBK__IMAGE_PICTURE, LBK__IMAGE_BICUBIC, ENCODER_SIZE, pixels, NULL));
    check_ok(f->context, lbk__extractor_run(extractor, pixels, 1, halves));
    for (int i = 0; i < VALUES; i++) rows[i] = lbk__half_to_float(halves[i]);
    json_t *identity = lbk__extractor_identity(extractor);
    json_t *sources[] = {json_pack("{s:s}", "kind", "encoder"),
                         json_pack("{s:s, s:O}", "kind", "hdf5", "attributes", identity)};
    json_object_update(sources[0], identity);
    for (int i = 0; i < 2; i++) {
        char *source = json_dumps(sources[i], 0);
        lbk_model *model = open_model(f, LBK__EFFICIENTNET_DIM, source, LBK_LABEL_SINGLE);
        float wanted[LBK_NUM_VIEWS][CLASSES], got[LBK_NUM_VIEWS][CLASSES];
        const lbk_input raw = {.text = "red", .image = "0.tiff"},
                        handed = {.text = "red", .visual = rows, .num_rows = 4};
        check_fails(f->context, LBK_INVALID_ARGUMENT,
                    "or the weights of the image encoder that made them (--weights)",
                    lbk_model_predict(model, &raw, got[0], NULL));
        check_ok(f->context, lbk_model_predict(model, &handed, wanted[0], NULL));
        check_ok(f->context, lbk_model_set_encoder(model, f->folder, weights, NULL));
        check_ok(f->context, lbk_model_predict(model, &raw, got[0], NULL));
        assert_memory_equal(got, wanted, sizeof got);
        check_ok(f->context, lbk__write_file(f->context, other, "", 0));
        check_fails(f->context, LBK_BAD_DATA, "other.safetensors",
                    lbk_model_set_encoder(model, NULL, other, NULL));
        lbk_model_close(model);
        free(source);
        json_decref(sources[i]);
    }
    json_object_set_new(identity, "weights_sha256", json_string("of another file"));
    char *source = json_dumps(identity, 0);
    lbk_model *model = open_model(f, LBK__EFFICIENTNET_DIM, source, LBK_LABEL_SINGLE);
    check_fails(f->context, LBK_MISMATCH,
                "weights.safetensors: the weights of efficientnet-lite0 are not those that made",
                lbk_model_set_encoder(model, NULL, weights, NULL));
    lbk_model_close(model);
    model = open_patch_model(f);
    check_fails(f->context, LBK_MISMATCH, "not made by an image encoder",
                lbk_model_set_encoder(model, NULL, weights, NULL));
    lbk_model_close(model);
    json_decref(identity);
    lbk__extractor_close(extractor);
    free(source), free(weights), free(other), free(picture), free(pixels), free(halves), free(rows);
}

/* As metrics decide, though all three probabilities are 1 in float32. */
static void of_sure_classes_the_surest_is_the_answer(void **state) {
    fixture *f = *state;
    lbk__model *weights = make_model(f, 3, lbk_pack_visual_dim(f->pack), 1);
    char *folder = path_in(f, "sure"), *text;
    lbk_model *model;
    check_ok(f->context, lbk__copy_string(f->context, vocab, &weights->vocab));
    weights->vocab_length = strlen(vocab);
    weights->max_text_tokens = 20;
    weights->label_kind = LBK_LABEL_SOFT;
    const lbk__parameter *last = lbk__model_find(weights, "cls.weight");
    memset(weights->values + last->offset, 0, (size_t)last->rows * (size_t)last->cols * sizeof(float));
    memcpy(weights->values + lbk__model_find(weights, "cls.bias")->offset, (const float[]){18, 20, 25},
           3 * sizeof(float));
    check_ok(f->context, lbk__model_save(weights, NULL, folder));
    lbk__model_free(weights);
    check_ok(f->context, lbk_model_open(f->context, folder, &model));
    check_ok(f->context, lbk_model_answer(model, &(lbk_input){.text = "red"}, 1, &text));
    json_t *root = parse(f, text);
    assert_string_equal(json_string_value(json_object_get(json_object_get(root, "joint"), "label")), "fox");
    json_decref(root);
    lbk_model_close(model);
    free(folder);
}

/* Weights that are no numbers are not opened; those whose logits are none give an error for each input. */
static void logits_that_are_not_finite_are_no_answer(void **state) {
    fixture *f = *state;
    lbk__model *weights = make_model(f, 3, lbk_pack_visual_dim(f->pack), 1);
    char *folder = path_in(f, "overflows"), *large = path_in(f, "large"), *nan = path_in(f, "nan"), *answer;
    float logits[LBK_NUM_VIEWS * 3], vector[12];
    lbk_model *model;
    check_ok(f->context, lbk__copy_string(f->context, vocab, &weights->vocab));
    weights->vocab_length = strlen(vocab);
    weights->max_text_tokens = 20;
    const lbk__parameter *last = lbk__model_find(weights, "cls.weight");
    for (int32_t k = 0; k < last->rows * last->cols; k++) weights->values[last->offset + (size_t)k] = 3e38f;
    check_ok(f->context, lbk__model_save(weights, NULL, folder));
    memset(weights->values + last->offset, 0, (size_t)last->rows * (size_t)last->cols * sizeof(float));
    const lbk__parameter *norm =
        lbk__model_find(weights, "visual_bert.encoder.layer.1.output.LayerNorm.weight");
    for (int32_t k = 0; k < norm->cols; k++) weights->values[norm->offset + (size_t)k] = 3e38f;
    check_ok(f->context, lbk__model_save(weights, NULL, large));
    weights->values[last->offset + 4] = NAN;
    check_ok(f->context, lbk__model_save(weights, NULL, nan));
    lbk__model_free(weights);
    check_fails(f->context, LBK_NUMERIC, "tensor \"cls.weight\" has a number that is not finite",
                lbk_model_open(f->context, nan, &model));
    check_ok(f->context, lbk_model_open(f->context, folder, &model));
    const lbk_input input = {.text = "red"};
    check_fails(f->context, LBK_NUMERIC, "logits of this input are not finite",
                lbk_model_predict(model, &input, logits, NULL));
    check_fails(f->context, LBK_NUMERIC, "logits of this input are not finite",
                lbk_model_answer(model, &input, 0, &answer));
    assert_null(answer);
    lbk_model_close(model);
    check_ok(f->context, lbk_model_open(f->context, large, &model));
    check_fails(f->context, LBK_NUMERIC, "vector of this text is not finite",
                lbk_model_embed(model, "red", vector));
    check_fails(f->context, LBK_INVALID_ARGUMENT, "file of weights",
                lbk_model_set_encoder(model, NULL, NULL, NULL));
    lbk_model_close(model);
    free(folder), free(large), free(nan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(predictions_equal_those_of_eval),
        TEST(precision_can_be_chosen),
        TEST(a_model_of_texts_takes_no_pictures),
        TEST(labels_are_decided_by_the_kind),
        TEST(features_become_rows),
        TEST(pictures_go_through_the_encoder),
        TEST(of_sure_classes_the_surest_is_the_answer),
        TEST(logits_that_are_not_finite_are_no_answer),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
