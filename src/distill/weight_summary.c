/* weight_summary.c: how the weights of an epoch are spread. */
#include "distill/distill.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double lbk__percentile(const float *sorted, int64_t count, double percent) {
    double rank = percent / 100 * (double)(count - 1), below = floor(rank);
    int64_t low = (int64_t)below, high = LBK_MIN(low + 1, count - 1);
    return (double)sorted[low] + (rank - below) * ((double)sorted[high] - (double)sorted[low]);
}

static lbk__weight_summary summarise(const float *sorted, int64_t count) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)sorted[i];
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += ((double)sorted[i] - mean) * ((double)sorted[i] - mean);
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
    float *column;
    LBK_TRY(LBK_ALLOC(context, column, count));
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        for (int64_t i = 0; i < count; i++) column[i] = weights[i * LBK_NUM_VIEWS + v];
        qsort(column, (size_t)count, sizeof *column, by_value);
        out[v] = summarise(column, count);
    }
    lbk_free(context, column);
    return LBK_OK;
}
