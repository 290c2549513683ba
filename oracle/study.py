#!/usr/bin/env python3
"""Golden statistics from scipy, and resamples drawn by the engine's rule and evaluated by numpy.

  oracle/study.py [tests/golden/statistics.safetensors]

Case k of the file has, under "k/": `a` and `b` F64 [n], pairs; `results` F64 [5]: mean, standard deviation and half width of
the 95 % interval of a, p of the paired t test, p of Wilcoxon's test. Then `students` F64 [m, 3]: t, degrees of freedom,
two-sided p; `holm` F64 [2, m]: p-values and what Holm makes of them; `right` U8 [2, n]: whether two models were right on n
samples; `bootstrap` F64 [3]: the interval and p of the difference of their accuracies over 500 resamples with seed 9.
"""
import sys
import warnings

import numpy as np
from philox import philox
from safetensors.numpy import save_file
from scipy import stats

warnings.simplefilter("ignore")
BOOTSTRAP, SEED, RESAMPLES = 6, 9, 500


def wilcoxon(a, b):
    """Exact: by scipy's own recurrence where it has one, by all signs where differences tie."""
    d = np.rint((a - b) * 2.0**40)  # equal differences of scores stay equal, whatever their rounding
    size = np.abs(d[d != 0])
    if len(size) == 0:
        return np.nan
    if len(np.unique(size)) == len(size):
        return stats.wilcoxon(d[d != 0], method="exact").pvalue
    assert len(size) <= 14
    return stats.wilcoxon(d[d != 0], method=stats.PermutationMethod(n_resamples=np.inf)).pvalue


def paired_t(a, b):
    """Equal differences have no spread: scipy's p of them is 0, or what their rounding makes of it."""
    return np.nan if np.ptp(a - b) <= 2.0**-40 else stats.ttest_rel(a, b).pvalue


def results(a, b):
    if len(a) < 2:
        return [a.mean(), np.nan, np.nan, np.nan, wilcoxon(a, b)]
    half_width = stats.t.ppf(0.975, len(a) - 1) * stats.sem(a)
    return [a.mean(), a.std(ddof=1), half_width, paired_t(a, b), wilcoxon(a, b)]


def holm(p):
    """The textbook's steps."""
    order, out, worst = np.argsort(p, kind="stable"), np.full(len(p), np.nan), 0.0
    order = order[~np.isnan(p[order])]
    for i, at in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - i) * p[at]))
        out[at] = worst
    return out


def bootstrap(right):
    n, differences = right.shape[1], []
    for r in range(RESAMPLES):
        words = philox(SEED, BOOTSTRAP, r, np.arange(n))
        drawn = [(int(high) << 32 | int(low)) * n >> 64 for high, low in words[:, :2]]
        differences.append(right[0, drawn].mean() - right[1, drawn].mean())
    d = np.array(differences)
    side = min((d <= 1e-12).sum(), (d >= -1e-12).sum())
    return [np.percentile(d, 2.5), np.percentile(d, 97.5), min(1, 2 * (side + 1) / (RESAMPLES + 1))]


def main(path):
    random = np.random.default_rng(5)
    cases = [(random.normal(0.6, 0.02, n), random.normal(0.59, 0.02, n)) for n in (1, 2, 3, 5, 5, 8, 13, 30, 50)]
    scores = lambda n: random.integers(380, 392, n) / 653  # few values: equal differences, and none
    cases += [(scores(n), scores(n)) for n in (5, 8, 10, 12)]
    cases += [(np.full(4, 0.5), np.full(4, 0.5)), (np.array([0.5, 0.7]), np.array([0.25, 0.45]))]
    tensors = {}
    for k, (a, b) in enumerate(cases):
        tensors |= {f"{k}/a": a, f"{k}/b": b, f"{k}/results": np.array(results(a, b))}
    t = np.array([(t, f) for t in (0, 1e-6, 0.3, 1, 2.5, 12, 400) for f in (1, 2, 4, 9, 49, 1000.5)])
    tensors["students"] = np.c_[t, 2 * stats.t.sf(t[:, 0], t[:, 1])]
    p = np.array([0.012, 0.3, np.nan, 0.012, 0.0004, 0.04, 0.9, 0.041])
    tensors["holm"] = np.stack([p, holm(p)])
    right = (random.random((2, 90)) < [[0.62], [0.55]]).astype(np.uint8)
    tensors["right"], tensors["bootstrap"] = right, np.array(bootstrap(right))
    save_file(tensors, path, {"cases": str(len(cases))})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/statistics.safetensors")
