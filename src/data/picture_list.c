/* picture_list.c: walking folders. */
#define _GNU_SOURCE
#include "data/picture_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { DEEPEST = 32, LONGEST_NAME = 4096 };

static bool is_picture(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < LBK_COUNT(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

static lbk_status add(lbk_context *context, const char *name, lbk__picture_list *list) {
    const size_t length = strlen(name);
    if (length > LONGEST_NAME || lbk__utf8_valid(name, length) != length) {
        char shown[128];
        return lbk__fail(context, LBK_BAD_DATA, "%s: is longer than %d bytes or not valid UTF-8; rename it",
                         lbk__printable(shown, sizeof shown, name, length), LONGEST_NAME);
    }
    LBK_TRY(LBK_GROW(context, list->names, list->capacity, list->count + 1));
    list->longest = LBK_MAX(list->longest, length);
    return lbk__copy_string(context, name, &list->names[list->count++]);
}

static lbk_status walk(lbk_context *context, const char *folder, const char *below, int depth,
                       lbk__picture_list *list);

static lbk_status visit(lbk_context *context, const char *folder, const char *name, int depth,
                        lbk__picture_list *list) {
    char *path;
    struct stat found;
    LBK_TRY(lbk__join_inside(context, folder, name, &path));
    const bool there = stat(path, &found) == 0; /* a link may lead nowhere */
    lbk_free(context, path);
    if (there && S_ISDIR(found.st_mode)) return walk(context, folder, name, depth + 1, list);
    return is_picture(name) ? add(context, name, list) : LBK_OK;
}

static lbk_status walk(lbk_context *context, const char *folder, const char *below, int depth,
                       lbk__picture_list *list) {
    char *path;
    if (depth > DEEPEST)
        return lbk__fail(context, LBK_BAD_DATA, "%s/%s: more than %d folders deep; does a link lead back?",
                         folder, below, DEEPEST);
    LBK_TRY(lbk__join(context, folder, below, &path));
    DIR *open = opendir(path);
    lbk_status status = open ? LBK_OK : lbk__fail_errno(context, "%s: cannot open the folder", path);
    lbk_free(context, path);
    for (struct dirent *entry; status == LBK_OK && (entry = readdir(open));) {
        char *name;
        if (entry->d_name[0] == '.') continue;
        status = lbk__join(context, below, entry->d_name, &name);
        if (status != LBK_OK) break;
        status = visit(context, folder, name, depth, list);
        lbk_free(context, name);
    }
    if (open) closedir(open);
    return status;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lbk_status hash(lbk_context *context, const char *folder, lbk__picture_list *list) {
    lbk__hasher *hasher;
    LBK_TRY(lbk__hasher_create(context, &hasher));
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < list->count && status == LBK_OK; i++) {
        char *path;
        struct stat found = {0};
        status = lbk__join(context, folder, list->names[i], &path);
        if (status != LBK_OK) break;
        if (stat(path, &found) != 0) found = (struct stat){0}; /* reading it will say so */
        const int64_t numbers[] = {found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
        lbk__hasher_update(hasher, list->names[i], strlen(list->names[i]) + 1);
        lbk__hasher_update(hasher, numbers, sizeof numbers);
        lbk_free(context, path);
    }
    lbk__hasher_finish(context, hasher, list->hash);
    return status;
}

lbk_status lbk__picture_list_make(lbk_context *context, const char *folder, lbk__picture_list *out) {
    *out = (lbk__picture_list){0};
    lbk_status status = LBK_OK;
    LBK_GO(walk(context, folder, "", 0, out));
    if (out->count == 0)
        LBK_GO(
            lbk__fail(context, LBK_BAD_DATA, "%s: has no pictures (.jpg, .png, .webp, .gif, .tif)", folder));
    qsort(out->names, out->count, sizeof *out->names, by_bytes);
    LBK_GO(hash(context, folder, out));
done:
    if (status != LBK_OK) lbk__picture_list_free(context, out);
    return status;
}

void lbk__picture_list_free(lbk_context *context, lbk__picture_list *list) {
    for (size_t i = 0; i < list->count; i++) lbk_free(context, list->names[i]);
    lbk_free(context, list->names);
    *list = (lbk__picture_list){0};
}
