/* tree.c: looks at every file of a folder. */
#define _GNU_SOURCE
#include "tree.h"

#include "base/file.h"
#include "format/json.h"
#include "format/safetensors.h"

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* nftw has no argument to hand on. */
static struct {
    lbk_context *context;
    const char *folder, *reference;
    int wrong;
} at;

static void complain(const char *path, const char *what) {
    printf("  %s: %s\n", path, what);
    at.wrong++;
}

static bool ends(const char *text, const char *end) {
    const size_t length = strlen(text), part = strlen(end);
    return length >= part && strcmp(text + length - part, end) == 0;
}

/* ---- kinds of files ---- */

/* A kill between the end of the work and the lock's removal leaves its file, which means nothing. */
static bool is_lock(const char *name) {
    return ends(name, ".lock") || strcmp(name, "lock") == 0;
}

static bool is_temporary(const char *name) {
    return strstr(name, ".tmp-") || strstr(name, ".part") || is_lock(name);
}

static bool is_log(const char *name) {
    return strcmp(name, "log.txt") == 0 || strcmp(name, "gnuplot.log") == 0 ||
           strstr(name, "events.out.") == name;
}

static bool has_times(const char *name) {
    static const char *const names[] = {"study.json", "results.json", "models.csv", "report.html",
                                        "done.json"};
    for (size_t i = 0; i < LBK_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return is_log(name) || ends(name, ".svg") || ends(name, ".gp");
}

static bool is_safetensors(const char *name) {
    return ends(name, ".safetensors") || !strchr(name, '.');
}

/* What is written once: the first version is the last. */
static bool is_final(const char *path, const char *name) {
    if (has_times(name)) return false;
    return !strchr(name, '.') || strcmp(name, "config.yaml") == 0 || strcmp(name, "vocab.txt") == 0 ||
           strcmp(name, "meta_split.json") == 0 || strcmp(name, "names.json") == 0 || ends(path, ".csv") ||
           ends(path, ".h5");
}

static bool same_bytes(const char *path, const char *other) {
    lbk__map ours, theirs;
    if (lbk__map_open(at.context, path, &ours) != LBK_OK) return false;
    bool same = lbk__map_open(at.context, other, &theirs) == LBK_OK;
    if (same) {
        same = ours.size == theirs.size && (ours.size == 0 || memcmp(ours.data, theirs.data, ours.size) == 0);
        lbk__map_close(&theirs);
    }
    lbk__map_close(&ours);
    return same;
}

/* The hash of a safetensors file's numbers, "" when it is not whole. */
static void numbers_of(const char *path, char out[LBK__HASH_SIZE]) {
    lbk__safetensors *file;
    *out = 0;
    if (lbk__safetensors_open(at.context, path, &file) != LBK_OK) return;
    const char *kept = lbk__safetensors_metadata(file, "sha256");
    if (!kept) kept = lbk__safetensors_metadata(file, "content_sha256");
    lbk__safetensors_hash(file, out);
    if (!kept || strcmp(kept, out) != 0) *out = 0;
    lbk__safetensors_close(file);
}

static bool json_is_whole(const char *path) {
    json_t *root = json_load_file(path, 0, NULL);
    json_decref(root);
    return root != NULL;
}

static bool lines_are_whole(const char *path) {
    char *text;
    size_t size;
    if (lbk__read_file(at.context, path, 1 << 26, &text, &size) != LBK_OK) return false;
    bool whole = size == 0 || text[size - 1] == '\n';
    for (char *line = strtok(text, "\n"); line && whole; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        whole = object != NULL;
        json_decref(object);
    }
    lbk_free(at.context, text);
    return whole;
}

/* ---- after a kill ---- */

static int check_whole(const char *path, const struct stat *info, int kind, struct FTW *place) {
    const char *name = path + place->base;
    char hash[LBK__HASH_SIZE], other[4096];
    (void)info;
    if (kind != FTW_F || is_temporary(name) || is_log(name)) return 0;
    if (is_safetensors(name)) {
        numbers_of(path, hash);
        if (!*hash) complain(path, "is not whole");
    }
    if (ends(name, ".json") && !json_is_whole(path)) complain(path, "is no JSON");
    if (ends(name, ".jsonl") && !lines_are_whole(path)) complain(path, "does not end with a whole line");
    snprintf(other, sizeof other, "%s%s", at.reference, path + strlen(at.folder));
    if (is_final(path, name) && lbk__exists(other) && !same_bytes(path, other))
        complain(path, "has another content than it will have");
    return 0;
}

int tree_not_whole(lbk_context *context, const char *folder, const char *reference) {
    at.context = context, at.folder = folder, at.reference = reference, at.wrong = 0;
    nftw(folder, check_whole, 32, FTW_PHYS);
    return at.wrong;
}

/* ---- at the end ---- */

static int check_same(const char *path, const struct stat *info, int kind, struct FTW *place) {
    const char *name = path + place->base;
    char ours[4096], hash[LBK__HASH_SIZE], wanted[LBK__HASH_SIZE];
    (void)info;
    if (kind != FTW_F || is_log(name)) return 0;
    snprintf(ours, sizeof ours, "%s%s", at.folder, path + strlen(at.reference));
    if (!lbk__exists(ours)) {
        complain(ours, "is missing");
    } else if (strcmp(name, "state.safetensors") == 0) {
        numbers_of(path, wanted);
        numbers_of(ours, hash);
        if (!*hash || strcmp(hash, wanted) != 0) complain(ours, "has other numbers");
    } else if (!has_times(name) && !same_bytes(path, ours)) {
        complain(ours, "has other bytes");
    }
    return 0;
}

static int check_known(const char *path, const struct stat *info, int kind, struct FTW *place) {
    char theirs[4096];
    (void)info;
    if (kind != FTW_F || is_log(path + place->base) || is_lock(path + place->base)) return 0;
    snprintf(theirs, sizeof theirs, "%s%s", at.reference, path + strlen(at.folder));
    if (!lbk__exists(theirs)) complain(path, "is left over");
    return 0;
}

int tree_differs(lbk_context *context, const char *folder, const char *reference) {
    at.context = context, at.folder = folder, at.reference = reference, at.wrong = 0;
    nftw(reference, check_same, 32, FTW_PHYS);
    nftw(folder, check_known, 32, FTW_PHYS);
    return at.wrong;
}
