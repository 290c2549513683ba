/* losses.c: the terms of one sample, (1) and (2), and their gradients.
 *
 *   (1)   ∂CE/∂z = softmax(z) − [c = y]          (1')  ∂CE/∂z = σ(z) − y
 *   (2)   ∂D/∂z_s = τ·(p_s − p_t)                (2')  ∂D/∂z_s = τ·(q_s − q_t) */
#include "base/logits.h"
#include "distill/accumulate.h"
#include "distill/distill.h"

#include <string.h>

static void add(float *to, double amount) {
    *to = (float)((double)*to + amount);
}

double lbk__add_cross_entropy(const float *student, int32_t num_classes, int32_t label, double factor,
                              float *gradient) {
    lbk__softmax p = lbk__softmax_of(student, num_classes, 1);
    for (int32_t c = 0; c < num_classes; c++)
        add(&gradient[c], factor * (exp(lbk__log_p(p, student[c])) - (c == label ? 1 : 0)));
    return lbk__categorical_loss(student, num_classes, label);
}

double lbk__add_binary_cross_entropy(const float *student, int32_t num_classes, const float *targets,
                                     double factor, float *gradient) {
    double sum = 0;
    for (int32_t c = 0; c < num_classes; c++) {
        double target = (double)targets[c];
        lbk__yes_no p = lbk__yes_no_of((double)student[c]);
        sum += lbk__bernoulli_loss(p, target);
        add(&gradient[c], factor * (p.yes - target));
    }
    return sum;
}

static double add_categorical(const float *teacher, const float *student, int32_t num_classes,
                              double temperature, double factor, float *gradient) {
    lbk__softmax t = lbk__softmax_of(teacher, num_classes, temperature),
                 s = lbk__softmax_of(student, num_classes, temperature);
    double sum = 0;
    for (int32_t c = 0; c < num_classes; c++) {
        double log_t = lbk__log_p(t, teacher[c]), log_s = lbk__log_p(s, student[c]), p_t = exp(log_t);
        sum += p_t * (log_t - log_s);
        add(&gradient[c], factor * temperature * (exp(log_s) - p_t));
    }
    return temperature * temperature * fmax(sum, 0);
}

static double add_bernoulli(const float *teacher, const float *student, int32_t num_classes,
                            double temperature, double factor, float *gradient) {
    double sum = 0;
    for (int32_t c = 0; c < num_classes; c++) {
        lbk__yes_no t = lbk__yes_no_of((double)teacher[c] / temperature);
        lbk__yes_no s = lbk__yes_no_of((double)student[c] / temperature);
        sum += lbk__bernoulli_kl(t, s);
        add(&gradient[c], factor * temperature * (s.yes - t.yes));
    }
    return temperature * temperature * sum;
}

double lbk__add_divergence(lbk_label_kind kind, const float *teacher, const float *student,
                           int32_t num_classes, double temperature, double factor, float *gradient) {
    return kind == LBK_LABEL_SINGLE
               ? add_categorical(teacher, student, num_classes, temperature, factor, gradient)
               : add_bernoulli(teacher, student, num_classes, temperature, factor, gradient);
}

static void clear(float *gradient, int32_t num_classes) {
    memset(gradient, 0, (size_t)num_classes * sizeof *gradient);
}

double lbk__cross_entropy(const float *logits, int32_t num_classes, int32_t label, float *gradient) {
    if (!gradient) return lbk__categorical_loss(logits, num_classes, label);
    clear(gradient, num_classes);
    return lbk__add_cross_entropy(logits, num_classes, label, 1, gradient);
}

double lbk__binary_cross_entropy(const float *logits, int32_t num_classes, const float *targets,
                                 float *gradient) {
    if (gradient) {
        clear(gradient, num_classes);
        return lbk__add_binary_cross_entropy(logits, num_classes, targets, 1, gradient);
    }
    double sum = 0;
    for (int32_t c = 0; c < num_classes; c++)
        sum += lbk__bernoulli_loss(lbk__yes_no_of((double)logits[c]), (double)targets[c]);
    return sum;
}

double lbk__divergence(lbk_label_kind kind, const float *teacher, const float *student, int32_t num_classes,
                       double temperature, float *gradient) {
    if (gradient) {
        clear(gradient, num_classes);
        return lbk__add_divergence(kind, teacher, student, num_classes, temperature, 1, gradient);
    }
    double sum = 0;
    if (kind == LBK_LABEL_SINGLE)
        sum = lbk__categorical_kl(teacher, student, num_classes, temperature);
    else
        for (int32_t c = 0; c < num_classes; c++)
            sum += lbk__bernoulli_kl(lbk__yes_no_of((double)teacher[c] / temperature),
                                     lbk__yes_no_of((double)student[c] / temperature));
    return temperature * temperature * sum;
}

double lbk__entropy(lbk_label_kind kind, const float *logits, int32_t num_classes) {
    if (kind == LBK_LABEL_SINGLE) return lbk__categorical_entropy(logits, num_classes);
    double sum = 0;
    for (int32_t c = 0; c < num_classes; c++)
        sum += lbk__bernoulli_entropy(lbk__yes_no_of((double)logits[c]));
    return sum / num_classes;
}
