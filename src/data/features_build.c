/* features_build.c: lbk_features_build: a folder of pictures to a file of features. First the rows of all
 * pictures go into a file that survives a kill, then, when all are there, into HDF5: that must know how many
 * there are. */
#include "base/lock.h"

#include "base/guest.h"
#include "data/feature_rows.h"
#include "data/picture_list.h"
#include "data/visual_source.h"
#include "format/hdf5_features.h"
#include "format/json.h"
#include "format/kind.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 64, MOST_WARNINGS = 100 };

typedef struct features_run {
    lbk_context *context;
    const lbk_features_options *options;
    lbk__picture_list pictures;
    lbk__visual_source *visual;
    lbk__feature_rows kept;
    size_t values;  /* numbers of a picture */
    uint16_t *rows; /* [CHUNK, num_rows, dim] */
    size_t num_skipped;
} features_run;

static size_t count_of_chunk(const features_run *run, size_t first) {
    return LBK_MIN(run->pictures.count - first, (size_t)CHUNK);
}

/* ---- rows ---- */

static lbk_status note_failure(features_run *run, size_t index, uint16_t *rows) {
    const lbk_status status = lbk__visual_source_read_one(run->visual, run->pictures.names[index], rows);
    const bool missing =
        status == LBK_IO && lbk__visual_source_lacks(run->visual, run->pictures.names[index]);
    if ((status != LBK_BAD_DATA && !missing) || !run->options->skip_bad) return status;
    memset(rows, 0xFF, run->values * sizeof *rows);
    if (++run->num_skipped <= MOST_WARNINGS)
        lbk__log(run->context, LBK_LOG_WARNING, "skipped: %s", lbk_error(run->context));
    if (run->num_skipped == MOST_WARNINGS)
        lbk__log(run->context, LBK_LOG_WARNING, "skipped: further bad pictures are only counted");
    return LBK_OK;
}

static lbk_status read_chunk(features_run *run, size_t first, size_t count) {
    bool failed[CHUNK] = {false};
    const char *const *names = (const char *const *)run->pictures.names + first;
    LBK_TRY(lbk__visual_source_read(run->visual, names, count, run->rows, failed));
    for (size_t i = 0; i < count; i++)
        if (failed[i]) LBK_TRY(note_failure(run, first + i, run->rows + i * run->values));
    return lbk__feature_rows_put(&run->kept, first, count, run->rows);
}

static lbk_status read_all(features_run *run, size_t done) {
    const size_t count = run->pictures.count;
    for (; done < count; done += count_of_chunk(run, done)) {
        if (lbk__interrupted(run->context))
            return lbk__fail(run->context, LBK_INTERRUPTED,
                             "stopped after %zu of %zu pictures; the same command goes on from %s", done,
                             count, run->kept.path);
        lbk__report(run->context, "features", "pictures", done, count, NULL);
        LBK_TRY(read_chunk(run, done, count_of_chunk(run, done)));
    }
    lbk__report(run->context, "features", "pictures", count, count, NULL);
    return LBK_OK;
}

/* ---- the file ---- */

/* The rows and names of a chunk that could be read move together; returns how many. */
static size_t keep_good(const features_run *run, size_t first, size_t count, const char **names) {
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (run->rows[i * run->values] == 0xFFFF) continue;
        names[good] = run->pictures.names[first + i];
        memmove(run->rows + good++ * run->values, run->rows + i * run->values,
                run->values * sizeof *run->rows);
    }
    return good;
}

static lbk_status count_good(features_run *run, size_t *out) {
    const char *names[CHUNK];
    *out = 0;
    for (size_t first = 0; first < run->pictures.count; first += CHUNK) {
        const size_t count = count_of_chunk(run, first);
        LBK_TRY(lbk__feature_rows_get(&run->kept, first, count, run->rows));
        *out += keep_good(run, first, count, names);
    }
    if (*out) return LBK_OK;
    return lbk__fail(run->context, LBK_BAD_DATA, "%s: none of its %zu pictures can be read",
                     run->options->path, run->pictures.count);
}

static lbk_status write_file(features_run *run, const char *path, const lbk__features_info *info) {
    const lbk__extractor *extractor = lbk__visual_source_extractor(run->visual);
    const char *names[CHUNK];
    float *boxes = NULL;
    lbk__features_writer *writer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(run->context, boxes, (size_t)info->rows * 4));
    lbk__extractor_boxes(extractor, boxes);
    LBK_GO(lbk__features_writer_open(run->context, path, info, run->pictures.longest, boxes, &writer));
    for (size_t first = 0; first < run->pictures.count; first += CHUNK) {
        const size_t count = count_of_chunk(run, first);
        LBK_GO(lbk__feature_rows_get(&run->kept, first, count, run->rows));
        const size_t good = keep_good(run, first, count, names);
        LBK_GO(lbk__features_writer_put(writer, names, run->rows, good));
    }
    LBK_GO(lbk__features_writer_commit(writer));
done:
    lbk__features_writer_close(writer);
    lbk_free(run->context, boxes);
    return status;
}

/* ---- all of it ---- */

/* What is being made: the encoder and the pictures. */
static lbk_status make_key(const features_run *run, const json_t *identity, char key[LBK__HASH_SIZE]) {
    char *text;
    lbk__hasher *hasher;
    LBK_TRY(lbk__json_dump(run->context, identity, JSON_COMPACT, &text));
    const lbk_status status = lbk__hasher_create(run->context, &hasher);
    if (status == LBK_OK) {
        lbk__hasher_update(hasher, text, strlen(text));
        lbk__hasher_update(hasher, run->pictures.hash, strlen(run->pictures.hash));
        lbk__hasher_update(hasher, run->options->skip_bad ? "1" : "0", 1);
        lbk__hasher_finish(run->context, hasher, key);
    }
    lbk_free(run->context, text);
    return status;
}

static lbk_status open_run(features_run *run) {
    const lbk_pack_options options = {.visual = LBK_VISUAL_ENCODER, .encoder = run->options->encoder};
    LBK_TRY(lbk__picture_list_make(run->context, run->options->path, &run->pictures));
    LBK_TRY(lbk__visual_source_open(run->context, &options, run->options->path, LBK__IMAGE_PICTURE,
                                    LBK__ENCODER_BATCH, &run->visual));
    LBK_TRY(lbk__visual_source_prepare(run->visual));
    run->values =
        (size_t)lbk__visual_source_num_rows(run->visual) * (size_t)lbk__visual_source_dim(run->visual);
    return LBK_ALLOC(run->context, run->rows, CHUNK * run->values);
}

/* A projection is an HDF5 file, too. */
static lbk_status check_out(lbk_context *context, const lbk_features_options *options, const char *out) {
    const char *projection = options->encoder.projection;
    if (projection && lbk__same_file(out, projection))
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "%s: is the projection, and would be written over: name another file", out);
    return lbk__refuse_others(context, out, LBK__KIND_HDF5);
}

static lbk_status make_features(features_run *run, const json_t *identity, const char *out,
                                size_t *num_images) {
    char key[LBK__HASH_SIZE];
    size_t done;
    LBK_TRY(make_key(run, identity, key));
    LBK_TRY(lbk__feature_rows_open(run->context, out, key, run->values * sizeof *run->rows, CHUNK, &run->kept,
                                   &done));
    if (done) lbk__log(run->context, LBK_LOG_INFO, "%s has %zu pictures already", run->kept.path, done);
    lbk_status status = LBK_OK;
    LBK_GO(read_all(run, done));
    LBK_GO(count_good(run, num_images));
    LBK_GO(write_file(run, out,
                      &(lbk__features_info){.count = (int64_t)*num_images,
                                            .rows = lbk__visual_source_num_rows(run->visual),
                                            .width = lbk__visual_source_dim(run->visual),
                                            .attributes = identity}));
    lbk__feature_rows_remove(&run->kept);
done:
    lbk__feature_rows_close(&run->kept);
    return status;
}

lbk_status lbk_features_build(lbk_context *context, const lbk_features_options *options, const char *out,
                              char **summary) {
    LBK__GUEST(context);
    features_run run = {.context = context, .options = options};
    lbk__lock lock = {0};
    json_t *identity = NULL, *root = NULL;
    size_t num_images;
    lbk_status status = LBK_OK;
    if (summary) *summary = NULL;
    LBK_GO(lbk__lock_file(context, out, &lock));
    LBK_GO(check_out(context, options, out));
    LBK_GO(open_run(&run));
    identity = lbk__extractor_identity(lbk__visual_source_extractor(run.visual));
    LBK_GO(make_features(&run, identity, out, &num_images));
    if (!summary) goto done;
    root = json_pack("{s:s, s:I, s:I, s:i, s:i}", "features", out, "images", (json_int_t)num_images,
                     "skipped", (json_int_t)(run.pictures.count - num_images), "rows",
                     lbk__visual_source_num_rows(run.visual), "dim", lbk__visual_source_dim(run.visual));
    if (root) json_object_update(root, identity);
    LBK_GO(lbk__json_dump(context, root, JSON_INDENT(2), summary));
done:
    json_decref(root);
    json_decref(identity);
    lbk__visual_source_close(run.visual);
    lbk__picture_list_free(context, &run.pictures);
    lbk_free(context, run.rows);
    lbk__unlock(&lock);
    return status;
}
