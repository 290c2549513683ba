/* targets.c: every target, once, in the order of their files. */
#include "fuzz.h"

extern const fuzz_target fuzz_safetensors, fuzz_of_pack, fuzz_of_cache, fuzz_of_checkpoint;
extern const fuzz_target fuzz_torch, fuzz_torch_zip, fuzz_pickle;
extern const fuzz_target fuzz_npy, fuzz_table, fuzz_logits, fuzz_logits_npz;
extern const fuzz_target fuzz_tokenizer, fuzz_json, fuzz_json_lines, fuzz_json_items, fuzz_config,
    fuzz_override, fuzz_recipe;
extern const fuzz_target fuzz_jsonl, fuzz_snli_ve, fuzz_vqa_v2, fuzz_hateful_memes, fuzz_mmimdb,
    fuzz_easy_vqa, fuzz_appstream;
extern const fuzz_target fuzz_image, fuzz_drawing;
extern const fuzz_target fuzz_of_model, fuzz_requests, fuzz_import, fuzz_index;
extern const fuzz_target fuzz_events, fuzz_study;
extern const fuzz_target fuzz_hdf5;

const fuzz_target *const fuzz_targets[] = {
    &fuzz_safetensors, &fuzz_of_pack,       &fuzz_of_cache, &fuzz_of_checkpoint, &fuzz_torch,
    &fuzz_torch_zip,   &fuzz_pickle,        &fuzz_npy,      &fuzz_table,         &fuzz_logits,
    &fuzz_logits_npz,  &fuzz_tokenizer,     &fuzz_json,     &fuzz_json_lines,    &fuzz_json_items,
    &fuzz_config,      &fuzz_override,      &fuzz_recipe,   &fuzz_jsonl,         &fuzz_snli_ve,
    &fuzz_vqa_v2,      &fuzz_hateful_memes, &fuzz_mmimdb,   &fuzz_easy_vqa,      &fuzz_appstream,
    &fuzz_image,       &fuzz_drawing,       &fuzz_of_model, &fuzz_requests,      &fuzz_import,
    &fuzz_index,       &fuzz_events,        &fuzz_study,    &fuzz_hdf5,
};
const size_t fuzz_num_targets = LBK_COUNT(fuzz_targets);
