/* golden.h: reads the files of tests/golden/, whose tensors of case k are named "k/NAME". */
#ifndef LBK_TESTS_GOLDEN_H
#define LBK_TESTS_GOLDEN_H

#include "check.h"

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

static inline int golden_cases(const lbk__safetensors *file) {
    const char *cases = lbk__safetensors_metadata(file, "cases");
    assert_non_null(cases);
    return atoi(cases);
}

#endif
