/* run.c: one input of one target, and what must hold after it. */
#include "fuzz.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FREE_MEMORY = 4 << 20 };
static const double most_seconds = 1;

/* What the context's blocks add up to, and may. */
static struct { size_t live, most; } memory;

static void *allocate(void *user, void *pointer, size_t size) {
    (void)user;
    const size_t before = pointer ? malloc_usable_size(pointer) : 0;
    if (size == 0) {
        memory.live -= before;
        free(pointer);
        return NULL;
    }
    if (memory.live - before + size > memory.most) {
        fprintf(stderr, "fuzz: %zu bytes beside %zu, where %zu are the bound\n", size, memory.live - before,
                memory.most);
        abort();
    }
    void *block = realloc(pointer, size);
    if (block) memory.live += malloc_usable_size(block) - before;
    return block;
}

static lbk_context *open_context(size_t most) {
    const lbk_context_options options = {.allocate = allocate, .num_threads = 1};
    lbk_context *context;
    memory.most = most;
    if (lbk_context_create(&options, &context) != LBK_OK) abort();
    return context;
}

static void close_context(lbk_context *context, const char *what) {
    lbk_context_destroy(context);
    if (memory.live == 0) return;
    fprintf(stderr, "fuzz: %s: %zu bytes were not freed\n", what, memory.live);
    abort();
}

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static char sentence[1024];

const char *fuzz_sentence(void) {
    return sentence;
}

void fuzz_run(const fuzz_target *target, fuzz_bytes input) {
    lbk_context *context = open_context(FREE_MEMORY + target->multiple * input.size);
    const double start = processor_seconds();
    target->run(context, input);
    const double seconds = processor_seconds() - start;
    snprintf(sentence, sizeof sentence, "%s", lbk_error(context));
    close_context(context, target->name);
    if (seconds <= most_seconds) return;
    fprintf(stderr, "fuzz: %s: %.2f s of processor time for %zu bytes\n", target->name, seconds, input.size);
    abort();
}

const fuzz_target *fuzz_find(const char *name) {
    for (size_t i = 0; i < fuzz_num_targets; i++)
        if (strcmp(fuzz_targets[i]->name, name) == 0) return fuzz_targets[i];
    return NULL;
}

/* ---- seeds ---- */

static const fuzz_target *seeded;
static fuzz_each_seed *give;

void fuzz_make_seeds(const fuzz_target *target, fuzz_each_seed *each) {
    lbk_context *context = open_context(SIZE_MAX);
    seeded = target, give = each;
    target->seed(context);
    close_context(context, target->name);
}

void fuzz_seed(const char *name, fuzz_bytes seed) {
    /* `each` may run the seed, which has another context and another bound. */
    const size_t live = memory.live, most = memory.most;
    memory.live = 0;
    give(seeded, name, seed);
    memory.live = live, memory.most = most;
}

void fuzz_seed_text(const char *name, const char *text) {
    fuzz_seed(name, (fuzz_bytes){text, strlen(text)});
}

void fuzz_must(lbk_context *context, lbk_status status, const char *what) {
    if (status == LBK_OK) return;
    fprintf(stderr, "fuzz: %s: %s\n", what, lbk_error(context));
    abort();
}

fuzz_bytes fuzz_read(lbk_context *context, const char *path) {
    char *data;
    size_t size;
    FUZZ_MUST(context, lbk__read_file(context, path, 1 << 24, &data, &size));
    return (fuzz_bytes){data, size};
}

void fuzz_seed_file(lbk_context *context, const char *path) {
    const fuzz_bytes content = fuzz_read(context, path);
    fuzz_seed(lbk__base_name(path), content);
    lbk_free(context, (void *)(uintptr_t)content.data);
}

void fuzz_seed_tensors(lbk_context *context, const char *path) {
    const fuzz_bytes content = fuzz_read(context, path);
    uint64_t length;
    lbk__text seed = {0};
    memcpy(&length, content.data, sizeof length);
    FUZZ_MUST(context, lbk__text_append(context, &seed, content.data + sizeof length, length));
    FUZZ_MUST(context, lbk__text_append(context, &seed, "\n%%\n", 4));
    FUZZ_MUST(context, lbk__text_append(context, &seed, content.data + sizeof length + length,
                                        content.size - sizeof length - length));
    char name[100];
    snprintf(name, sizeof name, "%s-parts", lbk__base_name(path));
    fuzz_seed(name, (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
    lbk_free(context, (void *)(uintptr_t)content.data);
}
