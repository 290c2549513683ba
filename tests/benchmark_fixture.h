/* benchmark_fixture.h: a data set in a benchmark's layout, what is wrong with it, what its pack must hold. */
#ifndef LBK_TESTS_BENCHMARK_FIXTURE_H
#define LBK_TESTS_BENCHMARK_FIXTURE_H

#define _GNU_SOURCE
#include "pack_fixture.h"
#include "scarce.h"

#include "data/pack.h"

/* The fixture's folder is the data set; pictures become one row each. */
static inline void fixture_source(fixture *f, lbk_source source, lbk_label_kind kind) {
    f->options = (lbk_pack_options){.path = f->folder,
                                    .vocab = VOCAB,
                                    .source = source,
                                    .label_kind = kind,
                                    .visual = LBK_VISUAL_PATCHES,
                                    .image_size = 16,
                                    .patch_size = 16};
}

#define check_contains(text, part) \
    if (!strstr(text, part)) fail_msg("\"%s\" is not in: %s", part, text)

/* `label` NULL: unlabelled. */
static inline void check_sample(fixture *f, const lbk_pack *pack, int64_t index, const char *id,
                                const char *split, const char *text, const char *label) {
    const lbk_sample sample = sample_of(f, pack, index);
    check_bytes(sample.id, sample.id_length, id);
    check_bytes(sample.text, sample.text_length, text);
    assert_string_equal(sample.split, split);
    assert_int_equal(sample.labelled, label != NULL);
    if (label) assert_string_equal(lbk_pack_class_name(pack, sample.classes[0]), label);
}

static inline void check_image(const lbk_pack *pack, int64_t image, const char *wanted) {
    size_t length = 0;
    const char *path = lbk__pack_image_path(pack, image, &length);
    check_bytes(path, length, wanted);
}

/* A file of the data set that becomes `text` (NULL: is removed), and part of what is then said. */
typedef struct trouble {
    const char *file, *text, *sentence;
} trouble;

/* Each trouble by itself fails and is named; skipped, it leaves at least one and fewer than `whole` samples.
 */
static inline void check_troubles(void (*put)(fixture *f), const trouble *cases, size_t count,
                                  int64_t whole) {
    for (size_t i = 0; i < count; i++) {
        fixture f = fixture_open(NULL);
        fixture_start(&f);
        put(&f);
        if (cases[i].text) {
            put_text(&f, cases[i].file, cases[i].text);
        } else {
            char path[600];
            snprintf(path, sizeof path, "%s/%s", f.folder, cases[i].file);
            assert_int_equal(remove(path), 0);
        }
        check_fails(f.context, LBK_BAD_DATA, cases[i].sentence,
                    lbk_pack_build(f.context, &f.options, f.pack, NULL));
        assert_false(lbk__exists(f.pack));
        f.options.skip_bad = 1;
        lbk_pack *pack = build(&f);
        assert_in_range(lbk_pack_num_samples(pack), 1, whole - 1);
        lbk_pack_close(pack);
        fixture_close(&f);
    }
}

/* Classes that are given, up to a NULL, lack a label of the data: its record is bad; skipped, `left` samples
 * stay. */
static inline void check_unknown_label(void (*put)(fixture *f), const char *const *classes,
                                       const char *sentence, int64_t left) {
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put(&f);
    f.options.classes = classes;
    while (classes[f.options.num_classes]) f.options.num_classes++;
    check_fails(f.context, LBK_BAD_DATA, sentence, lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.skip_bad = 1;
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), left);
    assert_int_equal(lbk_pack_num_classes(pack), f.options.num_classes);
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* That memory runs out is said, and nothing is left behind. */
static inline void check_scarce_memory(void (*put)(fixture *f)) {
    scarce s = {.left = LONG_MAX};
    const lbk_context_options options = {.allocate = scarce_allocate, .user = &s, .num_threads = 1};
    fixture f = fixture_open(&options);
    fixture_start(&f);
    put(&f);
    const int entries = count_entries(f.folder);
    long n = 0;
    for (lbk_status status = LBK_NO_MEMORY; status != LBK_OK; n++) {
        s.left = n;
        status = lbk_pack_build(f.context, &f.options, f.pack, NULL);
        s.left = LONG_MAX;
        if (status == LBK_OK) break;
        if (status != LBK_NO_MEMORY)
            fail_msg("allocation %ld: %s: %s", n, lbk_status_name(status), lbk_error(f.context));
    }
    assert_true(n > 30);
    assert_int_equal(count_entries(f.folder), entries + 1);
    fixture_close(&f);
}

/* Samples of a split that have the label; NULL: all of the split. */
static inline void check_count(fixture *f, const lbk_pack *pack, const char *split, const char *label,
                               int64_t wanted) {
    int64_t count = 0;
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) {
        const lbk_sample sample = sample_of(f, pack, i);
        if (strcmp(sample.split, split) != 0) continue;
        count += label == NULL;
        for (int32_t k = 0; label && k < sample.num_labels; k++)
            count += strcmp(lbk_pack_class_name(pack, sample.classes[k]), label) == 0;
    }
    if (count != wanted)
        fail_msg("%s, %s: %lld samples, must be %lld", split, label ? label : "all", (long long)count,
                 (long long)wanted);
}

#endif
