/* small_run.h: a pack small enough to train on within a second, and runs on it. Each sample's label shows in
 * a word of its text and in the colour of its picture; some have no picture, some no label. */
#ifndef LBK_TESTS_SMALL_RUN_H
#define LBK_TESTS_SMALL_RUN_H

#include "check.h"

#include "base/file.h"
#include "train/config.h"

#include <dirent.h>
#include <jansson.h>

enum { TRAIN = 45, DEV = 15, EXTRA = 12, SAMPLES = TRAIN + DEV + EXTRA };

typedef struct small_run {
    lbk_context *context;
    char *folder;
    long asked, stop_at;               /* how often the run asked whether to stop; when to say yes: 0 never */
    size_t allocations, live, fail_at; /* the allocation that fails; 0: none */
    long steps, steps_with_allocations;
    size_t allocations_before;
    char log[1 << 16];
} small_run;

static void small_run_log(void *user, lbk_log_level level, const char *line) {
    small_run *run = user;
    size_t used = strlen(run->log);
    (void)level;
    snprintf(run->log + used, sizeof run->log - used, "%s\n", line);
}

static int small_run_interrupted(void *user) {
    small_run *run = user;
    return ++run->asked == run->stop_at;
}

static void *small_run_allocate(void *user, void *pointer, size_t size) {
    small_run *run = user;
    if (size == 0) {
        run->live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (++run->allocations == run->fail_at) return NULL;
    run->live += pointer == NULL;
    return realloc(pointer, size);
}

/* Counts the training steps between whose reports something was allocated. */
static void small_run_progress(void *user, const lbk_progress *progress) {
    small_run *run = user;
    if (strcmp(progress->unit, "steps") != 0) return;
    run->steps++;
    run->steps_with_allocations += run->allocations != run->allocations_before;
    run->allocations_before = run->allocations;
}

static inline char *small_run_path(const small_run *run, const char *name) {
    char *path = malloc(strlen(run->folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", run->folder, name);
    return path;
}

static inline void small_run_little(FILE *file, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) fputc((int)(value >> (8 * i) & 255), file);
}

/* An uncompressed TIFF of 8 × 8 pixels: header, pixels, directory. The channels (bits 0 to 2) are bright. */
static inline void small_run_picture(const small_run *run, int i, int channels) {
    enum { PIXELS = 8 * 8 * 3, DEPTHS = 8 + PIXELS, DIRECTORY = DEPTHS + 6 };
    static const uint32_t tags[][4] = {
        /* tag, type (3: 16 bits, 4: 32), count, value */
        {256, 3, 1, 8}, {257, 3, 1, 8}, {258, 3, 3, DEPTHS}, {259, 3, 1, 1},      {262, 3, 1, 2},
        {273, 4, 1, 8}, {277, 3, 1, 3}, {278, 3, 1, 8},      {279, 4, 1, PIXELS},
    };
    char name[32];
    snprintf(name, sizeof name, "%d.tiff", i);
    char *path = small_run_path(run, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("II*", 1, 4, file);
    small_run_little(file, DIRECTORY, 4);
    for (int k = 0; k < PIXELS; k++) fputc(channels >> k % 3 & 1 ? 200 + i % 50 : (i * 37 + k) % 90, file);
    for (int k = 0; k < 3; k++) small_run_little(file, 8, 2);
    small_run_little(file, LBK_COUNT(tags), 2);
    for (size_t t = 0; t < LBK_COUNT(tags); t++) {
        small_run_little(file, tags[t][0], 2), small_run_little(file, tags[t][1], 2);
        small_run_little(file, tags[t][2], 4), small_run_little(file, tags[t][3], 4);
    }
    small_run_little(file, 0, 4);
    fclose(file);
    free(path);
}

static inline void small_run_data(const small_run *run, const char *path, bool multi) {
    static const char *const classes[] = {"cat", "dog", "fox"};
    static const char *const words[] = {"red", "blue", "big", "small", "round", "old"};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(file, "{\"id\": \"s%d\", \"split\": \"%s\", \"text\": \"", i,
                i < TRAIN         ? "train"
                : i < TRAIN + DEV ? "dev"
                                  : "extra");
        for (int w = 0; w < i * 7 % 5; w++) fprintf(file, "%s ", words[3 + (i * 13 + w * 5) % 3]);
        fprintf(file, "%s\"", i % 8 == 7 ? "old" : words[i % 3]);
        if (i % 9 != 4) {
            small_run_picture(run, i, 1 << i % 3);
            fprintf(file, ", \"image\": \"%d.tiff\"", i);
        }
        if (multi && i % 10 != 5)
            fprintf(file, ", \"labels\": [\"%s\"%s]", classes[i % 3], i % 4 ? "" : ", \"owl\"");
        else if (i % 10 != 5)
            fprintf(file, ", \"label\": \"%s\"", classes[i % 3]);
        fprintf(file, "}\n");
    }
    fclose(file);
}

static inline lbk_pack_options small_run_pack_options(const char *data, const char *vocab,
                                                      lbk_label_kind kind) {
    return (lbk_pack_options){.source = LBK_SOURCE_JSONL,
                              .path = data,
                              .vocab = vocab,
                              .visual = LBK_VISUAL_PATCHES,
                              .image_size = 8,
                              .patch_size = 4,
                              .label_kind = kind};
}

static inline void small_run_pack(const small_run *run, const char *name, bool multi) {
    char *vocab = small_run_path(run, "vocab.txt"), *data = small_run_path(run, "data.jsonl"),
         *pack = small_run_path(run, name);
    const char *tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nbig\nsmall\nround\nold\n";
    check_ok(run->context, lbk__write_file(run->context, vocab, tokens, strlen(tokens)));
    small_run_data(run, data, multi);
    const lbk_pack_options options =
        small_run_pack_options(data, vocab, multi ? LBK_LABEL_MULTI : LBK_LABEL_SINGLE);
    check_ok(run->context, lbk_pack_build(run->context, &options, pack, NULL));
    free(vocab), free(data), free(pack);
}

static inline int small_run_set_up(void **state) {
    small_run *run = calloc(1, sizeof *run);
    const lbk_context_options options = {.log = small_run_log,
                                         .progress = small_run_progress,
                                         .interrupted = small_run_interrupted,
                                         .allocate = small_run_allocate,
                                         .user = run,
                                         .num_threads = 2};
    assert_int_equal(lbk_context_create(&options, &run->context), LBK_OK);
    run->folder = check_folder();
    small_run_pack(run, "pack", false);
    *state = run;
    return 0;
}

static inline int small_run_tear_down(void **state) {
    small_run *run = *state;
    char command[128];
    lbk_context_destroy(run->context);
    assert_int_equal(run->live, 0);
    snprintf(command, sizeof command, "rm -r %s", run->folder);
    assert_int_equal(system(command), 0);
    free(run->folder);
    free(run);
    return 0;
}

enum { MAX_OVERRIDES = 16 };

/* A tiny model; `changes` (ended by NULL) come after the defaults below. */
static inline lbk_config *small_run_config(const small_run *run, const char *const *changes) {
    char pack[300];
    snprintf(pack, sizeof pack, "pack=%s/pack", run->folder);
    const char *overrides[32] = {pack,
                                 "model.hidden_size=12",
                                 "model.num_hidden_layers=2",
                                 "model.num_attention_heads=3",
                                 "model.intermediate_size=20",
                                 "model.max_position_embeddings=16",
                                 "model.initializer_range=0.2",
                                 "train.batch_size=8",
                                 "train.epochs=3",
                                 "train.learning_rate=0.01",
                                 "train.logging_steps=4"};
    size_t count = 11;
    for (size_t i = 0; changes && changes[i]; i++) overrides[count++] = changes[i];
    lbk_config *config;
    check_ok(run->context, lbk_config_load(run->context, NULL, overrides, count, &config));
    return config;
}

/* Trains (cache NULL and method alone by lbk_train) or distils into folder/out. */
static inline lbk_status small_run_go(small_run *run, const char *const *changes, const char *cache,
                                      const char *out, int resume, char **summary) {
    lbk_config *config = small_run_config(run, changes);
    char *folder = small_run_path(run, out), *cache_path = cache ? small_run_path(run, cache) : NULL;
    lbk_status status = cache ? lbk_distill(run->context, config, cache_path, folder, resume, summary)
                              : lbk_train(run->context, config, folder, resume, summary);
    lbk_config_close(config);
    free(folder), free(cache_path);
    return status;
}

#define CHANGES(...) ((const char *const[]){__VA_ARGS__, NULL})
/* A student smaller than its teacher. */
#define SMALL_STUDENT "model.hidden_size=8", "model.num_attention_heads=2"

/* A teacher of folder/pack, and its cache. */
static inline void small_run_teach(small_run *run, const char *teacher_name, const char *cache_name) {
    char *teacher = small_run_path(run, teacher_name), *pack = small_run_path(run, "pack"),
         *cache = small_run_path(run, cache_name);
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=6"), NULL, teacher_name, 0, NULL));
    const lbk_probe_options options = {.teacher = teacher, .pack = pack, .out = cache};
    check_ok(run->context, lbk_probe(run->context, &options, NULL));
    free(teacher), free(pack), free(cache);
}

static inline int small_run_set_up_cache(void **state) {
    if (small_run_set_up(state) != 0) return 1;
    small_run_teach(*state, "teacher", "cache");
    return 0;
}

static inline char *small_run_read(const small_run *run, const char *name, size_t *size) {
    char *path = small_run_path(run, name), *data, *copy;
    check_ok(run->context, lbk__read_file(run->context, path, 1 << 24, &data, size));
    copy = malloc(*size + 1);
    memcpy(copy, data, *size + 1);
    lbk_free(run->context, data);
    free(path);
    return copy;
}

static inline void small_run_same_file(const small_run *run, const char *a, const char *b) {
    size_t size, other_size;
    char *data = small_run_read(run, a, &size), *other = small_run_read(run, b, &other_size);
    if (size != other_size || memcmp(data, other, size) != 0) fail_msg("%s and %s differ", a, b);
    free(data), free(other);
}

static inline json_t *small_run_json(const small_run *run, char *text) {
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    lbk_free(run->context, text);
    return root;
}

static inline json_t *small_run_read_json(const small_run *run, const char *name) {
    size_t length;
    char *text = small_run_read(run, name, &length);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

/* The data of folder/pack once more, each sample changed, as folder/name. */
static inline void small_run_repack(const small_run *run, const char *name, lbk_label_kind kind,
                                    void (*change)(json_t *sample)) {
    size_t size;
    char *data = small_run_read(run, "data.jsonl", &size), *changed = small_run_path(run, "changed.jsonl"),
         *vocab = small_run_path(run, "vocab.txt"), *pack = small_run_path(run, name), *rest;
    FILE *file = fopen(changed, "w");
    assert_non_null(file);
    for (char *line = strtok_r(data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *sample = json_loads(line, 0, NULL);
        assert_non_null(sample);
        change(sample);
        json_dumpf(sample, file, JSON_COMPACT);
        fputc('\n', file);
        json_decref(sample);
    }
    fclose(file);
    const lbk_pack_options options = small_run_pack_options(changed, vocab, kind);
    check_ok(run->context, lbk_pack_build(run->context, &options, pack, NULL));
    free(data), free(changed), free(vocab), free(pack);
}

/* The last line of a kind in metrics.jsonl; *count lines of it. */
static inline json_t *small_run_last(const small_run *run, const char *folder, const char *kind, int *count) {
    char name[64];
    size_t size;
    snprintf(name, sizeof name, "%s/metrics.jsonl", folder);
    char *text = small_run_read(run, name, &size);
    json_t *last = NULL;
    *count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        if (!object) fail_msg("no JSON: %s", line);
        if (strcmp(json_string_value(json_object_get(object, "kind")), kind) == 0) {
            json_decref(last);
            last = json_incref(object);
            ++*count;
        }
        json_decref(object);
    }
    free(text);
    return last;
}

static inline double small_run_number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("there is no number \"%s\"", key);
    return json_number_value(value);
}

#endif
