/* openclipart_walk.c: the library's folders: which drawings are in use and what their label is. */
#define _GNU_SOURCE
#include "base/file.h"
#include "data/openclipart.h"
#include "data/svg_metadata.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 16, FEWEST_LETTERS = 3 };

/* The first row whose prefix fits decides. Left out: themes (hundreds of variations under one title), stars
 * and LED digits (made by program), weapons, patterns. */
static const struct {
    const char *prefix;
    bool used;
    const char *label;
    int most; /* labelled drawings of the class */
} folders[] = {
    {"computer/icons/etiquette-theme/", false, NULL, 0},
    {"computer/icons/flat-theme/", false, NULL, 0},
    {"computer/icons/lemon-theme/", false, NULL, 0},
    {"shapes/stars/", false, NULL, 0},
    {"signs_and_symbols/led/", false, NULL, 0},
    {"tools/weapons/", false, NULL, 0},
    {"special/", false, NULL, 0},
    {"unsorted/duplicates/", false, NULL, 0},
    {"signs_and_symbols/flags/", true, "flag", 300},
    {"animals/", true, "animal", 400},
    {"buildings/", true, "building", 400},
    {"computer/", true, "computer", 400},
    {"food/", true, "food", 400},
    {"geography/", true, "map", 400},
    {"office/", true, "office", 400},
    {"people/", true, "people", 400},
    {"plants/", true, "plant", 400},
    {"recreation/", true, "recreation", 400},
    {"shapes/", true, "shape", 400},
    {"signs_and_symbols/", true, "sign", 400},
    {"tools/", true, "tool", 400},
    {"transportation/", true, "transport", 400},
    {"", true, NULL, 0},
};

static size_t folder_of(const char *path) {
    size_t i = 0;
    while (strncmp(path, folders[i].prefix, strlen(folders[i].prefix)) != 0) i++;
    return i;
}

/* The letters of a name, lower case, after its folder: "jigsaw_red_09" and "jigsaw_red_10" are one. */
static lbk_status hash_letters(lbk_context *context, const char *path, const char *name, size_t length,
                               uint64_t *hash) {
    lbk__text key = {0};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__text_append(context, &key, path, (size_t)(lbk__base_name(path) - path)));
    for (size_t i = 0; i < length; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
        if ((c >= 'a' && c <= 'z') || (c & 0x80)) LBK_GO(lbk__text_append(context, &key, &c, 1));
    }
    *hash = lbk__openclipart_hash(key.data, key.length);
done:
    lbk__text_free(context, &key);
    return status;
}

/* A drawing of one title in two folders is one title: only the series of file names is a folder's own. */
static lbk_status describe(lbk_context *context, const char *folder, lbk__drawing *drawing) {
    lbk__text title = {0}, description = {0}, text = {0};
    char *full = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__join(context, folder, drawing->path, &full));
    status = lbk__svg_metadata(context, full, &title, &description);
    if (status == LBK_BAD_DATA) {
        drawing->broken = true;
        status = lbk__copy_string(context, "", &drawing->text);
    }
    if (status != LBK_OK || drawing->broken) goto done;
    LBK_GO(lbk__openclipart_text(context, title.data, description.data, &text));
    drawing->title = lbk__openclipart_hash(title.data, title.length);
    LBK_GO(hash_letters(context, "", title.data, title.length, &drawing->title_series));
    LBK_GO(lbk__copy_bytes(context, text.data, text.length, &drawing->text));
done:
    lbk_free(context, full);
    lbk__text_free(context, &title);
    lbk__text_free(context, &description);
    lbk__text_free(context, &text);
    return status;
}

static lbk_status add(lbk_context *context, const char *folder, const char *path, lbk__drawings *out) {
    size_t rule = folder_of(path);
    if (!folders[rule].used) return LBK_OK;
    LBK_TRY(LBK_GROW(context, out->items, out->capacity, out->count + 1));
    lbk__drawing *drawing = out->items + out->count;
    *drawing = (lbk__drawing){.label = folders[rule].label,
                              .most_of_class = folders[rule].most,
                              .order = lbk__openclipart_hash(path, strlen(path))};
    LBK_TRY(lbk__copy_string(context, path, &drawing->path));
    out->count++;
    const char *name = lbk__base_name(path);
    LBK_TRY(hash_letters(context, path, name, strlen(name) - strlen(".svg"), &drawing->series));
    LBK_TRY(describe(context, folder, drawing));
    if (drawing->broken || lbk__openclipart_letters(drawing->text) >= FEWEST_LETTERS) return LBK_OK;
    lbk_free(context, drawing->path);
    lbk_free(context, drawing->text);
    out->count--;
    out->wordless++;
    return LBK_OK;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static lbk_status walk(lbk_context *context, const char *folder, const char *below, int depth,
                       lbk__drawings *out);

/* The library files a drawing under several folders by links: each is a sample with its own label. Links to
 * folders are not followed, so that the walk ends. */
static lbk_status visit(lbk_context *context, const char *folder, const char *path, int depth,
                        lbk__drawings *out) {
    char *full;
    LBK_TRY(lbk__join_inside(context, folder, path, &full));
    struct stat found;
    bool failed = lstat(full, &found) != 0;
    const bool is_link = !failed && S_ISLNK(found.st_mode);
    if (is_link) failed = stat(full, &found) != 0;
    lbk_free(context, full);
    if (failed) return LBK_OK;
    if (S_ISDIR(found.st_mode)) return is_link ? LBK_OK : walk(context, folder, path, depth + 1, out);
    size_t length = strlen(path);
    bool drawing = S_ISREG(found.st_mode) && length > 4 && strcmp(path + length - 4, ".svg") == 0;
    return drawing ? add(context, folder, path, out) : LBK_OK;
}

static lbk_status walk(lbk_context *context, const char *folder, const char *below, int depth,
                       lbk__drawings *out) {
    if (depth > DEEPEST)
        return lbk__fail(context, LBK_BAD_DATA, "%s/%s: folders are too deep", folder, below);
    if (lbk__interrupted(context)) return lbk__fail(context, LBK_INTERRUPTED, "stopped on request");
    char *full;
    LBK_TRY(lbk__join(context, folder, below, &full));
    struct dirent **entries = NULL;
    int count = scandir(full, &entries, NULL, by_bytes);
    lbk_status status = LBK_OK;
    if (count < 0) status = lbk__fail_errno(context, "%s: cannot list the folder", full);
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (status == LBK_OK && entries[i]->d_name[0] != '.')
            status = lbk__join(context, below, entries[i]->d_name, &path);
        if (path && status == LBK_OK) status = visit(context, folder, path, depth, out);
        lbk_free(context, path);
        free(entries[i]);
    }
    free(entries);
    lbk_free(context, full);
    return status;
}

lbk_status lbk__openclipart_walk(lbk_context *context, const char *folder, lbk__drawings *out) {
    *out = (lbk__drawings){0};
    return walk(context, folder, "", 0, out);
}

void lbk__openclipart_free(lbk_context *context, lbk__drawings *drawings) {
    for (size_t i = 0; i < drawings->count; i++) {
        lbk_free(context, drawings->items[i].path);
        lbk_free(context, drawings->items[i].text);
    }
    lbk_free(context, drawings->items);
    *drawings = (lbk__drawings){0};
}

uint64_t lbk__openclipart_hash(const void *data, size_t length) {
    char hex[LBK__HASH_SIZE];
    lbk__hash_bytes(data, length, hex);
    hex[16] = 0;
    return strtoull(hex, NULL, 16);
}
