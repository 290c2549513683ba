/* bench.c: synthetic work as training and serving see it, timed step by step: the same sizes, lengths and
 * losses as the PyTorch baseline that the project compares itself with (docs/speed.md). */
#include "base/half.h"

#include "base/guest.h"
#include "base/random.h"
#include "distill/lookahead.h"
#include "distill/weight_network.h"
#include "format/json.h"
#include "kernel/kernel.h"
#include "kernel/threads.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { NUM_BATCHES = 8, VOCAB = 30522 };

static const struct size_row {
    const char *name;
    int32_t layers, hidden, heads, intermediate;
} sizes[] = {
    {"mini", 2, 128, 2, 512},      {"small", 4, 192, 4, 768},       {"tiny312", 4, 312, 12, 1200},
    {"minilm6", 6, 384, 12, 1536}, {"minilm12", 12, 384, 12, 1536}, {"base", 12, 768, 12, 3072},
};

/* One batch and what its loss needs. */
typedef struct synthetic {
    lbk__batch batch;
    float *teacher;  /* [3, B, C] */
    int32_t *labels; /* [B] */
} synthetic;

/* Parts of a step, for the profile. */
enum { FORWARD, LOSS, BACKWARD, META, NORM, OPTIMIZER, ZERO, NUM_PARTS };
static const char *const part_names[] = {"forward",       "loss",      "backward", "meta",
                                         "gradient norm", "optimizer", "zero"};

typedef struct bench {
    lbk_context *context;
    const lbk_bench_options *options;
    int32_t views;
    lbk__model *model;
    lbk__runner *runner;
    lbk__optimizer optimizer;
    synthetic data[NUM_BATCHES];
    float *gradient, *weights; /* [views, B, C]; [B, 3] */
    uint8_t *labelled;
    double seconds[NUM_PARTS], lap; /* lap: when the part at hand began */
    /* Work "meta": */
    lbk__weight_network *network;
    lbk__lookahead lookahead;
    synthetic meta[NUM_BATCHES];  /* joint view */
    float *saliency;              /* [B, 2]: 0 */
    double *features, *d_weights; /* [B, 6], [B, 3] */
} bench;

static bool works_on(const bench *b, const char *work) {
    return strcmp(b->options->work, work) == 0;
}

static bool trains(const bench *b) {
    return works_on(b, "kd") || works_on(b, "msd") || works_on(b, "meta");
}

static lbk__batch_limits limits_of(const lbk_bench_options *o, int32_t views) {
    const int32_t joint = o->longest + o->regions, all = joint + o->longest + 2 + o->regions;
    return (lbk__batch_limits){.num_samples = o->batch,
                               .num_views = views,
                               .num_sequences = o->batch * views,
                               .num_tokens = o->batch * (views == 1 ? joint : all),
                               .num_rows = o->batch * o->regions,
                               .visual_dim = o->visual_dim,
                               .longest = joint};
}

/* ---- work ---- */

/* One sequence of `text` tokens (only [CLS] and [SEP] under the image view) and the sample's visual rows. */
static void lay_sequence(const bench *b, lbk__batch *batch, int32_t sample, int view, int32_t text,
                         uint64_t seed) {
    const int32_t regions = view == LBK_VIEW_TEXT ? 0 : b->options->regions;
    for (int32_t k = 0; k < text; k++) {
        if (view == LBK_VIEW_IMAGE && k > 0 && k < text - 1) continue;
        batch->tokens[batch->num_tokens] =
            1000 + (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, (uint32_t)sample, (uint64_t)k, 29000);
        batch->position[batch->num_tokens] = k;
        batch->segment[batch->num_tokens++] = 0;
    }
    batch->last_word[batch->num_sequences] = batch->num_tokens - 2;
    for (int32_t r = 0; r < regions; r++) {
        batch->tokens[batch->num_tokens] = -1 - (sample * b->options->regions + r);
        batch->position[batch->num_tokens] = 0;
        batch->segment[batch->num_tokens++] = 1;
    }
    batch->sample[batch->num_sequences] = sample;
    batch->view[batch->num_sequences++] = (int8_t)view;
    batch->start[batch->num_sequences] = batch->num_tokens;
}

static void fill(const bench *b, int32_t views, synthetic *s, uint64_t seed) {
    const lbk_bench_options *o = b->options;
    lbk__batch *batch = &s->batch;
    batch->num_tokens = batch->num_sequences = 0;
    batch->num_rows = o->batch * o->regions;
    batch->visual_dim = o->visual_dim;
    batch->num_samples = o->batch;
    batch->num_views = views;
    batch->start[0] = 0;
    for (int view = 0; view < views; view++)
        for (int32_t i = 0; i < o->batch; i++) {
            const int32_t text =
                o->shortest + (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, UINT32_MAX, (uint64_t)i,
                                                  (uint32_t)(o->longest - o->shortest + 1));
            lay_sequence(b, batch, i, view, text, seed);
        }
    for (int64_t k = 0; k < (int64_t)batch->num_rows * o->visual_dim; k++)
        batch->visual[k] = lbk__float_to_half(
            (float)(lbk__uniform(seed, LBK__STREAM_SYNTHETIC, 1u << 30, (uint64_t)k) - 0.5));
    for (int32_t k = 0; k < 3 * o->batch * o->classes; k++)
        s->teacher[k] = (float)lbk__normal(seed, LBK__STREAM_SYNTHETIC, 1u << 29, (uint64_t)k);
    for (int32_t i = 0; i < o->batch; i++)
        s->labels[i] =
            (int32_t)lbk__below(seed, LBK__STREAM_SYNTHETIC, 1u << 28, (uint64_t)i, (uint32_t)o->classes);
}

static lbk_status make_batches(const bench *b, int32_t views, synthetic *batches, uint64_t seed) {
    const size_t size = (size_t)b->options->batch;
    const lbk__batch_limits limits = limits_of(b->options, views);
    for (int i = 0; i < NUM_BATCHES; i++) {
        synthetic *s = &batches[i];
        LBK_TRY(lbk__batch_create(b->context, &limits, &s->batch));
        LBK_TRY(LBK_ALLOC(b->context, s->teacher, 3 * size * (size_t)b->options->classes));
        LBK_TRY(LBK_ALLOC(b->context, s->labels, size));
        fill(b, views, s, seed + (uint64_t)i);
    }
    return LBK_OK;
}

static void free_batches(const bench *b, synthetic *batches) {
    for (int i = 0; i < NUM_BATCHES; i++) {
        lbk__batch_free(b->context, &batches[i].batch);
        lbk_free(b->context, batches[i].teacher);
        lbk_free(b->context, batches[i].labels);
    }
}

/* ---- steps ---- */

static const lbk__adamw_options adamw = {1e-4, 0.01, 0.9, 0.999, 1e-8};

static void end_part(bench *b, int part) {
    const double now = lbk__seconds();
    b->seconds[part] += now - b->lap;
    b->lap = now;
}

static void add_gradients(bench *b, const lbk__loss_input *input) {
    lbk__loss_terms terms;
    lbk__loss(input, b->gradient, &terms);
    end_part(b, LOSS);
    lbk__runner_backward(b->runner, b->gradient);
    end_part(b, BACKWARD);
}

/* As src/train/meta_step.c: the weights' network learns, with the activations of `input` on the tape. */
static void meta_step(bench *b, const lbk__loss_input *input, const synthetic *meta) {
    const int32_t size = b->options->batch;
    const lbk__loss_input judged = {.label_kind = LBK_LABEL_SINGLE,
                                    .num_samples = size,
                                    .num_classes = b->options->classes,
                                    .labels = meta->labels,
                                    .labelled = b->labelled};
    lbk__weight_features(input, b->saliency, b->features);
    lbk__weight_network_weights(b->network, b->features, size, b->weights);
    add_gradients(b, input);
    lbk__optimizer_refresh(&b->optimizer, meta->batch.tokens, meta->batch.num_tokens);
    lbk__lookahead_step(&b->lookahead, &meta->batch, adamw.learning_rate);
    lbk__lookahead_loss(&b->lookahead, &meta->batch, &judged);
    const float *tangent = lbk__runner_tangent(b->runner, lbk__runner_gradients(b->runner));
    lbk__weight_tangents(input, tangent, b->gradient, b->d_weights);
    for (int32_t k = 0; k < size * LBK_NUM_VIEWS; k++) b->d_weights[k] *= -adamw.learning_rate;
    lbk__weight_network_backward(b->network, b->features, size, b->d_weights);
    lbk__weight_network_step(b->network);
    lbk__weight_network_weights(b->network, b->features, size, b->weights);
    lbk__weight_network_observe(b->network, b->features, size);
    lbk__runner_zero_gradients(b->runner);
}

static void train_step(bench *b, int32_t number) {
    const synthetic *s = &b->data[number % NUM_BATCHES];
    const uint8_t *touched = lbk__runner_touched(b->runner);
    lbk__optimizer_refresh(&b->optimizer, s->batch.tokens, s->batch.num_tokens);
    const lbk__loss_input input = {.method = b->views == 1 ? LBK__METHOD_KD : LBK__METHOD_MSD,
                                   .label_kind = LBK_LABEL_SINGLE,
                                   .num_samples = b->options->batch,
                                   .num_classes = b->options->classes,
                                   .alpha = 0.5,
                                   .temperature = 2.0,
                                   .student = lbk__runner_forward(b->runner, &s->batch, number),
                                   .teacher = s->teacher,
                                   .labels = s->labels,
                                   .labelled = b->labelled,
                                   .weights = b->weights,
                                   .scale = 1.0};
    end_part(b, FORWARD);
    if (b->network) {
        meta_step(b, &input, &b->meta[number % NUM_BATCHES]);
        end_part(b, META);
    }
    add_gradients(b, &input);
    const float *gradients = lbk__runner_gradients(b->runner);
    const double norm = lbk__gradient_norm(b->model, gradients, touched);
    end_part(b, NORM);
    lbk__optimizer_step(&b->optimizer, gradients, touched, lbk__clip_scale(norm, 1.0), &adamw);
    end_part(b, OPTIMIZER);
    lbk__runner_zero_gradients(b->runner);
    end_part(b, ZERO);
}

static void infer_step(bench *b, int32_t number) {
    lbk__runner_forward(b->runner, &b->data[number % NUM_BATCHES].batch, -1);
    end_part(b, FORWARD);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static lbk_status measure(bench *b, double *median) {
    const int32_t total = b->options->warmup + b->options->steps;
    double *times;
    LBK_TRY(LBK_ALLOC(b->context, times, b->options->steps));
    lbk_status status = LBK_OK;
    for (int32_t i = 0; i < total && status == LBK_OK; i++) {
        if (i == b->options->warmup) {
            memset(b->seconds, 0, sizeof b->seconds);
            if (b->options->profile) lbk__runner_time(b->runner);
        }
        const double begin = b->lap = lbk__seconds();
        (trains(b) ? train_step : infer_step)(b, i);
        if (i >= b->options->warmup) times[i - b->options->warmup] = lbk__seconds() - begin;
        lbk__report(b->context, "bench", "steps", (uint64_t)i + 1, (uint64_t)total, "");
        status = lbk__check_starved(b->context);
        if (status == LBK_OK && lbk__interrupted(b->context))
            status = lbk__fail(b->context, LBK_INTERRUPTED, "bench: stopped on request");
    }
    qsort(times, (size_t)b->options->steps, sizeof *times, by_value);
    *median = times[b->options->steps / 2];
    lbk_free(b->context, times);
    return status;
}

/* ---- profile ---- */

/* GF/s of a large product: what a matrix product could reach at best. */
static lbk_status measure_peak(const bench *b, double *out) {
    enum { SIZE = 1536, TIMES = 6 };
    float *matrices;
    LBK_TRY(lbk__alloc_aligned(b->context, &matrices, (size_t)3 * SIZE * SIZE * sizeof *matrices));
    double best = 1e30;
    const lbk__threads host = lbk__threads_enter(b->context->num_threads);
    for (int i = 0; i < TIMES; i++) {
        const double begin = lbk__seconds();
        lbk__gemm(false, false, SIZE, SIZE, SIZE, matrices, SIZE, matrices + SIZE * SIZE, SIZE, 0.0f,
                  matrices + 2 * SIZE * SIZE, SIZE);
        best = LBK_MIN(best, lbk__seconds() - begin);
    }
    lbk__threads_leave(&host);
    lbk__free_aligned(b->context, matrices);
    *out = 2e-9 * SIZE * SIZE * (double)SIZE / best;
    return LBK_OK;
}

/* {"peak_gflops", "step": {part: {"ms"}}, "ops"}: means over the timed steps. */
static lbk_status add_profile(const bench *b, json_t *report) {
    double peak;
    json_t *ops, *step = json_object();
    LBK_TRY(measure_peak(b, &peak));
    for (int part = 0; part < NUM_PARTS; part++)
        if (b->seconds[part] > 0)
            json_object_set_new(step, part_names[part],
                                json_pack("{s:f}", "ms", 1e3 * b->seconds[part] / b->options->steps));
    const lbk_status status = lbk__runner_profile(b->runner, b->options->steps, &ops);
    if (status != LBK_OK) {
        json_decref(step);
        return status;
    }
    json_t *profile = json_pack("{s:f, s:o, s:o}", "peak_gflops", peak, "step", step, "ops", ops);
    if (json_object_set_new(report, "profile", profile) == 0) return LBK_OK;
    return lbk__fail(b->context, LBK_NO_MEMORY, "no memory for the profile");
}

static double two_digits(double x) {
    return round(100 * x) / 100;
}

static lbk_status write_report(const bench *b, double median, char **out) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char variant[32];
    snprintf(variant, sizeof variant, "limbeck-%s", lbk__precision_names[b->model->precision]);
    json_t *report = json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:I}", "work", b->options->work, "variant",
                               variant, "size", b->options->size, "batch", (int)b->options->batch,
                               "samples_per_s", two_digits(b->options->batch / median), "ms_per_step",
                               two_digits(1e3 * median), "peak_mib", (json_int_t)(usage.ru_maxrss / 1024));
    lbk_status status = LBK_OK;
    if (report && b->options->profile) status = add_profile(b, report);
    if (status == LBK_OK) status = lbk__json_dump(b->context, report, JSON_REAL_PRECISION(8), out);
    json_decref(report);
    return status;
}

/* ---- set-up ---- */

static lbk_status check(lbk_context *context, const lbk_bench_options *o, const struct size_row **size) {
    static const char *const works[] = {"kd", "msd", "meta", "probe", "infer", NULL};
    bool known = false;
    for (size_t i = 0; works[i]; i++) known |= o->work && strcmp(works[i], o->work) == 0;
    if (!known)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "bench: the work must be kd, msd, meta, probe or infer");
    for (size_t i = 0; i < LBK_COUNT(sizes); i++)
        if (o->size && strcmp(sizes[i].name, o->size) == 0) *size = &sizes[i];
    if (!*size)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "bench: the size must be mini, small, tiny312, minilm6, minilm12 or base");
    if (o->batch < 1 || o->shortest < 2 || o->longest < o->shortest || o->longest > 512 || o->regions < 0 ||
        o->visual_dim < 1 || o->classes < 1 || o->steps < 1 || o->warmup < 0 ||
        !(o->dropout >= 0 && o->dropout < 1))
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "bench: batch, visual-dim, classes and steps must be ≥ 1, regions and warmup ≥ 0, dropout in "
            "[0, 1), lengths from 2 to 512");
    return LBK_OK;
}

static lbk_status set_up_meta(bench *b) {
    const size_t size = (size_t)b->options->batch;
    const lbk__batch_limits limits = limits_of(b->options, 1);
    const lbk__weight_network_options options = {.num_features = LBK__NUM_FEATURES,
                                                 .features = {0, 1, 2, 3, 4, 5},
                                                 .hidden_size = 64,
                                                 .learning_rate = 1e-3};
    LBK_TRY(make_batches(b, 1, b->meta, NUM_BATCHES));
    LBK_TRY(lbk__weight_network_create(b->context, &options, &b->network));
    LBK_TRY(lbk__lookahead_create(b->model, b->runner, &limits, &b->lookahead));
    LBK_TRY(LBK_ALLOC(b->context, b->saliency, 2 * size));
    LBK_TRY(LBK_ALLOC(b->context, b->features, LBK__NUM_FEATURES * size));
    return LBK_ALLOC(b->context, b->d_weights, LBK_NUM_VIEWS * size);
}

static lbk_status set_up(bench *b, const struct size_row *size) {
    const lbk_bench_options *o = b->options;
    const lbk__model_config config = {.vocab_size = VOCAB,
                                      .hidden_size = size->hidden,
                                      .num_hidden_layers = size->layers,
                                      .num_attention_heads = size->heads,
                                      .intermediate_size = size->intermediate,
                                      .max_position_embeddings = 512,
                                      .type_vocab_size = 2,
                                      .visual_embedding_dim = o->visual_dim,
                                      .num_labels = o->classes,
                                      .hidden_dropout_prob = o->dropout,
                                      .attention_probs_dropout_prob = o->dropout,
                                      .layer_norm_eps = 1e-12f,
                                      .initializer_range = 0.02f};
    b->views = works_on(b, "kd") || works_on(b, "infer") ? 1 : LBK_NUM_VIEWS;
    const lbk__batch_limits limits = limits_of(o, b->views);
    LBK_TRY(lbk__model_create(b->context, &config, &b->model));
    LBK_TRY(lbk__precision_of(b->context, o->precision, trains(b) ? LBK__PRECISION_INT8 : LBK__NUM_PRECISIONS,
                              &b->model->precision));
    lbk__model_init_random(b->model, 0);
    LBK_TRY(make_batches(b, b->views, b->data, 0));
    const lbk__run_mode mode = works_on(b, "meta") ? LBK__RUN_META
                               : trains(b)         ? LBK__RUN_TRAIN
                                                   : LBK__RUN_INFER;
    LBK_TRY(lbk__runner_create(b->model, NULL, &limits, mode, 1, &b->runner));
    if (!trains(b)) return LBK_OK;
    LBK_TRY(lbk__optimizer_create(b->model, &b->optimizer));
    LBK_TRY(LBK_ALLOC(b->context, b->gradient, (size_t)b->views * (size_t)o->batch * (size_t)o->classes));
    LBK_TRY(LBK_ALLOC(b->context, b->weights, (size_t)o->batch * LBK_NUM_VIEWS));
    LBK_TRY(LBK_ALLOC(b->context, b->labelled, o->batch));
    memset(b->labelled, 1, (size_t)o->batch);
    for (int32_t i = 0; i < o->batch * LBK_NUM_VIEWS; i++) b->weights[i] = 1.0f / LBK_NUM_VIEWS;
    return works_on(b, "meta") ? set_up_meta(b) : LBK_OK;
}

static void tear_down(bench *b) {
    lbk__weight_network_free(b->network);
    lbk__lookahead_free(&b->lookahead);
    lbk__runner_free(b->runner);
    lbk__optimizer_free(&b->optimizer);
    lbk__model_free(b->model);
    free_batches(b, b->data);
    free_batches(b, b->meta);
    lbk_free(b->context, b->saliency);
    lbk_free(b->context, b->features);
    lbk_free(b->context, b->d_weights);
    lbk_free(b->context, b->gradient);
    lbk_free(b->context, b->weights);
    lbk_free(b->context, b->labelled);
}

lbk_status lbk_bench(lbk_context *context, const lbk_bench_options *options, char **out) {
    LBK__GUEST(context);
    bench b = {.context = context, .options = options};
    const struct size_row *size = NULL;
    double median = 0.0;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_TRY(check(context, options, &size));
    LBK_GO(set_up(&b, size));
    LBK_GO(measure(&b, &median));
    LBK_GO(write_report(&b, median, out));
done:
    tear_down(&b);
    return status;
}
