/* What files of data and of models may make limbeck do: they name no file outside of their folder, they do
 * not unpack to more than they may, and nothing of them reaches a terminal as a command. */
#define _GNU_SOURCE /* memmem */
#include "small_run.h"

#include "data/image.h"
#include "data/picture_list.h"
#include "format/hdf5_features.h"
#include "format/json.h"
#include "format/torch_file.h"
#include "format/weights.h"

#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

static void put_names(hid_t to) {
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, (const hsize_t[]){2}, NULL);
    H5Tset_size(type, 2);
    const hid_t set = H5Dcreate2(to, "image", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, "a\0b");
    H5Dclose(set), H5Sclose(space), H5Tclose(type);
}

static void write_text(const small_run *run, const char *name, const char *text) {
    char *path = small_run_path(run, name);
    check_ok(run->context, lbk__write_file(run->context, path, text, strlen(text)));
    free(path);
}

static void make_link(const small_run *run, const char *target, const char *name) {
    char *path = small_run_path(run, name);
    assert_int_equal(symlink(target, path), 0);
    free(path);
}

static void names_stay_in_their_folder(void **state) {
    small_run *run = *state;
    char *folder = small_run_path(run, "in"), *beside = small_run_path(run, "outside.txt"), *path;
    char inner[300];
    snprintf(inner, sizeof inner, "%s/in/there.txt", run->folder);
    check_ok(run->context, lbk__make_folder(run->context, folder));
    write_text(run, "outside.txt", "secret");
    write_text(run, "in/there.txt", "open");
    make_link(run, "there.txt", "in/link");
    make_link(run, "../outside.txt", "in/out");
    make_link(run, "/etc", "in/etc");
    make_link(run, inner, "in/absolute");
    static const char *const good[] = {"there.txt", "./there.txt", "link", "absolute",
                                       "missing",   "..a/b..",     "a..b"};
    static const char *const bad[] = {
        "../outside.txt", "..", "there/../../outside.txt", "a/..", "out", "etc/passwd", "/etc/passwd", "/"};
    for (size_t i = 0; i < LBK_COUNT(good); i++) {
        check_ok(run->context, lbk__join_inside(run->context, folder, good[i], &path));
        lbk_free(run->context, path);
    }
    for (size_t i = 0; i < LBK_COUNT(bad); i++)
        check_fails(run->context, LBK_BAD_DATA, "--allow-outside",
                    lbk__join_inside(run->context, folder, bad[i], &path));
    run->context->options.allow_outside = 1;
    for (size_t i = 0; i < LBK_COUNT(bad); i++) {
        check_ok(run->context, lbk__join_inside(run->context, folder, bad[i], &path));
        lbk_free(run->context, path);
    }
    free(folder), free(beside);
}

/* A record whose picture lies outside is a bad record; the others are packed. */
static lbk_status pack_outside(const small_run *run, int skip_bad, char **summary) {
    char *data = small_run_path(run, "data/data.jsonl"), *vocab = small_run_path(run, "vocab.txt"),
         *pack = small_run_path(run, "confined");
    lbk_pack_options options = small_run_pack_options(data, vocab, LBK_LABEL_SINGLE);
    options.skip_bad = skip_bad;
    const lbk_status status = lbk_pack_build(run->context, &options, pack, summary);
    free(data), free(vocab), free(pack);
    return status;
}

static void pictures_of_data_stay_in_their_folder(void **state) {
    small_run *run = *state;
    char *folder = small_run_path(run, "data"), *summary, text[1024];
    check_ok(run->context, lbk__make_folder(run->context, folder));
    make_link(run, "../2.tiff", "data/link.tiff");
    snprintf(text, sizeof text,
             "{\"id\": \"a\", \"text\": \"red\", \"label\": \"x\"}\n"
             "{\"id\": \"b\", \"text\": \"red\", \"label\": \"x\", \"image\": \"../1.tiff\"}\n"
             "{\"id\": \"c\", \"text\": \"red\", \"label\": \"x\", \"image\": \"../1.tiff\"}\n"
             "{\"id\": \"d\", \"text\": \"red\", \"label\": \"x\", \"image\": \"%s/1.tiff\"}\n"
             "{\"id\": \"e\", \"text\": \"red\", \"label\": \"x\", \"image\": \"link.tiff\"}\n",
             run->folder);
    write_text(run, "data/data.jsonl", text);
    check_fails(run->context, LBK_BAD_DATA, "record \"b\": \"../1.tiff\" leads out of",
                pack_outside(run, 0, NULL));
    check_ok(run->context, pack_outside(run, 1, &summary));
    json_t *root = small_run_json(run, summary);
    check_near(small_run_number(json_object_get(root, "counts"), "skipped_records"), 4, 0);
    json_decref(root);
    run->context->options.allow_outside = 1;
    check_ok(run->context, pack_outside(run, 0, &summary));
    root = small_run_json(run, summary);
    check_near(small_run_number(json_object_get(root, "counts"), "skipped_records"), 0, 0);
    json_decref(root);
    free(folder);
}

static int keep_line(void *user, const char *line) {
    snprintf(user, 4096, "%s", line);
    return 0;
}

/* Lines are data; what a program asks itself is its own affair. */
static void pictures_of_questions_stay_in_their_folder(void **state) {
    small_run *run = *state;
    char *folder = small_run_path(run, "out"), *lines = small_run_path(run, "lines.jsonl"), outside[300],
         line[4096], *answer;
    lbk_model *model;
    int64_t failed;
    check_ok(run->context, small_run_go(run, CHANGES("train.epochs=1"), NULL, "out", 0, NULL));
    check_ok(run->context, lbk_model_open(run->context, folder, &model));
    check_ok(run->context, lbk_model_set_images(model, folder, NULL));
    write_text(run, "lines.jsonl", "{\"id\": 1, \"text\": \"red\", \"image\": \"../1.tiff\"}\n");
    check_ok(run->context, lbk_model_answer_lines(model, lines, 0, keep_line, line, &failed));
    assert_int_equal(failed, 1);
    assert_non_null(strstr(line, "leads out of"));
    snprintf(outside, sizeof outside, "%s/1.tiff", run->folder);
    check_ok(run->context,
             lbk_model_answer(model, &(lbk_input){.text = "red", .image = outside}, 0, &answer));
    lbk_free(run->context, answer);
    run->context->options.allow_outside = 1;
    check_ok(run->context, lbk_model_answer_lines(model, lines, 0, keep_line, line, &failed));
    assert_int_equal(failed, 0);
    lbk_model_close(model);
    free(folder), free(lines);
}

static void models_and_folders_stay_in_themselves(void **state) {
    small_run *run = *state;
    char *model = small_run_path(run, "model"), *pictures = small_run_path(run, "pictures");
    lbk__weights *weights;
    lbk__picture_list list;
    check_ok(run->context, lbk__make_folder(run->context, model));
    check_ok(run->context, lbk__make_folder(run->context, pictures));
    write_text(run, "model/model.safetensors.index.json", "{\"weight_map\": {\"a\": \"part.safetensors\"}}");
    write_text(run, "part.safetensors", "");
    make_link(run, "../part.safetensors", "model/part.safetensors");
    check_fails(run->context, LBK_BAD_DATA,
                "\"weight_map\": \"part.safetensors\" is a link that leads out of",
                lbk__weights_open_folder(run->context, model, &weights));
    make_link(run, "..", "pictures/up");
    check_fails(run->context, LBK_BAD_DATA, "\"up\" is a link that leads out of",
                lbk__picture_list_make(run->context, pictures, &list));
    free(model), free(pictures);
}

/* A run folder from elsewhere whose log is a link to a file of the user's: nothing is appended there. */
static void growing_files_are_no_links_out(void **state) {
    small_run *run = *state;
    run->stop_at = 4;
    assert_int_equal(small_run_go(run, NULL, NULL, "out", 0, NULL), LBK_INTERRUPTED);
    run->stop_at = 0;
    write_text(run, "profile", "mine\n");
    static const char *const names[] = {"out/log.txt", "out/metrics.jsonl"};
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char *path = small_run_path(run, names[i]);
        assert_int_equal(unlink(path), 0);
        make_link(run, "../profile", names[i]);
        check_fails(run->context, LBK_BAD_DATA, "is a link that leads out of",
                    small_run_go(run, NULL, NULL, "out", 1, NULL));
        size_t size;
        char *text = small_run_read(run, "profile", &size);
        assert_string_equal(text, "mine\n");
        assert_int_equal(unlink(path), 0);
        free(text), free(path);
    }
}

/* 60,000 × 60,000 pixels in a few bytes, 16,383 × 16,383 in fewer: refused by what the header says. */
static void a_bomb_is_refused_before_it_is_unpacked(void **state) {
    small_run *run = *state;
    static const unsigned char webp[] =
        "RIFF\x18\0\0\0WEBPVP8L\x0c\0\0\0\x2f\xfe\xbf\xff\x0f\x88\x88\x08\x07\x10\x11\0";
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0, 0,    13,
                                        'I',  'H', 'D', 'R', 0,    0,    0xEA, 0x60, 0,    0, 0xEA, 0x60,
                                        8,    2,   0,   0,   0,    0x0F, 0xB0, 0xE2, 0x15, 0, 0,    0,
                                        0,    'I', 'D', 'A', 'T',  0x35, 0xAF, 0x06, 0x1E};
    const struct {
        const unsigned char *bytes;
        size_t size;
    } bombs[] = {{png, sizeof png}, {webp, sizeof webp - 1}};
    for (size_t i = 0; i < LBK_COUNT(bombs); i++) {
        char *path = small_run_path(run, "bomb");
        uint8_t pixels[8 * 8 * 3];
        lbk__image_error error = {.text = ""};
        check_ok(run->context, lbk__write_file(run->context, path, bombs[i].bytes, bombs[i].size));
        assert_int_equal(lbk__image_decode(path, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 8, pixels, &error),
                         LBK_BAD_DATA);
        if (!strstr(error.text, "more than 64 million pixels")) fail_msg("%s", error.text);
        free(path);
    }
}

/* Chunks of 300 MiB in 16 bytes each; and an entry that says it unpacks to 4 GiB. */
static void containers_that_unpack_to_too_much_are_refused(void **state) {
    small_run *run = *state;
    char *path = small_run_path(run, "bomb.h5"), *zip_path = small_run_path(run, "bomb.bin");
    const hsize_t shape[] = {2, 1, 75 << 20}, chunk[] = {1, 1, 75 << 20};
    lbk__features *features;
    lbk__torch_file *file;
    hid_t to = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
          creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 3, chunk);
    H5Pset_deflate(creation, 9);
    const hid_t space = H5Screate_simple(3, shape, NULL),
                set = H5Dcreate2(to, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    for (hsize_t k = 0; k < shape[0]; k++)
        assert_true(
            H5Dwrite_chunk(set, H5P_DEFAULT, 0, (const hsize_t[]){k, 0, 0}, 16, "zeros, they say..") >= 0);
    H5Dclose(set), H5Sclose(space), H5Pclose(creation);
    put_names(to);
    H5Fclose(to);
    check_fails(run->context, LBK_BAD_DATA, "has chunks above 256 MiB",
                lbk__features_open(run->context, path, &features));

    zip_t *zip = zip_open(zip_path, ZIP_CREATE, NULL);
    static char zeros[17 << 20];
    zip_source_t *source = zip_source_buffer(zip, zeros, sizeof zeros, 0);
    assert_true(zip_file_add(zip, "a/data.pkl", source, 0) >= 0);
    assert_int_equal(zip_close(zip), 0);
    check_fails(run->context, LBK_BAD_DATA, "entry \"a/data.pkl\" is larger than it may be",
                lbk__torch_file_open(run->context, zip_path, &file));
    /* The same entry, its size in the directory made 256 times what it was. */
    size_t size;
    char *data = small_run_read(run, "bomb.bin", &size);
    const uint32_t claimed = sizeof zeros;
    char *directory = memmem(data, size, "PK\1\2", 4);
    assert_memory_equal(directory + 24, &claimed, 4);
    memcpy(directory + 24, &(uint32_t){0xFFFFFF00}, 4);
    check_ok(run->context, lbk__write_file(run->context, zip_path, data, size));
    check_fails(run->context, LBK_BAD_DATA, "", lbk__torch_file_open(run->context, zip_path, &file));
    free(data), free(path), free(zip_path);
}

/* ---- terminals ---- */

#define OVERRIDE "\xe2\x80\xae" /* what follows goes from right to left */

static void check_printable(const char *text) {
    for (const char *at = text; *at; at++) {
        const unsigned char first = (unsigned char)at[0], second = (unsigned char)at[1];
        if ((first < 0x20 && first != '\n') || first == 0x7F || (first == 0xC2 && second < 0xA0) ||
            strncmp(at, OVERRIDE, 3) == 0)
            fail_msg("byte %zu is obeyed, not shown: %s", (size_t)(at - text), text);
    }
}

#define ESCAPE "\x1b]0;x\x07"
#define CSI    \
    "\xc2\x9b" \
    "31m"

static void nothing_commands_a_terminal(void **state) {
    small_run *run = *state;
    lbk__fail(run->context, LBK_IO, "%s " CSI " \x7f", ESCAPE);
    check_printable(lbk_error(run->context));
    lbk__fail_at(run->context, LBK_IO, "%s", ESCAPE);
    check_printable(lbk_error(run->context));
    lbk__fail_errno(run->context, "%s", ESCAPE);
    check_printable(lbk_error(run->context));
    assert_non_null(strstr(lbk_error(run->context), "\\x1b]0;x\\x07"));
    *run->log = 0;
    lbk__log(run->context, LBK_LOG_INFO, "%s%s" OVERRIDE, ESCAPE, CSI);
    check_printable(run->log);
    char *text;
    json_t *value = json_pack("{s:s}", ESCAPE, CSI OVERRIDE "\x7f é \xc2\xa0");
    check_ok(run->context, lbk__json_dump(run->context, value, JSON_COMPACT, &text));
    check_printable(text);
    json_t *again = small_run_json(run, text);
    assert_true(json_equal(value, again));
    json_decref(value), json_decref(again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_run_set_up, small_run_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(names_stay_in_their_folder),
        TEST(pictures_of_data_stay_in_their_folder),
        TEST(pictures_of_questions_stay_in_their_folder),
        TEST(models_and_folders_stay_in_themselves),
        TEST(growing_files_are_no_links_out),
        TEST(a_bomb_is_refused_before_it_is_unpacked),
        TEST(containers_that_unpack_to_too_much_are_refused),
        TEST(nothing_commands_a_terminal),
    };
    return cmocka_run_group_tests_name("confinement", tests, NULL, NULL);
}
