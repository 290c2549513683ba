"""Logits under the three views: BERT-base size, hidden 312 with 12 heads, hidden 30 with 3 heads.

`logits` F64 [3, B, C] are made in float64 from the sequences of each view; `masked`, of the two small models, from one
padded joint batch in which what a view lacks is masked; `float32` [1]: by how much PyTorch's own float32 differs.

  python oracle/logits.py [NAME ...]      about a minute, 2 GiB
"""
import sys

import numpy as np
import torch

import golden

CASES = {
    "logits_base": golden.Case(
        vocab=30522, hidden=768, layers=12, heads=12, intermediate=3072, positions=512, visual_dim=2048, classes=23,
        scale=0.05, texts=[1, 62, 17], rows=[36, 36, 36], seed=101),
    "logits_312": golden.Case(
        vocab=997, hidden=312, layers=4, heads=12, intermediate=1200, positions=64, visual_dim=129, classes=3,
        scale=0.08, texts=[1, 0, 37, 12, 5], rows=[7, 3, 0, 36, 1], seed=102),
    "logits_30": golden.Case(
        vocab=53, hidden=30, layers=3, heads=3, intermediate=57, positions=41, visual_dim=19, classes=2,
        scale=0.25, texts=[1, 0, 39, 0, 13, 7, 2], rows=[5, 4, 11, 0, 0, 1, 17], seed=103),
}  # fmt: skip


def make(name):
    case = CASES[name]
    with torch.no_grad():
        model = golden.Model(case)
        tensors = {"logits": model.logits().numpy()}
        if name != "logits_base":
            tensors["masked"] = model.masked_logits().numpy()
            assert abs(tensors["masked"] - tensors["logits"]).max() < 1e-12
        del model
        single = golden.Model(case, torch.float32).logits().numpy()
    tensors["float32"] = np.array([abs(tensors["logits"] - single).max()])
    golden.save(name, case.tensors() | tensors)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name)
