/* Pictures to pixels and patches: against the pattern that the files hold and against Pillow
 * (oracle/images.py). */
#define _GNU_SOURCE
#include "check.h"

#include "base/file.h"
#include "base/half.h"
#include "data/bomb.h"
#include "data/image.h"
#include "data/name_map.h"
#include "data/spool.h"
#include "format/safetensors.h"

#include <sys/stat.h>

#define GOLDEN "tests/golden/images/"

static int pattern(int x, int y, int c) {
    return (31 * x + 17 * y + 53 * c + 7 * x * y) % 256;
}

static void decode(const char *path, int32_t size, uint8_t *pixels) {
    lbk__image_error error = {.text = ""};
    if (lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, size, pixels, &error) != LBK_OK)
        fail_msg("%s", error.text);
}

static void lossless_formats_keep_every_pixel(void **state) {
    (void)state;
    static const char *const files[] = {GOLDEN "rgb.png", GOLDEN "rgb.webp", GOLDEN "rgb.tiff"};
    uint8_t pixels[16 * 16 * 3];
    for (size_t f = 0; f < LBK_COUNT(files); f++) {
        decode(files[f], 16, pixels);
        for (int i = 0; i < 16 * 16 * 3; i++) assert_int_equal(pixels[i], pattern(i / 3 % 16, i / 48, i % 3));
    }
}

static void grey_becomes_three_channels(void **state) {
    (void)state;
    static const char *const files[] = {GOLDEN "grey.png", GOLDEN "grey.gif"};
    uint8_t pixels[16 * 16 * 3];
    for (size_t f = 0; f < LBK_COUNT(files); f++) {
        decode(files[f], 16, pixels);
        for (int i = 0; i < 16 * 16 * 3; i++) assert_int_equal(pixels[i], pattern(i / 3 % 16, i / 48, 0));
    }
}

static void transparency_is_white(void **state) {
    (void)state;
    static const char *const files[] = {GOLDEN "alpha.png", GOLDEN "alpha.webp"};
    uint8_t pixels[16 * 16 * 3];
    for (size_t f = 0; f < LBK_COUNT(files); f++) {
        decode(files[f], 16, pixels);
        for (int i = 0; i < 16 * 16 * 3; i++)
            assert_int_equal(pixels[i], i / 3 % 16 > 7 ? pattern(i / 3 % 16, i / 48, i % 3) : 255);
    }
}

/* Largest and mean difference to a picture of Pillow's. */
static void compare_with_pillow(const char *path, const char *name, int32_t size, int most,
                                double most_mean) {
    lbk_context *context = check_context();
    lbk__safetensors *golden;
    check_ok(context, lbk__safetensors_open(context, GOLDEN "resized.safetensors", &golden));
    const lbk__tensor_entry *wanted = lbk__safetensors_find(golden, name);
    assert_non_null(wanted);
    size_t count = (size_t)size * (size_t)size * 3;
    assert_int_equal(wanted->bytes, count);
    uint8_t *pixels = malloc(count);
    decode(path, size, pixels);
    int worst = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        int difference = abs(pixels[i] - ((const uint8_t *)wanted->data)[i]);
        worst = LBK_MAX(worst, difference);
        sum += difference;
    }
    print_message("%s: largest difference %d, mean %.3f\n", name, worst, sum / (double)count);
    assert_true(worst <= most && sum / (double)count <= most_mean);
    free(pixels);
    lbk__safetensors_close(golden);
    lbk_context_destroy(context);
}

static void resizing_follows_pillow(void **state) {
    (void)state;
    compare_with_pillow(GOLDEN "smooth.png", "smooth_16", 16, 0, 0);
    compare_with_pillow(GOLDEN "smooth.png", "smooth_40", 40, 0, 0);
    compare_with_pillow(GOLDEN "smooth.png", "smooth_64", 64, 0, 0);
}

/* Every byte, whatever the processor. */
static void resampling_is_pillows(void **state) {
    (void)state;
    enum { WIDTH = 61, HEIGHT = 37, MOST = 80 };
    static const char *const kernels[] = {"sse2", "avx2", "avx512"}; /* as far as this one goes */
    static const int32_t sizes[] = {1, 7, 16, 41, MOST};
    lbk_context *context = check_context();
    lbk__safetensors *golden;
    check_ok(context, lbk__safetensors_open(context, GOLDEN "resized.safetensors", &golden));
    uint8_t row[WIDTH * 3], pixels[MOST * MOST * 3];
    for (size_t i = 0; i < LBK_COUNT(kernels) * LBK_COUNT(sizes) * 2; i++) {
        const lbk__image_filter filter = i % 2 ? LBK__IMAGE_BICUBIC : LBK__IMAGE_SHARP;
        const int32_t size = sizes[i / 2 % LBK_COUNT(sizes)];
        lbk__resampler resampler;
        char name[32];
        snprintf(name, sizeof name, i % 2 ? "bicubic_%d" : "sharp_%d", size);
        setenv("LIMBECK_KERNELS", kernels[i / 2 / LBK_COUNT(sizes)], 1);
        assert_true(lbk__resample_start(&resampler, filter, WIDTH, HEIGHT, size, pixels));
        for (int y = 0; y < HEIGHT; y++) {
            for (int j = 0; j < WIDTH * 3; j++) row[j] = (uint8_t)pattern(j / 3, y, j % 3);
            lbk__resample_row(&resampler, row);
        }
        lbk__resample_end(&resampler);
        assert_memory_equal(pixels, lbk__safetensors_find(golden, name)->data, (size_t)(size * size * 3));
    }
    unsetenv("LIMBECK_KERNELS");
    lbk__safetensors_close(golden);
    lbk_context_destroy(context);
}

/* 70,001 × 2, half 200, half 0: longer than the resampler takes. */
static void long_pictures_are_averaged_first(void **state) {
    (void)state;
    uint8_t pixels[4 * 4 * 3];
    decode(GOLDEN "long.png", 4, pixels);
    for (int i = 0; i < 4 * 4 * 3; i++)
        assert_in_range(pixels[i] + 16, i / 3 % 4 < 2 ? 200 : 0, i / 3 % 4 < 2 ? 232 : 32);
}

/* A thread that met no picture leaves, too; here before libvips runs. */
static void threads_leave_at_any_time(void **state) {
    (void)state;
    lbk__image_end_thread();
    uint8_t pixels[16 * 16 * 3];
    decode(GOLDEN "rgb.png", 16, pixels);
    lbk__image_end_thread();
}

static void exif_turns_the_picture(void **state) {
    (void)state;
    compare_with_pillow(GOLDEN "turned.jpg", "turned_16", 16, 2, 0.5); /* JPEG loses a little */
    compare_with_pillow(GOLDEN "turned.webp", "turned_16", 16, 0, 0);
}

static void cmyk_is_converted(void **state) {
    (void)state;
    uint8_t pixels[16 * 16 * 3];
    decode(GOLDEN "cmyk.jpg", 16, pixels);
}

static void patches_go_row_by_row(void **state) {
    (void)state;
    enum { SIZE = 6, PATCH = 2, DIM = PATCH * PATCH * 3 };
    uint8_t pixels[SIZE * SIZE * 3];
    for (int i = 0; i < SIZE * SIZE * 3; i++)
        pixels[i] = (uint8_t)pattern(i / 3 % SIZE, i / (3 * SIZE), i % 3);
    uint16_t rows[9 * DIM];
    assert_int_equal(lbk__image_num_patches(SIZE, PATCH), 9);
    assert_int_equal(lbk__image_patch_dim(PATCH), DIM);
    lbk__image_patches(pixels, SIZE, PATCH, rows);
    for (int row = 0; row < 9; row++)
        for (int i = 0; i < DIM; i++) {
            int x = row % 3 * PATCH + i / 3 % PATCH, y = row / 3 * PATCH + i / (3 * PATCH);
            float wanted = (float)pattern(x, y, i % 3) / 127.5f - 1;
            assert_int_equal(rows[row * DIM + i], lbk__float_to_half(wanted));
        }
}

static void truncated_pictures_fail(void **state) {
    (void)state;
    static const char *const files[] = {"rgb.png",    "rgb.webp",   "alpha.webp",
                                        "smooth.png", "turned.jpg", "grey.gif"};
    lbk_context *context = check_context();
    char *folder = check_folder(), path[512];
    uint8_t pixels[16 * 16 * 3];
    lbk__image_error error;
    for (size_t f = 0; f < LBK_COUNT(files); f++) {
        char *data, *source;
        size_t size;
        check_ok(context, lbk__join(context, GOLDEN, files[f], &source));
        check_ok(context, lbk__read_file(context, source, 1 << 20, &data, &size));
        for (size_t part = 1; part < 8; part++) {
            snprintf(path, sizeof path, "%s/%s", folder, files[f]);
            check_ok(context, lbk__write_file(context, path, data, size * part / 8));
            lbk_status status =
                lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error);
            if (status != LBK_BAD_DATA)
                fail_msg("%s cut to %zu / 8: %s", files[f], part, lbk_status_name(status));
            assert_non_null(strstr(error.text, files[f]));
        }
        remove(path);
        lbk_free(context, source);
        lbk_free(context, data);
    }
    remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

/* A header that says 8,000 × 7,000 pixels where a few kilobytes follow, as of a file cut by a web server. */
static void pictures_that_cannot_be_whole_fail(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[512], *data;
    size_t size, at = 0;
    uint8_t pixels[16 * 16 * 3];
    lbk__image_error error;
    check_ok(context, lbk__read_file(context, GOLDEN "turned.jpg", 1 << 20, &data, &size));
    for (size_t i = 2; i + 9 < size && !at; i++) /* the frame header: FF C0, length, precision, sides */
        if ((uint8_t)data[i] == 0xFF && (uint8_t)data[i + 1] == 0xC0) at = i + 5;
    assert_true(at > 0);
    const uint8_t sides[] = {8000 >> 8, 8000 & 255, 7000 >> 8, 7000 & 255};
    memcpy(data + at, sides, sizeof sides);
    snprintf(path, sizeof path, "%s/cut.jpg", folder);
    check_ok(context, lbk__write_file(context, path, data, size));
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    assert_non_null(strstr(error.text, "the JPEG picture is cut"));
    assert_true(lbk__image_is_bomb(64000001, 100000000) && lbk__image_is_bomb(20000000, 1000));
    assert_false(lbk__image_is_bomb(16000000, 1) || lbk__image_is_bomb(64000000, 4000));
    remove(path);
    remove(folder);
    free(folder);
    lbk_free(context, data);
    lbk_context_destroy(context);
}

static void other_files_are_named(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder(), path[512];
    uint8_t pixels[16 * 16 * 3];
    lbk__image_error error;
    snprintf(path, sizeof path, "%s/file", folder);
    check_ok(context, lbk__write_file(context, path, "%!PS-Adobe-3.0 quit", 19));
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    assert_non_null(strstr(error.text, "is not a JPEG, PNG, WebP, GIF or TIFF picture"));
    check_ok(context, lbk__write_file(context, path, "", 0));
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    assert_non_null(strstr(error.text, "is empty"));
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    assert_non_null(strstr(error.text, "not a regular file"));
    remove(path);
    assert_int_equal(lbk__image_decode(folder, LBK__IMAGE_DRAWING, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

static void drawings_are_rendered(void **state) {
    (void)state;
    static const char half_red[] = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'>"
                                   "<rect width='20' height='20' fill='#f00'/></svg>";
    lbk_context *context = check_context();
    char *folder = check_folder(), path[512];
    uint8_t pixels[16 * 16 * 3];
    lbk__image_error error = {.text = ""};
    snprintf(path, sizeof path, "%s/a.svg", folder);
    check_ok(context, lbk__write_file(context, path, half_red, sizeof half_red - 1));
    if (lbk__image_decode(path, LBK__IMAGE_DRAWING, LBK__IMAGE_SHARP, 16, pixels, &error) != LBK_OK)
        fail_msg("%s", error.text);
    static const uint8_t red[3] = {255, 0, 0}, white[3] = {255, 255, 255};
    assert_memory_equal(pixels + 3 * (16 * 8 + 2), red, 3);
    assert_memory_equal(pixels + 3 * (16 * 8 + 13), white, 3);
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    check_ok(context, lbk__write_file(context, path, half_red, 50));
    assert_int_equal(lbk__image_decode(path, LBK__IMAGE_DRAWING, LBK__IMAGE_SHARP, 16, pixels, &error),
                     LBK_BAD_DATA);
    remove(path);
    remove(folder);
    free(folder);
    lbk_context_destroy(context);
}

static int bits_that_differ(uint64_t a, uint64_t b) {
    return __builtin_popcountll(a ^ b);
}

static void fingerprints_of_look_alikes_are_near(void **state) {
    (void)state;
    uint8_t small[16 * 16 * 3], large[64 * 64 * 3], other[64 * 64 * 3];
    decode(GOLDEN "smooth.png", 64, large);
    decode(GOLDEN "smooth.png", 16, small);
    decode(GOLDEN "turned.jpg", 64, other);
    uint64_t print = lbk__image_fingerprint(large, 64);
    assert_true(bits_that_differ(print, lbk__image_fingerprint(small, 16)) <= 6);
    assert_true(bits_that_differ(print, lbk__image_fingerprint(other, 64)) >= 16);
    for (size_t i = 0; i < sizeof large; i++) large[i] = (uint8_t)(large[i] / 2 + 60);
    assert_true(bits_that_differ(print, lbk__image_fingerprint(large, 64)) <= 3);
}

static void names_are_numbered(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__name_map map;
    lbk__name_map_start(context, &map);
    assert_int_equal(lbk__name_map_find(&map, "a", 1, -7), -7);
    char name[32];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 5000; i++) {
            int32_t *number;
            bool added;
            int length = snprintf(name, sizeof name, "n%d", i);
            check_ok(context, lbk__name_map_place(&map, name, (size_t)length, &number, &added));
            assert_int_equal(added, pass == 0);
            if (added)
                *number = i;
            else
                assert_int_equal(*number, i);
        }
    assert_int_equal(map.count, 5000);
    assert_int_equal(lbk__name_map_find(&map, "n4999", 5, -7), 4999);
    assert_int_equal(lbk__name_map_find(&map, "n5000", 5, -7), -7);
    lbk__name_map_free(&map);
    lbk_context_destroy(context);
}

static void spools_give_back_what_was_put(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__spool spool;
    check_fails(context, LBK_IO, "temporary file", lbk__spool_open(context, "/nowhere/at/all", &spool));
    char *folder = check_folder(), path[512], buffer[16];
    snprintf(path, sizeof path, "%s/out", folder);
    check_ok(context, lbk__spool_open(context, path, &spool));
    assert_int_equal(remove(folder), 0); /* nothing is left by name */
    check_ok(context, lbk__spool_put(&spool, "hello ", 6));
    check_ok(context, lbk__spool_put(&spool, "world", 5));
    assert_int_equal(spool.size, 11);
    check_ok(context, lbk__spool_rewind(&spool));
    size_t got;
    check_ok(context, lbk__spool_get(&spool, buffer, 8, &got));
    assert_int_equal(got, 8);
    check_ok(context, lbk__spool_get(&spool, buffer + 8, 8, &got));
    assert_int_equal(got, 3);
    assert_memory_equal(buffer, "hello world", 11);
    lbk__spool_close(&spool);
    free(folder);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_leave_at_any_time), /* first */
        cmocka_unit_test(lossless_formats_keep_every_pixel),
        cmocka_unit_test(grey_becomes_three_channels),
        cmocka_unit_test(transparency_is_white),
        cmocka_unit_test(resizing_follows_pillow),
        cmocka_unit_test(resampling_is_pillows),
        cmocka_unit_test(long_pictures_are_averaged_first),
        cmocka_unit_test(exif_turns_the_picture),
        cmocka_unit_test(cmyk_is_converted),
        cmocka_unit_test(patches_go_row_by_row),
        cmocka_unit_test(truncated_pictures_fail),
        cmocka_unit_test(pictures_that_cannot_be_whole_fail),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(drawings_are_rendered),
        cmocka_unit_test(fingerprints_of_look_alikes_are_near),
        cmocka_unit_test(names_are_numbered),
        cmocka_unit_test(spools_give_back_what_was_put),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
