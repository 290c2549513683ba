/* hdf5_features.h: visual features of image regions in an HDF5 file. In its root group:
 *
 *   image     [N]        strings, UTF-8, of fixed or variable length: names, usually paths; each once
 *   features  [N, V, D]  float16 or float32, either byte order, any layout and filter that HDF5 can read
 *   boxes     [V, 4] or [N, V, 4]   optional, any float: x1 y1 x2 y2 of each region, the same for all images
 *                        or each image's own; no more of them is read than this shape
 *
 * and attributes. Names, shapes and types are checked on opening; values when they are read. Links out of the
 * file, external and virtual data sets are refused. HDF5's own error printing is off during these calls only;
 * what it has to say is in the sentence. libhdf5 trusts the insides of a file more than we do: one that was
 * made to harm can crash it, strings of variable length above all, so take such files from those you trust.
 */
#ifndef LBK_FORMAT_HDF5_FEATURES_H
#define LBK_FORMAT_HDF5_FEATURES_H

#include "base/base.h"

#include <jansson.h>

typedef struct lbk__features lbk__features;

typedef struct lbk__features_info {
    int64_t count;            /* N ≥ 1 */
    int32_t rows, width;      /* V ≥ 1, D ≥ 1; V·D ≤ 2^24 */
    const json_t *attributes; /* of the root: an object of strings, numbers and short lists of numbers */
} lbk__features_info;

/* LBK_IO, or LBK_BAD_DATA that names the data set. All names stay in memory. */
lbk_status lbk__features_open(lbk_context *context, const char *path, lbk__features **out);
void lbk__features_close(lbk__features *features); /* NULL is allowed */
const lbk__features_info *lbk__features_describe(const lbk__features *features);
/* The name of image `index` < N, without its padding. */
const char *lbk__features_name(const lbk__features *features, int64_t index);
/* Index of the image, −1: absent. */
int64_t lbk__features_find(const lbk__features *features, const char *name);
/* Rows of the images first … first + count − 1 as float16, out [count, V, D]; float32 is rounded to nearest.
 * LBK_BAD_DATA names image, row and column of a value that is not finite or beyond float16's ±65504. Fastest
 * in the order of the file; memory beside `out` is bounded. */
lbk_status lbk__features_read(lbk__features *features, int64_t first, int64_t count, uint16_t *out);

/* ---- writing ---- */

typedef struct lbk__features_writer lbk__features_writer;

/* A file with room for what `info` says; attributes are texts and whole numbers. Names have at most
 * `longest_name` bytes; boxes [rows, 4], the same for all images. Appears on commit. */
lbk_status lbk__features_writer_open(lbk_context *context, const char *path, const lbk__features_info *info,
                                     size_t longest_name, const float *boxes, lbk__features_writer **out);
/* The next images: rows [count, V, D]. */
lbk_status lbk__features_writer_put(lbk__features_writer *writer, const char *const *names,
                                    const uint16_t *rows, size_t count);
/* LBK_INTERNAL unless all N images were put. */
lbk_status lbk__features_writer_commit(lbk__features_writer *writer);
void lbk__features_writer_close(lbk__features_writer *writer); /* on every exit; NULL is allowed */

#endif
