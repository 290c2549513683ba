/* hdf5_mmimdb.h: multimodal_imdb.hdf5, the edition of MM-IMDB in Fuel's layout (Arevalo et al., 2017). In its
 * root group, for N films:
 *
 *   genres        int32 [N, C]; attribute target_names: a JSON list of the C names
 *   imdb_ids      strings of 7 bytes [N]
 *   sequences     int32 lists [N]: the plot as numbers of words
 *   vgg_features  float32 [N, 4096]                optional
 *   images        int32 [N, 3, height, width]      optional: BGR minus Caffe's means, cut to integers
 *
 * and the attribute `split`: an array of (split, source, start, stop, …); films start … stop − 1 of the
 * source "genres". */
#ifndef LBK_FORMAT_HDF5_MMIMDB_H
#define LBK_FORMAT_HDF5_MMIMDB_H

#include "base/base.h"

enum { LBK__MMIMDB_MOST_GENRES = 256, LBK__MMIMDB_MOST_SPLITS = 8, LBK__MMIMDB_NAME = 64 };

typedef struct lbk__mmimdb lbk__mmimdb;

typedef struct lbk__mmimdb_info {
    int64_t num_films;
    int32_t num_genres;
    char genres[LBK__MMIMDB_MOST_GENRES][LBK__MMIMDB_NAME];
    int num_splits;
    struct lbk__mmimdb_split {
        char name[LBK__MMIMDB_NAME];
        int64_t start, stop;
    } splits[LBK__MMIMDB_MOST_SPLITS];
    int32_t feature_width, image_height, image_width; /* 0: it has none */
} lbk__mmimdb_info;

typedef struct lbk__mmimdb_film {
    char id[LBK__MMIMDB_NAME];
    uint8_t genres[LBK__MMIMDB_MOST_GENRES]; /* 0 or 1 */
    const int32_t *words;                    /* [num_words], until the next film is read */
    size_t num_words;
} lbk__mmimdb_film;

/* LBK_IO, or LBK_BAD_DATA that names the data set or attribute. */
lbk_status lbk__mmimdb_open(lbk_context *context, const char *path, lbk__mmimdb **out);
void lbk__mmimdb_close(lbk__mmimdb *file); /* NULL is allowed */
const lbk__mmimdb_info *lbk__mmimdb_describe(const lbk__mmimdb *file);
lbk_status lbk__mmimdb_read(lbk__mmimdb *file, int64_t index, lbk__mmimdb_film *out);
/* out [feature_width] */
lbk_status lbk__mmimdb_features(lbk__mmimdb *file, int64_t index, float *out);
/* The poster as RGB again, out [image_height, image_width, 3]. */
lbk_status lbk__mmimdb_image(lbk__mmimdb *file, int64_t index, uint8_t *out);

#endif
