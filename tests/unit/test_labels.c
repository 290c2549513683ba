/* Labels as lists: the same as the dense targets, and small where classes are many. */
#include "pack_fixture.h"

#include "data/batch.h"
#include "data/pack.h"
#include "study/predictions.h"

#include <malloc.h>

static lbk_pack *make_pack(fixture *f, lbk_label_kind kind, const char *rows) {
    lbk_pack *pack;
    f->options.label_kind = kind;
    put_text(f, "data.jsonl", rows);
    check_ok(f->context, lbk_pack_build(f->context, &f->options, f->pack, NULL));
    check_ok(f->context, lbk_pack_open(f->context, f->pack, &pack));
    return pack;
}

/* Every sample of the pack, last to first: rows are those of lbk__batch_targets, unlabelled samples left out.
 */
static void compare_rows(fixture *f, const lbk_pack *pack) {
    enum { MOST = 8 };
    const int32_t n = (int32_t)lbk_pack_num_samples(pack), classes = lbk_pack_num_classes(pack);
    int32_t order[MOST], single[MOST];
    float wanted[MOST * MOST], row[MOST];
    uint8_t labelled[MOST];
    lbk__labels labels;
    lbk__positives positives;
    assert_true(n <= MOST && classes <= MOST);
    for (int32_t i = 0; i < n; i++) order[i] = n - 1 - i;
    check_ok(f->context, lbk__batch_targets(pack, order, n, wanted, single, labelled));
    check_ok(f->context, lbk__labels_read(f->context, pack, order, n, &labels));
    check_ok(f->context, lbk__positives_find(f->context, &labels, classes, &positives));
    int64_t at = 0, true_ones = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!labelled[i]) continue;
        lbk__labels_row(&labels, at, classes, row);
        assert_memory_equal(row, wanted + i * classes, (size_t)classes * sizeof *row);
        if (lbk_pack_label_kind(pack) == LBK_LABEL_SINGLE) assert_int_equal(labels.classes[at], single[i]);
        for (int32_t c = 0; c < classes; c++) {
            bool found = false;
            for (int64_t k = positives.start[c]; k < positives.start[c + 1]; k++)
                found = found || positives.samples[k] == at;
            assert_true(found == (row[c] >= 0.5f) && lbk__labels_target(&labels, at, c) == row[c]);
            true_ones += found;
        }
        at++;
    }
    assert_int_equal(labels.num_samples, at);
    assert_int_equal(positives.start[classes], true_ones);
    lbk__positives_free(f->context, &positives);
    lbk__labels_free(f->context, &labels);
}

static void rows_are_the_dense_targets(void **state) {
    (void)state;
    static const char *const rows[] = {
        [LBK_LABEL_SINGLE] = "{\"id\":\"a\",\"text\":\"-\",\"label\":\"x\"}\n"
                             "{\"id\":\"b\",\"text\":\"-\"}\n"
                             "{\"id\":\"c\",\"text\":\"-\",\"label\":\"z\"}\n",
        [LBK_LABEL_MULTI] = "{\"id\":\"a\",\"text\":\"-\",\"labels\":[\"z\",\"x\"]}\n"
                            "{\"id\":\"b\",\"text\":\"-\",\"labels\":[]}\n"
                            "{\"id\":\"c\",\"text\":\"-\"}\n"
                            "{\"id\":\"d\",\"text\":\"-\",\"labels\":[\"y\",\"x\",\"z\"]}\n",
        [LBK_LABEL_SOFT] = "{\"id\":\"a\",\"text\":\"-\",\"scores\":{\"no\":0.25,\"yes\":1}}\n"
                           "{\"id\":\"b\",\"text\":\"-\"}\n"
                           "{\"id\":\"c\",\"text\":\"-\",\"scores\":{\"yes\":0.5,\"no\":0.6}}\n"
                           "{\"id\":\"d\",\"text\":\"-\",\"scores\":{}}\n"};
    for (int kind = 0; kind < 3; kind++) {
        fixture f = fixture_open(NULL);
        fixture_start(&f);
        lbk_pack *pack = make_pack(&f, (lbk_label_kind)kind, rows[kind]);
        compare_rows(&f, pack);
        lbk_pack_close(pack);
        fixture_close(&f);
    }
}

/* What is allocated now and was at most. */
typedef struct meter {
    size_t now, peak;
} meter;

static void *metered(void *user, void *pointer, size_t size) {
    meter *m = user;
    m->now -= pointer ? malloc_usable_size(pointer) : 0;
    void *fresh = size ? realloc(pointer, size) : (free(pointer), NULL);
    m->now += fresh ? malloc_usable_size(fresh) : 0;
    m->peak = LBK_MAX(m->peak, m->now);
    return fresh;
}

/* 300 samples of 2,400 classes, 8 scores each: 2.9 MB as a table. */
static void truth_is_as_small_as_in_the_pack(void **state) {
    (void)state;
    enum { SAMPLES = 300, SCORES = 8 };
    meter m = {0};
    const lbk_context_options options = {.allocate = metered, .user = &m};
    fixture f = fixture_open(&options);
    fixture_start(&f);
    char *rows = malloc(SAMPLES * (64 + SCORES * 24)), *at = rows;
    for (int i = 0; i < SAMPLES; i++) {
        at += sprintf(at, "{\"id\":\"%d\",\"text\":\"-\",\"split\":\"test\",\"scores\":{", i);
        for (int k = 0; k < SCORES; k++)
            at += sprintf(at, "%s\"answer %d\":0.3", k ? "," : "", i * SCORES + k);
        at += sprintf(at, "}}\n");
    }
    lbk_pack *pack = make_pack(&f, LBK_LABEL_SOFT, rows);
    assert_int_equal(lbk_pack_num_classes(pack), SAMPLES * SCORES);
    lbk__truth truth;
    const size_t before = m.peak = m.now;
    check_ok(f.context, lbk__truth_open(f.context, pack, "test", &truth));
    assert_int_equal(truth.num_samples, SAMPLES);
    if (m.peak - before > 100000) fail_msg("the truth takes %zu bytes", m.peak - before);
    lbk__truth_close(f.context, &truth);
    assert_int_equal(m.now, before);
    lbk_pack_close(pack);
    free(rows);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_the_dense_targets),
                                       cmocka_unit_test(truth_is_as_small_as_in_the_pack)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
