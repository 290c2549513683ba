/* schedule.h: the learning rate over a run: linear warm-up from 0, then linear decay to 0, step by step as
 * transformers' get_linear_schedule_with_warmup. */
#ifndef LBK_TRAIN_SCHEDULE_H
#define LBK_TRAIN_SCHEDULE_H

#include "base/base.h"

typedef struct lbk__schedule {
    double peak;
    int64_t warmup, total; /* steps */
} lbk__schedule;

/* Warm-up of ⌈ratio · total⌉ steps; ratio in [0, 1]. */
lbk__schedule lbk__schedule_make(double peak, double warmup_ratio, int64_t total);
/* Of step 0, 1, … total − 1. */
double lbk__schedule_rate(const lbk__schedule *schedule, int64_t step);

#endif
