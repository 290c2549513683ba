/* limbeck.h: knowledge distillation of vision-and-language transformers.
 *
 * This header is the manual of the library. Conventions that hold everywhere:
 *
 *   - Every function that can fail returns lbk_status; LBK_OK is 0. On failure the context keeps a sentence
 *     that says what was wrong, where, and what to do: lbk_error(context).
 *   - A context and everything made from it belong to one thread at a time. Contexts do not share anything.
 *   - The library never prints, exits or installs handlers: log, progress and interruption are callbacks.
 *   - Strings are UTF-8. Paths are relative to the working directory unless a field says otherwise.
 *   - Strings that a function returns through `char **` are freed with lbk_free(context, pointer).
 *   - Functions that return an object (`lbk_thing **out`) set *out to NULL when they fail.
 *   - Equation numbers (1) … (12) are those of docs/method.md.
 */
#ifndef LIMBECK_LIMBECK_H
#define LIMBECK_LIMBECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LBK_VERSION_MAJOR 0
#define LBK_VERSION_MINOR 1
#define LBK_VERSION_PATCH 0

#define LBK_PUBLIC __attribute__((visibility("default")))

/* ---------------------------------------------------------------------------------------------- status -- */

/* Every status, once: name, exit code of the command line, and what kind of trouble it is. */
#define LBK_STATUS_LIST(X)                                                      \
    X(LBK_OK, 0, "success")                                                     \
    X(LBK_INVALID_ARGUMENT, 2, "an argument or a configuration value is wrong") \
    X(LBK_BAD_DATA, 3, "a file's content is wrong")                             \
    X(LBK_MISMATCH, 4, "files that do not belong together")                     \
    X(LBK_IO, 5, "the operating system refused to read or write")               \
    X(LBK_NO_MEMORY, 6, "out of memory, or over the memory limit that was set") \
    X(LBK_NUMERIC, 7, "numbers that are not finite")                            \
    X(LBK_BUSY, 8, "another process is working there")                          \
    X(LBK_INTERRUPTED, 130, "stopped on request, state saved")                  \
    X(LBK_INTERNAL, 70, "a fault in limbeck itself")

typedef enum lbk_status {
#define LBK_STATUS_ENUM(name, exit_code, text) name,
    LBK_STATUS_LIST(LBK_STATUS_ENUM)
#undef LBK_STATUS_ENUM
} lbk_status;

/* The name ("LBK_BAD_DATA"), the sentence and the process exit code of a status. Never NULL. */
LBK_PUBLIC const char *lbk_status_name(lbk_status status);
LBK_PUBLIC const char *lbk_status_text(lbk_status status);
LBK_PUBLIC int lbk_status_exit_code(lbk_status status);

/* --------------------------------------------------------------------------------------------- context -- */

typedef struct lbk_context lbk_context;

typedef enum lbk_log_level { LBK_LOG_DEBUG, LBK_LOG_INFO, LBK_LOG_WARNING } lbk_log_level;

/* How far a long call has come. `total` is 0 when it is not known. `note` is a short text such as
 * "loss 0.512  dev accuracy 0.61", valid during the call only. */
typedef struct lbk_progress {
    const char *stage; /* "pack", "train", "probe", … */
    const char *unit;  /* "samples", "steps", … */
    uint64_t done, total;
    const char *note;
} lbk_progress;

/* All fields may be 0: then malloc/realloc/free are used, nothing is logged, nothing interrupts, and the
 * number of threads is that of the OpenMP runtime. */
typedef struct lbk_context_options {
    /* As realloc; size 0 frees and returns NULL. May return NULL for "no memory". */
    void *(*allocate)(void *user, void *pointer, size_t size);
    void (*log)(void *user, lbk_log_level level, const char *line);
    void (*progress)(void *user, const lbk_progress *progress);
    /* Asked between steps: non-zero makes a long call save its state and return LBK_INTERRUPTED. */
    int (*interrupted)(void *user);
    void *user;
    int num_threads;
} lbk_context_options;

/* `options` may be NULL. Fails with LBK_NO_MEMORY or LBK_INVALID_ARGUMENT (num_threads < 0). */
LBK_PUBLIC lbk_status lbk_context_create(const lbk_context_options *options, lbk_context **out);
/* Everything made from the context must be closed before. NULL is allowed. */
LBK_PUBLIC void lbk_context_destroy(lbk_context *context);
/* The sentence of the last failure; "" when nothing failed yet. Valid until the next call with the context.
 */
LBK_PUBLIC const char *lbk_error(const lbk_context *context);
LBK_PUBLIC void lbk_free(lbk_context *context, void *pointer);

/* ------------------------------------------------------------------------------------------- tokenizer -- */

/* -------------------------------------------------------------------------------------------- pack ------ */

/* -------------------------------------------------------------------------------------- configuration -- */

/* ------------------------------------------------------------------------- train, probe, distill, eval -- */

/* ------------------------------------------------------------------------------------ model, predict --- */

/* ------------------------------------------------------------------------------------------------ info -- */

/* ----------------------------------------------------------------------------------------------- bench -- */

#ifdef __cplusplus
}
#endif
#endif
