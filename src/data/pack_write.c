/* pack_write.c: from the parts of a pack to the finished file. */
#include "base/names.h"
#include "data/pack_builder.h"
#include "format/json.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 16 };

/* ---- the description ---- */

static json_t *names_json(const lbk__name_list *list) {
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->names[i]));
    return array;
}

static json_t *inputs_json(const lbk__loader *loader) {
    json_t *array = json_array();
    for (int i = 0; i < loader->num_inputs; i++)
        json_array_append_new(
            array, json_pack("{s:s, s:s}", "name", loader->inputs[i].name, "sha256", loader->inputs[i].hash));
    return array;
}

static json_t *left_out_json(const lbk__loader *loader) {
    json_t *object = json_object();
    for (int i = 0; i < loader->num_reasons; i++)
        json_object_set_new(object, loader->left_out[i].reason, json_integer(loader->left_out[i].count));
    return object;
}

/* By split; of those that say none, num_skipped alone tells. */
static json_t *skipped_json(const lbk__pack_builder *builder) {
    json_t *object = json_object();
    for (int32_t s = 0; s < builder->skipped_splits.count; s++)
        json_object_set_new(object, builder->skipped_splits.names[s], json_integer(builder->skipped_in[s]));
    return object;
}

static lbk_status describe(const lbk__pack_builder *builder, char **out) {
    static const char *const sources[] = {"jsonl",  "mmimdb",        "openclipart", "snli-ve",
                                          "vqa-v2", "hateful-memes", "easy-vqa",    "appstream"};
    char version[32], vocab[LBK__HASH_SIZE];
    snprintf(version, sizeof version, "limbeck %d.%d.%d", LBK_VERSION_MAJOR, LBK_VERSION_MINOR,
             LBK_VERSION_PATCH);
    lbk__hash_bytes(builder->vocab, builder->vocab_size, vocab);
    json_t *visual;
    LBK_TRY(lbk__visual_source_describe(builder->visual, &visual));
    json_t *tokenizer = json_pack("{s:b, s:i, s:i, s:s}", "cased", builder->options.cased != 0,
                                  "max_text_tokens", builder->options.max_text_tokens, "vocab_size",
                                  lbk_tokenizer_vocab_size(builder->tokenizer), "vocab_sha256", vocab);
    json_t *counts =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "samples", (json_int_t)builder->num_samples, "labelled",
                  (json_int_t)builder->num_labelled, "images", (json_int_t)builder->num_images, "visual_rows",
                  (json_int_t)builder->last[LBK__PART_ROWS], "truncated_texts",
                  (json_int_t)builder->num_truncated, "skipped_records", (json_int_t)builder->num_skipped);
    if (builder->num_skipped) json_object_set_new(counts, "skipped_by_split", skipped_json(builder));
    json_t *source = json_pack("{s:s, s:o, s:o}", "kind", sources[builder->options.source], "inputs",
                               inputs_json(builder->loader), "left_out", left_out_json(builder->loader));
    if (builder->options.no_caps) json_object_set_new(source, "no_caps", json_true());
    json_t *root =
        json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "kind", "pack", "version",
                  LBK__PACK_VERSION, "label_kind", lbk__label_kind_names[builder->options.label_kind],
                  "classes", names_json(&builder->classes), "splits", names_json(&builder->splits), "visual",
                  visual, "tokenizer", tokenizer, "source", source, "counts", counts, "made_by", version);
    lbk_status status = lbk__json_dump(builder->context, root, JSON_COMPACT, out);
    json_decref(root);
    return status;
}

/* ---- the tensors ---- */

static lbk_status copy_part(lbk__pack_builder *builder, lbk__pack_part part, const int32_t *place,
                            lbk__safetensors_writer *writer) {
    int32_t piece[PIECE / sizeof(int32_t)];
    size_t got;
    LBK_TRY(lbk__spool_rewind(builder->parts + part));
    do {
        LBK_TRY(lbk__spool_get(builder->parts + part, piece, sizeof piece, &got));
        for (size_t i = 0; place && i < got / sizeof *piece; i++) piece[i] = place[piece[i]];
        LBK_TRY(lbk__safetensors_writer_put(writer, piece, got));
    } while (got == sizeof piece);
    return LBK_OK;
}

static void specify(const lbk__pack_builder *builder, lbk__tensor_spec specs[LBK__NUM_PARTS]) {
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        const lbk__dtype dtype = lbk__pack_part_dtype(part);
        specs[part] = (lbk__tensor_spec){.name = lbk__pack_part_name(part), .dtype = dtype, .rank = 1};
        specs[part].shape[0] = (int64_t)(builder->parts[part].size / lbk__dtype_size(dtype));
    }
    specs[LBK__PART_ROWS].rank = 2;
    specs[LBK__PART_ROWS].shape[0] = builder->last[LBK__PART_ROWS];
    specs[LBK__PART_ROWS].shape[1] = lbk__visual_source_dim(builder->visual);
}

/* Classes that were found, not given, are sorted: `place` then says where each went. */
static lbk_status sort_classes(lbk__pack_builder *builder, int32_t **place) {
    *place = NULL;
    return builder->options.num_classes ? LBK_OK : lbk__name_list_sort(&builder->classes, place);
}

lbk_status lbk__pack_write(lbk__pack_builder *builder) {
    lbk_context *context = builder->context;
    lbk__safetensors_writer *writer = NULL;
    lbk__tensor_spec specs[LBK__NUM_PARTS];
    char *description = NULL, hash[LBK__HASH_SIZE];
    int32_t *place = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__spool_put(builder->parts + LBK__PART_VOCAB, builder->vocab, builder->vocab_size));
    LBK_GO(sort_classes(builder, &place));
    LBK_GO(describe(builder, &description));
    lbk__hash_bytes(description, strlen(description), hash);
    specify(builder, specs);
    const lbk__metadata metadata[] = {{LBK__PACK_DESCRIPTION, description},
                                      {LBK__PACK_DESCRIPTION_HASH, hash}};
    LBK_GO(lbk__safetensors_writer_open(context, builder->out, specs, LBK__NUM_PARTS, metadata,
                                        LBK_COUNT(metadata), LBK__PACK_CONTENT_HASH, &writer));
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        LBK_GO(copy_part(builder, part, part == LBK__PART_LABEL_CLASS ? place : NULL, writer));
        lbk__spool_close(builder->parts + part); /* its disk space is free for the rest */
    }
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
done:
    lbk__safetensors_writer_close(writer);
    lbk_free(context, description);
    lbk_free(context, place);
    return status;
}
