/* load_hateful_memes.c: the layout of the Hateful Memes (Kiela et al., 2020): a folder with
 *
 *   train.jsonl, dev_seen.jsonl, dev_unseen.jsonl, test_seen.jsonl, test_unseen.jsonl
 *       {"id": 42953, "img": "img/42953.png", "label": 0 or 1, "text"}
 *   img/
 *
 * or, in the competition's first phase, train.jsonl, dev.jsonl and test.jsonl.
 *
 * The "seen" files are the benchmark's dev and test, and so the splits of these names; the "unseen" ones are
 * those of the competition and keep theirs. Label 1 is hateful; in test files as published it is absent. Most
 * memes of dev_unseen are in dev_seen, too: such a one comes again under the id ID@dev_unseen, since a sample
 * is in one split. */
#include "data/name_map.h"
#include "data/split_lines.h"

#include <string.h>

typedef struct memes {
    lbk__loader base;
    lbk__split_lines lines;
    lbk__name_map ids;
    char *folder;
} memes;

static const lbk__split_file files[] = {{"train.jsonl", "train"},
                                        {"dev_seen.jsonl", "dev"},
                                        {"test_seen.jsonl", "test"},
                                        {"dev_unseen.jsonl", "dev_unseen"},
                                        {"test_unseen.jsonl", "test_unseen"}};

static const lbk__split_file first_phase[] = {
    {"train.jsonl", "train"}, {"dev.jsonl", "dev"}, {"test.jsonl", "test"}};

static lbk_status is_first_phase(const memes *loader, bool *out) {
    static const char *const names[] = {"dev.jsonl",       "test.jsonl",       "dev_seen.jsonl",
                                        "test_seen.jsonl", "dev_unseen.jsonl", "test_unseen.jsonl"};
    bool there[LBK_COUNT(names)];
    for (size_t i = 0; i < LBK_COUNT(names); i++)
        LBK_TRY(lbk__holds(loader->base.context, loader->folder, names[i], there + i));
    *out = there[0] || there[1];
    for (size_t later = 2; *out && later < LBK_COUNT(names); later++)
        if (there[later])
            return lbk__fail(loader->base.context, LBK_BAD_DATA,
                             "%s: has %s beside %s: files of two phases; keep those of one", loader->folder,
                             names[there[0] ? 0 : 1], names[later]);
    return LBK_OK;
}

/* The number of the file that first had the id is kept; twice in the same file is left to the pack to refuse.
 */
static lbk_status set_id(memes *loader, lbk__json_in in, lbk__record *record) {
    LBK_TRY(lbk__record_get_id(in, "id", record));
    const int32_t file = (int32_t)loader->lines.next;
    int32_t *first;
    bool added;
    LBK_TRY(lbk__name_map_place(&loader->ids, record->id.data, record->id.length, &first, &added));
    if (added) *first = file;
    return *first == file ? LBK_OK : lbk__text_printf(in.context, &record->id, "@%s", record->split.data);
}

static lbk_status add_label(lbk__json_in in, lbk__record *record) {
    record->labelled = lbk__json_has(in, "label");
    if (!record->labelled) return LBK_OK;
    int64_t label;
    LBK_TRY(lbk__json_get_integer(in, "label", 0, 1, &label));
    return lbk__record_add_label(in.context, record, label ? "hateful" : "not-hateful", 1);
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    memes *loader = (memes *)base;
    lbk__json_in in;
    const char *split;
    *more = true;
    LBK_TRY(lbk__split_lines_next(&loader->lines, &in, &split));
    *more = in.object != NULL;
    if (!*more) return LBK_OK;
    LBK_TRY(lbk__record_set(base->context, &record->where, in.where, strlen(in.where)));
    LBK_TRY(lbk__record_set(base->context, &record->split, split, strlen(split)));
    LBK_TRY(set_id(loader, in, record));
    LBK_TRY(lbk__record_get_string(in, "text", &record->text));
    LBK_TRY(lbk__record_get_string(in, "img", &record->image));
    return add_label(in, record);
}

static void close_memes(lbk__loader *base) {
    memes *loader = (memes *)base;
    lbk__split_lines_close(&loader->lines);
    lbk__name_map_free(&loader->ids);
    lbk_free(base->context, loader->folder);
    lbk_free(base->context, loader);
}

lbk_status lbk__load_hateful_memes(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    if (options->label_kind != LBK_LABEL_SINGLE)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "a meme is hateful or not: the label kind must be single");
    memes *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_memes};
    lbk__name_map_start(context, &loader->ids);
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->folder));
    bool first;
    LBK_GO(is_first_phase(loader, &first));
    LBK_GO(lbk__split_lines_open(&loader->base, loader->folder, first ? first_phase : files,
                                 first ? LBK_COUNT(first_phase) : LBK_COUNT(files), &loader->lines));
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
