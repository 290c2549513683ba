/* openclipart_pick.c: duplicates, caps, groups and splits of the library's drawings. */
#define _GNU_SOURCE /* qsort_r */
#include "base/random.h"
#include "data/groups.h"
#include "data/openclipart.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OF_TITLE = 12, NEAR_BITS = 2 };
static const double test_part = 0.22, dev_part = 0.12;
/* Of some thousand seeds the one whose splits have the classes most nearly in these proportions: groups are
 * large. */
static const uint64_t split_seed = 3356;

typedef struct picking {
    lbk__drawings *drawings;
    int32_t *order;  /* [count] indices, to be sorted by some key */
    int32_t *parent; /* [count] data/groups.h */
} picking;

/* ---- keys to sort and to join by ---- */

static uint64_t title_key(const lbk__drawing *d) {
    return d->title;
}
static uint64_t title_series_key(const lbk__drawing *d) {
    return d->title_series;
}
static uint64_t series_key(const lbk__drawing *d) {
    return d->series;
}
static uint64_t pixel_key(const lbk__drawing *d) {
    return d->pixels;
}
static uint64_t class_key(const lbk__drawing *d) {
    return (uint64_t)(uintptr_t)d->label;
}

typedef struct sorting {
    const lbk__drawing *items;
    uint64_t (*key)(const lbk__drawing *);
} sorting;

/* By the key, then in the drawings' own arbitrary but fixed order. */
static int by_key(const void *a, const void *b, void *user) {
    const sorting *s = user;
    const lbk__drawing *x = s->items + *(const int32_t *)a, *y = s->items + *(const int32_t *)b;
    uint64_t p = s->key(x), q = s->key(y);
    if (p == q) p = x->order, q = y->order;
    return (p > q) - (p < q);
}

static void sort(picking *p, uint64_t (*key)(const lbk__drawing *)) {
    sorting s = {p->drawings->items, key};
    for (size_t i = 0; i < p->drawings->count; i++) p->order[i] = (int32_t)i;
    if (p->drawings->count) qsort_r(p->order, p->drawings->count, sizeof *p->order, by_key, &s);
}

/* ---- duplicates and caps ---- */

static int most_of_title(const lbk__drawing *d) {
    (void)d;
    return MOST_OF_TITLE;
}
static int most_of_class(const lbk__drawing *d) {
    return d->most_of_class;
}

static bool is_in(const lbk__drawing *d) {
    return d->split != LBK__DRAWING_LEFT_OUT && !d->broken;
}

/* Same pixels with the same label: the first stays. */
static void drop_duplicates(picking *p) {
    sort(p, pixel_key);
    for (size_t i = 1; i < p->drawings->count; i++) {
        lbk__drawing *d = p->drawings->items + p->order[i];
        for (size_t j = i; j-- > 0 && is_in(d);) {
            const lbk__drawing *other = p->drawings->items + p->order[j];
            if (other->pixels != d->pixels) break;
            if (is_in(other) && other->label == d->label) d->split = LBK__DRAWING_LEFT_OUT;
        }
    }
}

/* At most most() labelled drawings with the same key; the others lose their label. */
static void cap(picking *p, uint64_t (*key)(const lbk__drawing *), int (*most)(const lbk__drawing *)) {
    sort(p, key);
    int seen = 0;
    for (size_t i = 0; i < p->drawings->count; i++) {
        lbk__drawing *d = p->drawings->items + p->order[i];
        if (i && key(d) != key(p->drawings->items + p->order[i - 1])) seen = 0;
        if (is_in(d) && d->label && d->split != LBK__DRAWING_TRANSFER && ++seen > most(d))
            d->split = LBK__DRAWING_TRANSFER;
    }
}

/* ---- groups ---- */

static void join_equal(picking *p, uint64_t (*key)(const lbk__drawing *)) {
    sort(p, key);
    for (size_t i = 1; i < p->drawings->count; i++)
        if (key(p->drawings->items + p->order[i]) == key(p->drawings->items + p->order[i - 1]))
            lbk__groups_join(p->parent, p->order[i - 1], p->order[i]);
}

static void join_look_alikes(picking *p) {
    const lbk__drawing *items = p->drawings->items;
    for (size_t i = 0; i < p->drawings->count; i++)
        for (size_t j = i + 1; is_in(items + i) && j < p->drawings->count; j++)
            if (is_in(items + j) &&
                __builtin_popcountll(items[i].fingerprint ^ items[j].fingerprint) <= NEAR_BITS)
                lbk__groups_join(p->parent, (int32_t)i, (int32_t)j);
}

/* ---- splits ---- */

/* Drawn by the group's first path. */
static lbk__drawing_split split_of_group(const lbk__drawing *first) {
    const double u = lbk__uniform(split_seed, LBK__STREAM_SPLIT, 0, first->order);
    return u < test_part              ? LBK__DRAWING_TEST
           : u < test_part + dev_part ? LBK__DRAWING_DEV
                                      : LBK__DRAWING_TRAIN;
}

/* What is unlabelled joins the transfer set, unless its group is held out. */
static void draw_splits(picking *p) {
    for (size_t i = 0; i < p->drawings->count; i++) {
        lbk__drawing *d = p->drawings->items + i;
        if (d->split == LBK__DRAWING_LEFT_OUT) continue;
        const lbk__drawing_split split =
            split_of_group(p->drawings->items + lbk__groups_root(p->parent, (int32_t)i));
        if (d->label && d->split != LBK__DRAWING_TRANSFER)
            d->split = split;
        else
            d->split = split == LBK__DRAWING_TRAIN ? LBK__DRAWING_TRANSFER : LBK__DRAWING_LEFT_OUT;
    }
}

lbk_status lbk__openclipart_pick(lbk_context *context, lbk__drawings *drawings) {
    picking p = {.drawings = drawings};
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, p.order, drawings->count));
    LBK_GO(LBK_ALLOC(context, p.parent, drawings->count));
    for (size_t i = 0; i < drawings->count; i++) {
        p.parent[i] = (int32_t)i;
        drawings->items[i].split = drawings->items[i].blank ? LBK__DRAWING_LEFT_OUT : LBK__DRAWING_TRAIN;
    }
    drop_duplicates(&p);
    cap(&p, title_key, most_of_title);
    cap(&p, class_key, most_of_class);
    join_equal(&p, title_series_key);
    join_equal(&p, series_key);
    join_look_alikes(&p);
    draw_splits(&p);
done:
    lbk_free(context, p.order);
    lbk_free(context, p.parent);
    return status;
}
