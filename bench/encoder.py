#!/usr/bin/env python3
"""`limbeck features` beside the same network in PyTorch, in turns; prints a markdown table.

  bench/encoder.py --weights efficientnet-lite2-9656183e.pth FOLDER

limbeck's time is that of the whole command on the folder: starting, reading weights, decoding, resizing, network, writing.
PyTorch's is that of its network alone on pictures that are in memory already (eager, batch norms apart or folded, and with
channels last), and beside it the time that Pillow takes for decoding and resizing. Needs torch, numpy and pillow.
"""
import argparse
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320)]  # fmt: skip
COEFFICIENTS = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite1": (1.0, 1.1), "efficientnet-lite2": (1.1, 1.2)}


def make_network(torch, name, state):
    nn, functional = torch.nn, torch.nn.functional
    width, depth = COEFFICIENTS[name]

    class Convolution(nn.Module):
        """Padding as TensorFlow's SAME, batch norm, ReLU6."""

        def __init__(self, inputs, out, kernel, stride=1, groups=1, clip=True):
            super().__init__()
            self.conv = nn.Conv2d(inputs, out, kernel, stride, groups=groups, bias=False)
            self.norm = nn.BatchNorm2d(out, eps=1e-3)
            self.kernel, self.stride, self.clip = kernel, stride, clip

        def forward(self, x):
            size = x.shape[-1]
            pad = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            if pad:
                x = functional.pad(x, [pad // 2, pad - pad // 2] * 2)
            x = self.norm(self.conv(x))
            return functional.relu6(x, inplace=True) if self.clip else x

        def fold(self):
            self.conv = torch.nn.utils.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()

    class Block(nn.Module):
        def __init__(self, inputs, out, kernel, stride, expansion):
            super().__init__()
            inner = inputs * expansion
            self.expand = Convolution(inputs, inner, 1) if expansion > 1 else nn.Identity()
            self.depthwise = Convolution(inner, inner, kernel, stride, groups=inner)
            self.project = Convolution(inner, out, 1, clip=False)
            self.residual = stride == 1 and inputs == out

        def forward(self, x):
            y = self.project(self.depthwise(self.expand(x)))
            return y + x if self.residual else y

    layers, names, inputs, block = [Convolution(3, 32, 3, 2)], [("_conv_stem", "_bn0")], 32, 0
    for index, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
        out = max(8, int(channels * width + 4) // 8 * 8)
        out += 8 if out < 0.9 * channels * width else 0
        for i in range(repeats if index in (0, len(STAGES) - 1) else math.ceil(repeats * depth)):
            layers.append(Block(inputs, out, kernel, 1 if i else stride, expansion))
            prefix = f"_blocks.{block}."
            names += [(prefix + "_expand_conv", prefix + "_bn0")] if expansion > 1 else []
            names += [(prefix + "_depthwise_conv", prefix + "_bn1"), (prefix + "_project_conv", prefix + "_bn2")]
            inputs, block = out, block + 1
    layers.append(Convolution(inputs, 1280, 1))
    names.append(("_conv_head", "_bn1"))
    network = nn.Sequential(*layers).eval()
    convolutions = [m for m in network.modules() if isinstance(m, Convolution)]
    for module, (conv, norm) in zip(convolutions, names, strict=True):
        module.conv.weight.data = state[conv + ".weight"]
        module.norm.load_state_dict({key[len(norm) + 1:]: v for key, v in state.items() if key.startswith(norm + ".")})
    return network, convolutions


def peer(args, files):
    """Times of one round in a process of its own, so that limbeck's process never waits beside it."""
    import numpy
    import torch
    from PIL import Image

    torch.set_num_threads(args.threads)
    begun = time.perf_counter()
    pictures = [numpy.asarray(Image.open(f).convert("RGB").resize((args.size, args.size), Image.BICUBIC)) for f in files]
    decoding = time.perf_counter() - begun
    x = (torch.from_numpy(numpy.stack(pictures)).permute(0, 3, 1, 2).float() - 127) / 128
    network, convolutions = make_network(torch, args.encoder, torch.load(args.weights, weights_only=True))
    times = {"Pillow, decoding and resizing": decoding}
    with torch.inference_mode():
        for variant in ("eager", "folded", "folded, channels last"):
            if variant == "folded":
                for convolution in convolutions:
                    convolution.fold()
            if variant == "folded, channels last":
                network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
            network(x[: args.batch])
            begun = time.perf_counter()
            for first in range(0, len(x), args.batch):
                network(x[first : first + args.batch])
            times[f"PyTorch, {variant}"] = time.perf_counter() - begun
    for name, seconds in times.items():
        print(f"{name}\t{1000 * seconds / len(files)}")


def limbeck(args, files):
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        subprocess.run([args.limbeck, "features", args.folder, folder + "/out.h5", "--encoder", args.encoder,
                        "--weights", args.weights, "--image-size", str(args.size), "--threads", str(args.threads)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        return 1000 * (time.perf_counter() - begun) / len(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--encoder", default="efficientnet-lite2", choices=COEFFICIENTS)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8, help="of PyTorch")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limbeck", default="build/src/cli/limbeck")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    files = sorted(p for p in pathlib.Path(args.folder).rglob("*") if p.suffix in (".webp", ".jpg", ".png"))
    if args.peer:
        return peer(args, files)
    times = {}
    for _ in range(args.rounds):
        times.setdefault("limbeck features, all of it", []).append(limbeck(args, files))
        lines = subprocess.run([sys.executable] + sys.argv + ["--peer"], check=True, stdout=subprocess.PIPE, text=True)
        for line in lines.stdout.splitlines():
            name, value = line.split("\t")
            times.setdefault(name, []).append(float(value))
        print({name: round(values[-1], 1) for name, values in times.items()}, file=sys.stderr)
    print(f"{args.encoder}, {args.size} x {args.size}, {len(files)} pictures, {args.threads} threads, batch {args.batch} of "
          f"PyTorch's, {args.rounds} rounds in turns\n\n| | ms a picture | lowest to highest |\n| --- | --- | --- |")  # fmt: skip
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} to {max(values):.1f} |")


if __name__ == "__main__":
    main()
