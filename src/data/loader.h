/* loader.h: raw data sets as one stream of records. A loader is one file; it knows its layout and nothing of
 * packs. */
#ifndef LBK_DATA_LOADER_H
#define LBK_DATA_LOADER_H

#include "base/base.h"
#include "base/file.h"
#include "data/image.h"
#include "format/json.h"

/* Buffers are reused from record to record. */
typedef struct lbk__record {
    lbk__text where; /* for messages: "data.jsonl, line 7" */
    lbk__text id, text, split;
    lbk__text image;  /* path below the loader's image root, and key of a features file; empty: none */
    lbk__text labels; /* the names of classes, each with a 0 after it */
    float *scores;    /* [num_labels] 1, or the score of a soft label */
    size_t scores_capacity;
    int32_t num_labels;
    bool labelled;
} lbk__record;

void lbk__record_clear(lbk__record *record); /* keeps the buffers */
void lbk__record_free(lbk_context *context, lbk__record *record);
/* Sets one of the record's texts. */
lbk_status lbk__record_set(lbk_context *context, lbk__text *field, const char *text, size_t length);
/* The same from a key of a JSON object: a text; for the id, a text or a whole number. */
lbk_status lbk__record_get_string(lbk__json_in in, const char *key, lbk__text *field);
lbk_status lbk__record_get_id(lbk__json_in in, const char *key, lbk__record *record);
/* A label that the record has already is not added twice. */
lbk_status lbk__record_add_label(lbk_context *context, lbk__record *record, const char *name, float score);

enum { LBK__MAX_INPUTS = 16, LBK__MAX_REASONS = 4 };

typedef struct lbk__loader lbk__loader;
struct lbk__loader {
    lbk_context *context;
    /* The next record; *more false at the end. LBK_BAD_DATA is about this record only: asked again, the
     * loader goes on with the one after it. Any other failure ends the stream. */
    lbk_status (*next)(lbk__loader *loader, lbk__record *record, bool *more);
    void (*close)(lbk__loader *loader); /* frees the loader itself, too */
    lbk__image_kind image_kind;
    uint64_t total; /* records to come; 0: not known */
    /* What the records come from: file names without folders, and SHA-256 of their content. */
    struct lbk__input {
        char *name;
        char hash[LBK__HASH_SIZE];
    } inputs[LBK__MAX_INPUTS];
    int num_inputs;
    /* What the layout itself leaves out, such as rows without a gold label; told in the pack's description.
     */
    struct lbk__left_out {
        const char *reason; /* a constant */
        int64_t count;
    } left_out[LBK__MAX_REASONS];
    int num_reasons;
};

lbk_status lbk__load_jsonl(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_mmimdb(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_mmimdb_hdf5(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_openclipart(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_snli_ve(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_vqa_v2(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_hateful_memes(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_easy_vqa(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
lbk_status lbk__load_appstream(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);

/* By options->source. */
lbk_status lbk__loader_open(lbk_context *context, const lbk_pack_options *options, lbk__loader **out);
void lbk__loader_close(lbk__loader *loader); /* NULL is allowed */
/* For loaders: adds an input that is a file, with the hash of its content. */
lbk_status lbk__loader_add_input(lbk__loader *loader, const char *path);
/* Counts one more that is left out for `reason`, a constant. */
void lbk__loader_leave_out(lbk__loader *loader, const char *reason);
/* The path of an image whose extension is not known: STEM.jpg, .png, .webp or .jpeg, whichever is below
 * `root`; with `usual` where none is (features may have it all the same), which is looked for first. */
lbk_status lbk__find_image(lbk_context *context, const char *root, const char *stem, const char *usual,
                           lbk__text *image);

#endif
