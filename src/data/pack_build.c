/* pack_build.c: lbk_pack_build: options to builder, builder to file, file to summary. */
#include "data/pack_builder.h"

#include "base/guest.h"
#include "data/pack_summary.h"
#include "format/kind.h"

#include <string.h>

enum { RECORDS_IN_BATCH = 256, LONGEST_VOCAB = 64 << 20 };

static lbk_status check_options(lbk_context *context, lbk_pack_options *options) {
    if (!options->path || !options->vocab)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a pack needs a source (path) and a vocab.txt (vocab)");
    if (options->num_classes && !options->classes)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "num_classes is %zu, but classes is NULL",
                         options->num_classes);
    if (options->label_kind > LBK_LABEL_SOFT || options->visual > LBK_VISUAL_ENCODER)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "label_kind %d or visual %d is none that limbeck knows", (int)options->label_kind,
                         (int)options->visual);
    if (options->no_caps && options->source != LBK_SOURCE_OPENCLIPART)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "no_caps goes with the source openclipart alone");
    if (options->max_text_tokens == 0) options->max_text_tokens = 128;
    if (options->max_text_tokens < 3)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "max_text_tokens is %d; it must be at least 3: [CLS], a token, [SEP]",
                         options->max_text_tokens);
    if (options->num_classes > LBK__MAX_CLASSES)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%zu classes; at most %d are possible",
                         options->num_classes, LBK__MAX_CLASSES);
    return LBK_OK;
}

static lbk_status add_given_classes(lbk__pack_builder *builder) {
    for (size_t c = 0; c < builder->options.num_classes; c++) {
        const char *name = builder->options.classes[c];
        int32_t number;
        if (!name || !*name || lbk__utf8_valid(name, strlen(name)) != strlen(name))
            return lbk__fail(builder->context, LBK_INVALID_ARGUMENT, "class %zu is empty or not valid UTF-8",
                             c);
        LBK_TRY(lbk__name_list_add(&builder->classes, name, &number));
        if ((size_t)number != c)
            return lbk__fail(builder->context, LBK_INVALID_ARGUMENT, "class \"%s\" is given twice", name);
    }
    return LBK_OK;
}

/* What image paths start from: the folder that is the source, or the folder of the file. */
static lbk_status image_root(lbk_context *context, const lbk_pack_options *options, char **out) {
    if (options->image_root) return lbk__copy_string(context, options->image_root, out);
    if (lbk__is_folder(options->path)) return lbk__copy_string(context, options->path, out);
    const size_t folder = (size_t)(lbk__base_name(options->path) - options->path);
    return lbk__copy_bytes(context, options->path, folder, out);
}

static lbk_status make_batch(lbk__pack_builder *builder) {
    builder->slot_capacity = RECORDS_IN_BATCH;
    LBK_TRY(LBK_ALLOC(builder->context, builder->slots, RECORDS_IN_BATCH));
    LBK_TRY(LBK_ALLOC(builder->context, builder->pictures, RECORDS_IN_BATCH));
    LBK_TRY(LBK_ALLOC(builder->context, builder->row_start, RECORDS_IN_BATCH + 1));
    return LBK_ALLOC(builder->context, builder->failed, RECORDS_IN_BATCH);
}

static lbk_status open_parts(lbk__pack_builder *builder) {
    static const lbk__pack_part offsets[] = {LBK__PART_ID_OFFSET,    LBK__PART_TEXT_OFFSET,
                                             LBK__PART_TOKEN_OFFSET, LBK__PART_LABEL_OFFSET,
                                             LBK__PART_ROW_OFFSET,   LBK__PART_PATH_OFFSET};
    const int64_t zero = 0;
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++)
        LBK_TRY(lbk__spool_open(builder->context, builder->out, builder->parts + part));
    for (size_t i = 0; i < LBK_COUNT(offsets); i++)
        LBK_TRY(lbk__spool_put(builder->parts + offsets[i], &zero, sizeof zero));
    return LBK_OK;
}

static lbk_status open_builder(lbk_context *context, const lbk_pack_options *options, const char *out,
                               lbk__pack_builder *builder) {
    *builder = (lbk__pack_builder){.context = context, .options = *options, .out = out};
    lbk__name_map_start(context, &builder->ids);
    lbk__name_map_start(context, &builder->images);
    lbk__name_list_start(context, &builder->classes);
    lbk__name_list_start(context, &builder->splits);
    lbk__name_list_start(context, &builder->skipped_splits);
    LBK_TRY(check_options(context, &builder->options));
    LBK_TRY(add_given_classes(builder));
    LBK_TRY(lbk__read_file(context, options->vocab, LONGEST_VOCAB, &builder->vocab, &builder->vocab_size));
    LBK_TRY(lbk_tokenizer_open(context, options->vocab, options->cased, &builder->tokenizer));
    LBK_TRY(lbk__lock_file(context, out, &builder->lock));
    LBK_TRY(lbk__refuse_others(context, out, "pack"));
    LBK_TRY(open_parts(builder)); /* a place that cannot be written is found before long work */
    LBK_TRY(lbk__loader_open(context, &builder->options, &builder->loader));
    char *root;
    LBK_TRY(image_root(context, options, &root));
    lbk_status status = lbk__visual_source_open(context, &builder->options, root, builder->loader->image_kind,
                                                LBK__ENCODER_BATCH, &builder->visual);
    lbk_free(context, root);
    LBK_TRY(status);
    lbk__visual_source_watch(builder->visual);
    LBK_TRY(lbk__visual_source_prepare(builder->visual));
    return make_batch(builder);
}

static void close_builder(lbk__pack_builder *builder) {
    lbk_context *context = builder->context;
    for (size_t i = 0; builder->slots && i < builder->slot_capacity; i++) {
        lbk__record_free(context, &builder->slots[i].record);
        lbk_free(context, builder->slots[i].tokens);
    }
    lbk_free(context, builder->slots);
    lbk_free(context, builder->pictures);
    lbk_free(context, builder->row_start);
    lbk_free(context, builder->failed);
    lbk_free(context, builder->rows);
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) lbk__spool_close(builder->parts + part);
    lbk__visual_source_close(builder->visual);
    lbk__loader_close(builder->loader);
    lbk_tokenizer_close(builder->tokenizer);
    lbk_free(context, builder->vocab);
    lbk__name_map_free(&builder->ids);
    lbk__name_map_free(&builder->images);
    lbk__name_list_free(&builder->classes);
    lbk__name_list_free(&builder->splits);
    lbk__name_list_free(&builder->skipped_splits);
    lbk__unlock(&builder->lock);
}

/* What the layout left out and what no sample asked for. */
static void report_rest(const lbk__pack_builder *builder) {
    const lbk__loader *loader = builder->loader;
    for (int i = 0; i < loader->num_reasons; i++)
        lbk__log(builder->context, LBK_LOG_INFO, "left out %lld: %s", (long long)loader->left_out[i].count,
                 loader->left_out[i].reason);
    const int64_t unused = lbk__visual_source_num_unused(builder->visual);
    if (unused > 0)
        lbk__log(builder->context, LBK_LOG_INFO, "the features of %lld images belong to no sample",
                 (long long)unused);
}

static void report_skipped(const lbk__pack_builder *builder) {
    const lbk__name_list *splits = &builder->skipped_splits;
    if (builder->num_skipped)
        lbk__log(builder->context, LBK_LOG_WARNING, "skipped %lld bad records of %lld",
                 (long long)builder->num_skipped, (long long)builder->num_records);
    for (int32_t s = 0; s < splits->count; s++)
        lbk__log(builder->context, LBK_LOG_WARNING, "skipped %lld of the split %s",
                 (long long)builder->skipped_in[s], splits->names[s]);
}

static lbk_status read_all(lbk__pack_builder *builder) {
    lbk_context *context = builder->context;
    while (!builder->ended) {
        if (lbk__interrupted(context))
            return lbk__fail(context, LBK_INTERRUPTED,
                             "stopped after %lld records; nothing was written to %s",
                             (long long)builder->num_records, builder->out);
        LBK_TRY(lbk__pack_read_batch(builder));
        LBK_TRY(lbk__pack_append_batch(builder));
        lbk__report(context, "pack", "records", (uint64_t)builder->num_records, builder->loader->total, NULL);
    }
    report_rest(builder);
    report_skipped(builder);
    if (builder->num_samples && !builder->num_labelled)
        lbk__log(context, LBK_LOG_WARNING, "no record has a label: a model can learn from a teacher only");
    if (builder->num_samples && !builder->num_images && lbk__visual_source_dim(builder->visual))
        lbk__log(context, LBK_LOG_WARNING,
                 "no record has an image: a model learns from texts alone; is the key called \"image\"?");
    if (builder->num_samples) return LBK_OK;
    return lbk__fail(context, LBK_BAD_DATA, "%s: no usable record in it", builder->options.path);
}

lbk_status lbk_pack_build(lbk_context *context, const lbk_pack_options *options, const char *out,
                          char **summary) {
    LBK__GUEST(context);
    if (summary) *summary = NULL;
    if (!out) return lbk__fail(context, LBK_INVALID_ARGUMENT, "a pack needs a place to write to");
    lbk__pack_builder *builder;
    LBK_TRY(LBK_ALLOC(context, builder, 1));
    lbk_status status = LBK_OK;
    LBK_GO(open_builder(context, options, out, builder));
    LBK_GO(read_all(builder));
    LBK_GO(lbk__pack_write(builder));
    if (summary) LBK_GO(lbk__pack_summary(context, out, summary));
done:
    if (builder->context) close_builder(builder);
    lbk_free(context, builder);
    return status;
}
