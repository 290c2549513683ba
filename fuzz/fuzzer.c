/* fuzzer.c: libFuzzer's side. One program has all targets: `limbeck-fuzz --target=NAME [libFuzzer's
 * arguments]`; `limbeck-fuzz --seeds=FOLDER` writes FOLDER/TARGET/SEED; `limbeck-fuzz --list` names the
 * targets. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const fuzz_target *chosen;
static const char *seeds;

static void write_seed(const fuzz_target *target, const char *name, fuzz_bytes seed) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", seeds, target->name, name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(seed.data, 1, seed.size, out) != seed.size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_seeds(const char *folder) {
    lbk_context *context;
    seeds = folder;
    if (lbk_context_create(NULL, &context) != LBK_OK) exit(1);
    for (size_t i = 0; i < fuzz_num_targets; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, fuzz_targets[i]->name);
        FUZZ_MUST(context, lbk__make_folder(context, path));
        fuzz_make_seeds(fuzz_targets[i], write_seed);
    }
    lbk_context_destroy(context);
    exit(0);
}

static void list(void) {
    for (size_t i = 0; i < fuzz_num_targets; i++) puts(fuzz_targets[i]->name);
    exit(0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    setenv("PATH", "/nonexistent", 1); /* no program is started */
    for (int i = 1; i < *argc; i++) {
        const char *argument = (*argv)[i];
        if (strcmp(argument, "--list") == 0) list();
        if (strncmp(argument, "--seeds=", 8) == 0) write_seeds(argument + 8);
        if (strncmp(argument, "--target=", 9) == 0) chosen = fuzz_find(argument + 9);
    }
    if (chosen) return 0;
    fputs("limbeck-fuzz: --target=NAME, one of --list\n", stderr);
    exit(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_run(chosen, (fuzz_bytes){(const char *)data, size});
    return 0;
}
