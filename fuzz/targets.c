/* targets.c: every target, once. */
#include "fuzz.h"

#define TARGETS(X)                                                                     \
    X(safetensors)                                                                     \
    X(of_pack)                                                                         \
    X(of_cache)                                                                        \
    X(of_checkpoint)                                     /* tensors.c */               \
        X(torch) X(torch_zip) X(pickle)                  /* torch.c */                 \
        X(npy) X(table) X(logits) X(logits_npz)          /* arrays.c */                \
        X(tokenizer) X(json) X(json_lines) X(json_items) /* texts.c */                 \
        X(config) X(override) X(recipe) X(jsonl) X(snli_ve) X(vqa_v2) X(hateful_memes) \
            X(mmimdb)                                /* benchmarks.c */                \
        X(easy_vqa) X(appstream) X(image) X(drawing) /* pictures.c */                  \
        X(of_model) X(requests) X(import) X(index)   /* models.c */                    \
        X(events) X(study)                           /* runs.c */                      \
        X(hdf5)                                      /* hdf5.c */

#define DECLARE(name) extern const fuzz_target fuzz_##name;
TARGETS(DECLARE)

#define ROW(name) &fuzz_##name,
const fuzz_target *const fuzz_targets[] = {TARGETS(ROW)};
const size_t fuzz_num_targets = LBK_COUNT(fuzz_targets);
