/* webp.c: a WebP file is RIFF, its size, "WEBP", then chunks. */
#include "data/webp.h"
#include "data/bomb.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <webp/decode.h>

/* VP8X, the chunk with flags, is the first if there is one. */
enum { HEAD = 30, FLAGS_AT = 20, HAS_EXIF = 8 };

static bool is_webp(const uint8_t *head) {
    return memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0 &&
           !(memcmp(head + 12, "VP8X", 4) == 0 && head[FLAGS_AT] & HAS_EXIF);
}

static lbk_status decode(const uint8_t *data, size_t size, int32_t *width, int32_t *height, uint8_t **rgb) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return LBK_INTERNAL; /* another libwebp than it was built with */
    if (WebPGetFeatures(data, size, &config.input) != VP8_STATUS_OK) return LBK_BAD_DATA;
    if (config.input.has_alpha || config.input.has_animation ||
        lbk__image_is_bomb((int64_t)config.input.width * config.input.height, (int64_t)size))
        return LBK_OK;
    *width = config.input.width;
    *height = config.input.height; /* both below 2¹⁴ */
    const size_t line = 3 * (size_t)*width, bytes = line * (size_t)*height;
    *rgb = malloc(bytes);
    if (!*rgb) return LBK_NO_MEMORY;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){*rgb, (int)line, bytes};
    const VP8StatusCode code = WebPDecode(data, size, &config);
    if (code == VP8_STATUS_OK) return LBK_OK;
    free(*rgb);
    *rgb = NULL;
    return code == VP8_STATUS_OUT_OF_MEMORY ? LBK_NO_MEMORY : LBK_BAD_DATA;
}

lbk_status lbk__webp_read(FILE *file, int32_t *width, int32_t *height, uint8_t **rgb) {
    uint8_t head[HEAD];
    struct stat found;
    *rgb = NULL;
    const bool whole = fread(head, 1, HEAD, file) == HEAD;
    if (ferror(file) || fstat(fileno(file), &found) != 0) return LBK_IO;
    if (!whole || !is_webp(head)) return LBK_OK;
    const size_t size = (size_t)found.st_size;
    uint8_t *data = malloc(LBK_MAX(size, (size_t)HEAD));
    if (!data) return LBK_NO_MEMORY;
    memcpy(data, head, HEAD);
    const size_t rest = size > HEAD ? fread(data + HEAD, 1, size - HEAD, file) : 0;
    const lbk_status status = ferror(file) ? LBK_IO : decode(data, HEAD + rest, width, height, rgb);
    free(data);
    return status;
}
