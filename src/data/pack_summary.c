/* pack_summary.c: counts over a pack. */
#include "data/pack_summary.h"

#include "data/pack_file.h"
#include "format/json.h"

#include <string.h>
#include <sys/stat.h>

/* counts [splits, 2 + classes]: samples, labelled, samples with each class (a score above 0). */
static void count_samples(const lbk_pack *pack, int64_t *counts) {
    const size_t width = 2 + (size_t)pack->num_classes;
    for (int64_t i = 0; i < pack->num_samples; i++) {
        int64_t *row = counts + width * pack->split[i];
        row[0]++;
        row[1] += pack->labelled[i];
        for (int64_t k = pack->label_offset[i]; k < pack->label_offset[i + 1]; k++)
            row[2 + pack->label_class[k]] += pack->label_score[k] > 0;
    }
}

static json_t *splits_json(const lbk_pack *pack, const int64_t *counts) {
    json_t *splits = json_object();
    for (int32_t s = 0; s < pack->num_splits; s++) {
        const int64_t *row = counts + (2 + (size_t)pack->num_classes) * (size_t)s;
        json_t *labels = json_object();
        for (int32_t c = 0; c < pack->num_classes; c++)
            json_object_set_new(labels, pack->classes[c], json_integer(row[2 + c]));
        json_object_set_new(splits, pack->splits[s],
                            json_pack("{s:I, s:I, s:o}", "samples", (json_int_t)row[0], "labelled",
                                      (json_int_t)row[1], "labels", labels));
    }
    return splits;
}

lbk_status lbk__pack_splits(lbk_context *context, const lbk_pack *pack, json_t **out) {
    int64_t *counts;
    LBK_TRY(LBK_ALLOC(context, counts, (size_t)pack->num_splits * (2 + (size_t)pack->num_classes)));
    count_samples(pack, counts);
    *out = splits_json(pack, counts);
    lbk_free(context, counts);
    return LBK_OK;
}

static json_t *tokens_json(const lbk_pack *pack) {
    int64_t shortest = INT32_MAX, longest = 0;
    for (int64_t i = 0; i < pack->num_samples; i++) {
        const int64_t length = pack->token_offset[i + 1] - pack->token_offset[i];
        shortest = LBK_MIN(shortest, length);
        longest = LBK_MAX(longest, length);
    }
    const double mean = (double)pack->length[LBK__PART_TOKEN] / (double)LBK_MAX(pack->num_samples, 1);
    return json_pack("{s:I, s:f, s:I}", "shortest", (json_int_t)(pack->num_samples ? shortest : 0), "mean",
                     mean, "longest", (json_int_t)longest);
}

lbk_status lbk__pack_summary(lbk_context *context, const char *path, char **out) {
    lbk_pack *pack;
    json_t *description = NULL, *root = NULL, *splits = NULL;
    struct stat found;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_GO(lbk_pack_open(context, path, &pack));
    if (stat(path, &found) != 0) LBK_GO(lbk__fail_errno(context, "%s: cannot stat", path));
    LBK_GO(lbk__pack_splits(context, pack, &splits));
    const char *text = lbk__pack_description(pack);
    LBK_GO(lbk__json_load_bytes(context, path, text, strlen(text), &description));
    root =
        json_pack("{s:s, s:s, s:I, s:O, s:O?, s:O, s:O, s:O, s:o}", "pack", path, "sha256", pack->hash,
                  "bytes", (json_int_t)found.st_size, "counts", json_object_get(description, "counts"),
                  "left_out", json_object_get(json_object_get(description, "source"), "left_out"),
                  "label_kind", json_object_get(description, "label_kind"), "visual",
                  json_object_get(description, "visual"), "splits", splits, "text_tokens", tokens_json(pack));
    LBK_GO(lbk__json_dump(context, root, JSON_INDENT(2), out));
done:
    json_decref(root);
    json_decref(splits);
    json_decref(description);
    lbk_pack_close(pack);
    return status;
}
