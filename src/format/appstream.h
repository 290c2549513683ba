/* appstream.h: the desktop applications of a distribution's software catalogue (AppStream, Debian's DEP-11),
 * read by libappstream. Its objects live in malloc's memory. */
#ifndef LBK_FORMAT_APPSTREAM_H
#define LBK_FORMAT_APPSTREAM_H

#include "base/base.h"

typedef struct lbk__appstream lbk__appstream;

/* Texts are the untranslated ones and belong to the catalogue; what an application lacks is "". */
typedef struct lbk__application {
    const char *id, *package, *name, *summary;
    const char *description;       /* without its markup */
    const char *icon;              /* file name of the icon in the distribution's archive of icons */
    const char *const *categories; /* [num_categories] of the desktop menu, main ones and others */
    size_t num_categories;
} lbk__application;

/* A catalogue in YAML, compressed or not. LBK_IO; LBK_BAD_DATA with libappstream's reason. Applications are
 * sorted by id. */
lbk_status lbk__appstream_open(lbk_context *context, const char *path, lbk__appstream **out);
void lbk__appstream_close(lbk__appstream *catalogue); /* NULL is allowed */
size_t lbk__appstream_count(const lbk__appstream *catalogue);
const lbk__application *lbk__appstream_at(const lbk__appstream *catalogue, size_t index);

#endif
