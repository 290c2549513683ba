/* loss.c: (3), (4) and (5) over a batch, and their gradient with respect to the student's logits. */
#include "distill/accumulate.h"
#include "distill/distill.h"

#include <string.h>

const char *const lbk__method_names[] = {"alone", "kd", "msd", NULL};

enum { BLOCK = 64, PARALLEL_FROM = 1 << 14 }; /* samples; sample × class */

static int32_t count_labelled(const lbk__loss_input *input) {
    int32_t count = 0;
    for (int32_t i = 0; i < input->num_samples; i++) count += input->labelled[i] != 0;
    return count;
}

/* Mean CE over the labelled samples; `share` is CE's factor in the loss. */
static double add_labels(const lbk__loss_input *input, int32_t num_labelled, double share, float *gradient) {
    int32_t n = input->num_classes;
    double factor = input->scale * share / LBK_MAX(num_labelled, 1), sum = 0;
    for (int32_t i = 0; i < input->num_samples; i++) {
        if (!input->labelled[i]) continue;
        size_t at = (size_t)i * (size_t)n;
        sum += input->label_kind == LBK_LABEL_SINGLE
                   ? lbk__add_cross_entropy(input->student + at, n, input->labels[i], factor, gradient + at)
                   : lbk__add_binary_cross_entropy(input->student + at, n, input->targets + at, factor,
                                                   gradient + at);
    }
    return sum / LBK_MAX(num_labelled, 1);
}

static double weight_of(const lbk__loss_input *input, int view, int32_t i) {
    return input->method == LBK__METHOD_MSD ? (double)input->weights[i * LBK_NUM_VIEWS + view] : 1;
}

/* D of one sample under one view. */
static double add_divergence(const lbk__loss_input *input, int view, int32_t i, float *gradient) {
    size_t at = ((size_t)view * (size_t)input->num_samples + (size_t)i) * (size_t)input->num_classes;
    double factor = input->scale * input->alpha * weight_of(input, view, i) / input->num_samples;
    return lbk__add_divergence(input->label_kind, input->teacher + at, input->student + at,
                               input->num_classes, input->temperature, factor, gradient + at);
}

/* α·mean_i w_{i,v}·D_{i,v} of one view; its mean D and mean weight go to the terms. Samples run in parallel,
 * sums in their order: the result does not depend on the number of threads. */
static double add_view(const lbk__loss_input *input, int view, float *gradient, lbk__loss_terms *terms) {
    double divergence[BLOCK], sum = 0, weighted = 0, weights = 0, count = input->num_samples;
    for (int32_t first = 0; first < input->num_samples; first += BLOCK) {
        int32_t size = LBK_MIN(BLOCK, input->num_samples - first);
#pragma omp parallel for schedule(static) if ((int64_t)size * input->num_classes >= PARALLEL_FROM)
        for (int32_t i = 0; i < size; i++) divergence[i] = add_divergence(input, view, first + i, gradient);
        for (int32_t i = 0; i < size; i++) {
            double weight = weight_of(input, view, first + i);
            sum += divergence[i];
            weights += weight;
            weighted += weight * divergence[i];
        }
    }
    terms->divergence[view] = sum / count;
    terms->weight[view] = weights / count;
    return input->alpha * weighted / count;
}

void lbk__loss(const lbk__loss_input *input, float *gradient, lbk__loss_terms *terms) {
    int num_views = input->method == LBK__METHOD_MSD ? LBK_NUM_VIEWS : 1;
    *terms = (lbk__loss_terms){0};
    if (input->num_samples == 0) return;
    memset(gradient, 0,
           (size_t)num_views * (size_t)input->num_samples * (size_t)input->num_classes * sizeof *gradient);
    terms->num_labelled = count_labelled(input);
    double share = input->method == LBK__METHOD_ALONE ? 1 : 1 - input->alpha;
    terms->cross_entropy = add_labels(input, terms->num_labelled, share, gradient);
    terms->loss = share * terms->cross_entropy;
    if (input->method == LBK__METHOD_ALONE) return;
    for (int view = 0; view < num_views; view++) terms->loss += add_view(input, view, gradient, terms);
}
