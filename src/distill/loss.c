/* loss.c: (3), (4) and (5) over a batch, and their gradient with respect to the student's logits. */
#include "distill/accumulate.h"
#include "distill/distill.h"

#include <string.h>

const char *const lbk__method_names[] = {"alone", "kd", "msd", NULL};

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

/* α·mean_i w_{i,v}·D_{i,v} of one view; its mean D and mean weight go to the terms. */
static double add_view(const lbk__loss_input *input, int view, float *gradient, lbk__loss_terms *terms) {
    double weighted = 0, divergence = 0, weights = 0, count = input->num_samples;
    for (int32_t i = 0; i < input->num_samples; i++) {
        size_t at = ((size_t)view * (size_t)input->num_samples + (size_t)i) * (size_t)input->num_classes;
        double weight =
            input->method == LBK__METHOD_MSD ? (double)input->weights[i * LBK_NUM_VIEWS + view] : 1;
        double value = lbk__add_divergence(input->label_kind, input->teacher + at, input->student + at,
                                           input->num_classes, input->temperature,
                                           input->scale * input->alpha * weight / count, gradient + at);
        weighted += weight * value;
        divergence += value;
        weights += weight;
    }
    terms->divergence[view] = divergence / count;
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
