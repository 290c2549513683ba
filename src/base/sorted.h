/* sorted.h: numbers in rising order, and what stands at a percentage of them. NaN must not be among them. */
#ifndef LBK_BASE_SORTED_H
#define LBK_BASE_SORTED_H

#include <stdint.h>

void lbk__sort(double *values, int64_t count);
/* Of count ≥ 1 sorted values: between the two nearest ranks by their distance, as numpy's default. 50: the
 * median. */
double lbk__percentile(const double *sorted, int64_t count, double percent);

#endif
