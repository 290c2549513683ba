/* image.h: pictures to square 8-bit sRGB pixels, and pixels to rows of patches.
 *
 * Decoded by libvips, but for plain WebP. libvips keeps its state per process: the first use initialises it,
 * turns its operation cache off, makes each picture use one thread (we decode many at once) and silences its
 * warnings, which would go to the terminal. */
#ifndef LBK_DATA_IMAGE_H
#define LBK_DATA_IMAGE_H

#include "base/base.h"
#include "data/resample.h"

typedef enum lbk__image_kind {
    LBK__IMAGE_PICTURE, /* JPEG, PNG, WebP, GIF (first frame) or TIFF, known by its first bytes */
    LBK__IMAGE_DRAWING  /* SVG; it can load nothing from outside its own text */
} lbk__image_kind;

typedef struct lbk__image_error {
    lbk_status status; /* LBK_IO: no such file; LBK_BAD_DATA: not a picture, damaged, truncated, too large */
    char text[512];    /* names the file */
} lbk__image_error;

/* The longest side that a picture is resized to. */
enum { LBK__IMAGE_MAX_SIDE = 4096 };

/* Decodes, turns upright (EXIF), lays transparency on white, converts to sRGB and resizes to size × size
 * without keeping the aspect. A damaged or truncated file fails. pixels [size, size, 3]. Needs no context, so
 * that any thread may call it; `error` may be NULL. Messages are exact only while no other thread decodes:
 * libvips has one error log per process. */
lbk_status lbk__image_decode(const char *path, lbk__image_kind kind, lbk__image_filter filter, int32_t size,
                             uint8_t *pixels, lbk__image_error *error);
/* The same from RGB pixels [height, width, 3] in memory; `where` stands in for the path. */
lbk_status lbk__image_resize(const uint8_t *rgb, int32_t width, int32_t height, const char *where,
                             int32_t size, uint8_t *pixels, lbk__image_error *error);
/* The picture or drawing (by its name, ".svg") as a JPEG file in fresh memory, upright, on white, its longer
 * side at most `side` pixels. Messages are exact only while no other thread decodes. */
lbk_status lbk__image_thumbnail(lbk_context *context, const char *path, int32_t side, char **jpeg,
                                size_t *size);
/* Loads libvips, which decodes all but plain WebP; LBK_IO, with the reason: it cannot be loaded. Done by the
 * first picture otherwise. */
lbk_status lbk__image_start(lbk_context *context);
/* Frees what libvips keeps for the calling thread; at the end of a thread's work. */
void lbk__image_end_thread(void);

/* Rows of patches as ViLT cuts them: (size / patch)² rows, left to right, then down; a row is the patch's
 * pixels, row by row, RGB: patch · patch · 3 values v / 127.5 − 1 in [−1, 1], as float16. patch divides size.
 */
void lbk__image_patches(const uint8_t *pixels, int32_t size, int32_t patch, uint16_t *rows);
static inline int32_t lbk__image_num_patches(int32_t size, int32_t patch) {
    return (size / patch) * (size / patch);
}
static inline int32_t lbk__image_patch_dim(int32_t patch) {
    return patch * patch * 3;
}
/* LBK_INVALID_ARGUMENT unless 1 ≤ patch ≤ size ≤ LBK__IMAGE_MAX_SIDE and patch divides size. */
lbk_status lbk__image_check_sizes(lbk_context *context, int32_t size, int32_t patch);

/* 64-bit perceptual hash: signs of the 8 × 8 lowest frequencies of the cosine transform of the grey picture,
 * against their median. Drawings that look alike differ in few bits. */
uint64_t lbk__image_fingerprint(const uint8_t *pixels, int32_t size);

#endif
