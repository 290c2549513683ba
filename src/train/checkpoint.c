/* checkpoint.c: the state of a run as one safetensors file. */
#include "train/checkpoint.h"

#include "format/json.h"

#include <math.h>
#include <string.h>

enum { VERSION = 3, NUM_FIXED = 3, MOST_TENSORS = NUM_FIXED + LBK__MAX_CHECKPOINT_PARTS };

/* All tensors of a checkpoint, where their numbers are. */
typedef struct tensors {
    lbk__checkpoint_part list[MOST_TENSORS];
    size_t count;
} tensors;

static tensors tensors_of(const lbk__optimizer *optimizer, const lbk__checkpoint_part *parts,
                          size_t num_parts) {
    const lbk__model *model = optimizer->model;
    tensors all = {{{"values", LBK__F32, model->values, model->num_values},
                    {"first_moment", LBK__F32, optimizer->first, model->num_values},
                    {"second_moment", LBK__F32, optimizer->second, model->num_values}},
                   NUM_FIXED};
    for (size_t i = 0; i < num_parts; i++) all.list[all.count++] = parts[i];
    return all;
}

/* ---- the fields of the JSON, once for both ways ---- */

typedef struct whole_field {
    const char *name;
    size_t offset;
    int least;
    bool is_free; /* not bounded by the number of steps */
} whole_field;

static const whole_field wholes[] = {
    {"step", offsetof(lbk__train_state, step), 0, true},
    {"epoch", offsetof(lbk__train_state, epoch), 0, false},
    {"position", offsetof(lbk__train_state, position), 0, true},
    {"evaluated_step", offsetof(lbk__train_state, evaluated_step), -1, false},
    {"best_step", offsetof(lbk__train_state, best_step), 0, false},
    {"evaluations_since_best", offsetof(lbk__train_state, evaluations_since_best), 0, false},
    {"skipped", offsetof(lbk__train_state, skipped), 0, false},
    {"skipped_in_a_row", offsetof(lbk__train_state, skipped_in_a_row), 0, false},
    {"meta_skipped", offsetof(lbk__train_state, meta_skipped), 0, false},
};

/* Structs of doubles. */
static const struct sums_field {
    const char *name;
    size_t offset, count;
} sums_fields[] = {
    {"window", offsetof(lbk__train_state, window), sizeof(lbk__window) / sizeof(double)},
    {"meta", offsetof(lbk__train_state, meta), sizeof(lbk__meta_window) / sizeof(double)},
};

static json_t *describe(const lbk__optimizer *optimizer, const lbk__train_state *state,
                        const lbk__train_key *key, const lbk__run_mark *mark) {
    json_t *json =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:f, s:b, s:b, s:I, s:s, s:I}", "kind", "checkpoint",
                  "version", VERSION, "config_sha256", key->configuration, "pack_sha256", key->pack,
                  "cache_sha256", key->cache, "method", key->method, "updates", (json_int_t)optimizer->step,
                  "best", state->best, "finished", (int)state->finished, "stopped_early",
                  (int)state->stopped_early, "metrics_length", (json_int_t)mark->metrics_length,
                  "events_name", mark->events_name, "events_length", (json_int_t)mark->events_length);
    for (size_t i = 0; json && i < LBK_COUNT(wholes); i++) {
        int64_t value;
        memcpy(&value, (const char *)state + wholes[i].offset, sizeof value);
        json_object_set_new(json, wholes[i].name, json_integer(value));
    }
    for (size_t f = 0; json && f < LBK_COUNT(sums_fields); f++) {
        json_t *sums = json_array();
        for (size_t i = 0; i < sums_fields[f].count; i++) {
            double value;
            memcpy(&value, (const char *)state + sums_fields[f].offset + i * sizeof value, sizeof value);
            json_array_append_new(sums, json_real(value));
        }
        json_object_set_new(json, sums_fields[f].name, sums);
    }
    return json;
}

/* ---- writing ---- */

static lbk_status write_tensors(lbk_context *context, const char *path, const tensors *all,
                                const char *description) {
    lbk__tensor_spec specs[MOST_TENSORS];
    for (size_t i = 0; i < all->count; i++)
        specs[i] = (lbk__tensor_spec){.name = all->list[i].name,
                                      .dtype = all->list[i].dtype,
                                      .rank = 1,
                                      .shape = {(int64_t)all->list[i].count}};
    const lbk__metadata metadata = {"limbeck", description};
    lbk__safetensors_writer *writer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_writer_open(context, path, specs, all->count, &metadata, 1, "sha256", &writer));
    for (size_t i = 0; i < all->count; i++)
        LBK_GO(lbk__safetensors_writer_put(writer, all->list[i].data,
                                           all->list[i].count * lbk__dtype_size(all->list[i].dtype)));
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
done:
    lbk__safetensors_writer_close(writer);
    return status;
}

lbk_status lbk__checkpoint_save(const char *path, const lbk__optimizer *optimizer,
                                const lbk__checkpoint_part *parts, size_t num_parts,
                                const lbk__train_state *state, const lbk__train_key *key,
                                const lbk__run_mark *mark) {
    lbk_context *context = optimizer->model->context;
    const tensors all = tensors_of(optimizer, parts, num_parts);
    json_t *json = describe(optimizer, state, key, mark);
    char *description = NULL;
    lbk_status status = lbk__json_dump(context, json, JSON_COMPACT, &description);
    json_decref(json);
    if (status == LBK_OK) status = write_tensors(context, path, &all, description);
    lbk_free(context, description);
    return status;
}

/* ---- reading ---- */

static lbk_status check_key(lbk__json_in in, const lbk__train_key *key) {
    const struct {
        const char *name, *wanted, *what;
    } rows[] = {
        {"method", key->method, "the method is another"},
        {"config_sha256", key->configuration, "the configuration is another (config.yaml has the run's)"},
        {"pack_sha256", key->pack, "the pack is another"},
        {"cache_sha256", key->cache, "the cache is another"},
    };
    for (size_t i = 0; i < LBK_COUNT(rows); i++) {
        const char *kept;
        LBK_TRY(lbk__json_get_string(in, rows[i].name, &kept));
        if (strcmp(kept, rows[i].wanted) != 0)
            return lbk__fail(in.context, LBK_MISMATCH,
                             "%s: cannot go on: %s than when the run began; resume with what it began with, "
                             "or start a new run folder",
                             in.where, rows[i].what);
    }
    return LBK_OK;
}

static lbk_status read_sums(lbk__json_in in, const struct sums_field *field, lbk__train_state *state) {
    const json_t *sums;
    LBK_TRY(lbk__json_get_array(in, field->name, &sums));
    for (size_t i = 0; i < field->count; i++) {
        const json_t *item = json_array_get(sums, i);
        if (!json_is_real(item))
            return lbk__fail(in.context, LBK_BAD_DATA, "%s: \"%s\" has no number at %zu", in.where,
                             field->name, i);
        const double value = json_real_value(item);
        memcpy((char *)state + field->offset + i * sizeof value, &value, sizeof value);
    }
    return LBK_OK;
}

static lbk_status read_mark(lbk__json_in in, lbk__run_mark *mark) {
    const char *name;
    int64_t metrics, events;
    LBK_TRY(lbk__json_get_integer(in, "metrics_length", 0, INT64_MAX, &metrics));
    LBK_TRY(lbk__json_get_integer(in, "events_length", 0, INT64_MAX, &events));
    LBK_TRY(lbk__json_get_string(in, "events_name", &name));
    if (strchr(name, '/') || strlen(name) >= sizeof mark->events_name)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: \"events_name\" is no file name", in.where);
    snprintf(mark->events_name, sizeof mark->events_name, "%s", name);
    mark->metrics_length = (uint64_t)metrics;
    mark->events_length = (uint64_t)events;
    return LBK_OK;
}

static lbk_status read_state(lbk__json_in in, lbk__optimizer *optimizer, lbk__train_state *state,
                             const lbk__train_key *key, lbk__run_mark *mark) {
    const char *kind;
    int64_t version;
    LBK_TRY(lbk__json_get_string(in, "kind", &kind));
    LBK_TRY(lbk__json_get_integer(in, "version", 0, INT32_MAX, &version));
    if (strcmp(kind, "checkpoint") == 0 && version < VERSION)
        return lbk__fail(in.context, LBK_MISMATCH,
                         "%s: cannot go on: an older limbeck wrote it, whose numbers lie in another order; "
                         "resume it with that one, or start a new run folder",
                         in.where);
    if (strcmp(kind, "checkpoint") != 0 || version != VERSION)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: is a %.32s of version %d, not a checkpoint of %d",
                         in.where, kind, (int)version, (int)VERSION);
    LBK_TRY(check_key(in, key));
    for (size_t i = 0; i < LBK_COUNT(wholes); i++) {
        const int64_t most = wholes[i].is_free ? INT64_MAX : state->step; /* which is read first */
        int64_t value;
        LBK_TRY(lbk__json_get_integer(in, wholes[i].name, wholes[i].least, most, &value));
        memcpy((char *)state + wholes[i].offset, &value, sizeof value);
    }
    LBK_TRY(lbk__json_get_integer(in, "updates", 0, INT64_MAX, &optimizer->step));
    LBK_TRY(lbk__json_get_real(in, "best", -HUGE_VAL, HUGE_VAL, &state->best));
    LBK_TRY(lbk__json_get_bool(in, "finished", &state->finished));
    LBK_TRY(lbk__json_get_bool(in, "stopped_early", &state->stopped_early));
    for (size_t f = 0; f < LBK_COUNT(sums_fields); f++) LBK_TRY(read_sums(in, &sums_fields[f], state));
    return read_mark(in, mark);
}

static lbk_status read_tensors(lbk_context *context, const lbk__safetensors *file, const tensors *all) {
    for (size_t i = 0; i < all->count; i++) {
        const lbk__tensor_entry *entry;
        const int64_t shape[] = {(int64_t)all->list[i].count};
        LBK_TRY(lbk__safetensors_expect(file, all->list[i].name, all->list[i].dtype, 1, shape, &entry));
        memcpy(all->list[i].data, entry->data, entry->bytes);
    }
    char hash[LBK__HASH_SIZE];
    lbk__safetensors_hash(file, hash);
    const char *kept = lbk__safetensors_metadata(file, "sha256");
    if (!kept || strcmp(kept, hash) != 0)
        return lbk__fail(context, LBK_BAD_DATA,
                         "%s: is damaged: its numbers do not have the hash they were written with",
                         lbk__safetensors_path(file));
    return LBK_OK;
}

lbk_status lbk__checkpoint_load(const char *path, lbk__optimizer *optimizer,
                                const lbk__checkpoint_part *parts, size_t num_parts, lbk__train_state *state,
                                const lbk__train_key *key, lbk__run_mark *mark) {
    lbk_context *context = optimizer->model->context;
    lbk__safetensors *file = NULL;
    json_t *json = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__safetensors_open(context, path, &file));
    const char *description = lbk__safetensors_metadata(file, "limbeck");
    if (!description) {
        status = lbk__fail(context, LBK_BAD_DATA, "%s: is no checkpoint of limbeck", path);
        goto done;
    }
    LBK_GO(lbk__json_load_bytes(context, path, description, strlen(description), &json));
    LBK_GO(read_state((lbk__json_in){context, path, json}, optimizer, state, key, mark));
    const tensors all = tensors_of(optimizer, parts, num_parts);
    LBK_GO(read_tensors(context, file, &all));
done:
    json_decref(json);
    lbk__safetensors_close(file);
    return status;
}
