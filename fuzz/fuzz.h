/* fuzz.h: what every target starts from. A target is one reader: it gets bytes, lays them out as the file or
 * files that the reader wants, and calls it. What must not happen ends the process: a crash, what the
 * sanitizers see, memory beyond the target's bound, a block that is not freed, more than a second of
 * processor time.
 *
 * Several files in one input are parted by the line "%%": "\n%%\n". */
#ifndef LBK_FUZZ_FUZZ_H
#define LBK_FUZZ_FUZZ_H

#include "base/file.h"

#include <jansson.h>

typedef struct fuzz_bytes {
    const char *data;
    size_t size;
} fuzz_bytes;

typedef struct fuzz_target {
    const char *name;
    void (*run)(lbk_context *context, fuzz_bytes input);
    void (*seed)(lbk_context *context); /* gives inputs to start from by fuzz_seed… */
    /* The reader may hold 4 MiB and this many times the input from the context at once. */
    size_t multiple;
} fuzz_target;

extern const fuzz_target *const fuzz_targets[];
extern const size_t fuzz_num_targets;
const fuzz_target *fuzz_find(const char *name); /* NULL: none */

/* Runs one input of a target and checks its promises. */
void fuzz_run(const fuzz_target *target, fuzz_bytes input);
/* What the reader said last of that input; "" when it had nothing to say. */
const char *fuzz_sentence(void);
/* Calls `each` for the seeds of a target. */
typedef void fuzz_each_seed(const fuzz_target *target, const char *name, fuzz_bytes seed);
void fuzz_make_seeds(const fuzz_target *target, fuzz_each_seed *each);

/* ---- for targets: inputs to files ---- */

/* Takes the part of the input before the next separator, or all of it. */
fuzz_bytes fuzz_part(fuzz_bytes *input);
/* Takes a number below `limit` from the input's first byte. */
int fuzz_choice(fuzz_bytes *input, int limit);
/* The path of `name` in this process's own folder, in memory where there is /dev/shm; one of eight buffers.
 */
const char *fuzz_path(const char *name);
/* Writes the file, its folders are made; returns its path. */
const char *fuzz_put(const char *name, fuzz_bytes content);
void fuzz_remove(const char *name); /* a file, or a folder with all that is in it */
/* As fuzz_put, content as it is, or as a zip container of stored entries that are named and follow each
 * other: name, content. */
const char *fuzz_put_zip(const char *name, const char *const *entries, const fuzz_bytes *contents,
                         size_t count);
/* A safetensors file: where the input has two parts they are its header and its data, and the header's length
 * is right; else the input is the file as it is. */
const char *fuzz_put_tensors(const char *name, fuzz_bytes *input);
#define FUZZ_TEXT(text) ((fuzz_bytes){text, sizeof(text) - 1})

/* ---- for targets: seeds ---- */

void fuzz_seed(const char *name, fuzz_bytes seed);
void fuzz_seed_text(const char *name, const char *text);
/* A file of the repository as it is. */
void fuzz_seed_file(lbk_context *context, const char *path);
/* A safetensors file in two parts. */
void fuzz_seed_tensors(lbk_context *context, const char *path);
/* The file's bytes in fresh memory: freed by lbk_free. */
fuzz_bytes fuzz_read(lbk_context *context, const char *path);
/* Ends the process with the context's sentence when a seed cannot be made. */
#define FUZZ_MUST(context, expression) fuzz_must(context, expression, #expression)
void fuzz_must(lbk_context *context, lbk_status status, const char *what);

/* ---- fixtures of fixed content, made once per process ---- */

#define FUZZ_VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nbig\n##er\n"
const char *fuzz_vocab(void); /* a vocab.txt with it */
const char *
fuzz_pack(void); /* a pack: six samples, two classes, splits train, dev, test, pictures of 4 patches */
const char *fuzz_model(void); /* a model folder for it */
const char *fuzz_cache(void); /* what the model says of the pack */

#endif
