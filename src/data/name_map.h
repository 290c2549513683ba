/* name_map.h: names to numbers in 20 bytes a name, however long the names are: a million sample ids or image
 * paths must fit in little memory. A name is known by 128 bits of its SHA-256, so that neither chance nor a
 * hostile file makes two names one. */
#ifndef LBK_DATA_NAME_MAP_H
#define LBK_DATA_NAME_MAP_H

#include "base/base.h"

typedef struct lbk__name_map {
    lbk_context *context;
    struct lbk__name_slot *slots;
    size_t capacity, count; /* capacity 0 or a power of two */
} lbk__name_map;

/* `context` is the map's allocator; free with lbk__name_map_free. */
void lbk__name_map_start(lbk_context *context, lbk__name_map *out);
void lbk__name_map_free(lbk__name_map *map);
/* The place of the number of `name`; *added tells that the name is new and its number still 0. Valid until
 * the next call. */
lbk_status lbk__name_map_place(lbk__name_map *map, const char *name, size_t length, int32_t **number,
                               bool *added);
/* The number of `name`, or `otherwise` when it is not there. */
int32_t lbk__name_map_find(const lbk__name_map *map, const char *name, size_t length, int32_t otherwise);

#endif
