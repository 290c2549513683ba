/* pictures.c: pictures and drawings, and what drawings say about themselves. */
#include "data/image.h"
#include "data/openclipart.h"
#include "data/svg_metadata.h"
#include "fuzz.h"

enum { SIZE = 16 };

static void run_image(lbk_context *context, fuzz_bytes input) {
    uint8_t pixels[SIZE * SIZE * 3];
    lbk__image_error error;
    char *jpeg;
    size_t size;
    const char *path = fuzz_put("picture", input);
    if (lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, SIZE, pixels, &error) != LBK_OK) return;
    if (lbk__image_thumbnail(context, path, SIZE, &jpeg, &size) == LBK_OK) lbk_free(context, jpeg);
}

static void seed_image(lbk_context *context) {
    /* Without one in CMYK, whose conversion takes a tenth of a second: it is a case of its own. */
    static const char *const names[] = {"alpha.png", "alpha.webp", "grey.gif", "grey.png",   "rgb.png",
                                        "rgb.tiff",  "rgb.webp",   "long.png", "turned.jpg", "turned.webp"};
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "tests/golden/images/%s", names[i]);
        fuzz_seed_file(context, path);
    }
}

const fuzz_target fuzz_image = {"image", run_image, seed_image, 64};

static void run_drawing(lbk_context *context, fuzz_bytes input) {
    uint8_t pixels[SIZE * SIZE * 3];
    lbk__image_error error;
    lbk__text title = {0}, description = {0}, text = {0};
    const char *path = fuzz_put("drawing.svg", input);
    (void)!lbk__image_decode(path, LBK__IMAGE_DRAWING, LBK__IMAGE_SHARP, SIZE, pixels, &error);
    if (lbk__svg_metadata(context, path, &title, &description) == LBK_OK)
        (void)!lbk__openclipart_text(context, title.data ? title.data : "",
                                     description.data ? description.data : "", &text);
    lbk__text_free(context, &title);
    lbk__text_free(context, &description);
    lbk__text_free(context, &text);
}

static void seed_drawing(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "drawing",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" "
        "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns:cc=\"http://web.resource.org/cc/\" "
        "xmlns:dc=\"http://purl.org/dc/elements/1.1/\" width=\"20\" height=\"10\"><metadata><rdf:RDF>"
        "<cc:Work><dc:title>Red &amp; big</dc:title><dc:description>A clip art</dc:description></cc:Work>"
        "</rdf:RDF></metadata><g transform=\"scale(2)\"><path d=\"M0 0L5 5Z\" fill=\"red\"/></g></svg>");
}

const fuzz_target fuzz_drawing = {"drawing", run_drawing, seed_drawing, 64};
