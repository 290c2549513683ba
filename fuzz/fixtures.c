/* fixtures.c: files of fixed content that inputs are read beside: a vocabulary, a pack, a model, a cache. */
#include "fuzz.h"

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

static char vocab[256], pack[256], model[256], cache[256];

static const char *keep(char *place, const char *path) {
    return memcpy(place, path, strlen(path) + 1);
}

/* Fixtures are made outside of an input's bounds. */
static lbk_context *own_context(void) {
    lbk_context *context;
    const lbk_context_options options = {.num_threads = 1};
    if (lbk_context_create(&options, &context) != LBK_OK) abort();
    return context;
}

const char *fuzz_vocab(void) {
    return *vocab ? vocab : keep(vocab, fuzz_put("fixture/vocab.txt", FUZZ_TEXT(FUZZ_VOCAB)));
}

const char *fuzz_pack(void) {
    if (*pack) return pack;
    const char *data = fuzz_put(
        "fixture/data.jsonl",
        FUZZ_TEXT(
            "{\"id\":\"a\",\"text\":\"red\",\"image\":\"rgb.png\",\"label\":\"cat\",\"split\":\"train\"}\n"
            "{\"id\":\"b\",\"text\":\"big blue\",\"label\":\"dog\",\"split\":\"train\"}\n"
            "{\"id\":\"c\",\"text\":\"bigger\",\"image\":\"grey.png\",\"label\":\"cat\",\"split\":\"dev\"}\n"
            "{\"id\":\"d\",\"text\":\"blue red\",\"image\":\"rgb.png\",\"label\":\"dog\",\"split\":\"dev\"}\n"
            "{\"id\":\"e\",\"text\":\"red red\",\"label\":\"cat\",\"split\":\"test\"}\n"
            "{\"id\":\"f\",\"text\":\"blue\",\"image\":\"grey.png\",\"label\":\"dog\",\"split\":\"test\"}"
            "\n"));
    const lbk_pack_options options = {.path = data,
                                      .image_root = "tests/golden/images",
                                      .vocab = fuzz_vocab(),
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 4,
                                      .patch_size = 2};
    lbk_context *context = own_context();
    keep(pack, fuzz_path("fixture/pack"));
    FUZZ_MUST(context, lbk_pack_build(context, &options, pack, NULL));
    lbk_context_destroy(context);
    return pack;
}

const char *fuzz_model(void) {
    if (*model) return model;
    const lbk__model_config config = {.vocab_size = 8,
                                      .hidden_size = 4,
                                      .num_hidden_layers = 1,
                                      .num_attention_heads = 2,
                                      .intermediate_size = 6,
                                      .max_position_embeddings = 16,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = 12,
                                      .num_labels = 2,
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.5f};
    lbk_context *context = own_context();
    lbk__model *made;
    FUZZ_MUST(context, lbk__model_create(context, &config, &made));
    lbk__model_init_random(made, 1);
    FUZZ_MUST(context, lbk__copy_bytes(context, FUZZ_VOCAB, sizeof FUZZ_VOCAB - 1, &made->vocab));
    made->vocab_length = sizeof FUZZ_VOCAB - 1;
    FUZZ_MUST(context, LBK_ALLOC(context, made->class_names, 2));
    FUZZ_MUST(context, lbk__copy_string(context, "cat", &made->class_names[0]));
    FUZZ_MUST(context, lbk__copy_string(context, "dog", &made->class_names[1]));
    made->max_text_tokens = 8;
    FUZZ_MUST(context,
              lbk__copy_string(context, "{\"kind\":\"patches\",\"dim\":12,\"image_size\":4,\"patch_size\":2}",
                               &made->visual_source));
    keep(model, fuzz_path("fixture/model"));
    FUZZ_MUST(context, lbk__model_save(made, NULL, model));
    lbk__model_free(made);
    lbk_context_destroy(context);
    return model;
}

const char *fuzz_cache(void) {
    if (*cache) return cache;
    const lbk_probe_options options = {
        .teacher = fuzz_model(), .pack = fuzz_pack(), .out = fuzz_path("fixture/cache")};
    lbk_context *context = own_context();
    FUZZ_MUST(context, lbk_probe(context, &options, NULL));
    lbk_context_destroy(context);
    return keep(cache, options.out);
}
