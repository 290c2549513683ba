/* models.c: model folders of ours and of others, and requests to a model. */
#include "format/weights.h"
#include "fuzz.h"
#include "model/model.h"

#include <string.h>

static void put_copy(lbk_context *context, const char *from, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", fuzz_model(), from);
    const fuzz_bytes content = fuzz_read(context, path);
    fuzz_put(name, content);
    lbk_free(context, (void *)(uintptr_t)content.data);
}

/* ---- a model folder with good weights: parts config.json, vocab.txt, a text ---- */

static void run_model(lbk_context *context, fuzz_bytes input) {
    lbk_model *model;
    char *text, *answer;
    if (!lbk__exists(fuzz_path("model/model.safetensors")))
        put_copy(context, "model.safetensors", "model/model.safetensors");
    fuzz_put("model/config.json", fuzz_part(&input));
    fuzz_put("model/vocab.txt", fuzz_part(&input));
    if (lbk_info(context, fuzz_path("model"), &answer) == LBK_OK) lbk_free(context, answer);
    if (lbk_model_open(context, fuzz_path("model"), &model) != LBK_OK) return;
    FUZZ_MUST(context, lbk__copy_bytes(context, input.data, LBK_MIN(input.size, 1000), &text));
    const lbk_input question = {.text = text, .image = "tests/golden/images/rgb.png"};
    if (lbk_model_answer(model, &question, 3, &answer) == LBK_OK) lbk_free(context, answer);
    lbk_free(context, text);
    lbk_model_close(model);
}

static void seed_model(lbk_context *context) {
    char path[300];
    lbk__text seed = {0};
    snprintf(path, sizeof path, "%s/config.json", fuzz_model());
    const fuzz_bytes config = fuzz_read(context, path);
    FUZZ_MUST(context, lbk__text_append(context, &seed, config.data, config.size));
    FUZZ_MUST(context, lbk__text_printf(context, &seed, "\n%%%%\n%s\n%%%%\nbigger red", FUZZ_VOCAB));
    fuzz_seed("model", (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
    lbk_free(context, (void *)(uintptr_t)config.data);
}

const fuzz_target fuzz_of_model = {"model", run_model, seed_model, 256};

/* ---- requests, a JSON line each ---- */

static int drop_line(void *user, const char *line) {
    (void)user, (void)line;
    return 0;
}

static void run_requests(lbk_context *context, fuzz_bytes input) {
    lbk_model *model;
    int64_t failed;
    const char *path = fuzz_put("requests.jsonl", input);
    FUZZ_MUST(context, lbk_model_open(context, fuzz_model(), &model));
    FUZZ_MUST(context, lbk_model_set_images(model, "tests/golden/images", NULL));
    (void)!lbk_model_answer_lines(model, path, 2, drop_line, NULL, &failed);
    lbk_model_close(model);
}

static void seed_requests(lbk_context *context) {
    (void)context;
    fuzz_seed_text("lines", "{\"id\": 1, \"text\": \"red\", \"image\": \"rgb.png\"}\n{\"text\": \"big\"}\n"
                            "{\"id\": [\"x\"], \"image\": \"none.png\"}\n[]\n{\n{\"image\": \"grey.png\"}\n");
}

const fuzz_target fuzz_requests = {"requests", run_requests, seed_requests, 1024};

/* ---- a folder of someone else's: parts config.json, tokenizer.json, weights: header, data ---- */

static void run_import(lbk_context *context, fuzz_bytes input) {
    char *summary;
    fuzz_remove("imported");
    fuzz_put("source/config.json", fuzz_part(&input));
    fuzz_put("source/tokenizer.json", fuzz_part(&input));
    fuzz_put_tensors("source/model.safetensors", &input);
    if (lbk_import(context, fuzz_path("source"), fuzz_path("imported"), &summary) != LBK_OK) return;
    lbk_free(context, summary);
    lbk_model *model;
    FUZZ_MUST(context, lbk_model_open(context, fuzz_path("imported"), &model));
    lbk_model_close(model);
}

static void append_file(lbk_context *context, lbk__text *seed, const char *path, size_t from, size_t most) {
    const fuzz_bytes content = fuzz_read(context, path);
    const size_t size = LBK_MIN(content.size - from, most);
    FUZZ_MUST(context, lbk__text_append(context, seed, content.data + from, size));
    FUZZ_MUST(context, lbk__text_append(context, seed, "\n%%\n", 4));
    lbk_free(context, (void *)(uintptr_t)content.data);
}

static void seed_import(lbk_context *context) {
    static const char *const folder = "tests/golden/import/bert";
    static const char weights[] = "tests/golden/import/bert/model.safetensors";
    lbk__text seed = {0};
    uint64_t header;
    const fuzz_bytes start = fuzz_read(context, weights);
    memcpy(&header, start.data, sizeof header);
    lbk_free(context, (void *)(uintptr_t)start.data);
    char path[100];
    snprintf(path, sizeof path, "%s/config.json", folder);
    append_file(context, &seed, path, 0, SIZE_MAX);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    append_file(context, &seed, path, 0, SIZE_MAX);
    append_file(context, &seed, weights, sizeof header, header);
    append_file(context, &seed, weights, sizeof header + header, SIZE_MAX);
    fuzz_seed("bert", (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
}

const fuzz_target fuzz_import = {"import", run_import, seed_import, 256};

/* ---- several files with an index: the index ---- */

static void run_index(lbk_context *context, fuzz_bytes input) {
    lbk__weights *weights;
    if (!lbk__exists(fuzz_path("shards/a"))) put_copy(context, "model.safetensors", "shards/a");
    fuzz_put("shards/model.safetensors.index.json", input);
    if (lbk__weights_open_folder(context, fuzz_path("shards"), &weights) == LBK_OK)
        lbk__weights_close(weights);
}

static void seed_index(lbk_context *context) {
    char path[300];
    lbk__weights *weights;
    lbk__text seed = {0};
    snprintf(path, sizeof path, "%s/model.safetensors", fuzz_model());
    FUZZ_MUST(context, lbk__weights_open(context, path, &weights));
    for (size_t i = 0; i < lbk__weights_count(weights); i++)
        FUZZ_MUST(context,
                  lbk__text_printf(context, &seed, "%s\"%s\": \"a\"", i ? ", " : "{\"weight_map\": {",
                                   lbk__weights_at(weights, i)->name));
    FUZZ_MUST(context, lbk__text_printf(context, &seed, "}, \"metadata\": {\"total_size\": 1}}"));
    fuzz_seed("index", (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
    lbk__weights_close(weights);
}

const fuzz_target fuzz_index = {"index", run_index, seed_index, 256};
