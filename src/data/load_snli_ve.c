/* load_snli_ve.c: the layout of SNLI-VE (Xie et al., 2019): a folder with
 *
 *   snli_ve_train.jsonl, snli_ve_dev.jsonl, snli_ve_test.jsonl
 *       {"Flickr30K_ID", "sentence2", "gold_label", "pairID", …}   sentence2 is the hypothesis
 *   flickr30k_images/ID.jpg
 *
 * or with "Flickr8K_ID" and flickr8k_images/. The caption that the hypothesis was written for, sentence1, is
 * not read: the image stands in its place. Rows on which the annotators did not agree (gold_label "-") are
 * left out. */
#include "data/split_lines.h"

#include <string.h>

typedef struct snli_ve {
    lbk__loader base;
    lbk__split_lines lines;
    char *folder, *images;
} snli_ve;

static const lbk__split_file files[] = {
    {"snli_ve_train.jsonl", "train"}, {"snli_ve_dev.jsonl", "dev"}, {"snli_ve_test.jsonl", "test"}};

static lbk_status add_image(const snli_ve *loader, lbk__json_in in, lbk__record *record) {
    const bool small = !lbk__json_has(in, "Flickr30K_ID") && lbk__json_has(in, "Flickr8K_ID");
    const char *id;
    LBK_TRY(lbk__json_get_string(in, small ? "Flickr8K_ID" : "Flickr30K_ID", &id));
    if (strchr(id, '/'))
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: the image's id \"%s\" has a '/'", in.where, id);
    char *stem;
    LBK_TRY(lbk__format(in.context, &stem, "flickr%s_images/%s", small ? "8k" : "30k", id));
    lbk_status status = lbk__find_image(in.context, loader->images, stem, "jpg", &record->image);
    lbk_free(in.context, stem);
    return status;
}

static lbk_status add_label(lbk__json_in in, const char *label, lbk__record *record) {
    static const char *const labels[] = {"entailment", "neutral", "contradiction"};
    for (size_t i = 0; i < LBK_COUNT(labels); i++)
        if (strcmp(label, labels[i]) == 0) {
            record->labelled = true;
            return lbk__record_add_label(in.context, record, label, 1);
        }
    return lbk__fail(in.context, LBK_BAD_DATA,
                     "%s: gold_label is \"%s\", must be entailment, neutral, contradiction or -", in.where,
                     label);
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    snli_ve *loader = (snli_ve *)base;
    lbk__json_in in;
    const char *split, *label;
    *more = true;
    for (;;) {
        LBK_TRY(lbk__split_lines_next(&loader->lines, &in, &split));
        *more = in.object != NULL;
        if (!*more) return LBK_OK;
        LBK_TRY(lbk__json_get_string(in, "gold_label", &label));
        if (strcmp(label, "-") != 0) break;
        lbk__loader_leave_out(base, "no gold label");
    }
    LBK_TRY(lbk__record_set(base->context, &record->where, in.where, strlen(in.where)));
    LBK_TRY(lbk__record_set(base->context, &record->split, split, strlen(split)));
    LBK_TRY(lbk__record_get_string(in, "pairID", &record->id));
    LBK_TRY(lbk__record_get_string(in, "sentence2", &record->text));
    LBK_TRY(add_label(in, label, record));
    return add_image(loader, in, record);
}

static void close_snli_ve(lbk__loader *base) {
    snli_ve *loader = (snli_ve *)base;
    lbk__split_lines_close(&loader->lines);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader->images);
    lbk_free(base->context, loader);
}

lbk_status lbk__load_snli_ve(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_SINGLE)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "SNLI-VE has one label a row: the label kind must be single");
    snli_ve *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_snli_ve};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    LBK_GO(lbk__copy_string(context, options->image_root ? options->image_root : options->path,
                            &loader->images));
    LBK_GO(lbk__split_lines_open(&loader->base, loader->folder, files, LBK_COUNT(files), &loader->lines));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
