/* hash.c: SHA-256 by nettle. */
#include "base/file.h"

#include <nettle/sha2.h>

struct lbk__hasher {
    struct sha256_ctx state;
};

lbk_status lbk__hasher_create(lbk_context *context, lbk__hasher **out) {
    LBK_TRY(lbk__alloc_array(context, out, 1, sizeof **out));
    sha256_init(&(*out)->state);
    return LBK_OK;
}

void lbk__hasher_update(lbk__hasher *hasher, const void *data, size_t size) {
    sha256_update(&hasher->state, size, data);
}

static void finish(struct sha256_ctx *state, char out[LBK__HASH_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(state, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * sizeof digest] = 0;
}

void lbk__hasher_finish(lbk_context *context, lbk__hasher *hasher, char out[LBK__HASH_SIZE]) {
    finish(&hasher->state, out);
    lbk_free(context, hasher);
}

void lbk__hash_bytes(const void *data, size_t size, char out[LBK__HASH_SIZE]) {
    struct sha256_ctx state;
    sha256_init(&state);
    sha256_update(&state, size, data);
    finish(&state, out);
}

/* Read in pieces: a mapped file of any size would count as resident memory. */
lbk_status lbk__hash_file(lbk_context *context, const char *path, char out[LBK__HASH_SIZE]) {
    FILE *file = fopen(path, "rbe");
    if (!file) return lbk__fail_errno(context, "%s: cannot open", path);
    struct sha256_ctx state;
    sha256_init(&state);
    uint8_t buffer[1 << 16];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) sha256_update(&state, got, buffer);
    lbk_status status = ferror(file) ? lbk__fail_errno(context, "%s: cannot read", path) : LBK_OK;
    fclose(file);
    finish(&state, out);
    return status;
}
