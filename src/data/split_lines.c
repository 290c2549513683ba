/* split_lines.c: a file of JSON lines for each split. */
#include "data/split_lines.h"

#include <stdio.h>
#include <string.h>

lbk_status lbk__count_lines(lbk_context *context, const char *path, uint64_t *count) {
    FILE *file;
    LBK_TRY(lbk__open_regular(context, path, &file));
    char piece[1 << 16], last = '\n';
    size_t got;
    *count = 0;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) {
        for (const char *at = piece; (at = memchr(at, '\n', (size_t)(piece + got - at))); at++) ++*count;
        last = piece[got - 1];
    }
    *count += last != '\n';
    const lbk_status status = ferror(file) ? lbk__fail_errno(context, "%s: cannot read", path) : LBK_OK;
    fclose(file);
    return status;
}

/* "a.jsonl, b.jsonl or c.jsonl" */
static lbk_status no_file(lbk_context *context, const lbk__split_lines *lines) {
    lbk__text names = {0};
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < lines->count && status == LBK_OK; i++)
        status = lbk__text_printf(context, &names, "%s%s",
                                  i == 0 ? "" : (i + 1 < lines->count ? ", " : " or "), lines->files[i].name);
    if (status == LBK_OK)
        status = lbk__fail(context, LBK_BAD_DATA, "%s: has no %s", lines->folder, names.data);
    lbk__text_free(context, &names);
    return status;
}

lbk_status lbk__split_lines_open(lbk__loader *loader, const char *folder, const lbk__split_file *files,
                                 size_t count, lbk__split_lines *out) {
    lbk_context *context = loader->context;
    *out = (lbk__split_lines){.context = context, .folder = folder, .files = files, .count = count};
    for (size_t i = 0; i < count; i++) {
        char *path;
        uint64_t lines = 0;
        LBK_TRY(lbk__join(context, folder, files[i].name, &path));
        lbk_status status = LBK_OK;
        if (lbk__exists(path)) {
            status = lbk__loader_add_input(loader, path);
            if (status == LBK_OK) status = lbk__count_lines(context, path, &lines);
        }
        lbk_free(context, path);
        LBK_TRY(status);
        loader->total += lines;
    }
    return loader->num_inputs ? LBK_OK : no_file(context, out);
}

void lbk__split_lines_close(lbk__split_lines *lines) {
    lbk__json_lines_close(lines->lines);
    lines->lines = NULL;
}

/* The next file that is there, if any. */
static lbk_status open_next(lbk__split_lines *lines) {
    while (!lines->lines && lines->next < lines->count) {
        char *path;
        LBK_TRY(lbk__join(lines->context, lines->folder, lines->files[lines->next++].name, &path));
        lbk_status status = LBK_OK;
        if (lbk__exists(path)) status = lbk__json_lines_open(lines->context, path, &lines->lines);
        lbk_free(lines->context, path);
        LBK_TRY(status);
    }
    return LBK_OK;
}

lbk_status lbk__split_lines_next(lbk__split_lines *lines, lbk__json_in *in, const char **split) {
    for (;;) {
        *in = (lbk__json_in){.context = lines->context};
        LBK_TRY(open_next(lines));
        if (!lines->lines) return LBK_OK;
        *split = lines->files[lines->next - 1].split;
        LBK_TRY(lbk__json_lines_next(lines->lines, in));
        if (in->object) return LBK_OK;
        lbk__split_lines_close(lines);
    }
}
