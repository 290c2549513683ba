/* name_list.c: numbered names. */
#define _GNU_SOURCE /* qsort_r */
#include "data/name_list.h"

#include <stdlib.h>
#include <string.h>

void lbk__name_list_start(lbk_context *context, lbk__name_list *out) {
    *out = (lbk__name_list){0};
    lbk__name_map_start(context, &out->map);
}

void lbk__name_list_free(lbk__name_list *list) {
    for (int32_t i = 0; i < list->count; i++) lbk_free(list->map.context, list->names[i]);
    if (list->map.context) lbk_free(list->map.context, list->names);
    lbk__name_map_free(&list->map);
    *list = (lbk__name_list){0};
}

lbk_status lbk__name_list_add(lbk__name_list *list, const char *name, int32_t *number) {
    *number = lbk__name_list_find(list, name);
    if (*number >= 0) return LBK_OK;
    LBK_TRY(LBK_GROW(list->map.context, list->names, list->capacity, (size_t)list->count + 1));
    LBK_TRY(lbk__copy_string(list->map.context, name, list->names + list->count));
    *number = list->count++;
    int32_t *slot;
    bool added;
    LBK_TRY(lbk__name_map_place(&list->map, name, strlen(name), &slot, &added));
    *slot = *number;
    return LBK_OK;
}

int32_t lbk__name_list_find(const lbk__name_list *list, const char *name) {
    return lbk__name_map_find(&list->map, name, strlen(name), -1);
}

static int by_name(const void *a, const void *b, void *names) {
    char *const *list = names;
    return strcmp(list[*(const int32_t *)a], list[*(const int32_t *)b]);
}

lbk_status lbk__name_list_sort(lbk__name_list *list, int32_t **place) {
    lbk_context *context = list->map.context;
    const size_t count = (size_t)list->count;
    int32_t *order = NULL;
    char **sorted = NULL;
    lbk_status status = LBK_OK;
    *place = NULL;
    LBK_GO(LBK_ALLOC(context, order, count));
    LBK_GO(LBK_ALLOC(context, sorted, count));
    LBK_GO(LBK_ALLOC(context, *place, count));
    for (int32_t i = 0; i < list->count; i++) order[i] = i;
    if (count) qsort_r(order, count, sizeof *order, by_name, list->names);
    for (int32_t i = 0; i < list->count; i++) {
        sorted[i] = list->names[order[i]];
        (*place)[order[i]] = i;
    }
    if (count) memcpy(list->names, sorted, count * sizeof *sorted);
    for (int32_t i = 0; i < list->count; i++) {
        int32_t *number;
        bool added;
        LBK_GO(lbk__name_map_place(&list->map, list->names[i], strlen(list->names[i]), &number, &added));
        *number = i;
    }
done:
    lbk_free(context, order);
    lbk_free(context, sorted);
    return status;
}
