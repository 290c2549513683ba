/* image.c: decode a picture or a drawing to square sRGB pixels. */
#include "data/image.h"
#include "data/bomb.h"
#include "data/vips.h"
#include "data/webp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST_DRAWING = 16 << 20, LONGEST_SIDE_RATIO = 4, STRIP = 16 };
static const lbk__vips *const vips = &lbk__vips_functions;

lbk_status lbk__image_start(lbk_context *context) {
    char reason[LBK__LIBRARY_REASON];
    if (lbk__vips_start(reason)) return LBK_OK;
    return lbk__fail(context, LBK_IO, "pictures cannot be decoded: %s", reason);
}

/* A thread that libvips has not seen may take leave of it; a libvips that was not started may not be left. */
void lbk__image_end_thread(void) {
    if (lbk__vips_started()) vips->thread_shutdown();
}

static lbk_status fail(lbk__image_error *error, lbk_status status, const char *path, const char *reason) {
    if (!error) return status;
    char printable[256];
    lbk__printable(printable, sizeof printable, reason, strlen(reason));
    error->status = status;
    snprintf(error->text, sizeof error->text, "%.240s: %s", path, printable);
    return status;
}

/* Not in libvips' words: it keeps those of all threads and files in one place. */
static lbk_status fail_vips(lbk__image_error *error, const char *path) {
    return fail(error, LBK_BAD_DATA, path, "cannot be decoded: it is damaged, or no whole picture");
}

/* The loader that a file's first bytes call for, NULL for none of ours. libvips would also try loaders that
 * are not fit for hostile files. */
static const char *loader_of(const unsigned char *head, size_t size) {
    static const struct {
        const char *magic, *loader;
        size_t length, at;
    } known[] = {{"\xff\xd8\xff", "jpegload", 3, 0}, {"\x89PNG\r\n\x1a\n", "pngload", 8, 0},
                 {"WEBP", "webpload", 4, 8},         {"GIF8", "gifload", 4, 0},
                 {"II*\0", "tiffload", 4, 0},        {"MM\0*", "tiffload", 4, 0}};
    for (size_t i = 0; i < LBK_COUNT(known); i++)
        if (known[i].at + known[i].length <= size &&
            memcmp(head + known[i].at, known[i].magic, known[i].length) == 0)
            return known[i].loader;
    return NULL;
}

/* A pipe or a device must not stop us. */
static lbk_status open_file(const char *path, FILE **out, int64_t *bytes, lbk__image_error *error) {
    struct stat found;
    if (stat(path, &found) != 0)
        return fail(error, LBK_IO, path, errno == ENOENT ? "no such image" : "the image cannot be found");
    if (!S_ISREG(found.st_mode)) return fail(error, LBK_BAD_DATA, path, "the image is not a regular file");
    if (found.st_size == 0) return fail(error, LBK_BAD_DATA, path, "the image is empty");
    *bytes = found.st_size;
    *out = fopen(path, "rbe");
    if (*out) return LBK_OK;
    char reason[96];
    snprintf(reason, sizeof reason, "the image cannot be opened: %s", strerror(errno));
    return fail(error, LBK_IO, path, reason);
}

/* Of what the header says. A JPEG has a bit for each 64 pixels at the least: with fewer it was cut, and
 * decoders make the rest grey. */
static lbk_status check_pixels(const VipsImage *image, bool jpeg, int64_t bytes, const char *path,
                               lbk__image_error *error) {
    enum { MOST_IN_JPEG = 1024 };
    const int64_t pixels = (int64_t)image->Xsize * image->Ysize;
    if (pixels > LBK__IMAGE_MOST_PIXELS)
        return fail(error, LBK_BAD_DATA, path,
                    "has more than 64 million pixels (8,000 × 8,000); make it smaller");
    if (jpeg && pixels / MOST_IN_JPEG > bytes)
        return fail(error, LBK_BAD_DATA, path, "cannot be decoded: the JPEG picture is cut");
    if (lbk__image_is_bomb(pixels, bytes))
        return fail(error, LBK_BAD_DATA, path, "has more pixels than so few bytes should unpack to");
    return LBK_OK;
}

static lbk_status open_picture(const char *path, VipsImage **out, lbk__image_error *error) {
    FILE *file;
    int64_t bytes;
    LBK_TRY(open_file(path, &file, &bytes, error));
    unsigned char head[16];
    size_t size = fread(head, 1, sizeof head, file);
    fclose(file);
    const char *loader = loader_of(head, size);
    if (!loader) return fail(error, LBK_BAD_DATA, path, "is not a JPEG, PNG, WebP, GIF or TIFF picture");
    if (vips->call(loader, path, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                   NULL) != 0)
        return fail_vips(error, path);
    return check_pixels(*out, strcmp(loader, "jpegload") == 0, bytes, path, error);
}

/* Rendered so that the shorter side has `size` pixels; from memory, so that it cannot name other files. */
static lbk_status open_drawing(const char *path, int32_t size, char **text, VipsImage **out,
                               lbk__image_error *error) {
    FILE *file;
    int64_t bytes;
    LBK_TRY(open_file(path, &file, &bytes, error));
    *text = malloc(LONGEST_DRAWING);
    if (!*text) {
        fclose(file);
        return fail(error, LBK_NO_MEMORY, path, "no memory for the drawing");
    }
    size_t length = fread(*text, 1, LONGEST_DRAWING, file);
    fclose(file);
    if (length == LONGEST_DRAWING) return fail(error, LBK_BAD_DATA, path, "the drawing is too large");
    VipsImage *natural = NULL;
    if (vips->svgload_buffer(*text, length, &natural, NULL) != 0) return fail_vips(error, path);
    double shorter = LBK_MIN(natural->Xsize, natural->Ysize),
           longer = LBK_MAX(natural->Xsize, natural->Ysize);
    vips->g_object_unref(natural);
    double scale = LBK_MIN(size / shorter, LONGEST_SIDE_RATIO * size / longer);
    if (vips->svgload_buffer(*text, length, out, "scale", LBK_MAX(scale, 0.001), NULL) != 0)
        return fail_vips(error, path);
    return check_pixels(*out, false, INT64_MAX, path, error);
}

/* One step of the chain: replaces *image by `next`, which an operation made from it. */
static int advance(VipsImage **image, VipsImage *next, int failed) {
    vips->g_object_unref(*image);
    *image = failed ? NULL : next;
    return failed;
}

static int to_upright(VipsImage **image) {
    if (vips->image_get_orientation(*image) <= 1) return 0;
    VipsImage *next = vips->image_copy_memory(*image); /* turning needs random access */
    if (advance(image, next, next == NULL)) return -1;
    int failed = vips->autorot(*image, &next, NULL);
    return advance(image, next, failed);
}

static int to_opaque(VipsImage **image) {
    if (!vips->image_hasalpha(*image)) return 0;
    VipsImage *next = NULL;
    VipsArrayDouble *white = vips->array_double_newv(1, 255.0);
    int failed = vips->flatten(*image, &next, "background", white, NULL);
    vips->area_unref((VipsArea *)white);
    return advance(image, next, failed);
}

static int to_srgb(VipsImage **image) {
    VipsImage *next = NULL;
    if ((*image)->Type == VIPS_INTERPRETATION_sRGB && (*image)->BandFmt == VIPS_FORMAT_UCHAR) return 0;
    int failed = vips->colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL);
    if (advance(image, next, failed)) return failed;
    failed = vips->cast_uchar(*image, &next, NULL);
    return advance(image, next, failed);
}

/* Only PNG and TIFF can be as long as that: a whole number of pixels becomes one. */
static int to_moderate(VipsImage **image) {
    const int x = (*image)->Xsize / LBK__RESAMPLE_MAX_SIDE, y = (*image)->Ysize / LBK__RESAMPLE_MAX_SIDE;
    VipsImage *next = NULL;
    if (x == 0 && y == 0) return 0;
    const int failed = vips->shrink(*image, &next, x + 1, y + 1, NULL);
    return advance(image, next, failed);
}

/* In strips, on this thread: libvips' own way to write a picture to memory wakes a thread for each row. */
static int read_rows(VipsImage *image, lbk__resampler *resampler) {
    VipsRegion *region = vips->region_new(image);
    int failed = 0;
    for (int top = 0; top < image->Ysize && !failed; top += STRIP) {
        const VipsRect strip = {0, top, image->Xsize, LBK_MIN(STRIP, image->Ysize - top)};
        failed = vips->region_prepare(region, &strip);
        for (int y = 0; y < strip.height && !failed; y++)
            lbk__resample_row(resampler, (uint8_t *)VIPS_REGION_ADDR_TOPLEFT(region) +
                                             (size_t)y * (size_t)VIPS_REGION_LSKIP(region));
    }
    vips->g_object_unref(region);
    return failed;
}

static lbk_status to_square(VipsImage *image, lbk__image_filter filter, const char *path, int32_t size,
                            uint8_t *pixels, lbk__image_error *error) {
    lbk__resampler resampler;
    lbk_status status = LBK_OK;
    if (image->Bands != 3) return fail(error, LBK_BAD_DATA, path, "has colours of an unknown kind");
    if (!lbk__resample_start(&resampler, filter, image->Xsize, image->Ysize, size, pixels))
        status = fail(error, LBK_NO_MEMORY, path, "no memory to resize the image");
    else if (read_rows(image, &resampler))
        status = fail_vips(error, path);
    lbk__resample_end(&resampler);
    return status;
}

static lbk_status open_image(const char *path, lbk__image_kind kind, int32_t size, char **text,
                             VipsImage **image, lbk__image_error *error) {
    char reason[LBK__LIBRARY_REASON];
    if (!lbk__vips_start(reason)) return fail(error, LBK_IO, path, reason);
    return kind == LBK__IMAGE_DRAWING ? open_drawing(path, size, text, image, error)
                                      : open_picture(path, image, error);
}

static void close_image(VipsImage *image, char *text) {
    free(text);
    if (image) vips->g_object_unref(image);
}

/* RGB pixels in memory. */
static lbk_status resize(const uint8_t *rgb, int32_t width, int32_t height, lbk__image_filter filter,
                         const char *where, int32_t size, uint8_t *pixels, lbk__image_error *error) {
    lbk__resampler resampler;
    lbk_status status = LBK_OK;
    if (width < 1 || height < 1) return fail(error, LBK_BAD_DATA, where, "the image has no pixels");
    if (!lbk__resample_start(&resampler, filter, width, height, size, pixels))
        status = fail(error, LBK_NO_MEMORY, where, "no memory to resize the image");
    for (int32_t y = 0; y < height && status == LBK_OK; y++)
        lbk__resample_row(&resampler, rgb + (size_t)y * (size_t)width * 3);
    lbk__resample_end(&resampler);
    return status;
}

lbk_status lbk__image_resize(const uint8_t *rgb, int32_t width, int32_t height, const char *where,
                             int32_t size, uint8_t *pixels, lbk__image_error *error) {
    return resize(rgb, width, height, LBK__IMAGE_SHARP, where, size, pixels, error);
}

/* *plain: it was a plain WebP picture. */
static lbk_status decode_webp(const char *path, lbk__image_filter filter, int32_t size, uint8_t *pixels,
                              bool *plain, lbk__image_error *error) {
    FILE *file;
    uint8_t *rgb;
    int32_t width, height;
    int64_t bytes;
    *plain = false;
    LBK_TRY(open_file(path, &file, &bytes, error));
    lbk_status status = lbk__webp_read(file, &width, &height, &rgb);
    fclose(file);
    /* What there is no memory for is a bad record, as with libvips: a few bytes can ask for gigabytes. */
    if (status == LBK_NO_MEMORY)
        return fail(error, LBK_BAD_DATA, path, "cannot be decoded: no memory for the WebP picture");
    if (status == LBK_IO) return fail(error, status, path, "the image cannot be read");
    if (status != LBK_OK)
        return fail(error, status, path, "cannot be decoded: the WebP picture is damaged or cut");
    *plain = rgb != NULL;
    if (rgb) status = resize(rgb, width, height, filter, path, size, pixels, error);
    free(rgb);
    return status;
}

lbk_status lbk__image_decode(const char *path, lbk__image_kind kind, lbk__image_filter filter, int32_t size,
                             uint8_t *pixels, lbk__image_error *error) {
    VipsImage *image = NULL;
    char *text = NULL; /* the drawing's source: libvips reads it until the image is gone */
    bool plain = false;
    if (kind == LBK__IMAGE_PICTURE) LBK_TRY(decode_webp(path, filter, size, pixels, &plain, error));
    if (plain) return LBK_OK;
    lbk_status status = open_image(path, kind, size, &text, &image, error);
    if (status != LBK_OK) goto done;
    if (to_upright(&image) || to_srgb(&image) || to_opaque(&image) || to_moderate(&image))
        status = fail_vips(error, path);
    else
        status = to_square(image, filter, path, size, pixels, error);
done:
    close_image(image, text);
    return status;
}

/* ---- thumbnails ---- */

static int to_fit(VipsImage **image, int32_t side) {
    const int longer = LBK_MAX((*image)->Xsize, (*image)->Ysize);
    VipsImage *next = NULL;
    if (longer <= side) return 0;
    const int failed = vips->resize(*image, &next, (double)side / longer, NULL);
    return advance(image, next, failed);
}

static int to_jpeg(VipsImage **image, int32_t side, void **jpeg, size_t *size) {
    if (to_upright(image) || to_srgb(image) || to_opaque(image) || to_fit(image, side)) return -1;
    return vips->jpegsave_buffer(*image, jpeg, size, "Q", 82, "strip", TRUE, NULL);
}

lbk_status lbk__image_thumbnail(lbk_context *context, const char *path, int32_t side, char **jpeg,
                                size_t *size) {
    const size_t length = strlen(path);
    const bool drawing = length > 4 && strcmp(path + length - 4, ".svg") == 0;
    VipsImage *image = NULL;
    char *text = NULL;
    void *data = NULL;
    lbk__image_error error = {0};
    *jpeg = NULL;
    lbk_status status =
        open_image(path, drawing ? LBK__IMAGE_DRAWING : LBK__IMAGE_PICTURE, side, &text, &image, &error);
    if (status == LBK_OK && to_jpeg(&image, side, &data, size)) status = fail_vips(&error, path);
    status = status == LBK_OK ? lbk__copy_bytes(context, data, *size, jpeg)
                              : lbk__fail(context, status, "%s", error.text);
    if (data) vips->g_free(data);
    close_image(image, text);
    return status;
}
