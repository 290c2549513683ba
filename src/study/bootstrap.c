/* bootstrap.c: the paired bootstrap over test samples. */
#include "study/bootstrap.h"

#include "base/random.h"
#include "base/sorted.h"

#include <math.h>

/* Sums of equal scores in another order differ by less. */
static const double EQUAL = 0x1p-40;

static void draw(uint64_t seed, int32_t resample, int32_t *times, int64_t count) {
    for (int64_t i = 0; i < count; i++) times[i] = 0;
    for (int64_t i = 0; i < count; i++)
        times[lbk__below(seed, LBK__STREAM_BOOTSTRAP, (uint32_t)resample, (uint64_t)i, (uint32_t)count)]++;
}

static double difference(const lbk__scorer *a, const lbk__scorer *b, int64_t n, const int32_t *times) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += lbk__scorer_score(&a[k], times) - lbk__scorer_score(&b[k], times);
    return sum / (double)n;
}

/* `differences` [n], of which those that are not a number (a resample of one class) are left out. */
static lbk__interval summarise(double *differences, int64_t n) {
    int64_t defined = 0, below = 0, above = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(differences[i])) differences[defined++] = differences[i];
    if (defined == 0) return (lbk__interval){NAN, NAN, NAN};
    lbk__sort(differences, defined);
    for (int64_t i = 0; i < defined; i++) below += differences[i] <= EQUAL, above += differences[i] >= -EQUAL;
    return (lbk__interval){
        .low = lbk__percentile(differences, defined, 2.5),
        .high = lbk__percentile(differences, defined, 97.5),
        .p = fmin(1, 2 * (double)(LBK_MIN(below, above) + 1) / (double)(defined + 1)),
    };
}

lbk_status lbk__paired_bootstrap(lbk_context *context, const lbk__scorer *a, const lbk__scorer *b, int64_t n,
                                 int32_t resamples, uint64_t seed, lbk__interval *out) {
    const int64_t count = n ? a[0].count : 0;
    *out = (lbk__interval){NAN, NAN, NAN};
    if (count == 0) return LBK_OK;
    double *differences = NULL;
    int32_t *times = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(context, differences, resamples));
    LBK_GO(LBK_ALLOC(context, times, count));
    for (int32_t r = 0; r < resamples; r++) {
        if (lbk__interrupted(context)) LBK_GO(lbk__fail(context, LBK_INTERRUPTED, "stopped on request"));
        draw(seed, r, times, count);
        differences[r] = difference(a, b, n, times);
    }
    *out = summarise(differences, resamples);
done:
    lbk_free(context, differences);
    lbk_free(context, times);
    return status;
}
