/* sorted.c: sorting and percentiles. */
#include "base/sorted.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void lbk__sort(double *values, int64_t count) {
    if (count) qsort(values, (size_t)count, sizeof *values, by_value);
}

double lbk__percentile(const double *sorted, int64_t count, double percent) {
    const double rank = percent / 100 * (double)(count - 1), below = floor(rank);
    const int64_t low = (int64_t)below, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (rank - below) * (sorted[high] - sorted[low]);
}
