#!/usr/bin/env python3
"""Golden metrics from scikit-learn on random and degenerate predictions.

  oracle/metrics.py [tests/golden/metrics.safetensors]

Case k of the file has, under "k/": `kind` I32 [1] (single, multi, soft), `logits` and `teacher` F32 [N, C], `labels` I32
[N], `targets` F32 [N, C], `thresholds` F32 [C], and the results: `metrics` F64 [12] in the order of lbk__metric_names
(NaN: not defined), `best` F32 [C], the thresholds with the best F1 by trying them all.
"""
import sys
import warnings

import numpy as np
from safetensors.numpy import save_file
from scipy.special import expit, log_expit, log_softmax, logsumexp
from sklearn import metrics as sk

warnings.simplefilter("ignore")
KINDS = ["single", "multi", "soft"]


def mean_defined(values):
    values = [v for v in values if not np.isnan(v)]
    return float(np.mean(values)) if values else np.nan


def auroc(truth, score):
    return sk.roc_auc_score(truth, score) if 0 < truth.sum() < len(truth) else np.nan


def precision(truth, score):
    return sk.average_precision_score(truth, score) if truth.any() else np.nan


def ece(confidence, outcome):
    """The textbook's loop over 15 bins."""
    edges, total = np.linspace(0, 1, 16), 0.0
    for low, high in zip(edges, edges[1:]):
        inside = (confidence > low) & (confidence <= high) | (low == 0) & (confidence == 0)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - outcome[inside].mean())
    return total


def f1_scores(truth, decided, multi):
    averages = ["micro", "macro", "weighted"] + (["samples"] if multi else [])
    return [sk.f1_score(truth, decided, average=a, zero_division=0) for a in averages] + [np.nan] * (not multi)


def single(logits, teacher, labels):
    log_p, log_t = log_softmax(logits, -1), log_softmax(teacher, -1)
    p, n, classes = np.exp(log_p), *logits.shape
    decided, truth = logits.argmax(-1), labels[:, None] == np.arange(classes)
    # the order of log p/(1 - p), which is that of p, in steps of 2^-30: ties stay ties whatever the sums' order
    scores = np.stack([logits[:, c] - logsumexp(np.delete(logits, c, 1), axis=1) if classes > 1 else logits[:, c]
                       for c in range(classes)], 1)
    scores = np.round(scores * 2.0**30)
    areas = [auroc(truth[:, c], scores[:, c]) for c in range(classes)]
    return [sk.accuracy_score(labels, decided), areas[1] if classes == 2 else mean_defined(areas),
            mean_defined([precision(truth[:, c], scores[:, c]) for c in range(classes)]),
            *f1_scores(labels, decided, False), np.nan, ece(p.max(-1), (decided == labels).astype(float)),
            -log_p[np.arange(n), labels].mean(), (np.exp(log_t) * (log_t - log_p)).sum(-1).mean(),
            -(p * log_p).sum(-1).mean()]


def yes_no(logits, teacher, targets):
    loss = -(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).sum(-1).mean()
    kl = (expit(teacher) * (log_expit(teacher) - log_expit(logits))
          + expit(-teacher) * (log_expit(-teacher) - log_expit(-logits))).sum(-1).mean()
    entropy = -(expit(logits) * log_expit(logits) + expit(-logits) * log_expit(-logits)).mean()
    return [ece(expit(logits).ravel(), targets.ravel()), loss, kl, entropy]


def multi(logits, teacher, targets, thresholds):
    truth, decided = targets > 0.5, expit(logits) >= thresholds
    columns = range(logits.shape[1])
    if logits.shape[1] == 1:           # scikit-learn takes one column for a binary problem: add an empty one where the
        both = [np.concatenate([a, np.zeros_like(a)], 1) for a in (truth, decided)]       # averages do not see it
        f1 = sk.f1_score(truth[:, 0], decided[:, 0], zero_division=0)
        scores = [f1, f1, f1 if truth.any() else 0.0, sk.f1_score(*both, average="samples", zero_division=0)]
    else:
        scores = f1_scores(truth, decided, True)
    return [sk.accuracy_score(truth, decided), mean_defined([auroc(truth[:, c], logits[:, c]) for c in columns]),
            mean_defined([precision(truth[:, c], logits[:, c]) for c in columns]), *scores, np.nan,
            *yes_no(logits, teacher, targets)]


def soft(logits, teacher, targets):
    vqa = targets[np.arange(len(logits)), logits.argmax(-1)].mean()
    return [np.nan] * 7 + [vqa, *yes_no(logits, teacher, targets)]


def best_thresholds(logits, targets):
    """Every gap between neighbouring probabilities and the one below all; the lowest of the best."""
    best = np.full(logits.shape[1], 0.5, np.float32)
    for c in range(logits.shape[1]):
        p, truth = expit(logits[:, c]), targets[:, c] > 0.5
        ordered = np.unique(np.concatenate([[0.0], p]))
        middles = ((ordered[1:] + ordered[:-1]) / 2).astype(np.float32)
        middles = [m for m, low, high in zip(middles, ordered, ordered[1:]) if (low < m or low == 0) and m <= high]
        if truth.any() and middles:
            scores = [sk.f1_score(truth, p >= m, zero_division=0) for m in middles]
            best[c] = middles[int(np.argmax(scores))]
    return best


def case(kind, n, classes, shape, rng):
    logits = rng.standard_normal((n, classes)).astype(np.float32) * 2
    labels = rng.integers(0, classes, n).astype(np.int32)
    targets = rng.random((n, classes)).astype(np.float32)
    if kind != "soft":
        targets = (targets < 0.35).astype(np.float32)
    if shape == "constant":
        logits[:] = 0.25
    if shape == "ties":
        logits = np.round(logits).astype(np.float32)
    if shape == "sure":
        logits *= 40
    if shape == "one class":
        labels[:] = classes - 1
        targets[:] = 0
        targets[:, -1] = 1
    if shape == "no positive":
        targets[:] = 0
    if shape == "perfect":
        logits[np.arange(n), labels] += 20
        logits = np.where(targets > 0.5, abs(logits), -abs(logits)) if kind == "multi" else logits
    teacher = (logits + rng.standard_normal((n, classes))).astype(np.float32)
    thresholds = rng.uniform(0.2, 0.8, classes).astype(np.float32)
    z, t, y = (a.astype(np.float64) for a in (logits, teacher, targets))
    values = (single(z, t, labels) if kind == "single" else
              multi(z, t, y, thresholds.astype(np.float64)) if kind == "multi" else soft(z, t, y))
    best = best_thresholds(z, y) if kind == "multi" else np.full(classes, 0.5, np.float32)
    return {"kind": np.array([KINDS.index(kind)], np.int32), "logits": logits, "teacher": teacher, "labels": labels,
            "targets": targets, "thresholds": thresholds, "metrics": np.array(values, np.float64), "best": best}


def main():
    rng = np.random.default_rng(15)
    settings = [(k, n, c, "random") for k in KINDS for n, c in [(1, 1), (1, 4), (2, 2), (7, 1), (60, 2), (97, 5)]]
    settings += [(k, 23, c, s) for k in KINDS for c in (2, 3)
                 for s in ("constant", "ties", "sure", "one class", "no positive", "perfect")]
    tensors = {}
    for i, setting in enumerate(settings):
        tensors.update({f"{i}/{name}": np.ascontiguousarray(a) for name, a in case(*setting, rng).items()})
    save_file(tensors, sys.argv[1] if len(sys.argv) > 1 else "tests/golden/metrics.safetensors",
              {"made_by": f"oracle/metrics.py, scikit-learn {__import__('sklearn').__version__}",
               "cases": str(len(settings))})


if __name__ == "__main__":
    main()
