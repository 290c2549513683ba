#!/usr/bin/env python3
"""Golden values of docs/method.md, (1)-(6) and (9)/(10), from PyTorch in float64 with autograd's gradients.

  oracle/losses.py [tests/golden/losses.safetensors]

Case k of the file has, under "k/": `setting` F64 [method, label kind, alpha, temperature, rho], the inputs `teacher`
and `student` F32 [3, B, C], `labels` I32 [B], `targets` F32 [B, C], `labelled` U8 [B], `weights` F32 [B, 3], and the
results `terms` F64 [loss, CE, D joint, D text, D image], `gradient` F64 [3, B, C] of the loss with respect to `student`,
`saliency` F64 [4, 2, B] (kl, js, tv, label; text, image) and `instance` F64 [4, B, 3], the weights (10) from them.
"""
import itertools
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch.distributions import Bernoulli, Categorical, kl_divergence

METHODS, KINDS = ["alone", "kd", "msd"], ["single", "multi", "soft"]


def prediction(kind, z):
    return Categorical(logits=z) if kind == "single" else Bernoulli(logits=z)


def divergence(kind, teacher, student, tau):
    """(2) or (2'), [..., B]; from log-probabilities, so that no class is lost to rounding."""
    if kind == "single":
        return tau**2 * F.kl_div(F.log_softmax(student / tau, -1), F.log_softmax(teacher / tau, -1), reduction="none",
                                 log_target=True).sum(-1)
    t, s = teacher / tau, student / tau
    yes = torch.sigmoid(t) * (F.logsigmoid(t) - F.logsigmoid(s))
    no = torch.sigmoid(-t) * (F.logsigmoid(-t) - F.logsigmoid(-s))
    return tau**2 * (yes + no).sum(-1)


def cross_entropy(kind, z, labels, targets):
    if kind == "single":
        return F.cross_entropy(z, labels.clamp(min=0).long(), reduction="none")
    return F.binary_cross_entropy_with_logits(z, targets, reduction="none").sum(-1)


def saliency(kind, joint, removed, labels, targets, labelled):
    """(6) in its four kinds, [4, B], from probabilities where that is safe."""
    if kind == "single":
        p, q = torch.softmax(joint, -1), torch.softmax(removed, -1)
        over = lambda x: x.sum(-1)
        outcomes = [(p, q)]
    else:
        p, q = torch.sigmoid(joint), torch.sigmoid(removed)
        over = lambda x: x.mean(-1)
        outcomes = [(p, q), (torch.sigmoid(-joint), torch.sigmoid(-removed))]
    kl = divergence(kind, joint, removed, 1.0) / (1 if kind == "single" else joint.shape[-1])
    xlog = lambda a, m: torch.where(a > 0, a * torch.log(torch.where(a > 0, a / m, 1.0)), 0.0)
    js = sum(over(0.5 * xlog(a, (a + b) / 2) + 0.5 * xlog(b, (a + b) / 2)) for a, b in outcomes)
    tv = over((p - q).abs()) * (0.5 if kind == "single" else 1.0)
    label = cross_entropy(kind, removed, labels, targets) - cross_entropy(kind, joint, labels, targets)
    return torch.stack([kl, js, tv, torch.where(labelled, label.clamp(min=0), 0.0)])


def case(method, kind, classes, batch, scale, alpha, tau, unlabelled, rng, rho=1 / 3):
    teacher = (rng.standard_normal((3, batch, classes)) * scale).astype(np.float32)
    student = (rng.standard_normal((3, batch, classes)) * scale).astype(np.float32)
    student[:, -1] = teacher[:, -1]                       # one sample where they agree
    labels = rng.integers(0, classes, batch).astype(np.int32)
    targets = rng.random((batch, classes)).astype(np.float32)
    if kind == "multi":
        targets = (targets < 0.3).astype(np.float32)
    labelled = np.ones(batch, np.uint8)
    if unlabelled:
        labelled[:: 2 if unlabelled == "some" else 1] = 0
    labels[labelled == 0] = -1
    weights = rng.random((batch, 3)).astype(np.float32)

    t, y, w = (torch.from_numpy(a).double() for a in (teacher, targets, weights))
    s = torch.from_numpy(student).double().requires_grad_()
    on, n = torch.from_numpy(labelled).bool(), torch.from_numpy(labels)
    ce = cross_entropy(kind, s[0], n, y)[on].sum() / max(int(on.sum()), 1)
    d = divergence(kind, t, s, tau)
    if method == "alone":
        loss = ce
    elif method == "kd":
        loss = (1 - alpha) * ce + alpha * d[0].mean()
    else:
        loss = (1 - alpha) * ce + alpha * (w.T * d).sum(0).mean()
    gradient, = torch.autograd.grad(loss, s)
    mean = d.mean(1).detach() * torch.tensor([method != "alone"] + [method == "msd"] * 2)
    # what is removed for S(text) is shown under the image view, and the other way round
    sal = torch.stack([saliency(kind, t[0], t[2], n, y, on), saliency(kind, t[0], t[1], n, y, on)], 1)
    total = sal.sum(1, keepdim=True)
    share = torch.where(total > 0, sal / torch.where(total > 0, total, 1.0), 0.5)
    instance = torch.cat([torch.full_like(total, rho), (1 - rho) * share], 1).transpose(1, 2)
    numbers = [loss.item(), ce.item(), *mean.tolist()]
    assert all(map(math.isfinite, numbers)) and gradient.isfinite().all() and sal.isfinite().all()
    return {
        "setting": np.array([METHODS.index(method), KINDS.index(kind), alpha, tau, rho]),
        "teacher": teacher, "student": student, "labels": labels, "targets": targets, "labelled": labelled,
        "weights": weights, "terms": np.array(numbers), "gradient": gradient.numpy(), "saliency": sal.numpy().copy(),
        "instance": instance.numpy().copy(),
    }


def check_divergence(rng):
    """The formulas above against torch.distributions, where that is accurate."""
    for kind in KINDS:
        t, s = (torch.from_numpy(rng.standard_normal((6, 5))) for _ in range(2))
        other = kl_divergence(prediction(kind, t), prediction(kind, s))
        other = other if kind == "single" else other.sum(-1)
        torch.testing.assert_close(divergence(kind, t, s, 1.0), other, rtol=1e-10, atol=1e-12)


def main():
    rng = np.random.default_rng(20101881)
    check_divergence(rng)
    settings = [(m, k, 5, 7, 3.0, 0.5, 2.0, None) for m, k in itertools.product(METHODS, KINDS)]
    settings += [("msd", k, c, b, 2.0, 0.7, 1.0, None) for k in KINDS for c, b in [(1, 1), (2, 3), (23, 2), (2, 67)]]
    settings += [("msd", k, 4, 3, s, 0.5, tau, None) for k in KINDS for s in (1e-3, 1.0, 1e4) for tau in (0.1, 1.0, 10.0)]
    settings += [(m, k, 3, 4, 2.0, a, 4.0, u) for m in ("kd", "msd") for k in KINDS
                 for a, u in [(0.0, None), (1.0, None), (0.3, "some"), (0.5, "all")]]
    tensors = {}
    for i, setting in enumerate(settings):
        tensors.update({f"{i}/{name}": np.ascontiguousarray(a) for name, a in case(*setting, rng).items()})
    save_file(tensors, sys.argv[1] if len(sys.argv) > 1 else "tests/golden/losses.safetensors",
              {"made_by": f"oracle/losses.py, torch {torch.__version__.split('+')[0]}", "cases": str(len(settings))})


if __name__ == "__main__":
    main()
