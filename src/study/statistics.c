/* statistics.c: Student's t by the incomplete beta function, Wilcoxon's test by counting, Holm's correction.
 */
#include "study/statistics.h"

#include <math.h>
#include <stdlib.h>

/* ---- Student's t ---- */

/* The continued fraction of the regularised incomplete beta function I_x(a, b), by Lentz's method; converges
 * fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    enum { MOST = 10000 };
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < MOST; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d, c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d, c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return h;
}

/* I_x(a, b), from x and y = 1 − x, so that neither end loses digits. */
static double incomplete_beta(double a, double b, double x, double y) {
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double lbk__student_p(double t, double freedom) {
    if (isnan(t)) return NAN;
    const double square = t * t;
    if (isinf(square)) return 0;
    return incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + square), square / (freedom + square));
}

double lbk__student_quantile(double p, double freedom) {
    double low = 0, high = 1;
    while (lbk__student_p(high, freedom) > p) low = high, high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + 0.5 * (high - low);
        if (middle == low || middle == high) break;
        if (lbk__student_p(middle, freedom) > p)
            low = middle;
        else
            high = middle;
    }
    return high;
}

lbk__mean lbk__mean_of(const double *values, int64_t n) {
    lbk__mean m = {.mean = NAN, .deviation = NAN, .half_width = NAN, .n = n};
    double sum = 0, squares = 0;
    if (n == 0) return m;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    m.mean = sum / (double)n;
    if (n < 2) return m;
    for (int64_t i = 0; i < n; i++) squares += (values[i] - m.mean) * (values[i] - m.mean);
    m.deviation = sqrt(squares / (double)(n - 1));
    m.half_width = lbk__student_quantile(0.05, (double)(n - 1)) * m.deviation / sqrt((double)n);
    return m;
}

double lbk__paired_t(const double *a, const double *b, int64_t n) {
    double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] - b[i];
        low = fmin(low, a[i] - b[i]), high = fmax(high, a[i] - b[i]);
    }
    if (n < 2 || high - low <= 0x1p-40) return NAN; /* rounding is no spread that t could be measured by */
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    const double error = sqrt(squares / (double)(n - 1) / (double)n);
    return lbk__student_p(mean / error, (double)(n - 1));
}

/* ---- Wilcoxon's signed ranks ---- */

typedef struct difference {
    double size;
    bool rises;
    int64_t rank; /* doubled, so that the mean rank of equals is whole */
} difference;

static int by_size(const void *x, const void *y) {
    const double a = ((const difference *)x)->size, b = ((const difference *)y)->size;
    return (a > b) - (a < b);
}

static void rank(difference *items, int64_t n) {
    qsort(items, (size_t)n, sizeof *items, by_size);
    for (int64_t first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && items[last].size == items[first].size;) last++;
        for (int64_t i = first; i < last; i++) items[i].rank = first + 1 + last;
    }
}

/* P(doubled rank sum ≤ most), every sign an even chance: chance[s] is that of the sum s, one rank after the
 * other. */
static lbk_status tail(lbk_context *context, const difference *items, int64_t n, int64_t most, double *out) {
    const int64_t total = n * (n + 1);
    double *chance;
    LBK_TRY(LBK_ALLOC(context, chance, total + 1));
    chance[0] = 1;
    for (int64_t i = 0, reach = 0; i < n; i++) {
        reach += items[i].rank;
        for (int64_t s = reach; s >= 0; s--)
            chance[s] = 0.5 * (chance[s] + (s >= items[i].rank ? chance[s - items[i].rank] : 0));
    }
    *out = 0;
    for (int64_t s = 0; s <= most; s++) *out += chance[s];
    lbk_free(context, chance);
    return LBK_OK;
}

lbk_status lbk__wilcoxon(lbk_context *context, const double *a, const double *b, int64_t n, double *p) {
    difference *items;
    int64_t count = 0, up = 0;
    *p = NAN;
    if (n > LBK__MAX_PAIRS)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "Wilcoxon's test takes at most %d pairs, not %lld",
                         LBK__MAX_PAIRS, (long long)n);
    LBK_TRY(LBK_ALLOC(context, items, n));
    bool defined = true;
    for (int64_t i = 0; i < n; i++) {
        const double steps = rint((a[i] - b[i]) * 0x1p40);
        if (steps != 0) items[count++] = (difference){.size = fabs(steps), .rises = steps > 0};
        defined = defined && !isnan(steps);
    }
    rank(items, count);
    for (int64_t i = 0; i < count; i++) up += items[i].rises ? items[i].rank : 0;
    lbk_status status = LBK_OK;
    if (count && defined) {
        status = tail(context, items, count, LBK_MIN(up, count * (count + 1) - up), p);
        *p = fmin(1, 2 * *p);
    }
    lbk_free(context, items);
    return status;
}

/* ---- Holm ---- */

/* The i-th smallest of n is multiplied by n + 1 − i, and none becomes smaller than one before it. */
void lbk__holm(const double *p, int64_t n, double *corrected) {
    for (int64_t i = 0; i < n; i++) {
        corrected[i] = isnan(p[i]) ? NAN : 0;
        for (int64_t j = 0; j < n; j++) {
            int64_t rest = 0;
            if (!(p[j] <= p[i])) continue;
            for (int64_t k = 0; k < n; k++) rest += p[k] >= p[j];
            corrected[i] = fmax(corrected[i], fmin(1, (double)rest * p[j]));
        }
    }
}
