/* bomb.h: what a picture may unpack to. Some are held whole while they are decoded, and a header of few bytes
 * asks for it. */
#ifndef LBK_DATA_BOMB_H
#define LBK_DATA_BOMB_H

#include <stdbool.h>
#include <stdint.h>

enum { LBK__IMAGE_MOST_PIXELS = 64000000 };

/* Whether a picture would be above that, or above 16 million pixels with more than 16,384 a byte: decoding it
 * would take seconds for a file that can mean nothing. */
static inline bool lbk__image_is_bomb(int64_t pixels, int64_t bytes) {
    enum { MOST_A_BYTE = 16384, HARMLESS = 16000000 };
    return pixels > LBK__IMAGE_MOST_PIXELS || (pixels > HARMLESS && pixels / MOST_A_BYTE > bytes);
}

#endif
