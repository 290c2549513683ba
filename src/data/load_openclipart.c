/* load_openclipart.c: the Open Clip Art library as a labelled data set; openclipart.h says how it is made.
 * Records come sorted by path; a drawing's id is its path. */
#include "base/file.h"
#include "data/loader.h"
#include "data/openclipart.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

enum { LOOK_SIZE = 96, LOOK_BATCH = 64 };

typedef struct openclipart {
    lbk__loader base;
    char *folder; /* …/openclipart/svg */
    char *below;  /* what leads from the source's folder there, "" or ending in '/' */
    lbk__drawings drawings;
    size_t index;
} openclipart;

static void look_at(const char *path, uint8_t *pixels, lbk__drawing *drawing) {
    const size_t bytes = (size_t)LOOK_SIZE * LOOK_SIZE * 3;
    drawing->broken =
        lbk__image_decode(path, LBK__IMAGE_DRAWING, LBK__IMAGE_SHARP, LOOK_SIZE, pixels, NULL) != LBK_OK;
    if (drawing->broken) return;
    drawing->pixels = lbk__openclipart_hash(pixels, bytes);
    drawing->fingerprint = lbk__image_fingerprint(pixels, LOOK_SIZE);
    size_t white = 0;
    while (white < bytes && pixels[white] == 255) white++;
    drawing->blank = white == bytes;
}

/* Renders drawings `first` … `end` − 1 on all threads. */
static lbk_status look_at_batch(openclipart *loader, uint8_t *pixels, size_t first, size_t end) {
    lbk_context *context = loader->base.context;
    char *paths[LOOK_BATCH] = {0};
    lbk_status status = LBK_OK;
    for (size_t i = first; i < end; i++)
        LBK_GO(lbk__join(context, loader->folder, loader->drawings.items[i].path, paths + (i - first)));
#pragma omp parallel num_threads(context->num_threads)
    {
        uint8_t *mine = pixels + (size_t)omp_get_thread_num() * LOOK_SIZE * LOOK_SIZE * 3;
#pragma omp for schedule(dynamic)
        for (size_t i = first; i < end; i++)
            if (!loader->drawings.items[i].broken)
                look_at(paths[i - first], mine, loader->drawings.items + i);
        lbk__image_end_thread();
    }
done:
    for (size_t i = 0; i < LOOK_BATCH; i++) lbk_free(context, paths[i]);
    return status;
}

static lbk_status look_at_all(openclipart *loader) {
    lbk_context *context = loader->base.context;
    const size_t count = loader->drawings.count;
    uint8_t *pixels;
    LBK_TRY(LBK_ALLOC(context, pixels, (size_t)context->num_threads * LOOK_SIZE * LOOK_SIZE * 3));
    lbk_status status = LBK_OK;
    for (size_t first = 0; first < count; first += LOOK_BATCH) {
        if (lbk__interrupted(context)) LBK_GO(lbk__fail(context, LBK_INTERRUPTED, "stopped on request"));
        const size_t end = LBK_MIN(first + LOOK_BATCH, count);
        LBK_GO(look_at_batch(loader, pixels, first, end));
        lbk__report(context, "look", "drawings", end, count, NULL);
    }
done:
    lbk_free(context, pixels);
    return status;
}

/* Broken drawings come as bad records, one after the other. */
static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    static const char *const splits[] = {"train", "dev", "test", "transfer"};
    openclipart *loader = (openclipart *)base;
    lbk_context *context = base->context;
    const lbk__drawing *d = loader->drawings.items + loader->index,
                       *end = loader->drawings.items + loader->drawings.count;
    while (d < end && d->split == LBK__DRAWING_LEFT_OUT) d++;
    *more = d < end;
    loader->index = (size_t)(d - loader->drawings.items) + 1;
    if (!*more) return LBK_OK;
    LBK_TRY(lbk__record_set(context, &record->split, splits[d->split], strlen(splits[d->split])));
    if (d->broken)
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s/%s: cannot be rendered; skip bad records to go on without it", loader->folder,
                         d->path);
    LBK_TRY(lbk__record_set(context, &record->where, loader->folder, strlen(loader->folder)));
    LBK_TRY(lbk__record_set(context, &record->id, d->path, strlen(d->path)));
    LBK_TRY(lbk__record_set(context, &record->text, d->text, strlen(d->text)));
    record->image.length = 0;
    LBK_TRY(lbk__text_printf(context, &record->image, "%s%s", loader->below, d->path));
    record->labelled = d->split != LBK__DRAWING_TRANSFER;
    return record->labelled ? lbk__record_add_label(context, record, d->label, 1) : LBK_OK;
}

static void close_openclipart(lbk__loader *base) {
    openclipart *loader = (openclipart *)base;
    lbk__openclipart_free(base->context, &loader->drawings);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader->below);
    lbk_free(base->context, loader);
}

/* The library's folder itself, or one that the package was unpacked into. */
static lbk_status find_folder(openclipart *loader, const char *path) {
    static const char *const places[] = {"usr/share/openclipart/svg/", "share/openclipart/svg/",
                                         "openclipart/svg/", "svg/", ""};
    lbk_context *context = loader->base.context;
    for (size_t i = 0; i < LBK_COUNT(places); i++) {
        char *animals;
        LBK_TRY(lbk__format(context, &animals, "%s/%sanimals", path, places[i]));
        const bool found = lbk__is_folder(animals);
        lbk_free(context, animals);
        if (!found) continue;
        LBK_TRY(lbk__copy_string(context, places[i], &loader->below));
        return lbk__format(context, &loader->folder, "%s%s%s", path, *places[i] ? "/" : "", places[i]);
    }
    return lbk__fail(
        context, LBK_BAD_DATA,
        "%s: does not hold the Open Clip Art library (usr/share/openclipart/svg/animals, …): unpack the "
        "Debian package openclipart-svg there",
        path);
}

static void lift_caps(lbk__drawings *drawings) {
    for (size_t i = 0; i < drawings->count; i++) drawings->items[i].most_of_class = INT_MAX;
}

static void count_records(openclipart *loader) {
    int counts[LBK__DRAWING_LEFT_OUT + 1] = {0}, broken = 0;
    for (size_t i = 0; i < loader->drawings.count; i++) {
        const lbk__drawing *d = loader->drawings.items + i;
        counts[d->split]++;
        broken += d->broken;
        if (d->split == LBK__DRAWING_LEFT_OUT)
            lbk__loader_leave_out(
                &loader->base,
                d->blank ? "drawing with nothing to see"
                         : "drawing that is there already, or unlabelled and like one of dev or test");
    }
    for (size_t i = 0; i < loader->drawings.wordless; i++)
        lbk__loader_leave_out(&loader->base, "drawing without three letters of text");
    loader->base.total = loader->drawings.count - (size_t)counts[LBK__DRAWING_LEFT_OUT];
    lbk__log(loader->base.context, LBK_LOG_INFO,
             "Open Clip Art: %zu drawings with a text: train %d, dev %d, test %d, transfer %d; broken %d",
             loader->drawings.count, counts[LBK__DRAWING_TRAIN], counts[LBK__DRAWING_DEV],
             counts[LBK__DRAWING_TEST], counts[LBK__DRAWING_TRANSFER], broken);
}

lbk_status lbk__load_openclipart(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_SINGLE)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a drawing is in one folder: the label kind must be single");
    openclipart *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){
        .context = context, .next = next, .close = close_openclipart, .image_kind = LBK__IMAGE_DRAWING};
    lbk_status status = LBK_OK;
    LBK_GO(find_folder(loader, options->path));
    LBK_GO(lbk__openclipart_walk(context, loader->folder, &loader->drawings));
    if (options->no_caps) lift_caps(&loader->drawings);
    LBK_GO(look_at_all(loader));
    LBK_GO(lbk__openclipart_pick(context, &loader->drawings));
    count_records(loader);
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
