/* memory.c: the context and its memory. Every block goes through the caller's allocator. */
#include "base/base.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64, LARGE = 4 << 20 };

/* Fresh memory is zeroed: the system's is so already, and its pages do not exist until somebody writes. */
static void *default_allocate(void *user, void *pointer, size_t size) {
    (void)user;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return pointer ? realloc(pointer, size) : calloc(1, size);
}

static void *allocate_zeroed(lbk_context *context, size_t size) {
    void *block = context->options.allocate(context->options.user, NULL, size);
    if (block && context->options.allocate != default_allocate) memset(block, 0, size);
    return block;
}

lbk_status lbk_context_create(const lbk_context_options *options, lbk_context **out) {
    *out = NULL;
    lbk_context_options chosen = {0};
    if (options) chosen = *options;
    if (chosen.num_threads < 0 || chosen.num_threads > LBK__MOST_THREADS) return LBK_INVALID_ARGUMENT;
    if (!chosen.allocate) chosen.allocate = default_allocate;
    lbk_context *context = chosen.allocate(chosen.user, NULL, sizeof *context);
    if (!context) return LBK_NO_MEMORY;
    memset(context, 0, sizeof *context);
    context->options = chosen;
    context->num_threads = chosen.num_threads ? chosen.num_threads : omp_get_max_threads();
    *out = context;
    return LBK_OK;
}

void lbk_context_destroy(lbk_context *context) {
    if (context) context->options.allocate(context->options.user, context, 0);
}

void lbk_free(lbk_context *context, void *pointer) {
    if (pointer) context->options.allocate(context->options.user, pointer, 0);
}

static lbk_status no_memory(lbk_context *context, size_t bytes) {
    return lbk__fail(
        context, LBK_NO_MEMORY,
        "out of memory: %zu bytes could not be allocated; use a smaller batch or model, or free memory",
        bytes);
}

lbk_status lbk__alloc_array(lbk_context *context, void *out_pointer, size_t count, size_t size) {
    void *block = NULL;
    memcpy(out_pointer, &block, sizeof block);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return no_memory(context, SIZE_MAX);
    if (bytes == 0) return LBK_OK;
    block = allocate_zeroed(context, bytes);
    if (!block) return no_memory(context, bytes);
    memcpy(out_pointer, &block, sizeof block);
    return LBK_OK;
}

lbk_status lbk__grow_array(lbk_context *context, void *pointer, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity) return LBK_OK;
    size_t wanted = *capacity + *capacity / 2 + 16, bytes;
    if (wanted < need) wanted = need;
    if (__builtin_mul_overflow(wanted, size, &bytes)) return no_memory(context, SIZE_MAX);
    void *block;
    memcpy(&block, pointer, sizeof block);
    block = context->options.allocate(context->options.user, block, bytes);
    if (!block) return no_memory(context, bytes);
    memcpy(pointer, &block, sizeof block);
    *capacity = wanted;
    return LBK_OK;
}

/* A small model's first answer is half page faults. A hint: where it is refused, pages stay small. */
static void prefer_large_pages(unsigned char *block, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    first = ((uintptr_t)block + page - 1) / page * page;
    if (bytes >= LARGE) (void)!madvise((void *)first, bytes - page, MADV_HUGEPAGE);
}

/* The block's own address is kept just before the aligned one. */
lbk_status lbk__alloc_aligned(lbk_context *context, void *out_pointer, size_t bytes) {
    unsigned char *aligned = NULL;
    memcpy(out_pointer, &aligned, sizeof aligned);
    size_t total;
    if (__builtin_add_overflow(bytes, (size_t)ALIGNMENT + sizeof(void *), &total))
        return no_memory(context, SIZE_MAX);
    unsigned char *block = allocate_zeroed(context, total);
    if (!block) return no_memory(context, total);
    uintptr_t first = (uintptr_t)(block + sizeof(void *));
    aligned = block + sizeof(void *) + (ALIGNMENT - first % ALIGNMENT) % ALIGNMENT;
    memcpy(aligned - sizeof(void *), &block, sizeof block);
    prefer_large_pages(aligned, bytes);
    memcpy(out_pointer, &aligned, sizeof aligned);
    return LBK_OK;
}

void lbk__free_aligned(lbk_context *context, void *pointer) {
    if (!pointer) return;
    void *block;
    memcpy(&block, (unsigned char *)pointer - sizeof(void *), sizeof block);
    lbk_free(context, block);
}

lbk_status lbk__check_starved(lbk_context *context) {
    if (!context->starved) return LBK_OK;
    context->starved = false;
    return lbk__fail(context, LBK_NO_MEMORY,
                     "out of memory within a matrix product; use a smaller batch or model, or free memory");
}

lbk_status lbk__copy_bytes(lbk_context *context, const char *text, size_t length, char **out) {
    LBK_TRY(lbk__alloc_array(context, out, length + 1, 1));
    if (length) memcpy(*out, text, length);
    return LBK_OK;
}

lbk_status lbk__copy_string(lbk_context *context, const char *text, char **out) {
    return lbk__copy_bytes(context, text, strlen(text), out);
}

lbk_status lbk__format(lbk_context *context, char **out, const char *format, ...) {
    *out = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return lbk__fail(context, LBK_INTERNAL, "a text could not be formatted");
    LBK_TRY(lbk__alloc_array(context, out, (size_t)length + 1, 1));
    va_start(arguments, format);
    vsnprintf(*out, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return LBK_OK;
}
