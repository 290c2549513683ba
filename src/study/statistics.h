/* statistics.h: what a few runs say about a method. Values as scipy's; not defined is NaN. */
#ifndef LBK_STUDY_STATISTICS_H
#define LBK_STUDY_STATISTICS_H

#include "base/base.h"

/* Mean, sample standard deviation, and the half width of the 95 % interval by Student's t; the latter two
 * need n ≥ 2. */
typedef struct lbk__mean {
    double mean, deviation, half_width;
    int64_t n;
} lbk__mean;

lbk__mean lbk__mean_of(const double *values, int64_t n);

/* P(|T| ≥ |t|) with `freedom` > 0 degrees of freedom. */
double lbk__student_p(double t, double freedom);
/* The t with P(|T| ≥ t) = p, 0 < p < 1. */
double lbk__student_quantile(double p, double freedom);

/* Two-sided p of the paired t test that a − b has mean 0. NaN for n < 2 and where all differences are
 * equal but for rounding, within 2⁻⁴⁰: there is no spread to compare their mean with. */
double lbk__paired_t(const double *a, const double *b, int64_t n);

/* Two-sided p of Wilcoxon's signed-rank test of a − b, exact for every n: all 2ⁿ assignments of signs are
 * counted. Pairs without a difference are left out, equal differences share their mean rank; differences are
 * compared in steps of 2⁻⁴⁰, finer ones are the rounding of scores. NaN when no pair differs, or a score is
 * not defined. With n pairs p is at least 2^(1 − n). n ≤ LBK__MAX_PAIRS. */
enum { LBK__MAX_PAIRS = 1000 };
lbk_status lbk__wilcoxon(lbk_context *context, const double *a, const double *b, int64_t n, double *p);

/* Holm's step-down correction of `n` p-values for their number. NaN are not counted and stay. */
void lbk__holm(const double *p, int64_t n, double *corrected);

#endif
