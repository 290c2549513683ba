"""The losses of 50 MSD steps in float64, and how far PyTorch's own float32 strays from them.

Step t trains on samples 8·(t mod 3) ... of 24 by the optimizer that the engine uses: AdamW without decay on biases and
norms, gradients clipped to norm 1, the rate RATE · min((t + 1) / WARMUP, (STEPS − t) / (STEPS − WARMUP)).
"""
import numpy as np
import torch

import golden
from gradients import batch_of, msd

STEPS, WARMUP, RATE, DECAY, CLIP, BATCH = 50, 10, 1e-3, 0.01, 1.0, 8
CASE = golden.Case(
    vocab=60, hidden=36, layers=2, heads=4, intermediate=70, positions=24, visual_dim=23, classes=4, scale=0.2,
    texts=[1, 7, 3, 12, 0, 5, 9, 2] * 3, rows=[4, 2, 6, 0, 3, 1, 5, 4] * 3, seed=301)  # fmt: skip


def train(kind, batch, dtype):
    model = golden.Model(CASE, dtype)
    named = list(model.module.named_parameters())
    groups = [{"params": [p for _, p in named if p.dim() == 2], "weight_decay": DECAY},
              {"params": [p for _, p in named if p.dim() == 1], "weight_decay": 0.0}]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for t in range(STEPS):
        first = BATCH * (t % 3)
        part = {k: v[:, first : first + BATCH] if k == "teacher" else v[first : first + BATCH] for k, v in batch.items()}
        loss = msd(kind, model.logits(samples=range(first, first + BATCH)), part)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.module.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((t + 1) / WARMUP, (STEPS - t) / (STEPS - WARMUP))
        optimizer.step()
    return np.array(losses)


if __name__ == "__main__":
    for kind in ("single", "multi"):
        batch = batch_of(CASE, kind, len(CASE.texts), CASE.seed)
        exact, single = train(kind, batch, torch.float64), train(kind, batch, torch.float32)
        drift = abs(exact - single).max()
        print(f"{kind}: loss {exact[0]:.4f} to {exact[-1]:.4f}, float32 strays {drift:.2e}")
        setting = np.array([0.6, 2.0, STEPS, WARMUP, RATE, DECAY, CLIP, BATCH])
        golden.save(f"curve_{kind}", CASE.tensors() | batch | {"setting": setting, "losses": exact, "drift": np.array([drift])})
