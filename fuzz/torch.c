/* torch.c: files of torch.save in both containers, and the pickles in them. */
#include "format/pickle.h"
#include "format/torch_file.h"
#include "fuzz.h"

#include <stdlib.h>

static void read_all(lbk_context *context, const char *path) {
    lbk__torch_file *file;
    if (lbk__torch_file_open(context, path, &file) != LBK_OK) return;
    for (size_t i = 0; i < lbk__torch_file_count(file); i++) {
        enum { MOST = 1 << 20 };
        const lbk__tensor_spec *spec = lbk__torch_file_at(file, i);
        size_t count = 1;
        for (int d = 0; d < spec->rank; d++) count *= (size_t)spec->shape[d];
        if (count > MOST) continue;
        float *numbers = malloc(count * sizeof *numbers + 1);
        (void)!lbk__torch_file_read(file, i, numbers);
        free(numbers);
    }
    lbk__torch_file_close(file);
}

/* ---- the file as it is ---- */

static void run_torch(lbk_context *context, fuzz_bytes input) {
    read_all(context, fuzz_put("file", input));
}

static void seed_torch(lbk_context *context) {
    fuzz_seed_file(context, "tests/golden/torch/older.bin");
    fuzz_seed_file(context, "tests/golden/torch/zip.bin");
    fuzz_seed_file(context, "tests/golden/torch/checkpoint.pth");
    fuzz_seed_file(context, "tests/golden/torch/whole_model.bin");
}

/* Deflate may unpack to a thousand times of what is there. */
const fuzz_target fuzz_torch = {"torch", run_torch, seed_torch, 1100};

/* ---- the pickle of a zip container whose checksums are right: parts data.pkl, data/0, data/1 ---- */

static void run_torch_zip(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"archive/data.pkl", "archive/data/0", "archive/data/1"};
    fuzz_bytes parts[LBK_COUNT(names)];
    for (size_t i = 0; i < LBK_COUNT(names); i++) parts[i] = fuzz_part(&input);
    read_all(context, fuzz_put_zip("file", names, parts, LBK_COUNT(names)));
}

/* A dict with one tensor [2, 3] of float32 in storage "0". */
#define STORAGE                                             \
    "((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" \
    "0X\x03\0\0\0cpuK\x06tQ"
static const char pickle[] =
    "\x80\x02}q\0X\x01\0\0\0aq\x01"
    "ctorch._utils\n_rebuild_tensor_v2\n" STORAGE "K\0K\x02K\x03\x86K\x03K\x01\x86\x89"
    "ccollections\nOrderedDict\n)RtRs.";

static void seed_torch_zip(lbk_context *context) {
    lbk__text seed = {0};
    FUZZ_MUST(context, lbk__text_append(context, &seed, pickle, sizeof pickle - 1));
    FUZZ_MUST(context, lbk__text_append(context, &seed, "\n%%\n012345678901234567890123", 28));
    fuzz_seed("tensor", (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
}

const fuzz_target fuzz_torch_zip = {"torch_zip", run_torch_zip, seed_torch_zip, 256};

/* ---- pickles ---- */

static void run_pickle(lbk_context *context, fuzz_bytes input) {
    lbk__pickle read = {0};
    char *copy = malloc(input.size + 1); /* of exactly its size, for the sanitizers */
    for (size_t i = 0; i < input.size; i++) copy[i] = input.data[i];
    if (lbk__pickle_read(context, "input", copy, input.size, &read) == LBK_OK)
        (void)!lbk__pickle_get(&read, &read.values[read.root], "state_dict");
    lbk__pickle_free(&read);
    free(copy);
}

static void seed_pickle(lbk_context *context) {
    (void)context;
    fuzz_seed("tensor", (fuzz_bytes){pickle, sizeof pickle - 1});
    fuzz_seed("lists", FUZZ_TEXT("\x80\x02(]q\0(K\1M\2\1J\3\0\0\0\x8a\2\1\1e)\x85\x86\x87N\x88\x89h\0Nd."));
}

const fuzz_target fuzz_pickle = {"pickle", run_pickle, seed_pickle, 256};
