/* weights.c: (7)–(10): how much each view's divergence counts. */
#include "distill/distill.h"

const char *const lbk__weighting_names[] = {
    "uniform", "fixed", "population", "instance", "learned", "learned-population", NULL};

void lbk__saliency_weights(double rho, double saliency_text, double saliency_image,
                           float out[LBK_NUM_VIEWS]) {
    double sum = saliency_text + saliency_image;
    double text = sum > 0 ? saliency_text / sum : 0.5, image = sum > 0 ? saliency_image / sum : 0.5;
    out[LBK_VIEW_JOINT] = (float)rho;
    out[LBK_VIEW_TEXT] = (float)((1 - rho) * text);
    out[LBK_VIEW_IMAGE] = (float)((1 - rho) * image);
}

void lbk__sample_weights(const lbk__weight_rule *rule, const float saliency[2], float out[LBK_NUM_VIEWS]) {
    switch (rule->weighting) {
    case LBK__WEIGHTS_FIXED:
        for (int v = 0; v < LBK_NUM_VIEWS; v++) out[v] = (float)rule->fixed[v];
        break;
    case LBK__WEIGHTS_POPULATION:
        lbk__saliency_weights(rule->rho, rule->mean_saliency[0], rule->mean_saliency[1], out);
        break;
    case LBK__WEIGHTS_INSTANCE:
        lbk__saliency_weights(rule->rho, (double)saliency[0], (double)saliency[1], out);
        break;
    default: /* uniform */
        for (int v = 0; v < LBK_NUM_VIEWS; v++) out[v] = 1.0f / LBK_NUM_VIEWS;
    }
}
