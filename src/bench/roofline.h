/* roofline.h: for bench.c: what the machine can do at best, which the parts of a step are to be held against.
 */
#ifndef LBK_BENCH_ROOFLINE_H
#define LBK_BENCH_ROOFLINE_H

#include "kernel/narrow.h"

typedef struct lbk__roofline {
    double gflops;    /* GF/s of a large product, as linear runs it in the precision */
    double gigabytes; /* GB/s of y += a·x on arrays larger than caches: two are read, one is written */
} lbk__roofline;

lbk_status lbk__roofline_measure(lbk_context *context, lbk__precision precision, lbk__roofline *out);

#endif
