/* json_items.h: the items of an array that a JSON object has under a key, in documents of any size: one item
 * is in memory at a time. For the files of VQA v2, {"info": {…}, …, "annotations": [{…}, {…}, …]}. */
#ifndef LBK_FORMAT_JSON_ITEMS_H
#define LBK_FORMAT_JSON_ITEMS_H

#include "format/json.h"

typedef struct lbk__json_items lbk__json_items;

/* Where an item lies in the file. */
typedef struct lbk__json_place {
    uint64_t offset;
    uint32_t length; /* ≤ LBK__LONGEST_LINE */
} lbk__json_place;

/* Reads up to the array. LBK_IO; LBK_BAD_DATA names the path and what is not as it should be. */
lbk_status lbk__json_items_open(lbk_context *context, const char *path, const char *key,
                                lbk__json_items **out);
void lbk__json_items_close(lbk__json_items *items); /* NULL is allowed */
/* The next item (of any type), the reader's until the next call, called "PATH, item N" from 1; object NULL
 * after the last one, when the rest of the document was seen to be whole. LBK_BAD_DATA for an item that is no
 * JSON: the next call goes on after it. It cannot where the document is not whole: see lbk__json_items_count.
 */
lbk_status lbk__json_items_next(lbk__json_items *items, lbk__json_in *out);
/* Of the item read last by lbk__json_items_next. */
lbk__json_place lbk__json_items_place(const lbk__json_items *items);
/* The number of items of a file, after all of it was seen to be whole but for the inside of its items. */
lbk_status lbk__json_items_count(lbk_context *context, const char *path, const char *key, uint64_t *count);
/* Reads an item again; the order of lbk__json_items_next is not disturbed. */
lbk_status lbk__json_items_at(lbk__json_items *items, lbk__json_place place, lbk__json_in *out);

#endif
