/* load_mmimdb_hdf5.c: MM-IMDB as multimodal_imdb.hdf5 (format/hdf5_mmimdb.h says what is in it). The plots
 * there are numbers of words; the words are in metadata.npy, a pickle, so they are read from a text beside
 * the file, words.txt: one a line, in the order of their numbers. Films come split by split; a film's id is
 * its IMDb number, and so is its image. */
#include "base/file.h"
#include "data/loader.h"
#include "format/hdf5_mmimdb.h"

#include <string.h>

enum { LONGEST_WORDS = 64 << 20 };

typedef struct mmimdb_hdf5 {
    lbk__loader base;
    lbk__mmimdb *file;
    char *path, *text; /* the bytes of words.txt, each line ended by a 0 */
    const char **words;
    size_t words_capacity, num_words;
    int split;
    int64_t index; /* of the next film of the split */
} mmimdb_hdf5;

static lbk_status add_text(const mmimdb_hdf5 *loader, const lbk__mmimdb_film *film, lbk__record *record) {
    lbk_context *context = loader->base.context;
    record->text.length = 0;
    for (size_t i = 0; i < film->num_words; i++) {
        if (film->words[i] < 0 || (size_t)film->words[i] >= loader->num_words)
            return lbk__fail(context, LBK_BAD_DATA, "%s: its plot has word %d, words.txt has 0 to %zu",
                             record->where.data, film->words[i], loader->num_words - 1);
        LBK_TRY(
            lbk__text_printf(context, &record->text, "%s%s", i ? " " : "", loader->words[film->words[i]]));
    }
    return LBK_OK;
}

static lbk_status next(lbk__loader *base, lbk__record *record, bool *more) {
    mmimdb_hdf5 *loader = (mmimdb_hdf5 *)base;
    lbk_context *context = base->context;
    const lbk__mmimdb_info *info = lbk__mmimdb_describe(loader->file);
    while (loader->split < info->num_splits &&
           loader->index >= info->splits[loader->split].stop - info->splits[loader->split].start)
        loader->split++, loader->index = 0;
    *more = loader->split < info->num_splits;
    if (!*more) return LBK_OK;
    const struct lbk__mmimdb_split *split = info->splits + loader->split;
    const int64_t index = split->start + loader->index++;
    lbk__mmimdb_film film;
    record->where.length = 0;
    LBK_TRY(lbk__text_printf(context, &record->where, "%s, film %lld", loader->path, (long long)index));
    LBK_TRY(lbk__mmimdb_read(loader->file, index, &film));
    LBK_TRY(lbk__record_set(context, &record->id, film.id, strlen(film.id)));
    LBK_TRY(lbk__record_set(context, &record->image, film.id, strlen(film.id)));
    LBK_TRY(lbk__record_set(context, &record->split, split->name, strlen(split->name)));
    LBK_TRY(add_text(loader, &film, record));
    record->labelled = true;
    for (int32_t c = 0; c < info->num_genres; c++)
        if (film.genres[c]) LBK_TRY(lbk__record_add_label(context, record, info->genres[c], 1));
    return LBK_OK;
}

static void close_mmimdb_hdf5(lbk__loader *base) {
    mmimdb_hdf5 *loader = (mmimdb_hdf5 *)base;
    lbk__mmimdb_close(loader->file);
    lbk_free(base->context, loader->words);
    lbk_free(base->context, loader->text);
    lbk_free(base->context, loader->path);
    lbk_free(base->context, loader);
}

static lbk_status read_words(mmimdb_hdf5 *loader) {
    lbk_context *context = loader->base.context;
    const size_t folder = (size_t)(lbk__base_name(loader->path) - loader->path);
    char *path;
    size_t size;
    LBK_TRY(lbk__format(context, &path, "%.*swords.txt", (int)folder, loader->path));
    lbk_status status = LBK_OK;
    if (!lbk__exists(path))
        LBK_GO(lbk__fail(
            context, LBK_BAD_DATA,
            "%s: is not there: the words of the plots, one a line, in the order of metadata.npy's ix_to_word "
            "(docs/pack.md has the command)",
            path));
    LBK_GO(lbk__loader_add_input(&loader->base, path));
    LBK_GO(lbk__read_file(context, path, LONGEST_WORDS, &loader->text, &size));
    for (char *line = loader->text; line && *line;) {
        LBK_GO(LBK_GROW(context, loader->words, loader->words_capacity, loader->num_words + 1));
        loader->words[loader->num_words++] = line;
        line = strchr(line, '\n');
        if (line) *line++ = 0;
    }
done:
    lbk_free(context, path);
    return status;
}

lbk_status lbk__load_mmimdb_hdf5(lbk_context *context, const lbk_pack_options *options, lbk__loader **out) {
    *out = NULL;
    mmimdb_hdf5 *loader;
    LBK_TRY(LBK_ALLOC(context, loader, 1));
    loader->base = (lbk__loader){.context = context, .next = next, .close = close_mmimdb_hdf5};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__copy_string(context, options->path, &loader->path));
    LBK_GO(lbk__mmimdb_open(context, options->path, &loader->file));
    LBK_GO(lbk__loader_add_input(&loader->base, options->path));
    LBK_GO(read_words(loader));
    const lbk__mmimdb_info *info = lbk__mmimdb_describe(loader->file);
    for (int s = 0; s < info->num_splits; s++)
        loader->base.total += (uint64_t)(info->splits[s].stop - info->splits[s].start);
    *out = &loader->base;
done:
    if (status != LBK_OK) lbk__loader_close(&loader->base);
    return status;
}
