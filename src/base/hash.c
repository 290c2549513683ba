/* hash.c: SHA-256 by OpenSSL, the fastest where a processor has no instruction for it. By its functions of
 * version 1.1: the later ones allocate, read a configuration file, and stay broken once memory was short. */
#define OPENSSL_API_COMPAT 10100
#include "base/file.h"

#include <openssl/sha.h>

struct lbk__hasher {
    SHA256_CTX state;
};

lbk_status lbk__hasher_create(lbk_context *context, lbk__hasher **out) {
    LBK_TRY(lbk__alloc_array(context, out, 1, sizeof **out));
    SHA256_Init(&(*out)->state);
    return LBK_OK;
}

void lbk__hasher_update(lbk__hasher *hasher, const void *data, size_t size) {
    SHA256_Update(&hasher->state, data, size);
}

static void finish(SHA256_CTX *state, char out[LBK__HASH_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[LBK__DIGEST_SIZE];
    SHA256_Final(digest, state);
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

void lbk__digest_bytes(const void *data, size_t size, uint8_t out[LBK__DIGEST_SIZE]) {
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, data, size);
    SHA256_Final(out, &state);
}

void lbk__hash_bytes(const void *data, size_t size, char out[LBK__HASH_SIZE]) {
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, data, size);
    finish(&state, out);
}

/* Read in pieces: a mapped file of any size would count as resident memory. */
lbk_status lbk__hash_file(lbk_context *context, const char *path, char out[LBK__HASH_SIZE]) {
    FILE *file;
    LBK_TRY(lbk__open_regular(context, path, &file));
    SHA256_CTX state;
    SHA256_Init(&state);
    uint8_t buffer[1 << 16];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) SHA256_Update(&state, buffer, got);
    lbk_status status = ferror(file) ? lbk__fail_errno(context, "%s: cannot read", path) : LBK_OK;
    fclose(file);
    finish(&state, out);
    return status;
}
