/* picture_list.h: the pictures of a folder and its subfolders. */
#ifndef LBK_DATA_PICTURE_LIST_H
#define LBK_DATA_PICTURE_LIST_H

#include "base/base.h"
#include "base/file.h"

typedef struct lbk__picture_list {
    char **names;                    /* [count] paths below the folder, sorted by bytes */
    size_t count, capacity, longest; /* `longest`: bytes of the longest name */
    char hash[LBK__HASH_SIZE];       /* of names, sizes and times of change */
} lbk__picture_list;

/* Files whose name ends in .jpg, .jpeg, .png, .webp, .gif, .tif or .tiff, in any case; links are followed.
 * What begins with a dot is left out. LBK_IO, or LBK_BAD_DATA for a folder without pictures, folders nested
 * too deep, or a path that HDF5 names cannot hold. */
lbk_status lbk__picture_list_make(lbk_context *context, const char *folder, lbk__picture_list *out);
void lbk__picture_list_free(lbk_context *context, lbk__picture_list *list); /* zeroed is allowed */

#endif
