/* weight_summary.c: how the weights of an epoch are spread. */
#include "base/sorted.h"
#include "distill/distill.h"

#include <math.h>

static lbk__weight_summary summarise(const double *sorted, int64_t count) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) sum += sorted[i];
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += (sorted[i] - mean) * (sorted[i] - mean);
    return (lbk__weight_summary){.mean = mean,
                                 .deviation = sqrt(squares / (double)count),
                                 .percentile_5 = lbk__percentile(sorted, count, 5),
                                 .percentile_50 = lbk__percentile(sorted, count, 50),
                                 .percentile_95 = lbk__percentile(sorted, count, 95)};
}

lbk_status lbk__summarise_weights(lbk_context *context, const float *weights, int64_t count,
                                  lbk__weight_summary out[LBK_NUM_VIEWS]) {
    for (int v = 0; v < LBK_NUM_VIEWS; v++) out[v] = (lbk__weight_summary){0};
    if (count == 0) return LBK_OK;
    double *column;
    LBK_TRY(LBK_ALLOC(context, column, count));
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        for (int64_t i = 0; i < count; i++) column[i] = (double)weights[i * LBK_NUM_VIEWS + v];
        lbk__sort(column, count);
        out[v] = summarise(column, count);
    }
    lbk_free(context, column);
    return LBK_OK;
}
