/* Batches: the layout of every view, exact limits, targets, one sample by hand, errors; from packs of texts
 * and pictures that are made here. */
#include "check.h"

#include "base/file.h"
#include "base/half.h"
#include "data/batch.h"

enum { ROWS = 4, DIM = 8 * 8 * 3 };

static char *folder;

static char *path_of(const char *name, char path[256]) {
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char path[256];
    remove(path_of("data.jsonl", path));
    remove(path_of("data.pack", path));
    remove(folder);
    free(folder);
    return 0;
}

static lbk_pack *make_pack(lbk_context *context, const char *lines, lbk_visual visual,
                           lbk_label_kind label_kind) {
    char data[256], out[256];
    check_ok(context, lbk__write_file(context, path_of("data.jsonl", data), lines, strlen(lines)));
    lbk_pack_options options = {.source = LBK_SOURCE_JSONL,
                                .path = data,
                                .image_root = "tests/golden/images",
                                .vocab = "tests/golden/tokenizer/vocab.txt",
                                .visual = visual,
                                .image_size = 16,
                                .patch_size = 8,
                                .label_kind = label_kind};
    check_ok(context, lbk_pack_build(context, &options, path_of("data.pack", out), NULL));
    lbk_pack *pack;
    check_ok(context, lbk_pack_open(context, out, &pack));
    return pack;
}

/* Texts of 3, 1, 6, 1 and 3 tokens beside [CLS] and [SEP]; two samples show one picture, two none. */
static const char five_samples[] =
    "{\"id\":\"a\",\"text\":\"the old man\",\"image\":\"rgb.png\",\"label\":\"x\",\"split\":\"train\"}\n"
    "{\"id\":\"b\",\"text\":\"but\",\"image\":\"grey.png\",\"label\":\"y\",\"split\":\"train\"}\n"
    "{\"id\":\"c\",\"text\":\"one of the two , and\",\"label\":\"y\",\"split\":\"train\"}\n"
    "{\"id\":\"d\",\"text\":\"no\",\"image\":\"rgb.png\",\"split\":\"train\"}\n"
    "{\"id\":\"e\",\"text\":\"then to her\",\"label\":\"z\",\"split\":\"train\"}\n";
static const int32_t text_tokens[] = {3, 1, 6, 1, 3};
static const int32_t rows_of[] = {ROWS, ROWS, 0, ROWS, 0};

/* What a sequence must be, by docs/method.md, "Notation". */
static void check_sequence(const lbk__batch *batch, int32_t s, int32_t view, int32_t i,
                           const lbk_sample *sample) {
    int32_t t = batch->start[s], last = sample->num_tokens - 1;
    assert_int_equal(batch->sample[s], i);
    assert_int_equal(batch->view[s], view);
    for (int32_t k = 0; k <= last; k++) {
        if (view == LBK_VIEW_IMAGE && k != 0 && k != last) continue;
        assert_int_equal(batch->tokens[t], sample->tokens[k]);
        assert_int_equal(batch->position[t], k);
        assert_int_equal(batch->segment[t++], 0);
    }
    const int32_t words = view == LBK_VIEW_IMAGE ? 0 : last - 1;
    assert_int_equal(batch->last_word[s], batch->start[s] + words);
    for (int32_t r = 0; view != LBK_VIEW_TEXT && r < sample->num_rows; r++) {
        assert_int_equal(batch->tokens[t], -1 - (batch->row_start[i] + r));
        assert_int_equal(batch->position[t], 0);
        assert_int_equal(batch->segment[t++], 1);
    }
    assert_int_equal(batch->start[s + 1], t);
}

static void check_batch(lbk_context *context, const lbk_pack *pack, const lbk__batch *batch,
                        const int32_t *indices, int32_t count, int32_t num_views) {
    assert_int_equal(batch->num_samples, count);
    assert_int_equal(batch->num_views, num_views);
    assert_int_equal(batch->num_sequences, count * num_views);
    assert_int_equal(batch->visual_dim, DIM);
    assert_int_equal(batch->start[0], 0);
    assert_int_equal(batch->row_start[0], 0);
    for (int32_t i = 0; i < count; i++) {
        lbk_sample sample;
        check_ok(context, lbk_pack_sample(pack, indices[i], &sample));
        assert_int_equal(sample.num_tokens, text_tokens[indices[i]] + 2);
        assert_int_equal(sample.num_rows, rows_of[indices[i]]);
        assert_int_equal(batch->row_start[i + 1] - batch->row_start[i], sample.num_rows);
        if (sample.num_rows)
            assert_memory_equal(batch->visual + (size_t)batch->row_start[i] * DIM, sample.visual,
                                sizeof(uint16_t) * ROWS * DIM);
        for (int32_t v = 0; v < num_views; v++) check_sequence(batch, v * count + i, v, i, &sample);
    }
    assert_int_equal(batch->num_rows, batch->row_start[count]);
    assert_int_equal(batch->num_tokens, batch->start[batch->num_sequences]);
}

static void views_are_laid_out_without_padding(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_PATCHES, LBK_LABEL_SINGLE);
    static const int32_t all[] = {0, 1, 2, 3, 4}, some[] = {3, 2, 3}, none[] = {0};
    for (int32_t views = 1; views <= 3; views++) {
        lbk__batch_limits limits;
        lbk__batch batch;
        check_ok(context, lbk__batch_limits_of(context, pack, all, 5, 5, views, &limits));
        check_ok(context, lbk__batch_create(context, &limits, &batch));
        check_ok(context, lbk__batch_fill(context, pack, all, 5, views, &limits, &batch));
        check_batch(context, pack, &batch, all, 5, views);
        assert_int_equal(batch.num_tokens, limits.num_tokens); /* all samples: the limits are met */
        assert_int_equal(batch.num_rows, limits.num_rows);
        assert_int_equal(batch.num_sequences, limits.num_sequences);
        check_ok(context, lbk__batch_fill(context, pack, some, 3, 1, &limits, &batch));
        check_batch(context, pack, &batch, some, 3, 1);
        check_ok(context, lbk__batch_fill(context, pack, none, 0, views, &limits, &batch));
        assert_int_equal(batch.num_sequences + batch.num_tokens + batch.num_rows, 0);
        lbk__batch_free(context, &batch);
    }
    lbk_pack_close(pack);
    lbk_context_destroy(context);
}

/* The worst of all choices, by trying them all. */
static void limits_are_exact(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_PATCHES, LBK_LABEL_SINGLE);
    static const int32_t all[] = {0, 1, 2, 3, 4};
    for (int32_t size = 1; size <= 5; size++)
        for (int32_t views = 1; views <= 3; views++) {
            int32_t most_tokens = 0, most_rows = 0;
            for (unsigned set = 0; set < 32; set++) {
                if (__builtin_popcount(set) != size) continue;
                int32_t tokens = 0, rows = 0;
                for (int i = 0; i < 5; i++)
                    if (set >> i & 1) {
                        rows += rows_of[i];
                        tokens += text_tokens[i] + 2 + rows_of[i];
                        if (views > 1) tokens += text_tokens[i] + 2;
                        if (views > 2) tokens += 2 + rows_of[i];
                    }
                most_tokens = LBK_MAX(most_tokens, tokens);
                most_rows = LBK_MAX(most_rows, rows);
            }
            lbk__batch_limits limits;
            check_ok(context, lbk__batch_limits_of(context, pack, all, 5, size, views, &limits));
            assert_int_equal(limits.num_tokens, most_tokens);
            assert_int_equal(limits.num_rows, most_rows);
            assert_int_equal(limits.num_samples, size);
            assert_int_equal(limits.num_views, views);
            assert_int_equal(limits.num_sequences, size * views);
            assert_int_equal(limits.longest, 9);
            assert_int_equal(limits.visual_dim, DIM);
        }
    lbk_pack_close(pack);
    lbk_context_destroy(context);
}

/* More samples than are listed: in rounds, as a benchmark goes over a short list. */
static void a_short_list_is_used_in_rounds(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_PATCHES, LBK_LABEL_SINGLE);
    static const int32_t two[] = {1, 2}, rounds[] = {2, 1, 2, 1, 2};
    lbk__batch_limits limits;
    check_ok(context, lbk__batch_limits_of(context, pack, two, 2, 5, 1, &limits));
    assert_int_equal(limits.num_tokens, 2 * 7 + 3 * 8);
    assert_int_equal(limits.num_rows, 3 * ROWS);
    lbk__batch batch;
    check_ok(context, lbk__batch_create(context, &limits, &batch));
    check_ok(context, lbk__batch_fill(context, pack, rounds, 5, 1, &limits, &batch));
    check_batch(context, pack, &batch, rounds, 5, 1);
    lbk__batch_free(context, &batch);
    check_ok(context, lbk__batch_limits_of(context, pack, NULL, 0, 5, 1, &limits));
    assert_int_equal(limits.num_tokens + limits.num_rows + limits.longest, 0);
    lbk_pack_close(pack);
    lbk_context_destroy(context);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_PATCHES, LBK_LABEL_SINGLE);
    static const int32_t short_ones[] = {1, 4}, long_ones[] = {0, 1}, beyond[] = {5};
    lbk__batch_limits limits;
    lbk__batch batch;
    check_ok(context, lbk__batch_limits_of(context, pack, short_ones, 2, 2, 2, &limits));
    check_ok(context, lbk__batch_create(context, &limits, &batch));
    check_fails(
        context, LBK_INVALID_ARGUMENT,
        "2 samples under 2 views (24 tokens, 8 visual rows) do not fit a batch that was made for 2 under 2 "
        "(20 tokens, 4 rows)",
        lbk__batch_fill(context, pack, long_ones, 2, 2, &limits, &batch));
    check_fails(context, LBK_INVALID_ARGUMENT, "under 3 views",
                lbk__batch_fill(context, pack, short_ones, 1, 3, &limits, &batch));
    check_fails(context, LBK_INVALID_ARGUMENT, "under 9 views",
                lbk__batch_fill(context, pack, short_ones, 1, 9, &limits, &batch));
    check_fails(context, LBK_INVALID_ARGUMENT, "",
                lbk__batch_fill(context, pack, beyond, 1, 1, &limits, &batch));
    check_fails(context, LBK_INVALID_ARGUMENT, "0 samples under 1 views",
                lbk__batch_limits_of(context, pack, short_ones, 2, 0, 1, &(lbk__batch_limits){0}));
    check_fails(context, LBK_INVALID_ARGUMENT, "2 samples under 4 views",
                lbk__batch_limits_of(context, pack, short_ones, 2, 2, 4, &(lbk__batch_limits){0}));
    check_fails(context, LBK_INVALID_ARGUMENT, "more than 2147483647 tokens; use a smaller batch",
                lbk__batch_limits_of(context, pack, short_ones, 2, 700000000, 1, &(lbk__batch_limits){0}));
    check_fails(context, LBK_INVALID_ARGUMENT, "too large",
                lbk__batch_limits_of(context, pack, short_ones, 2, 800000000, 3, &(lbk__batch_limits){0}));
    lbk_pack_close(pack);
    pack = make_pack(context, five_samples, LBK_VISUAL_NONE, LBK_LABEL_SINGLE);
    check_fails(context, LBK_MISMATCH, "the pack's visual rows have 0 numbers, the batch's 192",
                lbk__batch_fill(context, pack, short_ones, 1, 1, &limits, &batch));
    lbk_pack_close(pack);
    lbk__batch_free(context, &batch);
    lbk_context_destroy(context);
}

static void one_sample_by_hand(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const int32_t tokens[] = {2, 40, 50, 3};
    float visual[] = {1, -2, 0.333333343f, 65519, -0.0f, 1e-8f};
    lbk__batch_limits limits = {.num_samples = 1,
                                .num_views = 3,
                                .num_tokens = 14,
                                .num_sequences = 3,
                                .num_rows = 2,
                                .visual_dim = 3,
                                .longest = 6};
    lbk__batch batch;
    check_ok(context, lbk__batch_create(context, &limits, &batch));
    uint16_t rows[6];
    check_ok(context, lbk__rows_to_half(context, visual, 2, 3, rows));
    lbk__batch_item item = {tokens, rows, 4, 2};
    check_ok(context, lbk__batch_fill_items(context, &item, 1, &limits, &batch));
    static const int32_t expected[] = {2, 40, 50, 3, -1, -2, 2, 40, 50, 3, 2, 3, -1, -2},
                         position[] = {0, 1, 2, 3, 0, 0, 0, 1, 2, 3, 0, 3, 0, 0},
                         segment[] = {0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1}, start[] = {0, 6, 10, 14};
    assert_int_equal(batch.num_tokens, 14);
    assert_memory_equal(batch.tokens, expected, sizeof expected);
    assert_memory_equal(batch.position, position, sizeof position);
    assert_memory_equal(batch.segment, segment, sizeof segment);
    assert_memory_equal(batch.start, start, sizeof start);
    static const uint16_t halves[] = {0x3C00, 0xC000, 0x3555, 0x7BFF, 0x8000, 0x0000};
    assert_memory_equal(batch.visual, halves, sizeof halves);
    item.num_rows = 0;
    check_ok(context, lbk__batch_fill_items(context, &item, 1, &limits, &batch));
    assert_int_equal(batch.num_tokens, 4 + 4 + 2);
    assert_int_equal(batch.num_rows, 0);
    item.num_rows = 3;
    check_fails(context, LBK_INVALID_ARGUMENT, "do not fit",
                lbk__batch_fill_items(context, &item, 1, &limits, &batch));
    visual[4] = 65520;
    check_fails(context, LBK_NUMERIC, "number 1 of visual row 1 is 65520",
                lbk__rows_to_half(context, visual, 2, 3, rows));
    visual[4] = NAN;
    check_fails(context, LBK_NUMERIC, "nan", lbk__rows_to_half(context, visual, 2, 3, rows));
    lbk__batch_free(context, &batch);
    lbk_context_destroy(context);
}

static void targets_are_dense(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const int32_t order[] = {4, 3, 0, 2, 4};
    float targets[5 * 3];
    int32_t classes[5];
    uint8_t labelled[5];
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_NONE, LBK_LABEL_SINGLE);
    check_ok(context, lbk__batch_targets(pack, order, 5, targets, classes, labelled));
    static const float single[] = {0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
    assert_memory_equal(targets, single, sizeof single);
    assert_memory_equal(classes, ((int32_t[]){2, -1, 0, 1, 2}), sizeof classes);
    assert_memory_equal(labelled, ((uint8_t[]){1, 0, 1, 1, 1}), sizeof labelled);
    lbk_pack_close(pack);
    pack = make_pack(context,
                     "{\"id\":\"a\",\"text\":\"-\",\"labels\":[\"x\",\"z\"],\"split\":\"train\"}\n"
                     "{\"id\":\"b\",\"text\":\"-\",\"labels\":[],\"split\":\"train\"}\n"
                     "{\"id\":\"c\",\"text\":\"-\",\"split\":\"train\"}\n"
                     "{\"id\":\"d\",\"text\":\"-\",\"labels\":[\"y\"],\"split\":\"train\"}\n",
                     LBK_VISUAL_NONE, LBK_LABEL_MULTI);
    check_ok(context, lbk__batch_targets(pack, (int32_t[]){0, 1, 2, 3}, 4, targets, NULL, labelled));
    static const float multi[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    assert_memory_equal(targets, multi, sizeof multi);
    assert_memory_equal(labelled, ((uint8_t[]){1, 1, 0, 1}), 4);
    lbk_pack_close(pack);
    pack = make_pack(context,
                     "{\"id\":\"a\",\"text\":\"-\",\"scores\":{\"no\":0.25,\"yes\":1},\"split\":\"train\"}\n"
                     "{\"id\":\"b\",\"text\":\"-\",\"scores\":{\"perhaps\":0.5},\"split\":\"train\"}\n",
                     LBK_VISUAL_NONE, LBK_LABEL_SOFT);
    check_ok(context, lbk__batch_targets(pack, (int32_t[]){1, 0}, 2, targets, NULL, labelled));
    static const float soft[] = {0, 0.5f, 0, 0.25f, 0, 1};
    assert_memory_equal(targets, soft, sizeof soft);
    lbk_pack_close(pack);
    lbk_context_destroy(context);
}

/* Counts blocks and calls; the call numbered `fail_at` (from 1) gets no memory. */
typedef struct counter {
    long live, calls, fail_at;
} counter;

static void *count_allocate(void *user, void *pointer, size_t size) {
    counter *counts = user;
    if (size == 0) {
        counts->live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (++counts->calls == counts->fail_at) return NULL;
    counts->live += pointer == NULL;
    return realloc(pointer, size);
}

static void any_allocation_may_fail_and_filling_needs_none(void **state) {
    (void)state;
    counter counts = {0};
    lbk_context *context;
    const lbk_context_options options = {.allocate = count_allocate, .user = &counts};
    assert_int_equal(lbk_context_create(&options, &context), LBK_OK);
    lbk_pack *pack = make_pack(context, five_samples, LBK_VISUAL_PATCHES, LBK_LABEL_SINGLE);
    const int32_t all[] = {0, 1, 2, 3, 4};
    const long before = counts.live;
    lbk_status status = LBK_NO_MEMORY;
    for (long n = 1; status == LBK_NO_MEMORY; n++) {
        counts.calls = 0;
        counts.fail_at = n;
        lbk__batch_limits limits;
        lbk__batch batch = {0};
        status = lbk__batch_limits_of(context, pack, all, 5, 5, 3, &limits);
        if (status == LBK_OK) status = lbk__batch_create(context, &limits, &batch);
        if (status == LBK_OK) {
            assert_int_equal(counts.calls, 11);
            check_ok(context, lbk__batch_fill(context, pack, all, 5, 3, &limits, &batch));
            assert_int_equal(counts.calls, 11);
        }
        lbk__batch_free(context, &batch);
        assert_int_equal(counts.live, before);
    }
    assert_int_equal(status, LBK_OK);
    lbk_pack_close(pack);
    lbk_context_destroy(context);
    assert_int_equal(counts.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_are_laid_out_without_padding),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(a_short_list_is_used_in_rounds),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(one_sample_by_hand),
        cmocka_unit_test(targets_are_dense),
        cmocka_unit_test(any_allocation_may_fail_and_filling_needs_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
