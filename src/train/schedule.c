/* schedule.c: linear warm-up and decay. */
#include "train/schedule.h"

#include <math.h>

lbk__schedule lbk__schedule_make(double peak, double warmup_ratio, int64_t total) {
    return (lbk__schedule){
        .peak = peak, .warmup = (int64_t)ceil(warmup_ratio * (double)total), .total = total};
}

double lbk__schedule_rate(const lbk__schedule *schedule, int64_t step) {
    if (step < schedule->warmup) return schedule->peak * (double)step / (double)schedule->warmup;
    const int64_t decay = LBK_MAX(1, schedule->total - schedule->warmup);
    return schedule->peak * (double)LBK_MAX(0, schedule->total - step) / (double)decay;
}
