/* groups.h: union-find: items that belong together, so that a split takes all of a group. `parent` [count] is
 * each item itself at first; the root of a group is its first member. */
#ifndef LBK_DATA_GROUPS_H
#define LBK_DATA_GROUPS_H

#include "base/base.h"

static inline int32_t lbk__groups_root(int32_t *parent, int32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static inline void lbk__groups_join(int32_t *parent, int32_t a, int32_t b) {
    a = lbk__groups_root(parent, a), b = lbk__groups_root(parent, b);
    parent[LBK_MAX(a, b)] = LBK_MIN(a, b);
}

#endif
