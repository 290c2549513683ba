/* folds.c: deals the training samples into folds and trains a teacher without each. */
#include "train/folds.h"

#include "base/file.h"
#include "base/random.h"
#include "data/pack.h"
#include "train/training.h"

#include <string.h>

/* ---- dealing ---- */

/* Image j is item j, a sample without an image has an item of its own behind those; *item −1: the sample is
 * not learned from. */
static lbk_status item_of(const lbk_pack *pack, int32_t index, int32_t *item) {
    lbk_sample sample;
    LBK_TRY(lbk_pack_sample(pack, index, &sample));
    *item = !sample.labelled    ? -1
            : sample.image >= 0 ? (int32_t)sample.image
                                : (int32_t)lbk_pack_num_images(pack) + index;
    return LBK_OK;
}

/* Shuffles the items that occur and deals them in turn. */
static lbk_status deal(lbk_context *context, const lbk_pack *pack, const int32_t *indices, int64_t count,
                       uint64_t seed, lbk__folds *out) {
    const int64_t most = lbk_pack_num_images(pack) + lbk_pack_num_samples(pack);
    int32_t *items = NULL, item;
    int8_t *fold = NULL; /* [items]; −1: does not occur, or was not dealt yet */
    int64_t num_items = 0;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, items, count));
    LBK_GO(LBK_ALLOC(context, fold, most));
    memset(fold, -1, (size_t)most);
    for (int64_t i = 0; i < count; i++) {
        LBK_GO(item_of(pack, indices[i], &item));
        if (item < 0 || fold[item] >= 0) continue;
        fold[item] = 0;
        items[num_items++] = item;
    }
    if (num_items < out->count)
        LBK_GO(lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "%d folds cannot be made of %lld training samples with different images", out->count,
                         (long long)num_items));
    lbk__shuffle(seed, LBK__STREAM_SPLIT, 0, items, (uint64_t)num_items);
    for (int64_t i = 0; i < num_items; i++) fold[items[i]] = (int8_t)(i % out->count);
    for (int64_t i = 0; i < count; i++) {
        LBK_GO(item_of(pack, indices[i], &item));
        if (item >= 0) out->of_sample[indices[i]] = fold[item];
    }
done:
    lbk_free(context, items);
    lbk_free(context, fold);
    return status;
}

static lbk_status assign(const lbk_config *config, const lbk_pack *pack, lbk__folds *out) {
    lbk_context *context = config->context;
    int32_t *indices;
    int64_t count;
    LBK_TRY(LBK_ALLOC(context, out->of_sample, lbk_pack_num_samples(pack)));
    memset(out->of_sample, -1, (size_t)lbk_pack_num_samples(pack));
    LBK_TRY(lbk__pack_split(pack, config->train.train_split, &indices, &count));
    const lbk_status status = deal(context, pack, indices, count, (uint64_t)config->seed, out);
    lbk_free(context, indices);
    return status;
}

lbk_status lbk__folds_check(const lbk_config *config, const lbk_pack *pack, int count) {
    lbk__folds folds = {.count = count};
    const lbk_status status = assign(config, pack, &folds);
    lbk__folds_free(config->context, &folds);
    return status;
}

/* ---- training ---- */

static lbk_status load_config(lbk_context *context, const char *teacher, const char *pack_path,
                              lbk_config **out) {
    char *path, *override = NULL;
    *out = NULL;
    LBK_TRY(lbk__join(context, teacher, "config.yaml", &path));
    lbk_status status = LBK_OK;
    if (!lbk__exists(path))
        LBK_GO(lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "%s: folds need the teacher's run folder, whose config.yaml says how to train another", teacher));
    LBK_GO(lbk__format(context, &override, "pack=%s", pack_path));
    LBK_GO(lbk_config_load(context, path, (const char *const[]){override}, 1, out));
done:
    lbk_free(context, override);
    lbk_free(context, path);
    return status;
}

lbk_status lbk__folds_teacher(lbk_context *context, const lbk__folds *folds, int k, char **out) {
    return lbk__format(context, out, "%s/%d-of-%d", folds->folder, k, folds->count);
}

static lbk_status train(const lbk_config *config, const lbk_pack *pack, const lbk__folds *folds, int k) {
    lbk_context *context = config->context;
    char *folder = NULL, *checkpoint = NULL;
    uint8_t *left_out = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__folds_teacher(context, folds, k, &folder));
    LBK_GO(lbk__join(context, folder, "checkpoint/state.safetensors", &checkpoint));
    LBK_GO(LBK_ALLOC(context, left_out, lbk_pack_num_samples(pack)));
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) left_out[i] = folds->of_sample[i] == k;
    lbk__training training = {.context = context,
                              .config = config,
                              .stage = "train",
                              .method = LBK__METHOD_ALONE,
                              .left_out = left_out};
    LBK_GO(lbk__training_run(&training, folder, lbk__exists(checkpoint), NULL));
done:
    if (status == LBK_MISMATCH)
        lbk__fail_at(context, status,
                     "%s was made for another teacher or pack, or by an older limbeck: remove it, or write "
                     "another cache",
                     folds->folder);
    if (status != LBK_OK) lbk__fail_at(context, status, "fold %d of %d", k + 1, folds->count);
    lbk_free(context, left_out);
    lbk_free(context, checkpoint);
    lbk_free(context, folder);
    return status;
}

lbk_status lbk__folds_train(lbk_context *context, const char *teacher, const char *pack_path,
                            const lbk_pack *pack, int count, const char *folder, lbk__folds *out) {
    lbk_config *config = NULL;
    *out = (lbk__folds){.count = count};
    lbk_status status = LBK_OK;
    LBK_GO(load_config(context, teacher, pack_path, &config));
    LBK_GO(lbk__copy_string(context, folder, &out->folder));
    LBK_GO(assign(config, pack, out));
    for (int k = 0; k < count; k++) LBK_GO(train(config, pack, out, k));
done:
    lbk_config_close(config);
    if (status != LBK_OK) lbk__folds_free(context, out);
    return status;
}

void lbk__folds_free(lbk_context *context, lbk__folds *folds) {
    lbk_free(context, folds->of_sample);
    lbk_free(context, folds->folder);
    *folds = (lbk__folds){0};
}
