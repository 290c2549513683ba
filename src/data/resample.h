/* resample.h: rows of a picture, from the top down, to a square picture: the pixels of Pillow's
 * Image.resize(…, LANCZOS) or BICUBIC, to the bit. The filter widens where the picture shrinks, so that every
 * pixel counts; only as many rows are kept as it is high. */
#ifndef LBK_DATA_RESAMPLE_H
#define LBK_DATA_RESAMPLE_H

#include "kernel/kernel.h"

typedef enum lbk__image_filter {
    LBK__IMAGE_SHARP,  /* Lanczos, 3 lobes */
    LBK__IMAGE_BICUBIC /* a = −1/2: as image encoders are trained */
} lbk__image_filter;

/* A longer side asks for too much memory (24 bytes a pixel of it, and as much again for rows). */
enum { LBK__RESAMPLE_MAX_SIDE = 65535 };

typedef struct lbk__resampler {
    const lbk__vector *vector;
    lbk__taps across, down;
    int32_t width, next_in, next_out;
    size_t stride;
    uint8_t *line;         /* [width, 3] and the pixels that weights of 0 meet: the row at hand */
    uint8_t *kept;         /* [down.count][stride] the last rows, resampled: row y at y mod down.count */
    const uint8_t **asked; /* [down.count] */
    uint8_t *pixels;       /* the result [size, size, 3], the caller's */
} lbk__resampler;

/* For a picture width × height, both from 1 to LBK__RESAMPLE_MAX_SIDE. False: no memory. To be ended in
 * either case. Needs no context, so that any thread may call it: memory is malloc's. */
bool lbk__resample_start(lbk__resampler *resampler, lbk__image_filter filter, int32_t width, int32_t height,
                         int32_t size, uint8_t *pixels);
/* The next row, `width` pixels of three bytes. After `height` rows the result is whole. */
void lbk__resample_row(lbk__resampler *resampler, const uint8_t *rgb);
void lbk__resample_end(lbk__resampler *resampler);

#endif
