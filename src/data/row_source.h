/* row_source.h: files that have the visual rows of images ready, each image as many as it has: one .npy an
 * image, and the table of bottom-up-attention. */
#ifndef LBK_DATA_ROW_SOURCE_H
#define LBK_DATA_ROW_SOURCE_H

#include "base/base.h"

#include <jansson.h>

typedef struct lbk__row_source lbk__row_source;
struct lbk__row_source {
    lbk_context *context;
    int32_t dim;
    int64_t num_images; /* 0: not known */
    const char *last;   /* what rows that were read last are called where they lie; NULL: no other image can
                           have them */
    /* How many rows the image has, ≥ 1. LBK_BAD_DATA: none, or they cannot be read. */
    lbk_status (*count)(lbk__row_source *source, const char *image, int32_t *num_rows);
    /* The rows, [num_rows, dim] float16, after `count` said how many. */
    lbk_status (*read)(lbk__row_source *source, const char *image, uint16_t *rows);
    json_t *(*describe)(const lbk__row_source *source); /* NULL: out of memory */
    void (*close)(lbk__row_source *source);             /* frees the source itself, too */
};

/* `folder` has STEM.npy for an image PATH/STEM.jpg, or PATH/STEM.npy: [regions, dim], [1, regions, dim] or
 * [dim], of float16, float32 or float64. */
lbk_status lbk__npy_rows_open(lbk_context *context, const char *folder, lbk__row_source **out);
/* A table of region_row.h, of any size; about 50 bytes a row stay in memory. The image_id is the image's
 * path, its file's name, either without its extension, or the number that this ends with: 42 for
 * COCO_val2014_000000000042.jpg. */
lbk_status lbk__table_rows_open(lbk_context *context, const char *path, lbk__row_source **out);

/* Those that multimodal_imdb.hdf5 has itself, by the film's id: its posters as patches, or their features,
 * one row each. */
lbk_status lbk__mmimdb_rows_open(lbk_context *context, const char *path, bool patches, int32_t image_size,
                                 int32_t patch_size, lbk__row_source **out);

/* Names that features of an image may go by: false when there is no name number `which`, from 0. */
bool lbk__feature_name(const char *image, int which, char *out, size_t size);
/* lbk__rows_to_half of numbers from a file: LBK_BAD_DATA, "WHERE: …". */
lbk_status lbk__rows_from_file(lbk_context *context, const char *where, const float *values, int32_t num_rows,
                               int32_t dim, uint16_t *out);

#endif
