"""Gradients of every parameter for one MSD step, loss (5), and tangent logits in a rule-made direction.

Each file gradients_KIND[_dropout] holds the batch's `teacher` [3, B, C], `targets` [B, C], `labels`, `labelled` [B] and
`weights` [B, 3]; the `loss`, the `logits` [3, B, C], `tangent` [3, B, C] = J·u for u the rule's numbers with seed + 1 and
scale 1 (PyTorch's forward mode), and "grad/NAME" (backward mode), all made in float64; gradients are rounded to float32.
Of the larger model, gradients_312, each gradient g is told by its norm and one projection: "grad/NAME" F64 [2] holds ‖g‖ and
⟨g, r⟩, r the rule's numbers with seed + 2.
"""
import numpy as np
import torch

import golden
import philox
from losses import cross_entropy, divergence

ALPHA, TEMPERATURE = 0.6, 2.0


def case_of(kind, dropout, pooling="cls"):
    rates = dict(hidden_dropout=0.1, attention_dropout=0.2, dropout_seed=77, dropout_step=3) if dropout else {}
    return golden.Case(
        vocab=40, hidden=30, layers=2, heads=3, intermediate=57, positions=24, visual_dim=19, classes=5, scale=0.25,
        texts=[4, 1, 19, 0, 8], rows=[3, 5, 2, 7, 0], seed=201 if kind == "single" else 202, pooling=pooling,
        **rates)  # fmt: skip


LARGER = golden.Case(
    vocab=997, hidden=312, layers=4, heads=12, intermediate=1200, positions=64, visual_dim=129, classes=3, scale=0.08,
    texts=[1, 0, 37, 12, 5], rows=[7, 3, 0, 36, 1], seed=203, hidden_dropout=0.1, attention_dropout=0.1,
    dropout_seed=78, dropout_step=4)  # fmt: skip


def batch_of(case, kind, count, seed):
    """Teacher, targets and weights of `count` samples by the rule."""
    draw = lambda name, *shape: philox.uniform(
        seed, philox.SYNTHETIC, philox.step_of(name), int(np.prod(shape))).reshape(shape)  # fmt: skip
    targets = (draw("targets", count, case.classes) < 0.4).astype(np.float32)
    targets[0] = draw("scores", case.classes).astype(np.float32)  # the soft ones are legal too
    labelled = np.ones(count, np.uint8)
    labelled[1] = 0
    labels = (draw("labels", count) * case.classes).astype(np.int32).clip(0, case.classes - 1)
    labels[1] = -1
    return {
        "teacher": golden.normal(seed, "teacher", (3, count, case.classes), 2.0).astype(np.float32),
        "targets": targets,
        "labels": labels,
        "labelled": labelled,
        "weights": draw("weights", count, 3).astype(np.float32),
    }


def msd(kind, z, batch, alpha=ALPHA, tau=TEMPERATURE):
    """(5); z [3, B, C]. Mean CE over the labelled samples."""
    b = {k: torch.from_numpy(v).to(z.dtype if v.dtype == np.float32 else torch.int64) for k, v in batch.items()}
    ce = cross_entropy(kind, z[0], b["labels"], b["targets"])
    ce = ce[b["labelled"] == 1].mean()
    d = divergence(kind, b["teacher"], z, tau)
    return (1 - alpha) * ce + alpha * (b["weights"].T * d).sum(0).mean()


def direction(model, seed):
    """The rule's standard normal numbers under each parameter's name."""
    draw = lambda n, p: philox.normal(seed, philox.INIT, philox.step_of(n), p.numel())
    return {n: torch.from_numpy(draw(n, p).astype(np.float32)).to(p.dtype).view(p.shape)
            for n, p in model.module.named_parameters()}  # fmt: skip


def make(name, kind, case, whole):
    model = golden.Model(case)
    batch = batch_of(case, kind, len(case.texts), case.seed)
    logits = model.logits()
    if case.dropout_step < 0:  # a view's absent tokens equal masked ones, also where the last word is read
        assert (model.masked_logits() - logits).abs().max() < 1e-12
    loss = msd(kind, logits, batch)
    loss.backward()
    point = {n: p.detach() for n, p in model.module.named_parameters()}
    _, tangent = torch.func.jvp(model.logits, (point,), (direction(model, case.seed + 1),))
    tensors = case.tensors() | batch
    tensors |= {"setting": np.array([ALPHA, TEMPERATURE]), "loss": np.array([loss.item()]),
                "logits": logits.detach().numpy(), "tangent": tangent.numpy()}  # fmt: skip
    projector = direction(model, case.seed + 2)
    for n, p in model.module.named_parameters():
        if p.grad is None:  # the pooler, where no logit reads it
            p.grad = torch.zeros_like(p)
        told = torch.stack([p.grad.norm(), (p.grad * projector[n]).sum()])
        tensors["grad/" + n] = p.grad.numpy().astype(np.float32) if whole else told.numpy()
    golden.save(name, tensors)


if __name__ == "__main__":
    for kind in ("single", "multi"):
        for dropout in (False, True):
            make(f"gradients_{kind}" + ("_dropout" if dropout else ""), kind, case_of(kind, dropout), True)
    for dropout in (False, True):
        make("gradients_words" + ("_dropout" if dropout else ""), "single", case_of("single", dropout, "last_word"), True)
    make("gradients_312", "multi", LARGER, False)
