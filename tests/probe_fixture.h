/* probe_fixture.h: a small pack with pictures, a teacher and a student of random weights, and a cache's
 * place: what the tests of inference, probing and evaluation start from. */
#ifndef LBK_TESTS_PROBE_FIXTURE_H
#define LBK_TESTS_PROBE_FIXTURE_H

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

static inline void keep_log(void *user, lbk_log_level level, const char *line) {
    fixture *f = user;
    (void)level;
    size_t used = strlen(f->log);
    snprintf(f->log + used, sizeof f->log - used, "%s\n", line);
}

static inline int interrupted(void *user) {
    return ((fixture *)user)->interrupt;
}

static inline char *path_in(const fixture *f, const char *name) {
    char *path = malloc(strlen(f->folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", f->folder, name);
    return path;
}

/* 8 × 8 greys, as an uncompressed TIFF. */
static inline void write_picture(const fixture *f, int i) {
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
static inline void write_data(const fixture *f, const char *path) {
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

static inline void make_pack(fixture *f) {
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

static inline lbk__model *make_model(fixture *f, int32_t num_classes, int32_t visual_dim, uint64_t seed) {
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

static inline void save_model(fixture *f, uint64_t seed, const char *folder) {
    lbk__model *model = make_model(f, 3, lbk_pack_visual_dim(f->pack), seed);
    check_ok(f->context, lbk__model_save(model, NULL, folder));
    lbk__model_free(model);
}

static inline int set_up(void **state) {
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

static inline int tear_down(void **state) {
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

static inline lbk_status probe(fixture *f, const char *teacher, int force, char **summary) {
    const lbk_probe_options options = {
        .teacher = teacher, .pack = f->pack_path, .out = f->cache_path, .batch_size = 6, .force = force};
    return lbk_probe(f->context, &options, summary);
}

static inline double number(const json_t *root, const char *path) {
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok(copy, "/"); part; part = strtok(NULL, "/")) {
        root = json_object_get(root, part);
        if (!root) fail_msg("the report lacks %s of %s", part, path);
    }
    return json_is_boolean(root) ? json_is_true(root) : json_number_value(root);
}

static inline json_t *parse(fixture *f, char *text) {
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    lbk_free(f->context, text);
    return root;
}

/* Metrics of the samples of a split from the cache's logits. */
static inline lbk__metrics split_metrics(fixture *f, const char *split, lbk_view view,
                                         double *text_saliency) {
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
