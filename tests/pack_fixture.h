/* pack_fixture.h: a folder to write raw data into and to make packs in. */
#ifndef LBK_TESTS_PACK_FIXTURE_H
#define LBK_TESTS_PACK_FIXTURE_H

#include "check.h"

#include "base/file.h"
#include "format/json.h"

#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#define VOCAB "tests/golden/tokenizer/vocab.txt"
#define IMAGES "tests/golden/images/"

typedef struct fixture {
    lbk_context *context;
    char *folder;
    char data[300], pack[300];
    lbk_pack_options options;
} fixture;

static inline fixture fixture_open(const lbk_context_options *options) {
    fixture f = {0};
    assert_int_equal(lbk_context_create(options, &f.context), LBK_OK);
    f.folder = check_folder();
    return f;
}

/* After a fixture has been moved into its variable: the paths inside are its own. */
static inline void fixture_start(fixture *f) {
    snprintf(f->data, sizeof f->data, "%s/data.jsonl", f->folder);
    snprintf(f->pack, sizeof f->pack, "%s/out.pack", f->folder);
    f->options = (lbk_pack_options){.path = f->data, .image_root = IMAGES, .vocab = VOCAB};
}

static inline void remove_all(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *inner = malloc(strlen(path) + strlen(entry->d_name) + 2);
        sprintf(inner, "%s/%s", path, entry->d_name);
        struct stat found;
        if (lstat(inner, &found) == 0 && S_ISDIR(found.st_mode))
            remove_all(inner);
        else
            remove(inner);
        free(inner);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

static inline void fixture_close(fixture *f) {
    remove_all(f->folder);
    free(f->folder);
    lbk_context_destroy(f->context);
}

/* A file below the fixture's folder, its folders made where needed. */
static inline void put_file(fixture *f, const char *name, const void *data, size_t size) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    char *slash = strrchr(path, '/');
    *slash = 0;
    check_ok(f->context, lbk__make_folder(f->context, path));
    *slash = '/';
    check_ok(f->context, lbk__write_file(f->context, path, data, size));
}

static inline void put_text(fixture *f, const char *name, const char *text) {
    put_file(f, name, text, strlen(text));
}

static inline void copy_file(fixture *f, const char *from, const char *name) {
    char *data;
    size_t size;
    check_ok(f->context, lbk__read_file(f->context, from, 1 << 24, &data, &size));
    put_file(f, name, data, size);
    lbk_free(f->context, data);
}

static inline int count_entries(const char *path) {
    DIR *folder = opendir(path);
    int count = -2;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* Builds and opens. */
static inline lbk_pack *build(fixture *f) {
    lbk_pack *pack;
    check_ok(f->context, lbk_pack_build(f->context, &f->options, f->pack, NULL));
    check_ok(f->context, lbk_pack_open(f->context, f->pack, &pack));
    check_ok(f->context, lbk_pack_verify(pack));
    return pack;
}

static inline lbk_sample sample_of(fixture *f, const lbk_pack *pack, int64_t index) {
    lbk_sample sample;
    check_ok(f->context, lbk_pack_sample(pack, index, &sample));
    return sample;
}

#define check_bytes(pointer, length, wanted)                                                    \
    do {                                                                                        \
        if ((length) != strlen(wanted) || memcmp(pointer, wanted, length) != 0)                 \
            fail_msg("\"%.*s\" is not \"%s\"", (int)(length), (const char *)(pointer), wanted); \
    } while (0)

/* Records with what may vary: numbers as ids, an unknown field, a blank line, an image twice, none, no label.
 */
static const char pack_records[] =
    "{\"id\": \"a\", \"text\": \"a red apple\", \"image\": \"rgb.png\", \"label\": \"fruit\", \"split\": "
    "\"train\"}\n"
    "{\"id\": 17, \"text\": \"Two  dogs!\", \"image\": \"smooth.png\", \"label\": \"animal\", \"split\": "
    "\"dev\", "
    "\"unknown\": [1]}\n"
    "\n"
    "{\"id\": \"c\", \"text\": \"again\", \"image\": \"rgb.png\", \"label\": null}\r\n"
    "{\"id\": \"d\", \"text\": \"no picture\", \"label\": \"fruit\", \"split\": \"dev\"}\n"
    "{\"id\": \"\xc3\xa9\", \"text\": \"last\", \"image\": \"turned.jpg\", \"label\": \"tool\", \"split\": "
    "\"test\"}";

static inline void use_patches(fixture *f) {
    f->options.visual = LBK_VISUAL_PATCHES;
    f->options.image_size = 16;
    f->options.patch_size = 8;
}

/* A fixture with the records, packed with patches. */
static inline lbk_pack *open_records(fixture *f) {
    *f = fixture_open(NULL);
    fixture_start(f);
    use_patches(f);
    put_text(f, "data.jsonl", pack_records);
    return build(f);
}

#endif
