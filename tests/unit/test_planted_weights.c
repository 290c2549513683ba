/* Learned weights on data whose answer is known: which samples' image view is worth nothing, or that all
 * views are worth the same. A colour and a word both tell the class; the teacher's logits are written, not
 * trained. */
#include "small_run.h"

#include "base/random.h"
#include "distill/cache.h"
#include "format/safetensors.h"

enum { CLASSES = 6, PICTURES = 60, LEARNED = 240, MEASURED = 30, ALL = LEARNED + MEASURED };

/* The teacher's image view of these is noise. */
static bool is_noisy(int i) {
    return i / CLASSES % 2 == 1;
}

static void write_pack(const small_run *run) {
    static const char *const words[CLASSES] = {"red", "blue", "big", "small", "round", "old"};
    static const int channels[CLASSES] = {1, 2, 4, 3, 5, 6};
    char *vocab = small_run_path(run, "vocab.txt"), *data = small_run_path(run, "planted.jsonl"),
         *pack = small_run_path(run, "pack");
    for (int i = 0; i < PICTURES; i++) small_run_picture(run, i, channels[i % CLASSES]);
    FILE *file = fopen(data, "w");
    assert_non_null(file);
    for (int i = 0; i < ALL; i++) {
        const char *word = words[i % CLASSES];
        const int picture = i % CLASSES + CLASSES * (i / 7 % (PICTURES / CLASSES));
        fprintf(file,
                "{\"id\": \"s%d\", \"split\": \"%s\", \"text\": \"%s %s %s %s\", \"image\": \"%d.tiff\", "
                "\"label\": \"c%d\"}\n",
                i, i < LEARNED ? "train" : "dev", word, word, word, word, picture, i % CLASSES);
    }
    fclose(file);
    const lbk_pack_options options = small_run_pack_options(data, vocab, LBK_LABEL_SINGLE);
    check_ok(run->context, lbk_pack_build(run->context, &options, pack, NULL));
    free(vocab), free(data), free(pack);
}

/* Every view knows the class, to within a little; `noisy`: the image view of half of the samples knows
 * nothing.
 */
static void write_cache(const small_run *run, bool noisy) {
    char *pack_path = small_run_path(run, "pack"), *path = small_run_path(run, "cache"), teacher[65];
    lbk_pack *pack;
    lbk__cache_writer *writer;
    memset(teacher, 'a', 64), teacher[64] = 0;
    check_ok(run->context, lbk_pack_open(run->context, pack_path, &pack));
    const lbk__cache_key key = {.teacher_sha256 = teacher,
                                .pack_sha256 = lbk_pack_hash(pack),
                                .label_kind = LBK_LABEL_SINGLE,
                                .num_samples = ALL,
                                .num_classes = CLASSES};
    check_ok(run->context, lbk__cache_writer_open(run->context, path, &key, &writer));
    for (int i = 0; i < ALL; i++) {
        float logits[LBK_NUM_VIEWS * CLASSES];
        lbk__saliencies saliencies;
        for (int k = 0; k < LBK_NUM_VIEWS * CLASSES; k++) {
            const double n = lbk__normal(8, LBK__STREAM_SYNTHETIC, (uint32_t)i, (uint64_t)k);
            const bool noise = noisy && k / CLASSES == LBK_VIEW_IMAGE && is_noisy(i);
            logits[k] = (float)(noise ? 4 * n : 0.3 * n + (k % CLASSES == i % CLASSES ? 4 : 0));
        }
        check_ok(run->context, lbk__cache_writer_put(writer, i, logits, i % CLASSES, NULL, saliencies));
    }
    check_ok(run->context, lbk__cache_writer_commit(writer));
    lbk__cache_writer_close(writer);
    lbk_pack_close(pack);
    free(pack_path), free(path);
}

/* Distils with the weights' network as it is by default, and reads the weights that the samples were learned
 * with in the last epoch, [ALL, 3]. */
static void learn(small_run *run, int seed, float *weights) {
    char out[16], name[64], seed_text[16];
    snprintf(out, sizeof out, "out%d", seed);
    snprintf(seed_text, sizeof seed_text, "seed=%d", seed);
    check_ok(run->context, small_run_go(run,
                                        CHANGES("distill.weights=learned", seed_text, "distill.alpha=0.9",
                                                "train.epochs=8", "train.batch_size=16",
                                                "train.learning_rate=0.003", "train.eval_steps=10000"),
                                        "cache", out, 0, NULL));
    snprintf(name, sizeof name, "%s/weight_network.safetensors", out);
    char *path = small_run_path(run, name);
    lbk__safetensors *file;
    const lbk__tensor_entry *entry;
    check_ok(run->context, lbk__safetensors_open(run->context, path, &file));
    check_ok(run->context, lbk__safetensors_expect(file, "sample_weights", LBK__F32, 2,
                                                   (int64_t[]){ALL, LBK_NUM_VIEWS}, &entry));
    memcpy(weights, entry->data, entry->bytes);
    lbk__safetensors_close(file);
    free(path);
}

/* Samples of the meta split were never learned from. */
static bool learned_from(const float *weights, int i) {
    return weights[i * LBK_NUM_VIEWS + LBK_VIEW_JOINT] > 0;
}

/* Chance that a noisy sample's image weighs less than another's. */
static double auroc_of_noise(const float *weights, double mean[2]) {
    double below = 0, pairs = 0, count[2] = {0};
    for (int i = 0; i < LEARNED; i++) {
        const float w = weights[i * LBK_NUM_VIEWS + LBK_VIEW_IMAGE];
        if (!learned_from(weights, i)) continue;
        mean[is_noisy(i)] += (double)w;
        count[is_noisy(i)]++;
        for (int k = 0; k < LEARNED && is_noisy(i); k++) {
            if (is_noisy(k) || !learned_from(weights, k)) continue;
            const float other = weights[k * LBK_NUM_VIEWS + LBK_VIEW_IMAGE];
            below += w < other ? 1 : w == other ? 0.5 : 0;
            pairs++;
        }
    }
    mean[0] /= count[0], mean[1] /= count[1];
    return below / pairs;
}

static void noise_is_told_by_its_weight(void **state) {
    small_run *run = *state;
    write_pack(run);
    write_cache(run, true);
    for (int seed = 1; seed <= 3; seed++) {
        float weights[ALL * LBK_NUM_VIEWS];
        double mean[2] = {0};
        learn(run, seed, weights);
        const double auroc = auroc_of_noise(weights, mean);
        print_message("seed %d: AUROC %.3f, mean weight of the image view %.3f, where it is noise %.3f\n",
                      seed, auroc, mean[0], mean[1]);
        assert_true(auroc >= 0.9);
        assert_true(mean[1] < 0.75 * mean[0]);
    }
}

/* From 1/3 at the start, each view's mean weight stays within [0.3, 0.65]: none is turned off, none
 * dominates.
 */
static void views_of_one_use_keep_one_weight(void **state) {
    small_run *run = *state;
    write_pack(run);
    write_cache(run, false);
    for (int seed = 1; seed <= 3; seed++) {
        float weights[ALL * LBK_NUM_VIEWS];
        double mean[LBK_NUM_VIEWS] = {0}, count = 0;
        learn(run, seed, weights);
        for (int i = 0; i < LEARNED; i++) {
            count += learned_from(weights, i);
            for (int v = 0; v < LBK_NUM_VIEWS; v++) mean[v] += (double)weights[i * LBK_NUM_VIEWS + v];
        }
        for (int v = 0; v < LBK_NUM_VIEWS; v++) mean[v] /= count;
        print_message("seed %d: mean weights joint %.3f, text %.3f, image %.3f\n", seed, mean[0], mean[1],
                      mean[2]);
        for (int v = 0; v < LBK_NUM_VIEWS; v++) assert_true(mean[v] >= 0.3 && mean[v] <= 0.65);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(noise_is_told_by_its_weight),
        TEST(views_of_one_use_keep_one_weight),
    };
    return cmocka_run_group_tests_name("planted weights", tests, NULL, NULL);
}
