/* vocab.c: reads vocab.txt into a hash table. The hash runs byte by byte from the left (FNV-1a), so one pass
 * over a word gives the hashes of all its prefixes, which are then looked up from the longest down. */
#include "data/vocab.h"

#include "base/file.h"

#include <string.h>

enum { FILE_LIMIT = 1 << 28 };
static const char continuation[] = "##";
static const uint32_t hash_of_nothing = 2166136261u, hash_factor = 16777619u;

static uint32_t hash_byte(uint32_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * hash_factor;
}

static uint32_t hash_bytes(const char *text, size_t length) {
    uint32_t hash = hash_of_nothing;
    for (size_t i = 0; i < length; i++) hash = hash_byte(hash, text[i]);
    return hash;
}

/* FNV's high bits are its good ones. */
static uint32_t slot_of(const lbk__vocab *vocab, uint32_t hash) {
    return (hash ^ hash >> 15) & vocab->mask;
}

static const char *line_of(const lbk__vocab *vocab, int32_t id, size_t *length) {
    const char *line = vocab->text + vocab->start[id];
    *length = vocab->start[id + 1] - vocab->start[id] - 1;
    if (*length && line[*length - 1] == '\r') --*length;
    return line;
}

/* The slot that holds prefix + piece, or the empty one where it belongs. */
static lbk__vocab_slot *probe(const lbk__vocab *vocab, uint32_t hash, const char *prefix, const char *piece,
                              size_t length) {
    size_t before = strlen(prefix);
    for (uint32_t i = slot_of(vocab, hash);; i = (i + 1) & vocab->mask) {
        lbk__vocab_slot *slot = &vocab->slots[i];
        if (slot->id < 0) return slot;
        if (slot->hash != hash) continue;
        size_t line_length;
        const char *line = line_of(vocab, slot->id, &line_length);
        if (line_length == before + length && memcmp(line, prefix, before) == 0 &&
            memcmp(line + before, piece, length) == 0)
            return slot;
    }
}

int32_t lbk__vocab_find(const lbk__vocab *vocab, const char *piece, size_t length) {
    return probe(vocab, hash_bytes(piece, length), "", piece, length)->id;
}

int32_t lbk__vocab_longest(const lbk__vocab *vocab, bool continuing, const char *text, size_t length,
                           size_t *taken) {
    const char *prefix = continuing ? continuation : "";
    uint32_t hash = hash_bytes(prefix, strlen(prefix)), hashes[LBK__WORD_BYTES + 1];
    size_t most = LBK_MIN(LBK_MIN(length, vocab->longest), (size_t)LBK__WORD_BYTES);
    for (size_t i = 0; i < most; i++) hashes[i + 1] = hash = hash_byte(hash, text[i]);
    for (size_t n = most; n > 0; n--) {
        int32_t id = probe(vocab, hashes[n], prefix, text, n)->id;
        if (id >= 0) {
            *taken = n;
            return id;
        }
    }
    *taken = 0;
    return -1;
}

/* Finds the lines: start[0 … size]. Every line ends in '\n', the last by the 0 after the file if need be. */
static lbk_status find_lines(lbk_context *context, lbk__vocab *vocab, size_t length) {
    if (length && vocab->text[length - 1] != '\n') vocab->text[length++] = '\n';
    size_t lines = 0;
    for (size_t i = 0; i < length; i++) lines += vocab->text[i] == '\n';
    if (lines == 0)
        return lbk__fail(context, LBK_BAD_DATA, "the file is empty; a vocab.txt has one token a line");
    LBK_TRY(LBK_ALLOC(context, vocab->start, lines + 1));
    vocab->size = (int32_t)lines;
    size_t line = 0;
    for (size_t i = 0; i < length; i++)
        if (vocab->text[i] == '\n') vocab->start[++line] = (uint32_t)(i + 1);
    return LBK_OK;
}

static lbk_status fill_table(lbk_context *context, lbk__vocab *vocab) {
    size_t slots = 16;
    while (slots < 2 * (size_t)vocab->size) slots *= 2;
    LBK_TRY(LBK_ALLOC(context, vocab->slots, slots));
    vocab->mask = (uint32_t)(slots - 1);
    for (size_t i = 0; i < slots; i++) vocab->slots[i].id = -1;
    for (int32_t id = 0; id < vocab->size; id++) {
        size_t length;
        const char *line = line_of(vocab, id, &length);
        size_t valid = lbk__utf8_valid(line, length);
        if (valid != length)
            return lbk__fail(context, LBK_BAD_DATA, "line %d: byte %zu of the line is not valid UTF-8",
                             id + 1, valid + 1);
        uint32_t hash = hash_bytes(line, length);
        *probe(vocab, hash, "", line, length) = (lbk__vocab_slot){hash, id};
        vocab->longest = LBK_MAX(vocab->longest, length);
    }
    return LBK_OK;
}

lbk_status lbk__vocab_open(lbk_context *context, const char *path, lbk__vocab *out) {
    *out = (lbk__vocab){0};
    size_t length;
    LBK_TRY(lbk__read_file(context, path, FILE_LIMIT, &out->text, &length));
    lbk_status status = find_lines(context, out, length);
    if (status == LBK_OK) status = fill_table(context, out);
    if (status != LBK_OK) {
        lbk__vocab_close(context, out);
        return lbk__fail_at(context, status, "%s", path);
    }
    return LBK_OK;
}

void lbk__vocab_close(lbk_context *context, lbk__vocab *vocab) {
    lbk_free(context, vocab->slots);
    lbk_free(context, vocab->start);
    lbk_free(context, vocab->text);
    *vocab = (lbk__vocab){0};
}
