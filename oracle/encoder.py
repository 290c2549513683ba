#!/usr/bin/env python3
"""EfficientNet-Lite0 with rule-made weights in PyTorch, float64: tests/golden/encoder.safetensors.

  oracle/encoder.py

The network is written here from the paper's table, with PyTorch's own convolutions and batch norms, unfolded. Numbers are
n(seed, INIT, name, k) of README.md: convolutions n · sqrt(2 / numbers of a filter), norms' weights 1 + 0.1 n, biases and
means 0.1 n, variances (1 + 0.1 n)². Pixel (x, y, channel c) of picture b is (31 x + 17 y + 53 c + 7 x y + 101 b) mod 256.
`map` [2, 9, 160]: every eighth of the 1280 features of the 3 × 3 cells of pictures of 96 × 96.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import philox

SEED, SIZE = 77, 96
# repeats, kernel, stride, expansion, channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320)]  # fmt: skip


def numbers(name, shape, factor, offset=0.0):
    n = philox.normal(SEED, philox.INIT, philox.step_of(name), int(np.prod(shape)))
    return torch.from_numpy((offset + factor * n).astype(np.float32).reshape(shape)).double()


def convolution(x, name, norm, out, kernel, stride=1, depthwise=False, clip=True):
    channels = x.shape[1]
    shape = (out, 1 if depthwise else channels, kernel, kernel)
    weight = numbers(name + ".weight", shape, np.sqrt(2 / np.prod(shape[1:])))
    size = x.shape[-1]
    padding = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's SAME
    x = F.pad(x, [padding // 2, padding - padding // 2] * 2)
    x = F.conv2d(x, weight, stride=stride, groups=channels if depthwise else 1)
    variance = numbers(norm + ".running_var", out, 0.1, 1.0).float() ** 2
    x = F.batch_norm(x, numbers(norm + ".running_mean", out, 0.1), variance.double(),
                     numbers(norm + ".weight", out, 0.1, 1.0), numbers(norm + ".bias", out, 0.1), eps=1e-3)  # fmt: skip
    return F.relu6(x) if clip else x


def network(x):
    x = convolution(x, "_conv_stem", "_bn0", 32, 3, 2)
    block = 0
    for repeats, kernel, stride, expansion, out in STAGES:
        for i in range(repeats):
            name, entry = f"_blocks.{block}.", x
            if expansion > 1:
                x = convolution(x, name + "_expand_conv", name + "_bn0", x.shape[1] * expansion, 1)
            x = convolution(x, name + "_depthwise_conv", name + "_bn1", x.shape[1], kernel, 1 if i else stride, True)
            x = convolution(x, name + "_project_conv", name + "_bn2", out, 1, clip=False)
            if x.shape == entry.shape:
                x = x + entry
            block += 1
    return convolution(x, "_conv_head", "_bn1", 1280, 1)


def main():
    torch.set_num_threads(1)
    b, c, y, x = np.meshgrid(range(2), range(3), range(SIZE), range(SIZE), indexing="ij")
    pixels = (31 * x + 17 * y + 53 * c + 7 * x * y + 101 * b) % 256
    with torch.inference_mode():
        out = network(torch.from_numpy((pixels - 127) / 128.0)).permute(0, 2, 3, 1).reshape(2, 9, 1280)
    print("features: mean", out.mean().item(), "zero", (out == 0).double().mean().item(), "six",
          (out == 6).double().mean().item())  # fmt: skip
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")
    save_file({"map": out[:, :, ::8].contiguous().numpy()}, os.path.join(folder, "encoder.safetensors"))


if __name__ == "__main__":
    main()
