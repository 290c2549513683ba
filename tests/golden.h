/* golden.h: reads the files of tests/golden/, whose tensors of case k are named "k/NAME". */
#ifndef LBK_TESTS_GOLDEN_H
#define LBK_TESTS_GOLDEN_H

#include "check.h"

#include "eval/labels.h"
#include "format/safetensors.h"

static inline const lbk__tensor_entry *golden(const lbk__safetensors *file, int k, const char *name,
                                              lbk__dtype dtype) {
    char full[64];
    snprintf(full, sizeof full, "%d/%s", k, name);
    const lbk__tensor_entry *entry = lbk__safetensors_find(file, full);
    if (!entry) fail_msg("%s lacks %s", lbk__safetensors_path(file), full);
    assert_int_equal(entry->dtype, dtype);
    return entry;
}

/* The labels of a table of targets [n, classes]; freed with lbk__labels_free. */
static inline lbk__labels labels_of(lbk_context *context, const float *targets, int64_t n, int32_t classes) {
    lbk__labels labels = {.num_samples = n};
    check_ok(context, LBK_ALLOC(context, labels.start, n + 1));
    check_ok(context, LBK_ALLOC(context, labels.classes, n * classes));
    check_ok(context, LBK_ALLOC(context, labels.scores, n * classes));
    for (int64_t i = 0, at = 0; i < n; labels.start[++i] = at)
        for (int32_t c = 0; c < classes; c++)
            if (targets[i * classes + c] > 0) {
                labels.classes[at] = c;
                labels.scores[at++] = targets[i * classes + c];
            }
    return labels;
}

static inline int golden_cases(const lbk__safetensors *file) {
    const char *cases = lbk__safetensors_metadata(file, "cases");
    assert_non_null(cases);
    return atoi(cases);
}

#endif
