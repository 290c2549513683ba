/* name_list.h: few names, each once, numbered in the order they came: classes, splits. */
#ifndef LBK_DATA_NAME_LIST_H
#define LBK_DATA_NAME_LIST_H

#include "data/name_map.h"

typedef struct lbk__name_list {
    lbk__name_map map;
    char **names;
    size_t capacity;
    int32_t count;
} lbk__name_list;

void lbk__name_list_start(lbk_context *context, lbk__name_list *out);
void lbk__name_list_free(lbk__name_list *list);
/* Its number, adding it where it is new. */
lbk_status lbk__name_list_add(lbk__name_list *list, const char *name, int32_t *number);
/* Its number, or −1. */
int32_t lbk__name_list_find(const lbk__name_list *list, const char *name);
/* Where each number goes when the names are sorted by bytes, in fresh memory [count]; the names are sorted.
 */
lbk_status lbk__name_list_sort(lbk__name_list *list, int32_t **place);

#endif
