/* bench.c: synthetic work as training and serving see it, timed step by step: the same sizes, lengths and
 * losses as the PyTorch baseline that the project compares itself with (docs/speed.md). */
#include "base/guest.h"
#include "base/sorted.h"
#include "bench/roofline.h"
#include "bench/synthetic.h"
#include "distill/lookahead.h"
#include "distill/weight_network.h"
#include "format/json.h"
#include "train/optimizer.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

enum { NUM_BATCHES = 8 };

static const struct size_row {
    const char *name;
    int32_t layers, hidden, heads, intermediate;
} sizes[] = {
    {"mini", 2, 128, 2, 512},      {"small", 4, 192, 4, 768},       {"tiny312", 4, 312, 12, 1200},
    {"minilm6", 6, 384, 12, 1536}, {"minilm12", 12, 384, 12, 1536}, {"base", 12, 768, 12, 3072},
};

/* Parts of a step, for the profile. */
enum { FORWARD, LOSS, BACKWARD, LOOK_AHEAD, TANGENT, NORM, OPTIMIZER, WAITING, ZERO, NUM_PARTS };
static const char *const part_names[] = {
    [FORWARD] = "forward", [LOSS] = "loss",          [BACKWARD] = "backward",   [LOOK_AHEAD] = "look-ahead",
    [TANGENT] = "tangent", [NORM] = "gradient norm", [OPTIMIZER] = "optimizer", [WAITING] = "waiting rows",
    [ZERO] = "zero"};

typedef struct bench {
    lbk_context *context;
    const lbk_bench_options *options;
    struct size_row size;
    int32_t views;
    lbk__model *model;
    lbk__runner *runner;
    lbk__optimizer optimizer;
    lbk__synthetic data[NUM_BATCHES];
    float *gradient, *weights; /* [views, B, C]; [B, 3] */
    uint8_t *labelled;
    double seconds[NUM_PARTS], lap; /* lap: when the part at hand began */
    int settled;                    /* steps that waiting rows took in seconds[WAITING] */
    /* Work "meta": */
    lbk__weight_network *network;
    lbk__lookahead lookahead;
    lbk__synthetic meta[NUM_BATCHES]; /* joint view */
    float *saliency;                  /* [B, 2]: 0 */
    double *features, *d_weights;     /* [B, 6], [B, 3] */
} bench;

static bool works_on(const bench *b, const char *work) {
    return strcmp(b->options->work, work) == 0;
}

static bool trains(const bench *b) {
    return works_on(b, "kd") || works_on(b, "msd") || works_on(b, "meta");
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
static void meta_step(bench *b, const lbk__loss_input *input, const lbk__synthetic *meta) {
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
    end_part(b, LOOK_AHEAD);
    const float *tangent = lbk__runner_tangent(b->runner, lbk__runner_gradients(b->runner));
    lbk__weight_tangents(input, tangent, b->gradient, b->d_weights);
    for (int32_t k = 0; k < size * LBK_NUM_VIEWS; k++) b->d_weights[k] *= -adamw.learning_rate;
    lbk__weight_network_backward(b->network, b->features, size, b->d_weights);
    lbk__weight_network_step(b->network);
    lbk__weight_network_weights(b->network, b->features, size, b->weights);
    lbk__weight_network_observe(b->network, b->features, size);
    end_part(b, TANGENT);
    lbk__runner_zero_gradients(b->runner);
    end_part(b, ZERO);
}

static void train_step(bench *b, int32_t number) {
    const lbk__synthetic *s = &b->data[number % NUM_BATCHES];
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
    if (b->network) meta_step(b, &input, &b->meta[number % NUM_BATCHES]);
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

/* All rows of the word table take what they put off, 64 steps: as many as training lets them. It is done
 * between the timed steps, of which each has its share: within one, the median would hide it. */
static void settle(bench *b) {
    lbk__waiting_rows *waiting = &b->optimizer.waiting;
    if (waiting->count == 0) return;
    for (; waiting->count < LBK__MOST_WAITING; waiting->count++) {
        waiting->steps[waiting->count] = waiting->steps[0];
        waiting->keep[waiting->count] = waiting->keep[0];
    }
    b->lap = lbk__seconds();
    lbk__optimizer_settle(&b->optimizer);
    end_part(b, WAITING);
    b->settled += LBK__MOST_WAITING;
}

static void begin_timing(bench *b) {
    settle(b);
    memset(b->seconds, 0, sizeof b->seconds);
    b->settled = 0;
    if (!b->options->profile) return;
    lbk__runner_time(b->runner);
    if (b->network) lbk__runner_time(b->lookahead.ahead);
}

static lbk_status take_steps(bench *b, double *times) {
    const int32_t warmup = b->options->warmup, total = warmup + b->options->steps;
    for (int32_t i = 0; i < total; i++) {
        if (i == warmup) begin_timing(b);
        const double begin = b->lap = lbk__seconds();
        (trains(b) ? train_step : infer_step)(b, i);
        if (i >= warmup) times[i - warmup] = lbk__seconds() - begin;
        if (b->optimizer.waiting.count == LBK__MOST_WAITING || i == total - 1) settle(b);
        lbk__report(b->context, "bench", "steps", (uint64_t)i + 1, (uint64_t)total, "");
        LBK_TRY(lbk__check_starved(b->context));
        if (lbk__interrupted(b->context))
            return lbk__fail(b->context, LBK_INTERRUPTED, "bench: stopped on request");
    }
    return LBK_OK;
}

/* Seconds of the median step. */
static lbk_status measure(bench *b, double *out) {
    const int32_t steps = b->options->steps;
    double *times;
    LBK_TRY(LBK_ALLOC(b->context, times, steps));
    const lbk_status status = take_steps(b, times);
    lbk__sort(times, steps);
    if (b->settled) b->seconds[WAITING] *= (double)steps / b->settled;
    *out = lbk__percentile(times, steps, 50) + b->seconds[WAITING] / steps;
    lbk_free(b->context, times);
    return status;
}

/* ---- profile ---- */

static lbk_status add_ops(const bench *b, const lbk__runner *runner, const char *name, json_t *profile) {
    json_t *ops;
    LBK_TRY(lbk__runner_profile(runner, b->options->steps, &ops));
    if (json_object_set_new(profile, name, ops) == 0) return LBK_OK;
    return lbk__fail(b->context, LBK_NO_MEMORY, "no memory for the profile");
}

/* Products' GF in a second of a step, all that it does beside them included. */
static double reached_gflops(const bench *b) {
    double seconds = 0.0, operations = lbk__runner_operations(b->runner);
    if (b->network) operations += lbk__runner_operations(b->lookahead.ahead);
    for (int part = 0; part < NUM_PARTS; part++) seconds += b->seconds[part];
    return 1e-9 * operations / seconds;
}

/* {"peak_gflops", "reached_gflops", "memory_gb_s", "step": {part: {"ms"}}, "ops", "look_ahead_ops"}: means
 * over the timed steps. */
static lbk_status add_profile(const bench *b, json_t *report) {
    lbk__roofline best;
    LBK_TRY(lbk__roofline_measure(b->context, b->model->precision, &best));
    json_t *step = json_object();
    for (int part = 0; part < NUM_PARTS; part++)
        if (b->seconds[part] > 0)
            json_object_set_new(step, part_names[part],
                                json_pack("{s:f}", "ms", 1e3 * b->seconds[part] / b->options->steps));
    json_t *profile = json_pack("{s:f, s:f, s:f, s:o}", "peak_gflops", best.gflops, "reached_gflops",
                                reached_gflops(b), "memory_gb_s", best.gigabytes, "step", step);
    if (json_object_set_new(report, "profile", profile) != 0)
        return lbk__fail(b->context, LBK_NO_MEMORY, "no memory for the profile");
    LBK_TRY(add_ops(b, b->runner, "ops", profile));
    return b->network ? add_ops(b, b->lookahead.ahead, "look_ahead_ops", profile) : LBK_OK;
}

static double two_digits(double x) {
    return round(100 * x) / 100;
}

static lbk_status write_report(const bench *b, double median, char **out) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char variant[32], size[32];
    snprintf(variant, sizeof variant, "limbeck-%s", lbk__precision_names[b->model->precision]);
    snprintf(size, sizeof size, "%dx%d", b->size.layers, b->size.hidden);
    json_t *report =
        json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:I}", "work", b->options->work, "variant", variant, "size",
                  b->size.name ? b->size.name : size, "batch", (int)b->options->batch, "samples_per_s",
                  two_digits(b->options->batch / median), "ms_per_step", two_digits(1e3 * median), "peak_mib",
                  (json_int_t)(usage.ru_maxrss / 1024));
    lbk_status status = LBK_OK;
    if (report && b->options->profile) status = add_profile(b, report);
    if (status == LBK_OK) status = lbk__json_dump(b->context, report, JSON_REAL_PRECISION(8), out);
    json_decref(report);
    return status;
}

/* ---- set-up ---- */

/* The named size, or what is said in its place. Heads of 32, as MiniLM's: their width stays what it is while
 * the hidden size is varied. */
static lbk_status find_size(lbk_context *context, const lbk_bench_options *o, struct size_row *out) {
    enum { HEAD = 32 };
    for (size_t i = 0; i < LBK_COUNT(sizes); i++)
        if (o->size && strcmp(sizes[i].name, o->size) == 0) *out = sizes[i];
    if (!out->name)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "bench: the size must be mini, small, tiny312, minilm6, minilm12 or base");
    if (o->layers < 0 || o->layers > 1000 || o->hidden < 0 || o->hidden > 65536 || o->hidden % HEAD != 0)
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "bench: layers must be 1 to 1000, hidden a multiple of %d up to 65536; 0 is the size's own",
            HEAD);
    if (o->layers || o->hidden) out->name = NULL;
    if (o->layers) out->layers = o->layers;
    if (o->hidden) out->hidden = o->hidden, out->heads = o->hidden / HEAD, out->intermediate = 4 * o->hidden;
    return LBK_OK;
}

static lbk_status check(lbk_context *context, const lbk_bench_options *o) {
    static const char *const works[] = {"kd", "msd", "meta", "probe", "infer", NULL};
    bool known = false;
    for (size_t i = 0; works[i]; i++) known |= o->work && strcmp(works[i], o->work) == 0;
    if (!known)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "bench: the work must be kd, msd, meta, probe or infer");
    const struct {
        const char *name;
        int32_t value, least, most;
    } numbers[] = {{"batch", o->batch, 1, 65536},           {"shortest", o->shortest, 2, 512},
                   {"longest", o->longest, 2, 512},         {"regions", o->regions, 0, 4096},
                   {"visual_dim", o->visual_dim, 1, 65536}, {"classes", o->classes, 1, 1 << 20},
                   {"steps", o->steps, 1, 1 << 24},         {"warmup", o->warmup, 0, 1 << 24}};
    for (size_t i = 0; i < LBK_COUNT(numbers); i++)
        if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most)
            return lbk__fail(context, LBK_INVALID_ARGUMENT, "bench: %s must be from %d to %d, not %d",
                             numbers[i].name, numbers[i].least, numbers[i].most, numbers[i].value);
    if (o->longest < o->shortest || !(o->dropout >= 0 && o->dropout < 1))
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "bench: shortest must be at most longest, dropout in [0, 1)");
    return LBK_OK;
}

static lbk_status set_up_meta(bench *b) {
    const size_t size = (size_t)b->options->batch;
    const lbk__batch_limits limits = lbk__synthetic_limits(b->options, 1);
    const lbk__weight_network_options options = {.num_features = LBK__NUM_FEATURES,
                                                 .features = {0, 1, 2, 3, 4, 5},
                                                 .hidden_size = 64,
                                                 .learning_rate = 1e-3};
    for (int i = 0; i < NUM_BATCHES; i++)
        LBK_TRY(lbk__synthetic_create(b->context, b->options, 1, (uint64_t)(NUM_BATCHES + i), &b->meta[i]));
    LBK_TRY(lbk__weight_network_create(b->context, &options, &b->network));
    LBK_TRY(lbk__lookahead_create(b->model, b->runner, &limits, &b->lookahead));
    LBK_TRY(LBK_ALLOC(b->context, b->saliency, 2 * size));
    LBK_TRY(LBK_ALLOC(b->context, b->features, LBK__NUM_FEATURES * size));
    return LBK_ALLOC(b->context, b->d_weights, LBK_NUM_VIEWS * size);
}

static lbk_status set_up(bench *b) {
    const lbk_bench_options *o = b->options;
    const struct size_row *size = &b->size;
    const lbk__model_config config = {.vocab_size = LBK__SYNTHETIC_VOCAB,
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
    const lbk__batch_limits limits = lbk__synthetic_limits(o, b->views);
    LBK_TRY(lbk__model_create(b->context, &config, &b->model));
    LBK_TRY(lbk__precision_of(b->context, o->precision, trains(b) ? LBK__PRECISION_INT8 : LBK__NUM_PRECISIONS,
                              &b->model->precision));
    lbk__model_init_random(b->model, 0);
    for (int i = 0; i < NUM_BATCHES; i++)
        LBK_TRY(lbk__synthetic_create(b->context, o, b->views, (uint64_t)i, &b->data[i]));
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
    for (int i = 0; i < NUM_BATCHES; i++) {
        lbk__synthetic_free(b->context, &b->data[i]);
        lbk__synthetic_free(b->context, &b->meta[i]);
    }
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
    double median = 0.0;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_TRY(check(context, options));
    LBK_TRY(find_size(context, options, &b.size));
    LBK_GO(set_up(&b));
    LBK_GO(measure(&b, &median));
    LBK_GO(write_report(&b, median, out));
done:
    tear_down(&b);
    return status;
}
