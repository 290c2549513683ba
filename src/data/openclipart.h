/* openclipart.h: the Open Clip Art library as Debian packages it, made into a data set where both modalities
 * count.
 *
 * walk: every drawing of a folder in use, with the text of its RDF; the label is the library's own folder.
 *
 * look: a small rendering of each: its pixels' hash and its perceptual hash.
 *
 * pick: same pixels with the same label once, few of one title, large classes capped; look-alikes, equal
 * titles and numbered series form groups, and a group is in one split only.
 *
 * The split of a group is a function of its members' paths alone, so it is the same everywhere. */
#ifndef LBK_DATA_OPENCLIPART_H
#define LBK_DATA_OPENCLIPART_H

#include "base/base.h"

typedef enum lbk__drawing_split {
    LBK__DRAWING_TRAIN,
    LBK__DRAWING_DEV,
    LBK__DRAWING_TEST,
    LBK__DRAWING_TRANSFER, /* unlabelled: what a cap or a folder without a class leaves over */
    LBK__DRAWING_LEFT_OUT
} lbk__drawing_split;

typedef struct lbk__drawing {
    char *path, *text; /* path below the library's folder; text without words that give the label away */
    const char *label; /* one string per class, so that addresses can be compared; NULL: none */
    int most_of_class; /* at most so many are labelled */
    uint64_t title;    /* hash of the title */
    uint64_t title_series,
        series;     /* hashes of the title's letters; of the folder and the file name's letters */
    uint64_t order; /* hash of the path: an arbitrary but fixed order */
    uint64_t pixels, fingerprint;
    bool broken, blank; /* cannot be rendered; renders to nothing */
    lbk__drawing_split split;
} lbk__drawing;

typedef struct lbk__drawings {
    lbk__drawing *items;
    size_t count, capacity, wordless; /* wordless: not among the items, for want of a text */
} lbk__drawings;

/* Everything below `folder` (…/openclipart/svg) that is in use, sorted by path. Fields up to `order` are set.
 * A file without readable metadata is kept, marked as broken. */
lbk_status lbk__openclipart_walk(lbk_context *context, const char *folder, lbk__drawings *out);
/* Sets `split` of every drawing from the other fields. */
lbk_status lbk__openclipart_pick(lbk_context *context, lbk__drawings *drawings);
void lbk__openclipart_free(lbk_context *context, lbk__drawings *drawings);

/* Title and description as the text of a sample: entities decoded; artist prefixes, addresses and label words
 * removed. */
lbk_status lbk__openclipart_text(lbk_context *context, const char *title, const char *description,
                                 lbk__text *out);
/* Bytes of `text` that are letters; characters beyond ASCII count as letters. */
size_t lbk__openclipart_letters(const char *text);

/* 64 bits of the SHA-256 of `length` bytes. */
uint64_t lbk__openclipart_hash(const void *data, size_t length);

#endif
