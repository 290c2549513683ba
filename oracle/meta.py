"""The meta gradient of docs/method.md, (11) and (12), by PyTorch's create_graph=True in float64.

Each file meta_KIND holds a model's batch, of which the first B samples are the training batch under three views with
dropout on and the rest the meta batch, joint view, dropout off. The objective is the whole bilevel one:

    CE_{B'}(s − eta · ∇L_B(s; w)),   w = sigma(V_phi(f))

`setting` F64 [alpha, temperature, eta], `count` I32 [B], `teacher` [3, B, C], `targets`, `labels`, `labelled` of all
samples, `saliency` [B, 2]; phi as `parameters` F64 (W1, b1, W2, b2, flattened), `mean` and `variance` F64 [6] of the
features; the results `features` F64 [B, 6] as they are before standardising, `weights` F64 [B, 3], `meta_loss` F64 [1],
`d_weights` F64 [B, 3] and `d_parameters` F64, and `stepped` F64: phi after torch's Adam took three steps of rate 0.01 by
d_parameters times 1, -2 and 0.5. sigma is the sigmoid for single labels, the softmax for multi.
"""
import numpy as np
import torch

import golden
import gradients
from losses import cross_entropy, divergence

ALPHA, TEMPERATURE, ETA = 0.6, 2.0, 0.3
COUNT, HIDDEN, FEATURES = 5, 7, 6


def case_of(seed):
    return golden.Case(
        vocab=40, hidden=30, layers=2, heads=3, intermediate=57, positions=24, visual_dim=19, classes=5, scale=0.25,
        texts=[4, 1, 19, 0, 8, 3, 6, 2, 5], rows=[3, 5, 2, 7, 0, 2, 0, 4, 1], seed=seed, hidden_dropout=0.1,
        attention_dropout=0.2, dropout_seed=79, dropout_step=6)  # fmt: skip


def entropy(kind, z):
    if kind == "single":
        return torch.distributions.Categorical(logits=z).entropy()
    return torch.distributions.Bernoulli(logits=z).entropy().mean(-1)


def network(kind, phi, f):
    w1, b1, w2, b2 = phi
    v = torch.tanh(f @ w1.T + b1) @ w2.T + b2
    return torch.sigmoid(v) if kind == "single" else torch.softmax(v, -1)


def meta_loss(kind, model, parameters, batch):
    step, model.where["step"] = model.where["step"], -1
    z = model.logits(parameters, range(COUNT, len(model.case.tokens)))[0]
    model.where["step"] = step
    ce = cross_entropy(kind, z, batch["labels"][COUNT:], batch["targets"][COUNT:])
    return ce[batch["labelled"][COUNT:] == 1].mean()


def adam(parameters, gradient):
    p = torch.tensor(parameters, requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=0.01, eps=1e-12)
    for factor in (1, -2, 0.5):
        p.grad = factor * torch.tensor(gradient)
        optimizer.step()
    return p.detach().numpy()


def make(name, kind, seed):
    case = case_of(seed)
    model = golden.Model(case)
    raw = gradients.batch_of(case, kind, len(case.texts), seed)
    raw["teacher"] = np.ascontiguousarray(raw["teacher"][:, :COUNT])
    del raw["weights"]
    draw = lambda name, *shape: torch.from_numpy(golden.normal(seed, name, shape))
    raw["saliency"] = draw("saliency", COUNT, 2).abs().numpy().astype(np.float32)
    batch = {k: torch.from_numpy(v).to(torch.float64 if v.dtype == np.float32 else torch.int64) for k, v in raw.items()}

    point = {n: p.detach().requires_grad_() for n, p in model.module.named_parameters()}
    z = model.logits(point, range(COUNT))
    d = divergence(kind, batch["teacher"], z, TEMPERATURE)
    f = torch.cat([d.detach().T, batch["saliency"], entropy(kind, batch["teacher"][0])[:, None]], 1)
    mean, variance = f.mean(0) + 0.1, f.var(0) + 0.05  # of earlier batches, so not quite this one's
    phi = [0.5 * draw("w1", HIDDEN, FEATURES), 0.5 * draw("b1", HIDDEN), 0.5 * draw("w2", 3, HIDDEN), 0.5 * draw("b2", 3)]
    phi = [p.requires_grad_() for p in phi]
    w = network(kind, phi, (f - mean) / torch.sqrt(variance + 1e-12))

    ce = cross_entropy(kind, z[0], batch["labels"][:COUNT], batch["targets"][:COUNT])
    ce = ce[batch["labelled"][:COUNT] == 1].mean()
    inner = (1 - ALPHA) * ce + ALPHA * (w.T * d).sum(0).mean()
    steps = torch.autograd.grad(inner, list(point.values()), create_graph=True, allow_unused=True)
    ahead = {n: p if g is None else p - ETA * g for (n, p), g in zip(point.items(), steps)}
    outer = meta_loss(kind, model, ahead, batch)
    d_w, *d_phi = torch.autograd.grad(outer, [w, *phi])

    flat = lambda parts: torch.cat([p.detach().flatten() for p in parts]).numpy()
    tensors = case.tensors() | raw
    tensors |= {
        "setting": np.array([ALPHA, TEMPERATURE, ETA]), "count": np.array([COUNT], np.int32),
        "parameters": flat(phi), "mean": mean.numpy(), "variance": variance.numpy(), "features": f.numpy(),
        "weights": w.detach().numpy(), "meta_loss": np.array([outer.item()]), "d_weights": d_w.numpy(),
        "d_parameters": flat(d_phi), "stepped": adam(flat(phi), flat(d_phi))}  # fmt: skip
    golden.save(name, tensors)
    print(f"  CE {outer.item():.4f}, |d_w| {d_w.norm():.3g}, |d_phi| {flat(d_phi).dot(flat(d_phi)) ** 0.5:.3g}")


if __name__ == "__main__":
    make("meta_single", "single", 204)
    make("meta_multi", "multi", 205)
