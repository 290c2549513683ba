/* (11) and (12) against PyTorch's create_graph=True in float64 (oracle/meta.py), by the engine as it trains
 * and by its references in double; and against central differences of the whole bilevel objective. */
#include "golden_model.h"

#include "base/logits.h"
#include "distill/lookahead.h"
#include "distill/weight_network.h"
#include "model/encoder.h"

enum { MOST = 16 }; /* samples */

typedef struct fixture {
    lbk_context *context;
    lbk__safetensors *file;
    lbk__model *model;
    golden_samples samples;
    int32_t count, num_meta, classes; /* B, B', C */
    lbk__batch batch, meta;           /* three views; joint view */
    lbk__loss_input input;            /* of L_B, its student's logits missing */
    lbk__loss_input meta_input;
    double eta;
    const double *d_weights; /* [B, 3] expected */
    lbk__weight_network *network;
} fixture;

static const double *doubles(const fixture *f, const char *name) {
    return golden_data(f->file, name, LBK__F64, NULL);
}

/* φ and the statistics of the file. */
static void make_network(fixture *f) {
    lbk__weight_network_options options = {
        .num_features = LBK__NUM_FEATURES,
        .hidden_size = 7,
        .activation = f->input.label_kind == LBK_LABEL_SINGLE ? LBK__WEIGHT_SIGMOID : LBK__WEIGHT_SOFTMAX,
        .learning_rate = 0.01};
    for (int k = 0; k < LBK__NUM_FEATURES; k++) options.features[k] = (lbk__feature)k;
    check_ok(f->context, lbk__weight_network_create(f->context, &options, &f->network));
    size_t count;
    const double *parameters = golden_data(f->file, "parameters", LBK__F64, &count);
    assert_int_equal(count, f->network->num_parameters);
    memcpy(f->network->parameters, parameters, count * sizeof *parameters);
    memcpy(f->network->mean, doubles(f, "mean"), LBK__NUM_FEATURES * sizeof(double));
    memcpy(f->network->variance, doubles(f, "variance"), LBK__NUM_FEATURES * sizeof(double));
}

static void open_fixture(fixture *f, const char *name, lbk_label_kind kind) {
    *f = (fixture){.context = check_context()};
    f->file = golden_open(f->context, name);
    f->model = golden_model(f->context, f->file);
    f->samples = golden_samples_of(f->file);
    f->count = ((const int32_t *)golden_data(f->file, "count", LBK__I32, NULL))[0];
    f->num_meta = f->samples.num_samples - f->count;
    f->classes = f->model->config.num_labels;
    int32_t order[MOST];
    for (int32_t i = 0; i < f->samples.num_samples; i++) order[i] = i;
    f->batch = golden_batch(&f->samples, order, f->count);
    f->meta = golden_batch(&f->samples, order + f->count, f->num_meta);
    f->meta.num_views = 1, f->meta.num_sequences = f->num_meta; /* joint is the first view */
    f->meta.num_tokens = f->meta.start[f->num_meta];
    f->input = (lbk__loss_input){.method = LBK__METHOD_MSD,
                                 .label_kind = kind,
                                 .num_samples = f->count,
                                 .num_classes = f->classes,
                                 .alpha = golden_number(f->file, "setting", 0),
                                 .temperature = golden_number(f->file, "setting", 1),
                                 .teacher = golden_data(f->file, "teacher", LBK__F32, NULL),
                                 .targets = golden_data(f->file, "targets", LBK__F32, NULL),
                                 .labels = golden_data(f->file, "labels", LBK__I32, NULL),
                                 .labelled = golden_data(f->file, "labelled", LBK__U8, NULL),
                                 .scale = 1};
    f->meta_input = (lbk__loss_input){.label_kind = kind,
                                      .num_samples = f->num_meta,
                                      .num_classes = f->classes,
                                      .targets = f->input.targets + f->count * f->classes,
                                      .labels = f->input.labels + f->count,
                                      .labelled = f->input.labelled + f->count};
    f->eta = golden_number(f->file, "setting", 2);
    f->d_weights = doubles(f, "d_weights");
    make_network(f);
}

static void close_fixture(fixture *f) {
    lbk__weight_network_free(f->network);
    golden_batch_free(&f->batch);
    golden_batch_free(&f->meta);
    free(f->samples.visual);
    lbk__model_free(f->model);
    lbk__safetensors_close(f->file);
    lbk_context_destroy(f->context);
}

/* ‖a − b‖ / ‖b‖. */
static double relative(const double *a, const double *b, size_t count) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(difference / size);
}

/* ---- as training does it ---- */

/* How far off each may be: weights absolutely, the others by their size or norm. Those of bfloat16 are twice
 * what was seen. */
typedef struct bounds {
    lbk__precision precision;
    double weights, loss, gradient;
} bounds;

static void compare_engine(const char *name, lbk_label_kind kind, const bounds *most) {
    fixture f;
    open_fixture(&f, name, kind);
    f.model->precision = most->precision;
    lbk__runner *student;
    lbk__lookahead lookahead;
    const lbk__batch_limits limits = golden_limits(&f.batch), meta_limits = golden_limits(&f.meta);
    const int64_t *seeds = golden_data(f.file, "seeds", LBK__I64, NULL); /* weights, dropout, its step */
    double features[MOST * LBK__NUM_FEATURES], d_weights[MOST * LBK_NUM_VIEWS];
    float weights[MOST * LBK_NUM_VIEWS], *d_logits = malloc(MOST * 3 * (size_t)f.classes * sizeof *d_logits);
    lbk__loss_terms terms;
    check_ok(f.context,
             lbk__runner_create(f.model, NULL, &limits, LBK__RUN_META, (uint64_t)seeds[1], &student));
    check_ok(f.context, lbk__lookahead_create(f.model, student, &meta_limits, &lookahead));

    f.input.student = lbk__runner_forward(student, &f.batch, seeds[2]);
    lbk__weight_features(&f.input, golden_data(f.file, "saliency", LBK__F32, NULL), features);
    lbk__weight_network_weights(f.network, features, f.count, weights);
    for (int32_t k = 0; k < f.count * LBK_NUM_VIEWS; k++)
        check_near((double)weights[k], doubles(&f, "weights")[k], most->weights);
    f.input.weights = weights;
    lbk__loss(&f.input, d_logits, &terms);
    lbk__runner_backward(student, d_logits);

    lbk__lookahead_step(&lookahead, &f.meta, f.eta);
    const double meta_loss = golden_number(f.file, "meta_loss", 0);
    check_near(lbk__lookahead_loss(&lookahead, &f.meta, &f.meta_input), meta_loss, most->loss * meta_loss);
    lbk__weight_tangents(&f.input, lbk__runner_tangent(student, lbk__runner_gradients(student)), d_logits,
                         d_weights);
    for (int32_t k = 0; k < f.count * LBK_NUM_VIEWS; k++) d_weights[k] *= -f.eta;
    lbk__weight_network_backward(f.network, features, f.count, d_weights);
    const double error = relative(d_weights, f.d_weights, (size_t)f.count * LBK_NUM_VIEWS),
                 phi_error =
                     relative(f.network->gradient, doubles(&f, "d_parameters"), f.network->num_parameters);
    print_message("%s, %s: (12) off by %.1e, its gradient of φ by %.1e\n", name,
                  lbk__precision_names[most->precision], error, phi_error);
    check_near(error, 0, most->gradient);
    check_near(phi_error, 0, most->gradient);
    free(d_logits);
    lbk__lookahead_free(&lookahead);
    lbk__runner_free(student);
    close_fixture(&f);
}

static void the_engine_has_the_gradient_of_a_second_order_graph(void **state) {
    (void)state;
    static const bounds fp32 = {LBK__PRECISION_FP32, 1e-5, 1e-5, 1e-3},
                        bf16 = {LBK__PRECISION_BF16, 1e-2, 1e-2, 0.25};
    compare_engine("meta_single", LBK_LABEL_SINGLE, &fp32);
    compare_engine("meta_multi", LBK_LABEL_MULTI, &fp32);
    compare_engine("meta_single", LBK_LABEL_SINGLE, &bf16);
    compare_engine("meta_multi", LBK_LABEL_MULTI, &bf16);
}

/* ---- in double, on reference tapes: everything from weights to the meta loss ---- */

typedef struct exact {
    const fixture *f;
    lbk__tape *student, *ahead;
    lbk__tensor *logits, *ahead_logits;
    double *values, *gradients, *moved; /* s, one buffer of gradients, s', each [num_values] */
} exact;

static lbk__tape *record(const fixture *f, const lbk__batch *batch, uint64_t seed, lbk__tensor **logits) {
    const lbk__batch_limits limits = golden_limits(batch);
    const int32_t rows[LBK__NUM_EXTENTS] = {[LBK__TOKENS] = limits.num_tokens,
                                            [LBK__SEQUENCES] = limits.num_sequences,
                                            [LBK__VISUAL_ROWS] = limits.num_rows};
    lbk__tape *tape;
    check_ok(f->context, lbk__tape_create(f->context, LBK__TAPE_META, true, LBK__PRECISION_FP32, rows,
                                          limits.longest, &tape));
    check_ok(f->context, lbk__encoder_record(f->model, tape, logits));
    check_ok(f->context, lbk__tape_plan(tape, *logits, false));
    tape->seed = seed;
    return tape;
}

static void open_exact(exact *e, const fixture *f) {
    const int64_t *seeds = golden_data(f->file, "seeds", LBK__I64, NULL);
    const size_t count = f->model->num_values;
    *e = (exact){.f = f,
                 .values = malloc(count * sizeof(double)),
                 .gradients = malloc(count * sizeof(double)),
                 .moved = malloc(count * sizeof(double))};
    e->student = record(f, &f->batch, (uint64_t)seeds[1], &e->logits);
    e->ahead = record(f, &f->meta, 0, &e->ahead_logits);
    for (size_t k = 0; k < count; k++) e->values[k] = (double)f->model->values[k];
}

static void close_exact(exact *e) {
    lbk__tape_free(e->student);
    lbk__tape_free(e->ahead);
    free(e->values);
    free(e->gradients);
    free(e->moved);
}

static void forward(lbk__tape *tape, const lbk__batch *batch, const double *weights, int64_t step) {
    const lbk__layout layout = {.rows = {[LBK__TOKENS] = batch->num_tokens,
                                         [LBK__SEQUENCES] = batch->num_sequences,
                                         [LBK__VISUAL_ROWS] = batch->num_rows},
                                .tokens = batch->tokens,
                                .position = batch->position,
                                .segment = batch->segment,
                                .start = batch->start,
                                .pooled = batch->start,
                                .visual = batch->visual};
    tape->weights = weights;
    lbk__tape_forward(tape, &layout, step);
}

static void backward(exact *e, lbk__tape *tape) {
    memset(e->gradients, 0, e->f->model->num_values * sizeof(double));
    tape->gradients = e->gradients;
    lbk__tape_backward(tape);
}

/* Probability of class c of logits / τ. */
static double probability(lbk_label_kind kind, const double *z, int32_t n, double tau, int32_t c) {
    if (kind != LBK_LABEL_SINGLE) return lbk__sigmoid(z[c] / tau);
    double sum = 0;
    for (int32_t k = 0; k < n; k++) sum += exp((z[k] - z[c]) / tau);
    return 1 / sum;
}

/* ∂D/∂z_c of sample i under view v. */
static double slope(const fixture *f, const double *student, int v, int32_t i, int32_t c) {
    const int32_t n = f->classes, at = (v * f->count + i) * n;
    double teacher[MOST];
    for (int32_t k = 0; k < n; k++) teacher[k] = (double)f->input.teacher[at + k];
    const double tau = f->input.temperature;
    return tau * (probability(f->input.label_kind, student + at, n, tau, c) -
                  probability(f->input.label_kind, teacher, n, tau, c));
}

/* Mean CE of the labelled samples; its gradient times `share` goes to `d` [B, C]. */
static double cross_entropy(const lbk__loss_input *in, const double *z, double share, double *d) {
    const int32_t n = in->num_classes;
    double sum = 0, labelled = 0;
    for (int32_t i = 0; i < in->num_samples; i++) labelled += in->labelled[i];
    for (int32_t i = 0; i < in->num_samples; i++)
        for (int32_t c = 0; c < n; c++) {
            const double p = probability(in->label_kind, z + i * n, n, 1, c);
            const bool single = in->label_kind == LBK_LABEL_SINGLE;
            const double y = single ? c == in->labels[i] : (double)in->targets[i * n + c];
            d[i * n + c] = in->labelled[i] ? share * (p - y) / labelled : 0;
            if (!in->labelled[i]) continue;
            sum -= y * log(p);
            if (!single) sum -= (1 - y) * log(1 - p);
        }
    return sum / labelled;
}

/* CE_{B'}(s − η·∇L_B(s; w)); the gradients hold g' then. */
static double objective(exact *e, const double *w) {
    const fixture *f = e->f;
    const int64_t *seeds = golden_data(f->file, "seeds", LBK__I64, NULL);
    forward(e->student, &f->batch, e->values, seeds[2]);
    const double *z = e->logits->value.data, alpha = f->input.alpha;
    double *d = e->logits->gradient.data;
    memset(d, 0, 3 * (size_t)(f->count * f->classes) * sizeof *d);
    cross_entropy(&f->input, z, 1 - alpha, d);
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        for (int32_t i = 0; i < f->count; i++)
            for (int32_t c = 0; c < f->classes; c++)
                d[(v * f->count + i) * f->classes + c] +=
                    alpha / f->count * w[i * LBK_NUM_VIEWS + v] * slope(f, z, v, i, c);
    backward(e, e->student);
    for (size_t k = 0; k < f->model->num_values; k++) e->moved[k] = e->values[k] - f->eta * e->gradients[k];
    forward(e->ahead, &f->meta, e->moved, -1);
    const double loss =
        cross_entropy(&f->meta_input, e->ahead_logits->value.data, 1, e->ahead_logits->gradient.data);
    backward(e, e->ahead);
    return loss;
}

/* (12) from one tangent pass in the direction g'. */
static void by_tangent(exact *e, const double *w, double *out) {
    const fixture *f = e->f;
    const double meta_loss = golden_number(f->file, "meta_loss", 0);
    check_near(objective(e, w), meta_loss, 1e-12 * meta_loss);
    lbk__tape_tangent(e->student, e->gradients);
    const double *z = e->logits->value.data, *dz = e->logits->tangent.data;
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        for (int32_t i = 0; i < f->count; i++) {
            double sum = 0;
            for (int32_t c = 0; c < f->classes; c++)
                sum += slope(f, z, v, i, c) * dz[(v * f->count + i) * f->classes + c];
            out[i * LBK_NUM_VIEWS + v] = -f->eta * f->input.alpha / f->count * sum;
        }
}

static void by_differences(exact *e, const double *w, double *out) {
    static const double h = 1e-4;
    double moved[MOST * LBK_NUM_VIEWS];
    const size_t count = (size_t)e->f->count * LBK_NUM_VIEWS;
    memcpy(moved, w, count * sizeof *w);
    for (size_t k = 0; k < count; k++) {
        moved[k] = w[k] + h;
        const double above = objective(e, moved);
        moved[k] = w[k] - h;
        out[k] = (above - objective(e, moved)) / (2 * h);
        moved[k] = w[k];
    }
}

/* Three steps of Adam, as oracle/meta.py takes them. */
static void compare_adam(fixture *f) {
    static const double factors[] = {1, -2, 0.5};
    const double *d = doubles(f, "d_parameters"), *stepped = doubles(f, "stepped");
    const size_t count = f->network->num_parameters;
    for (size_t step = 0; step < LBK_COUNT(factors); step++) {
        for (size_t k = 0; k < count; k++) f->network->gradient[k] = factors[step] * d[k];
        lbk__weight_network_step(f->network);
    }
    for (size_t k = 0; k < count; k++) check_near(f->network->parameters[k], stepped[k], 1e-12);
}

static void compare_exact(const char *name, lbk_label_kind kind) {
    fixture f;
    exact e;
    double tangent[MOST * LBK_NUM_VIEWS], differences[MOST * LBK_NUM_VIEWS];
    open_fixture(&f, name, kind);
    open_exact(&e, &f);
    const size_t count = (size_t)f.count * LBK_NUM_VIEWS;
    by_tangent(&e, doubles(&f, "weights"), tangent);
    by_differences(&e, doubles(&f, "weights"), differences);
    lbk__weight_network_backward(f.network, doubles(&f, "features"), f.count, tangent);
    const double graph = relative(tangent, f.d_weights, count),
                 central = relative(tangent, differences, count),
                 phi = relative(f.network->gradient, doubles(&f, "d_parameters"), f.network->num_parameters);
    print_message(
        "%s, double: (12) off by %.1e from create_graph, %.1e from central differences; φ by %.1e\n", name,
        graph, central, phi);
    check_near(graph, 0, 1e-6);
    check_near(central, 0, 1e-6);
    check_near(phi, 0, 1e-6);
    compare_adam(&f);
    close_exact(&e);
    close_fixture(&f);
}

static void references_have_it_to_many_digits(void **state) {
    (void)state;
    compare_exact("meta_single", LBK_LABEL_SINGLE);
    compare_exact("meta_multi", LBK_LABEL_MULTI);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_has_the_gradient_of_a_second_order_graph),
        cmocka_unit_test(references_have_it_to_many_digits),
    };
    return cmocka_run_group_tests_name("golden meta", tests, NULL, NULL);
}
