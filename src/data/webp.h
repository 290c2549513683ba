/* webp.h: plain WebP pictures by libwebp itself; libvips 8.14 takes eight times as long for them. */
#ifndef LBK_DATA_WEBP_H
#define LBK_DATA_WEBP_H

#include "base/base.h"

#include <stdio.h>

/* RGB pixels [height, width, 3] of a file that is a WebP picture without transparency, animation and EXIF
 * (which may turn it), to be freed by free(); NULL where it is something else, or lbk__image_is_bomb.
 * LBK_BAD_DATA: damaged or cut; LBK_IO: cannot be read. Needs no context. */
lbk_status lbk__webp_read(FILE *file, int32_t *width, int32_t *height, uint8_t **rgb);

#endif
