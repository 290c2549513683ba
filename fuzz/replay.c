/* replay.c: all seeds and all found cases, by any compiler: part of the test suite. Each seed is also read
 * cut short and with single bits flipped. Arguments TARGET FILE… replay just these. */
#include "base/random.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 24, FLIPS = 48, LARGEST_CASE = 1 << 20 };

static int num_inputs;
static uint32_t num_drawn;

static void run(const fuzz_target *target, fuzz_bytes input) {
    num_inputs++;
    fuzz_run(target, input);
}

static size_t draw(size_t limit) {
    return lbk__below(1, LBK__STREAM_SYNTHETIC, 0, num_drawn++, (uint32_t)limit);
}

static void run_seed(const fuzz_target *target, const char *name, fuzz_bytes seed) {
    (void)name;
    run(target, seed);
    char *copy = malloc(seed.size + 1);
    memcpy(copy, seed.data, seed.size);
    for (int i = 0; i < CUTS && seed.size; i++) run(target, (fuzz_bytes){copy, draw(seed.size)});
    for (int i = 0; i < FLIPS && seed.size; i++) {
        const size_t at = draw(seed.size);
        const char kept = copy[at];
        copy[at] = (char)(kept ^ (1 << draw(8)));
        run(target, (fuzz_bytes){copy, seed.size});
        copy[at] = kept;
    }
    free(copy);
}

static void run_file(const fuzz_target *target, const char *path) {
    char *data = malloc(LARGEST_CASE);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    const size_t size = fread(data, 1, LARGEST_CASE, file);
    fclose(file);
    char *exact = malloc(size + 1);
    memcpy(exact, data, size);
    fprintf(stderr, "%s: ", path); /* the last one named is the one that fails */
    run(target, (fuzz_bytes){exact, size});
    fprintf(stderr, "%s\n", *fuzz_sentence() ? fuzz_sentence() : "read");
    free(exact), free(data);
}

static void run_cases(const fuzz_target *target) {
    char folder[256], path[600];
    snprintf(folder, sizeof folder, "tests/fuzz-cases/%s", target->name);
    DIR *cases = opendir(folder);
    struct dirent *entry;
    while (cases && (entry = readdir(cases))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        run_file(target, path);
    }
    if (cases) closedir(cases);
}

int main(int argc, char **argv) {
    setenv("PATH", "/nonexistent", 1); /* no program is started */
    if (argc > 1) {
        const fuzz_target *target = fuzz_find(argv[1]);
        if (!target) return fprintf(stderr, "there is no target %s\n", argv[1]), 1;
        for (int i = 2; i < argc; i++) run_file(target, argv[i]);
        return 0;
    }
    for (size_t i = 0; i < fuzz_num_targets; i++) {
        const int before = num_inputs;
        fuzz_make_seeds(fuzz_targets[i], run_seed);
        run_cases(fuzz_targets[i]);
        printf("%-14s %d inputs\n", fuzz_targets[i]->name, num_inputs - before);
        fflush(stdout);
    }
    return 0;
}
