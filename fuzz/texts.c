/* texts.c: files that people write: vocabularies, JSON, configurations, recipes. */
#include "format/json_items.h"
#include "fuzz.h"
#include "study/recipe.h"
#include "train/config.h"

#include <math.h>
#include <string.h>

/* ---- vocab.txt, and a text: parts ---- */

static void run_tokenizer(lbk_context *context, fuzz_bytes input) {
    lbk_tokenizer *tokenizer;
    int32_t *ids = NULL;
    size_t capacity = 0, count;
    const int cased = fuzz_choice(&input, 2);
    const char *vocab = fuzz_put("vocab.txt", fuzz_part(&input));
    if (lbk_tokenizer_open(context, vocab, cased, &tokenizer) != LBK_OK) return;
    (void)!lbk_tokenizer_encode(tokenizer, input.data, input.size, 0, &ids, &capacity, &count);
    (void)!lbk_tokenizer_encode(tokenizer, input.data, input.size, 5, &ids, &capacity, &count);
    lbk_free(context, ids);
    lbk_tokenizer_close(tokenizer);
}

static void seed_tokenizer(lbk_context *context) {
    (void)context;
    fuzz_seed_text("plain", "0" FUZZ_VOCAB "\n%%\nRed, BIGGER blue! [MASK]x");
    fuzz_seed_text("unicode",
                   "0" FUZZ_VOCAB "\xc3\xa9\n\xe4\xb8\xad\n\n%%\n\xc3\x89t\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87"
                   "\xe2\x80\x8b\xc2\xa0\xcc\x81\xf0\x9f\x98\x80 \xc4\xb0\xc7\x85");
    fuzz_seed_text("cased", "1" FUZZ_VOCAB "\r\nRed\r\n\n%%\nRed red [SEP] [CLS]");
}

const fuzz_target fuzz_tokenizer = {"tokenizer", run_tokenizer, seed_tokenizer, 64};

/* ---- JSON ---- */

static void get_all(lbk__json_in in) {
    static const char *const keys[] = {"a", "b", "c"};
    const json_t *array;
    lbk__json_in object;
    const char *text;
    int64_t integer;
    double real;
    bool truth;
    for (size_t i = 0; i < LBK_COUNT(keys); i++) {
        (void)!lbk__json_get_string(in, keys[i], &text);
        (void)!lbk__json_get_integer(in, keys[i], INT64_MIN, INT64_MAX, &integer);
        (void)!lbk__json_get_real(in, keys[i], -HUGE_VAL, HUGE_VAL, &real);
        (void)!lbk__json_get_bool(in, keys[i], &truth);
        (void)!lbk__json_get_object(in, keys[i], &object);
        if (lbk__json_get_array(in, keys[i], &array) == LBK_OK)
            for (size_t k = 0; k <= json_array_size(array); k++)
                (void)!lbk__json_string_at(in, keys[i], array, k, &text);
    }
}

static void run_json(lbk_context *context, fuzz_bytes input) {
    json_t *root;
    char *text;
    if (lbk__json_load_file(context, fuzz_put("file.json", input), &root) != LBK_OK) return;
    get_all((lbk__json_in){context, "file.json", root});
    if (lbk__json_dump(context, root, JSON_COMPACT, &text) == LBK_OK) lbk_free(context, text);
    json_decref(root);
}

static void seed_json(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "all", "{\"a\": [\"x\", 1, null, true], \"b\": {\"c\": -1.5e3}, \"c\": \"\\u00e9\\ud83d\\ude00\"}");
    fuzz_seed_text("mark", "\xef\xbb\xbf[{}, 9223372036854775807, 1e308]");
}

const fuzz_target fuzz_json = {"json", run_json, seed_json, 64};

static void run_json_lines(lbk_context *context, fuzz_bytes input) {
    lbk__json_lines *lines;
    if (lbk__json_lines_open(context, fuzz_put("file.jsonl", input), &lines) != LBK_OK) return;
    for (;;) {
        lbk__json_in in;
        const lbk_status status = lbk__json_lines_next(lines, &in);
        if (status == LBK_OK && !in.object) break;
        if (status == LBK_OK) get_all(in);
    }
    lbk__json_lines_close(lines);
}

static void seed_json_lines(lbk_context *context) {
    (void)context;
    fuzz_seed_text("lines", "{\"a\": 1}\r\n\n[]\n{\"b\": \n{\"c\": \"x\"}");
}

const fuzz_target fuzz_json_lines = {"json_lines", run_json_lines, seed_json_lines, 64};

static void run_json_items(lbk_context *context, fuzz_bytes input) {
    const char *path = fuzz_put("file.json", input);
    uint64_t total;
    lbk__json_items *items;
    (void)!lbk__json_items_count(context, path, "a", &total);
    if (lbk__json_items_open(context, path, "a", &items) != LBK_OK) return;
    for (size_t count = 0; count <= input.size; count++) {
        lbk__json_in in;
        const lbk_status status = lbk__json_items_next(items, &in);
        if (status == LBK_OK && !in.object) break;
        if (status != LBK_OK) continue;
        get_all(in);
        (void)!lbk__json_items_at(items, lbk__json_items_place(items), &in);
    }
    lbk__json_items_close(items);
}

static void seed_json_items(lbk_context *context) {
    (void)context;
    fuzz_seed_text("items",
                   "{\"info\": {\"x\": [1, \"]\"]}, \"a\": [{\"b\": \"}\\\"\"}, 3, [4]], \"license\": \"\"}");
}

const fuzz_target fuzz_json_items = {"json_items", run_json_items, seed_json_items, 64};

/* ---- configurations ---- */

static void run_config(lbk_context *context, fuzz_bytes input) {
    lbk_config *config;
    char *text, hash[65];
    if (lbk_config_load(context, fuzz_put("config.yaml", input), NULL, 0, &config) != LBK_OK) return;
    FUZZ_MUST(context, lbk_config_text(config, &text));
    FUZZ_MUST(context, lbk__config_hash(config, hash));
    lbk_config_close(config);
    /* What is written is read as the same. */
    FUZZ_MUST(context, lbk_config_load(context, fuzz_put("config.yaml", (fuzz_bytes){text, strlen(text)}),
                                       NULL, 0, &config));
    lbk_free(context, text);
    char again[65];
    FUZZ_MUST(context, lbk__config_hash(config, again));
    if (strcmp(hash, again) != 0) __builtin_trap();
    lbk_config_close(config);
}

static void seed_config(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "teacher",
        "# sizes\nseed: 1\nprecision: bf16\nmodel:\n  hidden_size: 192 # wide\n  layer_norm_eps: 1e-12\n"
        "train:\n  epochs: 30\n  metric: accuracy\n  train_split: \"train\"\n");
    fuzz_seed_text("lists",
                   "distill:\n  fixed_weights: [1, 2e-1, 0.5]\n  method: msd\n  unlabelled_splits: [a, 'b']\n"
                   "model: {init_from: x, init_layers: [1, 3]}\nseed: 7\n");
}

const fuzz_target fuzz_config = {"config", run_config, seed_config, 256};

/* One override. */
static void run_override(lbk_context *context, fuzz_bytes input) {
    char *text;
    lbk_config *config;
    FUZZ_MUST(context, lbk__copy_bytes(context, input.data, input.size, &text));
    const char *const overrides[] = {text};
    if (lbk_config_load(context, NULL, overrides, 1, &config) == LBK_OK) lbk_config_close(config);
    lbk_free(context, text);
}

static void seed_override(lbk_context *context) {
    (void)context;
    fuzz_seed_text("number", "train.batch_size=32");
    fuzz_seed_text("list", "distill.fixed_weights=[1, 2, 3]");
    fuzz_seed_text("word", "distill.method=msd");
}

const fuzz_target fuzz_override = {"override", run_override, seed_override, 256};

static void run_recipe(lbk_context *context, fuzz_bytes input) {
    lbk__recipe recipe = {0};
    if (lbk__recipe_open(context, fuzz_put("study.yaml", input), &recipe) == LBK_OK)
        lbk__recipe_close(context, &recipe);
}

static void seed_recipe(lbk_context *context) {
    fuzz_seed_file(context, "recipes/openclipart/study.yaml");
    fuzz_seed_text("short",
                   "name: a\npack: p\nteacher: {config: t.yaml, set: [train.epochs=1]}\nstudents:\n"
                   "  - {name: s, config: c.yaml, folds: 2, from_teacher: [1]}\nmethods: [alone, kd]\n"
                   "seeds: [1, 2]\ngrid: {distill.alpha: [0.5, 0.9]}\n");
}

const fuzz_target fuzz_recipe = {"recipe", run_recipe, seed_recipe, 256};
