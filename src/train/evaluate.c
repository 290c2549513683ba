/* evaluate.c: lbk_evaluate: a model, and a teacher beside it, on one split of a pack. */
#include "base/file.h"
#include "base/guest.h"
#include "base/names.h"
#include "data/pack.h"
#include "model/folder.h"
#include "model/parameters.h"
#include "train/measure.h"
#include "train/report.h"

typedef struct evaluation {
    lbk_context *context;
    const lbk_evaluate_options *options;
    lbk_pack *pack;
    lbk__cache *cache;
    const char *split;
    int32_t *indices; /* samples of the split */
    int64_t count;
} evaluation;

static lbk_status open_cache(evaluation *e) {
    if (!e->options->cache) return LBK_OK;
    const lbk__cache_key wanted = {.pack_sha256 = lbk_pack_hash(e->pack),
                                   .label_kind = lbk_pack_label_kind(e->pack),
                                   .num_samples = lbk_pack_num_samples(e->pack),
                                   .num_classes = lbk_pack_num_classes(e->pack)};
    LBK_TRY(lbk__cache_open(e->context, e->options->cache, &e->cache));
    LBK_TRY(lbk__cache_match(e->cache, &wanted));
    return lbk__cache_verify(e->cache);
}

/* Where the results of one of the models go, as rows under its name: {"models": {NAME: {"path", "parameters",
 * "file_bytes", …}}, "views": {"joint": {NAME: {metrics}}, …}}. */
typedef struct row {
    json_t *root;
    const char *name;
} row;

static void add_views(row to, const lbk__metrics *metrics) {
    json_t *views = json_object_get(to.root, "views");
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        json_object_set_new(json_object_get(views, lbk__view_names[v]), to.name,
                            lbk__json_metrics(&metrics[v]));
}

static void add_size(const lbk__model *model, const char *folder, json_t *out) {
    json_object_set_new(out, "precision", json_string(lbk__precision_names[model->precision]));
    json_object_set_new(out, "path", json_string(folder));
    json_object_set_new(out, "parameters", json_integer((json_int_t)model->num_values));
    json_object_set_new(out, "file_bytes", json_integer(model->file_bytes));
}

static lbk_status add_timing(const evaluation *e, lbk__model *model, json_t *out) {
    lbk__timing timing;
    LBK_TRY(lbk__time_model(model, e->pack, e->indices, e->count, &timing));
    json_object_set_new(out, "latency_ms", json_real(timing.latency_ms));
    json_object_set_new(out, "samples_per_s", json_real(timing.samples_per_s));
    json_object_set_new(out, "batch_size", json_integer(timing.batch_size));
    return LBK_OK;
}

static lbk_status measure_model(const evaluation *e, lbk__model *model, const char *folder,
                                const lbk__cache *cache, row to) {
    lbk__metrics metrics[LBK_NUM_VIEWS];
    lbk__inference *inference = NULL;
    json_t *about = json_object();
    lbk_status status = LBK_OK;
    LBK_GO(lbk__inference_create(model, NULL, e->pack, e->indices, e->count, LBK_NUM_VIEWS,
                                 e->options->batch_size ? e->options->batch_size : 32, &inference));
    if (lbk_pack_label_kind(e->pack) == LBK_LABEL_MULTI && !model->thresholds)
        lbk__log(e->context, LBK_LOG_INFO,
                 "%s has no thresholds: it says a class from a probability of 0.5 on; those of limbeck's own "
                 "training are chosen on dev",
                 folder);
    LBK_GO(lbk__measure(inference, model, e->pack, cache, "evaluate", metrics));
    add_views(to, metrics);
    add_size(model, folder, about);
    if (e->options->timing) LBK_GO(add_timing(e, model, about));
done:
    json_object_set_new(json_object_get(to.root, "models"), to.name, about);
    lbk__inference_free(inference);
    return status;
}

/* What a narrow precision costs and gains: the same model in float32, as a row of that name. */
static lbk_status evaluate_both(const evaluation *e, lbk__model *model, json_t *root) {
    LBK_TRY(lbk__precision_of(e->context, e->options->precision, LBK__NUM_PRECISIONS, &model->precision));
    LBK_TRY(measure_model(e, model, e->options->model, e->cache, (row){root, "model"}));
    if (model->precision == LBK__PRECISION_FP32) return LBK_OK;
    model->precision = LBK__PRECISION_FP32;
    return measure_model(e, model, e->options->model, e->cache, (row){root, "fp32"});
}

static lbk_status evaluate_student(const evaluation *e, json_t *root) {
    lbk__model *model;
    LBK_TRY(lbk__model_load(e->context, e->options->model, &model));
    lbk_status status = evaluate_both(e, model, root);
    lbk__model_free(model);
    return status;
}

/* The cache, if there is one, is of this teacher; how far the teacher is from itself is not measured. */
static lbk_status evaluate_teacher(const evaluation *e, json_t *root) {
    lbk__model *teacher;
    char hash[LBK__HASH_SIZE];
    if (!e->options->teacher) return LBK_OK;
    LBK_TRY(lbk__model_load(e->context, e->options->teacher, &teacher));
    lbk_status status = LBK_OK;
    LBK_GO(lbk__model_hash(teacher, hash));
    if (e->cache) LBK_GO(lbk__cache_match(e->cache, &(lbk__cache_key){.teacher_sha256 = hash, .folds = -1}));
    LBK_GO(measure_model(e, teacher, e->options->teacher, NULL, (row){root, "teacher"}));
done:
    lbk__model_free(teacher);
    return status;
}

static json_t *begin_report(const evaluation *e) {
    return json_pack("{s:s,s:I,s:s,s:s,s:{},s:{s:{},s:{},s:{}}}", "split", e->split, "num_samples",
                     (json_int_t)e->count, "metric", lbk__main_metric(lbk_pack_label_kind(e->pack)),
                     "pack_sha256", lbk_pack_hash(e->pack), "models", "views", "joint", "text", "image");
}

lbk_status lbk_evaluate(lbk_context *context, const lbk_evaluate_options *options, char **report) {
    LBK__GUEST(context);
    *report = NULL;
    if (!options->pack || !options->model)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "an evaluation needs a pack and a model");
    LBK_TRY(lbk__check_path(context, options->model));
    if (options->batch_size < 0)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "batch_size is %d; it must be at least 1, or 0 for 32", options->batch_size);
    evaluation e = {
        .context = context, .options = options, .split = options->split ? options->split : "test"};
    json_t *root = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk_pack_open(context, options->pack, &e.pack));
    LBK_GO(lbk__pack_split(e.pack, e.split, &e.indices, &e.count));
    LBK_GO(open_cache(&e));
    root = begin_report(&e);
    LBK_GO(evaluate_student(&e, root));
    LBK_GO(evaluate_teacher(&e, root));
    status = lbk__json_text(context, root, report);
    root = NULL;
done:
    json_decref(root);
    lbk__cache_close(e.cache);
    lbk_free(context, e.indices);
    lbk_pack_close(e.pack);
    return status;
}
