#!/usr/bin/env python3
"""Golden steps of AdamW, clip_grad_norm_ and the learning rate, from PyTorch (float64) and transformers.

Both sides compute weights and gradients by the same rule, so that the file holds results only:
    w_i = sin(0.37 i)          g_i(step) = cos(1.3 i + 0.9 step) * (5 if i % 7 == 0 else 0.01)

  oracle/optimizer.py [tests/golden/optimizer.safetensors]
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import get_linear_schedule_with_warmup

COUNT, STEPS, WARMUP, PEAK, DECAY, BETAS, EPSILON, MOST = 320, 8, 3, 0.02, 0.1, (0.8, 0.95), 1e-6, 1.5


def gradient(step):
    i = torch.arange(COUNT, dtype=torch.float64)
    size = torch.where(i % 7 == 0, 5.0, 0.01).double()
    return torch.cos(1.3 * i + 0.9 * step) * size


def main(path):
    start = torch.sin(0.37 * torch.arange(COUNT, dtype=torch.float64))
    decayed, plain = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    groups = [{"params": [decayed], "weight_decay": DECAY}, {"params": [plain], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=BETAS, eps=EPSILON)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    out = {"decayed": [], "plain": [], "norm": [], "rate": []}
    for step in range(STEPS):
        probe = torch.nn.Parameter(start.clone())
        probe.grad = gradient(step)
        out["norm"].append(torch.nn.utils.clip_grad_norm_([probe], MOST).reshape(1))
        decayed.grad, plain.grad = probe.grad.clone(), probe.grad.clone()
        out["rate"].append(torch.tensor([schedule.get_last_lr()[0]], dtype=torch.float64))
        optimizer.step()
        schedule.step()
        out["decayed"].append(decayed.detach().clone())
        out["plain"].append(plain.detach().clone())
    save_file({name: torch.stack(rows) for name, rows in out.items()}, path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/optimizer.safetensors")
