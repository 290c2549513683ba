/* targets.c: every target, once, in the order of their files. */
#include "fuzz.h"

#define TARGETS(X)                                                                                           \
    X(safetensors)                                                                                           \
    X(of_pack)                                                                                               \
    X(of_cache) X(of_checkpoint) X(torch) X(torch_zip) X(pickle) X(npy) X(table) X(logits) X(logits_npz)     \
        X(tokenizer) X(json) X(json_lines) X(json_items) X(config) X(override) X(recipe) X(jsonl) X(snli_ve) \
            X(vqa_v2) X(hateful_memes) X(mmimdb) X(easy_vqa) X(appstream) X(image) X(drawing) X(of_model)    \
                X(requests) X(import) X(index) X(events) X(study) X(hdf5)

#define DECLARE(name) extern const fuzz_target fuzz_##name;
TARGETS(DECLARE)

#define ROW(name) &fuzz_##name,
const fuzz_target *const fuzz_targets[] = {TARGETS(ROW)};
const size_t fuzz_num_targets = LBK_COUNT(fuzz_targets);
