/* split_lines.h: data sets of one file of JSON lines for each split, read one after the other. */
#ifndef LBK_DATA_SPLIT_LINES_H
#define LBK_DATA_SPLIT_LINES_H

#include "data/loader.h"
#include "format/json.h"

/* A file of the layout and the name of its split. */
typedef struct lbk__split_file {
    const char *name, *split;
} lbk__split_file;

typedef struct lbk__split_lines {
    lbk_context *context;
    const char *folder;           /* the caller's */
    const lbk__split_file *files; /* [count], constants */
    size_t count, next;
    lbk__json_lines *lines; /* of the file before `next`; NULL: none is open */
} lbk__split_lines;

/* Adds the files that are there to the loader's inputs, and their lines to its total. LBK_BAD_DATA, naming
 * them all, when there is none. */
lbk_status lbk__split_lines_open(lbk__loader *loader, const char *folder, const lbk__split_file *files,
                                 size_t count, lbk__split_lines *out);
void lbk__split_lines_close(lbk__split_lines *lines); /* a zeroed one is allowed */
/* The next line, object NULL after the last file, and its split. Errors as lbk__json_lines_next. */
lbk_status lbk__split_lines_next(lbk__split_lines *lines, lbk__json_in *in, const char **split);

/* The number of lines of a file. */
lbk_status lbk__count_lines(lbk_context *context, const char *path, uint64_t *count);

#endif
