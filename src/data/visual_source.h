/* visual_source.h: where a pack's visual rows come from: pictures cut into patches or read by an image
 * encoder, or a file of features. */
#ifndef LBK_DATA_VISUAL_SOURCE_H
#define LBK_DATA_VISUAL_SOURCE_H

#include "base/base.h"
#include "data/image.h"
#include "vision/extractor.h"

typedef struct lbk__visual_source lbk__visual_source;

/* Pictures that an image encoder reads at once where there are many: more no longer fit the caches. */
enum { LBK__ENCODER_BATCH = 4 };

/* By options->visual; `kind` says how image files are to be read, `root` is the folder their paths start
 * from; `batch`: how many pictures an image encoder takes at once. */
lbk_status lbk__visual_source_open(lbk_context *context, const lbk_pack_options *options, const char *root,
                                   lbk__image_kind kind, int32_t batch, lbk__visual_source **out);
void lbk__visual_source_close(lbk__visual_source *source); /* NULL is allowed */
/* The image encoder; NULL without one. */
const lbk__extractor *lbk__visual_source_extractor(const lbk__visual_source *source);
/* Each image has `num_rows` rows of `dim` values; 0 and 0: no visual rows at all; 0 rows of `dim` values:
 * each image has as many as lbk__visual_source_count says. */
int32_t lbk__visual_source_num_rows(const lbk__visual_source *source);
int32_t lbk__visual_source_dim(const lbk__visual_source *source);
/* What a file of features says of itself; NULL: it is none. */
const json_t *lbk__visual_source_attributes(const lbk__visual_source *source);
/* For packing, which reads an image once: from now on lbk__visual_source_read notes whose features it reads,
 * and warns where two images have the same. */
void lbk__visual_source_watch(lbk__visual_source *source);
/* How many images there are features of that were not read since; 0: not known, too. */
int64_t lbk__visual_source_num_unused(const lbk__visual_source *source);
/* LBK_BAD_DATA for an image's path that leads out of the root (base/file.h, lbk__join_inside); for names that
 * data give, not users. */
lbk_status lbk__visual_source_confine(const lbk__visual_source *source, const char *image);
/* For long work: what cannot decode any picture is said before it, not of each. LBK_IO. */
lbk_status lbk__visual_source_prepare(const lbk__visual_source *source);
/* Whether an image that could not be read is missing, and so its record is wrong; false: the system refused.
 */
bool lbk__visual_source_lacks(const lbk__visual_source *source, const char *image);
/* The number of rows of an image. LBK_BAD_DATA when that cannot be known without it. */
lbk_status lbk__visual_source_count(lbk__visual_source *source, const char *image, int32_t *num_rows);
/* What the pack says about its rows (see pack.h); decoded by the caller's json_decref. */
lbk_status lbk__visual_source_describe(const lbk__visual_source *source, json_t **out);

/* Rows of `count` images, one image's after the other's, float16 [rows of all, dim]; pictures are decoded by
 * all threads of the context. An image that cannot be read sets its flag; lbk__visual_source_read_one then
 * says why. */
lbk_status lbk__visual_source_read(lbk__visual_source *source, const char *const *images, size_t count,
                                   uint16_t *rows, bool *failed);
lbk_status lbk__visual_source_read_one(lbk__visual_source *source, const char *image, uint16_t *rows);

#endif
