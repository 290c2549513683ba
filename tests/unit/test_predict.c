/* Answers of a small random model: the numbers of eval, whatever shares the batch; streams go on after bad
 * records and keep nobody waiting. */
#include "encoder_fixture.h"
#include "probe_fixture.h"

#include "base/half.h"
#include "data/image.h"
#include "data/pack.h"
#include "format/hdf5_features.h"
#include "model/parameters.h"
#include "vision/extractor.h"

enum { CLASSES = 3 };

static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nbig\nsmall\nround\nold\n";

/* A model folder that can tokenise; `visual` says how its rows are made. */
static lbk_model *open_model(fixture *f, int32_t visual_dim, const char *visual, lbk_label_kind kind) {
    char *folder = path_in(f, "answering");
    lbk__model *model = make_model(f, CLASSES, visual_dim, 1);
    check_ok(f->context, lbk__copy_string(f->context, vocab, &model->vocab));
    model->vocab_length = strlen(vocab);
    model->max_text_tokens = 20;
    model->label_kind = kind;
    if (visual) check_ok(f->context, lbk__copy_string(f->context, visual, &model->visual_source));
    check_ok(f->context, lbk__model_save(model, NULL, folder));
    lbk__model_free(model);
    lbk_model *opened;
    check_ok(f->context, lbk_model_open(f->context, folder, &opened));
    check_ok(f->context, lbk_model_set_images(opened, f->folder, NULL));
    free(folder);
    return opened;
}

static lbk_model *open_patch_model(fixture *f) {
    return open_model(f, lbk_pack_visual_dim(f->pack), lbk__pack_visual_description(f->pack),
                      LBK_LABEL_SINGLE);
}

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
    size_t decided = 0;
    const char *name;
    json_t *probability;
    json_object_foreach(json_object_get(json_object_get(root, "image"), "probabilities"), name, probability)
        decided += json_real_value(probability) >= 0.5;
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "image"), "labels")), decided);
    json_decref(root);
    lbk_model_close(model);
}

static void features_become_rows(void **state) {
    fixture *f = *state;
    static const char features[] = "tests/golden/features/half.h5";
    lbk_model *model = open_model(f, 4, "{\"kind\": \"hdf5\"}", LBK_LABEL_SINGLE);
    lbk_input named = {.text = "red", .image = "a/2.webp"};
    float wanted[LBK_NUM_VIEWS][CLASSES], got[LBK_NUM_VIEWS][CLASSES];
    check_fails(f->context, LBK_INVALID_ARGUMENT, "give the file that has this image's (--features)",
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

/* ---- streams ---- */

enum { LINES = 100 };

typedef struct received {
    char *lines[LINES];
    int count;
} received;

static int receive(void *user, const char *line) {
    received *r = user;
    assert_true(r->count < LINES);
    r->lines[r->count++] = strdup(line);
    return 0;
}

static void drop(received *r) {
    for (int i = 0; i < r->count; i++) free(r->lines[i]);
    r->count = 0;
}

/* Samples of the pack, with lines between them that cannot be answered. */
static char *write_stream(fixture *f) {
    char *path = path_in(f, "stream.jsonl");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(file, "{\"id\": %d, \"text\": \"red old%s\"", i, i % 3 ? "" : " round");
        fprintf(file, i % 9 == 3 ? "}\n" : ", \"image\": \"%d.tiff\"}\n", i);
        if (i == 5) fprintf(file, "{\"id\": \"a\", \"text\": \"cut\n\n{\"id\": [1], \"text\": 7}\n");
        if (i == 40)
            fprintf(file, "{\"id\": \"b\", \"text\": \"\", \"image\": \"none.tiff\"}\n{\"id\": \"c\"}\n[]");
    }
    fclose(file);
    return path;
}

static void a_stream_keeps_its_order_and_goes_on(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    char *path = write_stream(f);
    received got = {0};
    int64_t failed;
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, receive, &got, &failed));
    assert_int_equal(got.count, SAMPLES + 5);
    assert_int_equal(failed, 5);
    int next = 0;
    for (int k = 0; k < got.count; k++) {
        json_t *line = json_loads(got.lines[k], 0, NULL), *id = json_object_get(line, "id");
        if (json_object_get(line, "error")) {
            assert_true(next == 6 || next == SAMPLES);
            json_decref(line);
            continue;
        }
        assert_int_equal(json_integer_value(id), next);
        char text[64], image[32];
        snprintf(text, sizeof text, "red old%s", next % 3 ? "" : " round");
        snprintf(image, sizeof image, "%d.tiff", next);
        float probabilities[LBK_NUM_VIEWS][CLASSES];
        const lbk_input input = {.text = text, .image = next % 9 == 3 ? NULL : image};
        check_ok(f->context, lbk_model_predict(model, &input, NULL, probabilities[0]));
        check_near(number(line, "joint/probabilities/cat"), (double)probabilities[0][0], 1e-5);
        check_near(number(line, "image/probabilities/fox"), (double)probabilities[2][2], 1e-5);
        json_decref(line);
        next++;
    }
    assert_int_equal(next, SAMPLES);
    assert_non_null(strstr(got.lines[6], "stream.jsonl, line 7"));
    assert_non_null(strstr(got.lines[7], "{\"id\": [1], \"error\": "));
    assert_non_null(strstr(got.lines[SAMPLES + 2], "none.tiff: no such image"));
    assert_non_null(strstr(got.lines[SAMPLES + 2], "\"status\": \"LBK_IO\""));
    drop(&got);
    free(path);
    lbk_model_close(model);
}

/* All digits of an id, six of a number of ours. */
static void ids_come_back_as_they_came(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    static const char *const ids[] = {
        "1234567.0", "0.1", "0.30000000000000004", "123456789012345678", "{\"a\": 1234567.5}", "\"é\""};
    char *path = path_in(f, "ids.jsonl");
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < LBK_COUNT(ids); i++) fprintf(file, "{\"id\": %s, \"text\": \"red\"}\n", ids[i]);
    fclose(file);
    received got = {0};
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, receive, &got, NULL));
    for (size_t i = 0; i < LBK_COUNT(ids); i++) {
        char begin[64];
        snprintf(begin, sizeof begin, "{\"id\": %s, \"joint\": ", ids[i]);
        if (strncmp(got.lines[i], begin, strlen(begin)) != 0) fail_msg("%s", got.lines[i]);
    }
    drop(&got);
    free(path);
    lbk_model_close(model);
}

/* Writes a record when the one before has been answered: a stream that waited for more would never end. */
typedef struct ping_pong {
    FILE *to;
    int answered;
} ping_pong;

static int write_next(void *user, const char *line) {
    ping_pong *game = user;
    char id[32];
    snprintf(id, sizeof id, "{\"id\": %d,", game->answered);
    assert_int_equal(strncmp(line, id, strlen(id)), 0);
    if (++game->answered == 5)
        fclose(game->to);
    else
        fprintf(game->to, "{\"id\": %d, \"text\": \"red\"}\n\n", game->answered);
    return 0;
}

static void a_lone_record_is_answered_at_once(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    ping_pong game = {.to = fdopen(ends[1], "w")};
    setvbuf(game.to, NULL, _IONBF, 0);
    fprintf(game.to, "{\"id\": 0, \"text\": \"red\"}\n");
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    alarm(60);
    check_ok(f->context, lbk_model_answer_lines(model, path, 0, write_next, &game, NULL));
    alarm(0);
    assert_int_equal(game.answered, 5);
    close(ends[0]);
    lbk_model_close(model);
}

static int refuse(void *user, const char *line) {
    (void)user, (void)line;
    return 1;
}

static void a_reader_that_is_gone_ends_the_stream(void **state) {
    fixture *f = *state;
    lbk_model *model = open_patch_model(f);
    char *path = write_stream(f);
    check_fails(f->context, LBK_IO, "could not be written",
                lbk_model_answer_lines(model, path, 0, refuse, NULL, NULL));
    f->interrupt = 1;
    check_fails(f->context, LBK_INTERRUPTED, "stopped",
                lbk_model_answer_lines(model, path, 0, refuse, NULL, NULL));
    check_fails(f->context, LBK_IO, "/nowhere: cannot open",
                lbk_model_answer_lines(model, "/nowhere", 0, refuse, NULL, NULL));
    free(path);
    lbk_model_close(model);
}

/* ---- memory that runs out: the n-th allocation fails, for every n ---- */

static void *allocate_until(void *user, void *pointer, size_t size) {
    int *left = user;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return (*left)-- > 0 ? realloc(pointer, size) : NULL;
}

static lbk_status answer_all(lbk_context *context, const char *folder, const char *root, const char *path,
                             received *got) {
    lbk_model *model;
    lbk_status status = lbk_model_open(context, folder, &model);
    if (status != LBK_OK) return status;
    status = lbk_model_set_images(model, root, NULL);
    if (status == LBK_OK) status = lbk_model_answer_lines(model, path, 2, receive, got, NULL);
    lbk_model_close(model);
    return status;
}

static void running_out_of_memory_is_survived(void **state) {
    fixture *f = *state;
    lbk_model_close(open_patch_model(f));
    char *folder = path_in(f, "answering"), *path = write_stream(f);
    lbk_status status = LBK_NO_MEMORY;
    int failures = 0;
    for (; status != LBK_OK; failures++) {
        int left = failures + 1; /* the context's own succeeds */
        const lbk_context_options options = {.allocate = allocate_until, .user = &left};
        lbk_context *context;
        received got = {0};
        assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
        status = answer_all(context, folder, f->folder, path, &got);
        if (status != LBK_OK && status != LBK_NO_MEMORY)
            fail_msg("allocation %d: %s: %s", failures, lbk_status_name(status), lbk_error(context));
        for (int i = 0; i < got.count; i++) assert_null(strstr(got.lines[i], "LBK_NO_MEMORY"));
        drop(&got);
        lbk_context_destroy(context);
    }
    assert_true(failures > 50);
    free(folder), free(path);
}

/* Weights that are no numbers are not opened; those whose logits are none give an error for each input. */
static void logits_that_are_not_finite_are_no_answer(void **state) {
    fixture *f = *state;
    lbk__model *weights = make_model(f, 3, lbk_pack_visual_dim(f->pack), 1);
    char *folder = path_in(f, "overflows"), *nan = path_in(f, "nan"), *answer;
    float logits[LBK_NUM_VIEWS * 3];
    lbk_model *model;
    check_ok(f->context, lbk__copy_string(f->context, vocab, &weights->vocab));
    weights->vocab_length = strlen(vocab);
    weights->max_text_tokens = 20;
    const lbk__parameter *last = lbk__model_find(weights, "cls.weight");
    for (int32_t k = 0; k < last->rows * last->cols; k++) weights->values[last->offset + (size_t)k] = 3e38f;
    check_ok(f->context, lbk__model_save(weights, NULL, folder));
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
    free(folder), free(nan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(predictions_equal_those_of_eval),    TEST(precision_can_be_chosen),
        TEST(a_model_of_texts_takes_no_pictures), TEST(ids_come_back_as_they_came),
        TEST(labels_are_decided_by_the_kind),     TEST(features_become_rows),
        TEST(pictures_go_through_the_encoder),    TEST(a_stream_keeps_its_order_and_goes_on),
        TEST(a_lone_record_is_answered_at_once),  TEST(a_reader_that_is_gone_ends_the_stream),
        TEST(running_out_of_memory_is_survived),  TEST(logits_that_are_not_finite_are_no_answer),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
