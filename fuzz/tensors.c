/* tensors.c: safetensors, and the files of ours that are such: pack, cache, checkpoint. */
#include "data/batch.h"
#include "data/pack_parts.h"
#include "distill/cache.h"
#include "format/weights.h"
#include "fuzz.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

/* Reads all bytes, so that the sanitizers see one that is not there. */
static void touch(const void *data, size_t size) {
    static volatile unsigned sum;
    for (size_t i = 0; i < size; i++) sum = sum + ((const unsigned char *)data)[i];
}

/* ---- safetensors ---- */

static void run_safetensors(lbk_context *context, fuzz_bytes input) {
    lbk__weights *weights;
    if (lbk__weights_open(context, fuzz_put_tensors("file", &input), &weights) != LBK_OK) return;
    for (size_t i = 0; i < lbk__weights_count(weights); i++) {
        const lbk__tensor_spec *spec = lbk__weights_at(weights, i);
        size_t count = 1;
        for (int d = 0; d < spec->rank; d++) count *= (size_t)spec->shape[d];
        float *numbers = malloc(count * sizeof *numbers + 1);
        (void)!lbk__weights_read(weights, i, numbers);
        free(numbers);
    }
    lbk__weights_close(weights);
}

static void seed_safetensors(lbk_context *context) {
    fuzz_seed_file(context, "tests/golden/dtypes.safetensors");
    fuzz_seed_tensors(context, "tests/golden/dtypes.safetensors");
}

const fuzz_target fuzz_safetensors = {"safetensors", run_safetensors, seed_safetensors, 64};

/* ---- packs ---- */

static void touch_samples(const lbk_pack *pack) {
    lbk_sample sample;
    for (int64_t i = 0; lbk_pack_sample(pack, i, &sample) == LBK_OK; i++) {
        touch(sample.id, sample.id_length);
        touch(sample.text, sample.text_length);
        touch(sample.tokens, (size_t)sample.num_tokens * sizeof *sample.tokens);
        if (sample.visual)
            touch(sample.visual,
                  (size_t)sample.num_rows * (size_t)lbk_pack_visual_dim(pack) * sizeof *sample.visual);
        touch(sample.split, strlen(sample.split));
        for (int32_t k = 0; k < sample.num_labels; k++) {
            const char *name = lbk_pack_class_name(pack, sample.classes[k]);
            touch(name, strlen(name));
        }
    }
}

static void fill_batch(lbk_context *context, const lbk_pack *pack) {
    const int32_t indices[] = {0, 1};
    const int32_t count = lbk_pack_num_samples(pack) > 1 ? 2 : 1;
    lbk__batch_limits limits;
    lbk__batch batch = {0};
    if (lbk__batch_limits_of(context, pack, indices, count, count, LBK_NUM_VIEWS, &limits) == LBK_OK &&
        lbk__batch_create(context, &limits, &batch) == LBK_OK)
        (void)!lbk__batch_fill(context, pack, indices, count, LBK_NUM_VIEWS, &limits, &batch);
    lbk__batch_free(context, &batch);
}

/* The description's hash is made right where the header is JSON: else no change of the description would get
 * past it. Gives the whole input; free it. */
static char *sign_description(fuzz_bytes input, size_t *size) {
    fuzz_bytes rest = input;
    const fuzz_bytes header = fuzz_part(&rest);
    json_t *root = json_loadb(header.data, header.size, 0, NULL),
           *about = json_object_get(root, "__metadata__");
    const char *description = json_string_value(json_object_get(about, LBK__PACK_DESCRIPTION));
    char hash[LBK__HASH_SIZE] = "", *text = NULL, *all;
    if (description) {
        lbk__hash_bytes(description, strlen(description), hash);
        json_object_set_new(about, LBK__PACK_DESCRIPTION_HASH, json_string(hash));
        text = json_dumps(root, JSON_COMPACT);
    }
    const size_t length = text ? strlen(text) : header.size, left = input.size - header.size;
    all = malloc(length + left + 1);
    memcpy(all, text ? text : header.data, length);
    memcpy(all + length, input.data + header.size, left);
    *size = length + left;
    free(text);
    json_decref(root);
    return all;
}

static void run_pack(lbk_context *context, fuzz_bytes input) {
    char *signed_input = sign_description(input, &input.size);
    input.data = signed_input;
    const char *path = fuzz_put_tensors("file", &input);
    free(signed_input);
    lbk_pack *pack;
    char *about;
    if (lbk_pack_open(context, path, &pack) == LBK_OK) {
        (void)!lbk_pack_verify(pack);
        touch_samples(pack);
        if (lbk_pack_num_samples(pack) > 0) fill_batch(context, pack);
        lbk_pack_close(pack);
    }
    if (lbk_info(context, path, &about) == LBK_OK) lbk_free(context, about);
}

static void seed_pack(lbk_context *context) {
    fuzz_seed_tensors(context, fuzz_pack());
}

const fuzz_target fuzz_of_pack = {"pack", run_pack, seed_pack, 64};

/* ---- caches ---- */

static void run_cache(lbk_context *context, fuzz_bytes input) {
    const char *path = fuzz_put_tensors("file", &input);
    lbk__cache *cache;
    char *about;
    if (lbk__cache_open(context, path, &cache) == LBK_OK) {
        const lbk__cache_key *key = lbk__cache_made_from(cache);
        for (int64_t i = 0; i < key->num_samples; i++)
            for (int v = 0; v < LBK_NUM_VIEWS; v++) {
                const float *logits = lbk__cache_logits(cache, (lbk_view)v, i);
                if (logits) touch(logits, (size_t)key->num_classes * sizeof *logits);
            }
        (void)!lbk__cache_match(cache, key);
        lbk__cache_close(cache);
    }
    if (lbk_info(context, path, &about) == LBK_OK) lbk_free(context, about);
}

static void seed_cache(lbk_context *context) {
    fuzz_seed_tensors(context, fuzz_cache());
}

const fuzz_target fuzz_of_cache = {"cache", run_cache, seed_cache, 64};

/* ---- checkpoints ---- */

static const lbk__train_key checkpoint_key = {
    .configuration = "c", .pack = "p", .teacher = "t", .cache = "k", .method = "kd"};

/* The optimizer of the smallest model, and further numbers as learned weights have them. */
typedef struct checkpoint {
    lbk__model *model;
    lbk__optimizer optimizer;
    double network[3];
    lbk__checkpoint_part part;
} checkpoint;

static void open_checkpoint(lbk_context *context, checkpoint *c) {
    static const lbk__model_config config = {.vocab_size = 4,
                                             .hidden_size = 1,
                                             .num_hidden_layers = 1,
                                             .num_attention_heads = 1,
                                             .intermediate_size = 1,
                                             .max_position_embeddings = 2,
                                             .type_vocab_size = 2,
                                             .visual_embedding_dim = 1,
                                             .num_labels = 2,
                                             .layer_norm_eps = 1e-12f,
                                             .initializer_range = 0.5f};
    FUZZ_MUST(context, lbk__model_create(context, &config, &c->model));
    FUZZ_MUST(context, lbk__optimizer_create(c->model, &c->optimizer));
    c->part = (lbk__checkpoint_part){"weight_network", LBK__F64, c->network, LBK_COUNT(c->network)};
}

static void close_checkpoint(checkpoint *c) {
    lbk__optimizer_free(&c->optimizer);
    lbk__model_free(c->model);
}

static void run_checkpoint(lbk_context *context, fuzz_bytes input) {
    const char *path = fuzz_put_tensors("file", &input);
    lbk__train_state state = {0};
    lbk__run_mark mark = {0};
    checkpoint c = {0};
    open_checkpoint(context, &c);
    (void)!lbk__checkpoint_load(path, &c.optimizer, &c.part, 1, &state, &checkpoint_key, &mark);
    close_checkpoint(&c);
}

static void seed_checkpoint(lbk_context *context) {
    const char *path = fuzz_path("file");
    const lbk__train_state state = {.step = 7, .epoch = 1};
    const lbk__run_mark mark = {.metrics_length = 10, .events_length = 20, .events_name = "events.out"};
    checkpoint c = {0};
    open_checkpoint(context, &c);
    FUZZ_MUST(context, lbk__checkpoint_save(path, &c.optimizer, &c.part, 1, &state, &checkpoint_key, &mark));
    close_checkpoint(&c);
    fuzz_seed_tensors(context, path);
}

const fuzz_target fuzz_of_checkpoint = {"checkpoint", run_checkpoint, seed_checkpoint, 64};
