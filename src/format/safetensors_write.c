/* safetensors_write.c: writing as a stream: header first, then the tensors' data in order. The header is
 * padded so that the data start at a multiple of 64; writers put wide types first, so that every tensor is
 * aligned for its type. */
#include "format/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_ALIGNMENT = 64 };

struct lbk__safetensors_writer {
    lbk_context *context;
    lbk__writer file;
    lbk__hasher *hasher;
    uint64_t promised, hash_offset; /* 0: no hash in the header */
};

static const char hash_place[] = "0000000000000000000000000000000000000000000000000000000000000000";

static lbk_status entry_bytes(lbk_context *context, const lbk__tensor_spec *spec, uint64_t *bytes) {
    *bytes = lbk__dtype_size(spec->dtype);
    if (spec->rank < 0 || spec->rank > LBK__MAX_RANK)
        return lbk__fail(context, LBK_INTERNAL, "tensor \"%s\" has %d dimensions", spec->name, spec->rank);
    for (int i = 0; i < spec->rank; i++)
        if (spec->shape[i] < 0 || __builtin_mul_overflow(*bytes, (uint64_t)spec->shape[i], bytes))
            return lbk__fail(context, LBK_INTERNAL, "tensor \"%s\" has an impossible shape", spec->name);
    return LBK_OK;
}

static json_t *describe(const lbk__tensor_spec *spec, uint64_t begin, uint64_t end) {
    json_t *shape = json_array();
    for (int i = 0; i < spec->rank; i++) json_array_append_new(shape, json_integer(spec->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", lbk__dtype_name(spec->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* 0 for success; a key may be there once. */
static int add(json_t *object, const char *key, json_t *value) {
    if (!json_object_get(object, key)) return json_object_set_new(object, key, value);
    json_decref(value);
    return -1;
}

static lbk_status header_text(lbk__safetensors_writer *writer, const lbk__tensor_spec *specs,
                              size_t num_specs, const lbk__metadata *metadata, size_t num_metadata,
                              const char *hash_key, char **out) {
    json_t *header = json_object(), *about = json_object();
    lbk_status status = LBK_OK;
    int failed = 0;
    *out = NULL;
    if (hash_key) failed |= add(about, hash_key, json_string(hash_place));
    for (size_t i = 0; i < num_metadata; i++)
        failed |= add(about, metadata[i].key, json_string(metadata[i].value));
    failed |= add(header, "__metadata__", about);
    for (size_t i = 0; i < num_specs; i++) {
        uint64_t bytes;
        LBK_GO(entry_bytes(writer->context, &specs[i], &bytes));
        const uint64_t begin = writer->promised;
        if (__builtin_add_overflow(writer->promised, bytes, &writer->promised)) failed = 1;
        failed |= add(header, specs[i].name, describe(&specs[i], begin, writer->promised));
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    if (!text) {
        status =
            lbk__fail(writer->context, LBK_INTERNAL,
                      "%s: its header could not be made: a name that is there twice, or that is no UTF-8?",
                      writer->file.path);
        goto done;
    }
    status = lbk__copy_string(writer->context, text, out);
    free(text);
done:
    json_decref(header);
    return status;
}

static lbk_status write_header(lbk__safetensors_writer *writer, const char *text, bool hashed) {
    const size_t length = strlen(text),
                 padded = (length + 8 + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT - 8;
    unsigned char size[8];
    for (int i = 0; i < 8; i++) size[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    LBK_TRY(lbk__writer_put(&writer->file, size, sizeof size));
    LBK_TRY(lbk__writer_put(&writer->file, text, length));
    static const char spaces[DATA_ALIGNMENT + 1] =
        "                                                                ";
    LBK_TRY(lbk__writer_put(&writer->file, spaces, padded - length));
    const char *place = hashed ? strstr(text, hash_place) : NULL; /* the first metadata value */
    if (place) writer->hash_offset = 8 + (uint64_t)(place - text);
    return LBK_OK;
}

lbk_status lbk__safetensors_writer_open(lbk_context *context, const char *path, const lbk__tensor_spec *specs,
                                        size_t num_specs, const lbk__metadata *metadata, size_t num_metadata,
                                        const char *hash_key, lbk__safetensors_writer **out) {
    *out = NULL;
    lbk__safetensors_writer *writer;
    LBK_TRY(LBK_ALLOC(context, writer, 1));
    lbk_status status = LBK_OK;
    char *text = NULL;
    writer->context = context;
    LBK_GO(lbk__writer_open(context, path, &writer->file));
    LBK_GO(lbk__hasher_create(context, &writer->hasher));
    LBK_GO(header_text(writer, specs, num_specs, metadata, num_metadata, hash_key, &text));
    LBK_GO(write_header(writer, text, hash_key != NULL));
    writer->file.written = 0; /* from here on: bytes of data */
    *out = writer;
done:
    lbk_free(context, text);
    if (status != LBK_OK) lbk__safetensors_writer_close(writer);
    return status;
}

lbk_status lbk__safetensors_writer_put(lbk__safetensors_writer *writer, const void *data, size_t bytes) {
    if (bytes > writer->promised - writer->file.written)
        return lbk__fail(writer->context, LBK_INTERNAL, "%s: more data than its tensors have",
                         writer->file.path);
    lbk__hasher_update(writer->hasher, data, bytes);
    return lbk__writer_put(&writer->file, data, bytes);
}

lbk_status lbk__safetensors_writer_commit(lbk__safetensors_writer *writer, char hash[LBK__HASH_SIZE]) {
    char digest[LBK__HASH_SIZE];
    if (writer->file.written != writer->promised)
        return lbk__fail(writer->context, LBK_INTERNAL, "%s: %llu bytes of data missing", writer->file.path,
                         (unsigned long long)(writer->promised - writer->file.written));
    lbk__hasher_finish(writer->context, writer->hasher, digest);
    writer->hasher = NULL;
    if (writer->hash_offset) {
        LBK_TRY(lbk__writer_seek(&writer->file, writer->hash_offset));
        LBK_TRY(lbk__writer_put(&writer->file, digest, LBK__HASH_SIZE - 1));
    }
    if (hash) memcpy(hash, digest, sizeof digest);
    return lbk__writer_commit(&writer->file);
}

void lbk__safetensors_writer_close(lbk__safetensors_writer *writer) {
    if (!writer) return;
    lbk_context *context = writer->context;
    char unused[LBK__HASH_SIZE];
    if (writer->hasher) lbk__hasher_finish(context, writer->hasher, unused);
    lbk__writer_close(&writer->file);
    lbk_free(context, writer);
}
