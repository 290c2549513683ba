/* extractor.h: pictures to rows of region features, by a frozen image encoder: the mean of its map of
 * features over each of grid × grid regions, then a projection where there is one. */
#ifndef LBK_VISION_EXTRACTOR_H
#define LBK_VISION_EXTRACTOR_H

#include "base/base.h"

#include <jansson.h>

typedef struct lbk__extractor lbk__extractor;

/* `batch`: pictures that go through the network at once. */
lbk_status lbk__extractor_open(lbk_context *context, const lbk_encoder_options *options, int32_t batch,
                               lbk__extractor **out);
void lbk__extractor_close(lbk__extractor *extractor); /* NULL is allowed */

/* Pixels a side of the pictures, rows and numbers a row that come of one. */
int32_t lbk__extractor_image_size(const lbk__extractor *extractor);
int32_t lbk__extractor_num_rows(const lbk__extractor *extractor);
int32_t lbk__extractor_dim(const lbk__extractor *extractor);
/* x1 y1 x2 y2 of each region in 0 … 1: [num_rows, 4]. */
void lbk__extractor_boxes(const lbk__extractor *extractor, float *boxes);

/* Rows of `count` pictures on all threads of the context: pixels [count, size, size, 3] sRGB to rows [count,
 * num_rows, dim] float16. Neither the pictures beside it nor the number of
 * threads change a picture's rows. LBK_NUMERIC for rows beyond
 * float16. */
lbk_status lbk__extractor_run(lbk__extractor *extractor, const uint8_t *pixels, size_t count, uint16_t *rows);

/* ---- identity: what made rows; travels with them in feature files, packs and models ---- */

/* A new object: "extractor" (the network's name), "weights_sha256", "input_size", "grid", and
 * "projection_sha256" where there is one. NULL when memory is out. */
json_t *lbk__extractor_identity(const lbk__extractor *extractor);
/* The identity in what a pack or a model says of its rows: the object itself, where an encoder made them, or
 * its "attributes", where they came from a file of features; NULL when neither has all keys of one. */
const json_t *lbk__extractor_identity_in(const json_t *source);
/* Whether two identities are of one encoder, whatever else they say. */
bool lbk__extractor_same(const json_t *a, const json_t *b);
/* Name, image size and grid as an identity has them; the name belongs to it. */
lbk_encoder_options lbk__extractor_options(const json_t *identity);
/* LBK_MISMATCH, saying what differs, unless the extractor is the one of the identity. */
lbk_status lbk__extractor_check(const lbk__extractor *extractor, const json_t *identity);

#endif
