/* Inference, probing and evaluation of small random models on a small pack: order and batching change
 * nothing, caches are kept or refused, reports say what the metrics say. */
#include "check.h"

#include "base/file.h"
#include "train/measure.h"
#include "train/probe_summary.h"

#include <jansson.h>
#include <unistd.h>

enum { SAMPLES = 41 };

typedef struct fixture {
    lbk_context *context;
    char *folder, *pack_path, *teacher_path, *student_path, *cache_path;
    lbk_pack *pack;
    int interrupt;
    char log[4096];
} fixture;

static void keep_log(void *user, lbk_log_level level, const char *line) {
    fixture *f = user;
    (void)level;
    size_t used = strlen(f->log);
    snprintf(f->log + used, sizeof f->log - used, "%s\n", line);
}

static int interrupted(void *user) {
    return ((fixture *)user)->interrupt;
}

static char *path_in(const fixture *f, const char *name) {
    char *path = malloc(strlen(f->folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", f->folder, name);
    return path;
}

/* 8 × 8 greys, as an uncompressed TIFF. */
static void write_picture(const fixture *f, int i) {
    enum { PIXELS = 64, TAGS = 8 };
    static const uint16_t tags[TAGS][2] = {{256, 8}, {257, 8}, {258, 8}, {259, 1},
                                           {262, 1}, {273, 8}, {278, 8}, {279, PIXELS}};
    const uint32_t directory = 8 + PIXELS, no_next = 0;
    const uint16_t num_tags = TAGS;
    char name[32];
    snprintf(name, sizeof name, "%d.tiff", i);
    char *path = path_in(f, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("II*", 1, 4, file);
    fwrite(&directory, sizeof directory, 1, file);
    for (int k = 0; k < PIXELS; k++) fputc((i * 37 + k * (i % 5 + 1)) % 256, file);
    fwrite(&num_tags, sizeof num_tags, 1, file);
    for (int t = 0; t < TAGS; t++) { /* tag, type SHORT, one value */
        const uint16_t entry[] = {tags[t][0], 3, 1, 0, tags[t][1], 0};
        fwrite(entry, sizeof entry, 1, file);
    }
    fwrite(&no_next, sizeof no_next, 1, file);
    fclose(file);
    free(path);
}

/* Every tenth sample has no label, some have no picture. */
static void write_data(const fixture *f, const char *path) {
    static const char *const words[] = {"red", "blue", "big", "small", "round", "old"};
    static const char *const classes[] = {"cat", "dog", "fox"};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(file, "{\"id\": \"s%d\", \"split\": \"%s\", \"text\": \"", i,
                i < 20   ? "train"
                : i < 30 ? "dev"
                         : "test");
        for (int w = 0; w <= i * 7 % 11; w++) fprintf(file, "%s ", words[(i * 13 + w * 5) % 6]);
        fprintf(file, "\"");
        if (i % 9 != 3) {
            write_picture(f, i);
            fprintf(file, ", \"image\": \"%d.tiff\"", i);
        }
        if (i % 10 != 5) fprintf(file, ", \"label\": \"%s\"", classes[i % 3]);
        fprintf(file, "}\n");
    }
    fclose(file);
}

static void make_pack(fixture *f) {
    char *vocab = path_in(f, "vocab.txt"), *data = path_in(f, "data.jsonl");
    const char *tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nbig\nsmall\nround\nold\n";
    check_ok(f->context, lbk__write_file(f->context, vocab, tokens, strlen(tokens)));
    write_data(f, data);
    const lbk_pack_options options = {.source = LBK_SOURCE_JSONL,
                                      .path = data,
                                      .vocab = vocab,
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 8,
                                      .patch_size = 4};
    check_ok(f->context, lbk_pack_build(f->context, &options, f->pack_path, NULL));
    check_ok(f->context, lbk_pack_open(f->context, f->pack_path, &f->pack));
    free(vocab);
    free(data);
}

static lbk__model *make_model(fixture *f, int32_t num_classes, int32_t visual_dim, uint64_t seed) {
    const lbk__model_config config = {.vocab_size = 10,
                                      .hidden_size = 12,
                                      .num_hidden_layers = 2,
                                      .num_attention_heads = 3,
                                      .intermediate_size = 20,
                                      .max_position_embeddings = 20,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = visual_dim,
                                      .num_labels = num_classes,
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.5f};
    lbk__model *model;
    check_ok(f->context, lbk__model_create(f->context, &config, &model));
    lbk__model_init_random(model, seed);
    static const char *const names[] = {"cat", "dog", "fox", "owl"};
    check_ok(f->context, LBK_ALLOC(f->context, model->class_names, num_classes));
    for (int32_t c = 0; c < num_classes; c++)
        check_ok(f->context, lbk__copy_string(f->context, names[c], &model->class_names[c]));
    return model;
}

static void save_model(fixture *f, uint64_t seed, const char *folder) {
    lbk__model *model = make_model(f, 3, lbk_pack_visual_dim(f->pack), seed);
    check_ok(f->context, lbk__model_save(model, NULL, folder));
    lbk__model_free(model);
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    const lbk_context_options options = {.log = keep_log, .interrupted = interrupted, .user = f};
    assert_int_equal(lbk_context_create(&options, &f->context), LBK_OK);
    f->folder = check_folder();
    f->pack_path = path_in(f, "pack"), f->cache_path = path_in(f, "cache");
    f->teacher_path = path_in(f, "teacher"), f->student_path = path_in(f, "student");
    make_pack(f);
    save_model(f, 1, f->teacher_path);
    save_model(f, 2, f->student_path);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    char command[128];
    lbk_pack_close(f->pack);
    lbk_context_destroy(f->context);
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    assert_int_equal(system(command), 0);
    free(f->folder), free(f->pack_path), free(f->teacher_path), free(f->student_path), free(f->cache_path);
    free(f);
    return 0;
}

/* ---- inference ---- */

typedef struct collected {
    float logits[SAMPLES][LBK_NUM_VIEWS][3];
    int64_t next;
    size_t per_sample;
} collected;

static lbk_status collect(void *user, int64_t position, const float *logits) {
    collected *c = user;
    assert_int_equal(position, c->next++);
    memcpy(c->logits[position], logits, c->per_sample * sizeof *logits);
    return LBK_OK;
}

static void infer(fixture *f, lbk__model *model, const int32_t *indices, int64_t count, int32_t num_views,
                  int32_t batch_size, collected *out) {
    lbk__inference *inference;
    *out = (collected){.per_sample = (size_t)num_views * 3};
    check_ok(f->context,
             lbk__inference_create(model, NULL, f->pack, indices, count, num_views, batch_size, &inference));
    check_ok(f->context, lbk__inference_run(inference, NULL, collect, out));
    assert_int_equal(out->next, count);
    lbk__inference_free(inference);
}

static void order_batching_and_views_change_no_logits(void **state) {
    fixture *f = *state;
    lbk__model *model;
    collected alone, other;
    int32_t forward[SAMPLES], backward[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) forward[i] = i, backward[i] = SAMPLES - 1 - i;
    check_ok(f->context, lbk__model_load(f->context, f->teacher_path, &model));
    infer(f, model, forward, SAMPLES, LBK_NUM_VIEWS, 1, &alone);
    static const int32_t sizes[] = {2, 7, 64};
    for (size_t s = 0; s < LBK_COUNT(sizes); s++) {
        infer(f, model, backward, SAMPLES, LBK_NUM_VIEWS, sizes[s], &other);
        for (int i = 0; i < SAMPLES; i++)
            for (int v = 0; v < LBK_NUM_VIEWS; v++)
                for (int c = 0; c < 3; c++)
                    check_near((double)other.logits[SAMPLES - 1 - i][v][c], (double)alone.logits[i][v][c],
                               1e-5);
    }
    infer(f, model, forward, SAMPLES, 1, 5, &other);
    for (int i = 0; i < SAMPLES; i++)
        check_near((double)other.logits[i][0][2], (double)alone.logits[i][LBK_VIEW_JOINT][2], 1e-5);
    infer(f, model, forward, 0, 3, 5, &other);
    lbk__model_free(model);
}

static void a_model_of_another_shape_is_refused(void **state) {
    fixture *f = *state;
    const int32_t all[] = {0, 1, 2, 3, 4, 5, 6};
    int32_t dim = lbk_pack_visual_dim(f->pack);
    lbk__model *model = make_model(f, 4, dim, 1);
    check_fails(f->context, LBK_MISMATCH, "tells 4 classes apart, the pack has 3",
                lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
    model = make_model(f, 3, dim + 1, 1);
    check_fails(f->context, LBK_MISMATCH, "visual rows of", lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
    model = make_model(f, 3, dim, 1);
    model->label_kind = LBK_LABEL_MULTI;
    check_fails(f->context, LBK_MISMATCH, "labels of kind multi, the pack's are single",
                lbk__check_fit(model, f->pack, all, 7));
    model->label_kind = LBK_LABEL_SINGLE;
    check_ok(f->context,
             lbk__copy_string(f->context, "{\"kind\":\"patches\",\"image_size\":16,\"patch_size\":4}",
                              &model->visual_source));
    check_fails(f->context, LBK_MISMATCH, "visual rows made by", lbk__check_fit(model, f->pack, all, 7));
    lbk_free(f->context, model->visual_source);
    model->visual_source = NULL;
    model->class_names[1][0] = 'f';
    check_fails(f->context, LBK_MISMATCH, "class 1 is \"fog\" for the model and \"dog\" in the pack",
                lbk__check_fit(model, f->pack, all, 7));
    model->class_names[1][0] = 'd';
    model->config.vocab_size = 5;
    check_fails(f->context, LBK_MISMATCH, "the model knows 0 … 4", lbk__check_fit(model, f->pack, all, 7));
    model->config.vocab_size = 10, model->config.max_position_embeddings = 5;
    check_fails(f->context, LBK_MISMATCH, "positions for 5", lbk__check_fit(model, f->pack, all, 7));
    lbk__model_free(model);
}

/* ---- probing ---- */

static lbk_status probe(fixture *f, const char *teacher, int force, char **summary) {
    const lbk_probe_options options = {
        .teacher = teacher, .pack = f->pack_path, .out = f->cache_path, .batch_size = 6, .force = force};
    return lbk_probe(f->context, &options, summary);
}

static double number(const json_t *root, const char *path) {
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok(copy, "/"); part; part = strtok(NULL, "/")) {
        root = json_object_get(root, part);
        if (!root) fail_msg("the report lacks %s of %s", part, path);
    }
    return json_is_boolean(root) ? json_is_true(root) : json_number_value(root);
}

static json_t *parse(fixture *f, char *text) {
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    lbk_free(f->context, text);
    return root;
}

/* Metrics of the samples of a split from the cache's logits. */
static lbk__metrics split_metrics(fixture *f, const char *split, lbk_view view, double *text_saliency) {
    lbk__cache *cache;
    lbk__tally *tally;
    lbk__metrics metrics;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    check_ok(f->context, lbk__tally_create(f->context, LBK_LABEL_SINGLE, 3, NULL, &tally));
    *text_saliency = 0;
    for (int64_t i = 0; i < SAMPLES; i++) {
        lbk_sample sample;
        float saliency[2];
        check_ok(f->context, lbk_pack_sample(f->pack, i, &sample));
        lbk__cache_saliency(cache, LBK__SALIENCY_JS, i, saliency);
        *text_saliency += (double)saliency[0] / SAMPLES;
        if (strcmp(sample.split, split) == 0)
            check_ok(f->context, lbk__tally_add(tally, lbk__cache_logits(cache, view, i),
                                                sample.labelled ? sample.classes[0] : -1, NULL, NULL));
    }
    lbk__tally_metrics(tally, &metrics);
    lbk__tally_free(tally);
    lbk__cache_close(cache);
    return metrics;
}

static void a_cache_holds_what_the_teacher_says(void **state) {
    fixture *f = *state;
    char *text;
    check_ok(f->context, probe(f, f->teacher_path, 0, &text));
    json_t *summary = parse(f, text);
    lbk__model *model;
    collected direct;
    int32_t indices[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) indices[i] = i;
    check_ok(f->context, lbk__model_load(f->context, f->teacher_path, &model));
    infer(f, model, indices, SAMPLES, LBK_NUM_VIEWS, 1, &direct);
    lbk__model_free(model);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    check_ok(f->context, lbk__cache_verify(cache));
    for (int i = 0; i < SAMPLES; i++)
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            for (int c = 0; c < 3; c++)
                check_near((double)lbk__cache_logits(cache, (lbk_view)v, i)[c],
                           (double)direct.logits[i][v][c], 1e-5);
    lbk__cache_close(cache);
    double text_saliency;
    lbk__metrics metrics = split_metrics(f, "dev", LBK_VIEW_IMAGE, &text_saliency);
    check_near(number(summary, "splits/dev/image/accuracy"), metrics.accuracy, 1e-8);
    check_near(number(summary, "splits/dev/image/entropy"), metrics.entropy, 1e-8);
    check_near(number(summary, "splits/dev/image/num_samples"), 10, 0);
    check_near(number(summary, "saliency/js/text"), text_saliency, 1e-8);
    check_near(number(summary, "saliency_by_class/dog/num_samples"), 13, 0);
    assert_true(number(summary, "saliency_by_class/dog/js/image") > 0);
    check_near(number(summary, "kept"), 0, 0);
    json_decref(summary);
}

static void a_matching_cache_is_kept_another_refused(void **state) {
    fixture *f = *state;
    char *text, before[LBK__HASH_SIZE], after[LBK__HASH_SIZE];
    check_ok(f->context, probe(f, f->teacher_path, 0, NULL));
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, before));
    check_ok(f->context, probe(f, f->teacher_path, 0, &text));
    json_t *summary = parse(f, text);
    check_near(number(summary, "kept"), 1, 0);
    json_decref(summary);
    assert_non_null(strstr(f->log, "left as it is"));
    check_fails(f->context, LBK_MISMATCH, "not overwritten without force",
                probe(f, f->student_path, 0, &text));
    assert_null(text);
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, after));
    assert_string_equal(before, after);
    check_ok(f->context, probe(f, f->student_path, 1, NULL));
    check_ok(f->context, lbk__hash_file(f->context, f->cache_path, after));
    assert_string_not_equal(before, after);
}

static void an_interrupted_probe_leaves_nothing(void **state) {
    fixture *f = *state;
    f->interrupt = 1;
    check_fails(f->context, LBK_INTERRUPTED, "stopped on request", probe(f, f->teacher_path, 0, NULL));
    assert_false(lbk__exists(f->cache_path));
}

static void bad_probes_are_refused(void **state) {
    fixture *f = *state;
    lbk_probe_options options = {
        .teacher = f->teacher_path, .pack = f->pack_path, .out = f->cache_path, .batch_size = -1};
    check_fails(f->context, LBK_INVALID_ARGUMENT, "batch_size is -1", lbk_probe(f->context, &options, NULL));
    options.batch_size = 0, options.teacher = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_probe(f->context, &options, NULL));
    options.teacher = f->teacher_path, options.pack = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_probe(f->context, &options, NULL));
    options.pack = f->pack_path, options.out = "/nowhere/cache";
    check_fails(f->context, LBK_IO, "/nowhere/cache", lbk_probe(f->context, &options, NULL));
}

/* Sure of train, unsure of the rest. */
static void a_teacher_that_memorised_is_warned_of(void **state) {
    fixture *f = *state;
    char zeros[LBK__HASH_SIZE] = {0};
    memset(zeros, '0', LBK__HASH_SIZE - 1);
    const lbk__cache_key key = {zeros, zeros, LBK_LABEL_SINGLE, SAMPLES, 3};
    lbk__cache_writer *writer;
    check_ok(f->context, lbk__cache_writer_open(f->context, f->cache_path, &key, &writer));
    for (int64_t i = 0; i < SAMPLES; i++) {
        float logits[9] = {0};
        lbk_sample sample;
        lbk__saliencies saliencies;
        check_ok(f->context, lbk_pack_sample(f->pack, i, &sample));
        if (strcmp(sample.split, "train") == 0) logits[0] = 9;
        check_ok(f->context, lbk__cache_writer_put(writer, logits, -1, NULL, saliencies));
    }
    check_ok(f->context, lbk__cache_writer_commit(writer));
    lbk__cache_writer_close(writer);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->cache_path, &cache));
    lbk__model *model = make_model(f, 3, 48, 1);
    json_t *root = json_object();
    check_ok(f->context, lbk__probe_summary(model, f->pack, cache, root));
    assert_non_null(strstr(f->log, "by heart"));
    check_near(number(root, "memorised"), 1, 0);
    json_decref(root);
    lbk__model_free(model);
    lbk__cache_close(cache);
}

/* ---- evaluation ---- */

static void a_report_says_what_the_metrics_say(void **state) {
    fixture *f = *state;
    char *text;
    double ignored;
    check_ok(f->context, probe(f, f->teacher_path, 0, NULL));
    const lbk_evaluate_options options = {.model = f->student_path,
                                          .pack = f->pack_path,
                                          .cache = f->cache_path,
                                          .teacher = f->teacher_path,
                                          .batch_size = 4,
                                          .timing = 1};
    check_ok(f->context, lbk_evaluate(f->context, &options, &text));
    json_t *report = parse(f, text);
    lbk__metrics metrics = split_metrics(f, "test", LBK_VIEW_TEXT, &ignored);
    check_near(number(report, "views/text/teacher/accuracy"), metrics.accuracy, 1e-8);
    check_near(number(report, "views/text/teacher/f1_macro"), metrics.f1_macro, 1e-8);
    check_near(number(report, "views/text/teacher/loss"), metrics.loss, 1e-5);
    assert_true(number(report, "views/text/teacher/auroc") > 0);
    assert_true(number(report, "views/joint/model/kl") > 1e-3);
    check_near(number(report, "num_samples"), 11, 0);
    assert_true(number(report, "models/model/latency_ms") > 0 &&
                number(report, "models/teacher/samples_per_s") > 0);
    check_near(number(report, "models/model/parameters"), number(report, "models/teacher/parameters"), 0);
    assert_true(number(report, "models/model/file_bytes") >
                4 * number(report, "models/model/parameters") - 1);
    json_decref(report);
}

static void a_model_does_not_diverge_from_its_own_cache(void **state) {
    fixture *f = *state;
    char *text;
    check_ok(f->context, probe(f, f->student_path, 0, NULL));
    const lbk_evaluate_options options = {
        .model = f->student_path, .pack = f->pack_path, .split = "dev", .cache = f->cache_path};
    check_ok(f->context, lbk_evaluate(f->context, &options, &text));
    json_t *report = parse(f, text);
    check_near(number(report, "views/image/model/kl"), 0, 1e-9);
    const json_t *models = json_object_get(report, "models");
    assert_int_equal(json_object_size(models), 1);
    assert_null(json_object_get(json_object_get(models, "model"), "latency_ms"));
    json_decref(report);
}

static void bad_evaluations_are_refused(void **state) {
    fixture *f = *state;
    char *text;
    lbk_evaluate_options options = {.model = f->student_path, .pack = f->pack_path, .split = "val"};
    check_fails(f->context, LBK_INVALID_ARGUMENT,
                "no sample in a split \"val\"; its splits:", lbk_evaluate(f->context, &options, &text));
    assert_null(text);
    options.split = "test", options.model = "/nowhere";
    check_fails(f->context, LBK_IO, "/nowhere", lbk_evaluate(f->context, &options, &text));
    check_ok(f->context, probe(f, f->student_path, 0, NULL));
    options.model = f->student_path, options.cache = f->cache_path, options.teacher = f->teacher_path;
    check_fails(f->context, LBK_MISMATCH, "another teacher", lbk_evaluate(f->context, &options, &text));
    options.cache = f->pack_path;
    check_fails(f->context, LBK_BAD_DATA, f->pack_path, lbk_evaluate(f->context, &options, &text));
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

static lbk_status probe_and_evaluate(const fixture *f, lbk_context *context) {
    char *summary = NULL, *report = NULL;
    const lbk_probe_options probing = {
        .teacher = f->teacher_path, .pack = f->pack_path, .out = f->cache_path, .force = 1};
    const lbk_evaluate_options evaluating = {
        .model = f->student_path, .pack = f->pack_path, .cache = f->cache_path, .timing = 1};
    lbk_status status = lbk_probe(context, &probing, &summary);
    if (status == LBK_OK) status = lbk_evaluate(context, &evaluating, &report);
    lbk_free(context, summary);
    lbk_free(context, report);
    return status;
}

static void running_out_of_memory_is_survived(void **state) {
    fixture *f = *state;
    lbk_status status = LBK_NO_MEMORY;
    int failures = 0;
    for (; status != LBK_OK; failures++) {
        int left = failures + 1; /* the context's own succeeds */
        const lbk_context_options options = {.allocate = allocate_until, .user = &left};
        lbk_context *context;
        assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
        status = probe_and_evaluate(f, context);
        if (status != LBK_OK && status != LBK_NO_MEMORY)
            fail_msg("allocation %d: %s: %s", failures, lbk_status_name(status), lbk_error(context));
        lbk_context_destroy(context);
    }
    assert_true(failures > 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(order_batching_and_views_change_no_logits),   TEST(a_model_of_another_shape_is_refused),
        TEST(a_cache_holds_what_the_teacher_says),         TEST(a_matching_cache_is_kept_another_refused),
        TEST(an_interrupted_probe_leaves_nothing),         TEST(bad_probes_are_refused),
        TEST(a_teacher_that_memorised_is_warned_of),       TEST(a_report_says_what_the_metrics_say),
        TEST(a_model_does_not_diverge_from_its_own_cache), TEST(bad_evaluations_are_refused),
        TEST(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
