/* weight_network.c: the network of (11), its gradient and its Adam. */
#include "distill/weight_network.h"

#include "base/logits.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

const char *const lbk__feature_names[] = {"divergence_joint",
                                          "divergence_text",
                                          "divergence_image",
                                          "saliency_text",
                                          "saliency_image",
                                          "entropy",
                                          NULL};
const char *const lbk__weight_activation_names[] = {"sigmoid", "softmax", NULL};

/* Where the parts of φ, or of its gradient, lie. */
typedef struct layers {
    double *w1, *b1, *w2, *b2;
} layers;

static layers layers_of(const lbk__weight_network *network, double *numbers) {
    const int32_t features = network->options.num_features, hidden = network->options.hidden_size;
    layers l = {.w1 = numbers};
    l.b1 = l.w1 + hidden * features;
    l.w2 = l.b1 + hidden;
    l.b2 = l.w2 + LBK_NUM_VIEWS * hidden;
    return l;
}

/* ---- making ---- */

static void initialise(lbk__weight_network *network) {
    const lbk__weight_network_options *o = &network->options;
    const layers l = layers_of(network, network->parameters);
    const double scale = 1 / sqrt(LBK_MAX(1, o->num_features));
    for (int32_t k = 0; k < o->hidden_size * o->num_features; k++)
        l.w1[k] = scale * lbk__normal(o->seed, LBK__STREAM_WEIGHTS, 0, (uint64_t)k);
    for (int v = 0; v < LBK_NUM_VIEWS; v++) l.b2[v] = o->activation == LBK__WEIGHT_SIGMOID ? -log(2) : 0;
    for (int f = 0; f < LBK__NUM_FEATURES; f++) network->variance[f] = 1;
}

lbk_status lbk__weight_network_create(lbk_context *context, const lbk__weight_network_options *options,
                                      lbk__weight_network **out) {
    *out = NULL;
    lbk__weight_network *n;
    LBK_TRY(LBK_ALLOC(context, n, 1));
    lbk_status status = LBK_OK;
    const size_t hidden = (size_t)options->hidden_size, features = (size_t)options->num_features;
    n->context = context;
    n->options = *options;
    n->num_parameters = hidden * (features + 1) + LBK_NUM_VIEWS * (hidden + 1);
    n->num_state = 3 * n->num_parameters + 2 * LBK__NUM_FEATURES + 2;
    LBK_GO(LBK_ALLOC(context, n->state, n->num_state));
    LBK_GO(LBK_ALLOC(context, n->gradient, n->num_parameters));
    LBK_GO(LBK_ALLOC(context, n->inputs, features));
    LBK_GO(LBK_ALLOC(context, n->hidden, hidden));
    LBK_GO(LBK_ALLOC(context, n->dh, hidden));
    n->parameters = n->state;
    n->first = n->parameters + n->num_parameters;
    n->second = n->first + n->num_parameters;
    n->mean = n->second + n->num_parameters;
    n->variance = n->mean + LBK__NUM_FEATURES;
    n->updates = n->variance + LBK__NUM_FEATURES;
    n->observed = n->updates + 1;
    initialise(n);
    *out = n;
done:
    if (status != LBK_OK) lbk__weight_network_free(n);
    return status;
}

void lbk__weight_network_free(lbk__weight_network *network) {
    if (!network) return;
    void *const blocks[] = {network->state, network->gradient, network->inputs, network->hidden, network->dh};
    for (size_t i = 0; i < LBK_COUNT(blocks); i++) lbk_free(network->context, blocks[i]);
    lbk_free(network->context, network);
}

/* ---- features ---- */

void lbk__weight_features(const lbk__loss_input *input, const float *saliency, double *features) {
    const size_t classes = (size_t)input->num_classes, samples = (size_t)input->num_samples;
    const int32_t n = input->num_classes;
#pragma omp parallel for schedule(static) if (samples * classes >= 1 << 14)
    for (size_t i = 0; i < samples; i++) {
        double *f = features + i * LBK__NUM_FEATURES;
        for (size_t v = 0; v < LBK_NUM_VIEWS; v++) {
            const size_t at = (v * samples + i) * classes;
            f[LBK__FEATURE_DIVERGENCE_JOINT + v] = lbk__divergence(
                input->label_kind, input->teacher + at, input->student + at, n, input->temperature, NULL);
        }
        f[LBK__FEATURE_SALIENCY_TEXT] = (double)saliency[2 * i];
        f[LBK__FEATURE_SALIENCY_IMAGE] = (double)saliency[2 * i + 1];
        f[LBK__FEATURE_ENTROPY] = lbk__entropy(input->label_kind, input->teacher + i * classes, n);
    }
}

void lbk__weight_network_observe(lbk__weight_network *network, const double *features, int32_t num_samples) {
    const int32_t count = num_samples * LBK__NUM_FEATURES;
    if (count == 0) return;
    for (int32_t k = 0; k < count; k++)
        if (!isfinite(features[k])) return;
    const double share = 1 / fmin(++*network->observed, 100);
    for (int f = 0; f < LBK__NUM_FEATURES; f++) {
        double mean = 0, squares = 0;
        for (int32_t k = f; k < count; k += LBK__NUM_FEATURES) mean += features[k] / num_samples;
        for (int32_t k = f; k < count; k += LBK__NUM_FEATURES)
            squares += (features[k] - mean) * (features[k] - mean) / num_samples;
        /* Mean and variance of the two together, weighed 1 − share and share. */
        const double step = mean - network->mean[f];
        network->mean[f] += share * step;
        network->variance[f] = (1 - share) * (network->variance[f] + share * step * step) + share * squares;
    }
}

/* ---- forward and backward of one sample ---- */

static void sigma(lbk__weight_activation activation, const double logits[LBK_NUM_VIEWS],
                  double w[LBK_NUM_VIEWS]) {
    double largest = fmax(fmax(logits[0], logits[1]), logits[2]), sum = 0;
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        w[v] = activation == LBK__WEIGHT_SIGMOID ? lbk__sigmoid(logits[v]) : exp(logits[v] - largest);
        sum += w[v];
    }
    for (int v = 0; activation == LBK__WEIGHT_SOFTMAX && v < LBK_NUM_VIEWS; v++) w[v] /= sum;
}

/* `features` [6] are the raw ones; inputs and hidden units stay in the network for backward. */
static void forward(lbk__weight_network *network, const double *features, double w[LBK_NUM_VIEWS]) {
    const lbk__weight_network_options *o = &network->options;
    const layers l = layers_of(network, network->parameters);
    for (int32_t k = 0; k < o->num_features; k++) {
        const lbk__feature f = o->features[k];
        network->inputs[k] = (features[f] - network->mean[f]) / sqrt(network->variance[f] + 1e-12);
    }
    double logits[LBK_NUM_VIEWS] = {l.b2[0], l.b2[1], l.b2[2]};
    for (int32_t h = 0; h < o->hidden_size; h++) {
        double sum = l.b1[h];
        for (int32_t k = 0; k < o->num_features; k++)
            sum += l.w1[h * o->num_features + k] * network->inputs[k];
        network->hidden[h] = tanh(sum);
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            logits[v] += l.w2[v * o->hidden_size + h] * network->hidden[h];
    }
    sigma(o->activation, logits, w);
}

/* From dw to the gradient of the logits: sigmoid w(1 − w)·dw, softmax w·(dw − Σ w·dw). */
static void through_sigma(lbk__weight_activation activation, const double w[LBK_NUM_VIEWS],
                          const double dw[LBK_NUM_VIEWS], double out[LBK_NUM_VIEWS]) {
    const double mean = w[0] * dw[0] + w[1] * dw[1] + w[2] * dw[2];
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        out[v] = activation == LBK__WEIGHT_SIGMOID ? w[v] * (1 - w[v]) * dw[v] : w[v] * (dw[v] - mean);
}

static void backward(lbk__weight_network *network, const double *features, const double dw[LBK_NUM_VIEWS]) {
    const lbk__weight_network_options *o = &network->options;
    const layers l = layers_of(network, network->parameters), g = layers_of(network, network->gradient);
    double w[LBK_NUM_VIEWS], d[LBK_NUM_VIEWS];
    forward(network, features, w);
    through_sigma(o->activation, w, dw, d);
    for (int32_t h = 0; h < o->hidden_size; h++)
        network->dh[h] = 0; /* none where weights are the population's */
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        g.b2[v] += d[v];
        for (int32_t h = 0; h < o->hidden_size; h++) {
            g.w2[v * o->hidden_size + h] += d[v] * network->hidden[h];
            network->dh[h] += d[v] * l.w2[v * o->hidden_size + h];
        }
    }
    for (int32_t h = 0; h < o->hidden_size; h++) {
        const double dz = network->dh[h] * (1 - network->hidden[h] * network->hidden[h]);
        g.b1[h] += dz;
        for (int32_t k = 0; k < o->num_features; k++)
            g.w1[h * o->num_features + k] += dz * network->inputs[k];
    }
}

void lbk__weight_network_weights(lbk__weight_network *network, const double *features, int32_t num_samples,
                                 float *weights) {
    for (int32_t i = 0; i < num_samples; i++) {
        double w[LBK_NUM_VIEWS];
        forward(network, features + i * LBK__NUM_FEATURES, w);
        for (int v = 0; v < LBK_NUM_VIEWS; v++) weights[i * LBK_NUM_VIEWS + v] = (float)w[v];
    }
}

void lbk__weight_network_backward(lbk__weight_network *network, const double *features, int32_t num_samples,
                                  const double *d_weights) {
    for (int32_t i = 0; i < num_samples; i++)
        backward(network, features + i * LBK__NUM_FEATURES, d_weights + i * LBK_NUM_VIEWS);
}

/* ---- Adam ---- */

double lbk__weight_network_step(lbk__weight_network *network) {
    static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-12;
    const size_t count = network->num_parameters;
    double squares = 0;
    for (size_t k = 0; k < count; k++) squares += network->gradient[k] * network->gradient[k];
    if (isfinite(squares)) {
        const double step = ++*network->updates;
        const double correction1 = 1 - pow(beta1, step), correction2 = 1 - pow(beta2, step);
        for (size_t k = 0; k < count; k++) {
            const double g = network->gradient[k];
            double *m = &network->first[k], *v = &network->second[k];
            *m += (1 - beta1) * (g - *m);
            *v += (1 - beta2) * (g * g - *v);
            network->parameters[k] -=
                network->options.learning_rate * (*m / correction1) / (sqrt(*v / correction2) + epsilon);
        }
    }
    memset(network->gradient, 0, count * sizeof *network->gradient);
    return sqrt(squares);
}
