/* name_map.c: an open-addressing table of 128-bit keys. */
#include "data/name_map.h"

#include "base/file.h"

#include <string.h>

typedef struct lbk__name_slot {
    uint32_t key[4]; /* all 0: free */
    int32_t number;
} slot;

void lbk__name_map_start(lbk_context *context, lbk__name_map *out) {
    *out = (lbk__name_map){.context = context};
}

void lbk__name_map_free(lbk__name_map *map) {
    if (map->context) lbk_free(map->context, map->slots);
    *map = (lbk__name_map){0};
}

static void key_of(const char *name, size_t length, uint32_t key[4]) {
    uint8_t digest[LBK__DIGEST_SIZE];
    lbk__digest_bytes(name, length, digest);
    memcpy(key, digest, 4 * sizeof *key);
    key[0] |= 1; /* never free */
}

/* The slot that holds `key`, or the free one where it belongs. The table is never full. */
static slot *probe(slot *slots, size_t capacity, const uint32_t key[4]) {
    size_t at = (key[1] | (uint64_t)key[2] << 32) & (capacity - 1);
    while (slots[at].key[0] && memcmp(slots[at].key, key, 4 * sizeof *key) != 0)
        at = (at + 1) & (capacity - 1);
    return slots + at;
}

static lbk_status grow(lbk__name_map *map) {
    size_t capacity = map->capacity ? 2 * map->capacity : 64;
    slot *slots;
    LBK_TRY(LBK_ALLOC(map->context, slots, capacity));
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key[0]) *probe(slots, capacity, map->slots[i].key) = map->slots[i];
    lbk_free(map->context, map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return LBK_OK;
}

lbk_status lbk__name_map_place(lbk__name_map *map, const char *name, size_t length, int32_t **number,
                               bool *added) {
    if (4 * (map->count + 1) > 3 * map->capacity) LBK_TRY(grow(map));
    uint32_t key[4];
    key_of(name, length, key);
    slot *found = probe(map->slots, map->capacity, key);
    *added = !found->key[0];
    if (*added) {
        memcpy(found->key, key, sizeof found->key);
        map->count++;
    }
    *number = &found->number;
    return LBK_OK;
}

int32_t lbk__name_map_find(const lbk__name_map *map, const char *name, size_t length, int32_t otherwise) {
    if (!map->capacity) return otherwise;
    uint32_t key[4];
    key_of(name, length, key);
    const slot *found = probe(map->slots, map->capacity, key);
    return found->key[0] ? found->number : otherwise;
}
