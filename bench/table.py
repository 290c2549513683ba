#!/usr/bin/env python3
"""Everything that limbeck wants to be fast at, beside what a user could pick instead, as one markdown table.

Programs of a row run in turns, A B A B …, since a machine's clock and neighbours drift; each figure is a median over the
rounds, in milliseconds, with its spread. A ratio of times is the peer's median by limbeck's, one of memory limbeck's peak by
the peer's. The peers are a script with `limbeck bench`'s options (--peers) and bench/peers.py, both run by the interpreter
that runs this. Rows of bfloat16 are left out where the processor has no instructions for it, those on real data (--data,
--vocab) where there is none. Of runtimes that read ONNX no memory is told: their process has imported PyTorch before, to
write the file. The peak of products is measured first, as the head line says; the share of it is by that of each row's run.
"""
import argparse
import glob
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = {"PyTorch": "torch", "ONNX Runtime": "onnxruntime", "OpenVINO": "openvino", "tokenizers": "tokenizers",
            "Pillow": "pillow", "NumPy": "numpy"}


def has_bf16():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    return "avx512_bf16" in text or "amx_bf16" in text


class Step:
    """A program that times its own steps and prints a JSON line."""

    def __init__(self, *command, shows_memory=True):
        self.command, self.shows_memory, self.peaks, self.shares = command, shows_memory, [], []

    def run(self):
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        report = json.loads(done.stdout.strip().splitlines()[-1])
        if self.shows_memory:
            self.peaks.append(report["peak_mib"])
        if "profile" in report:
            self.shares.append(report["profile"]["reached_gflops"] / report["profile"]["peak_gflops"])
        return report["ms_per_step"]


class Whole:
    """A program timed from its start to its end."""

    peaks, shares = (), ()

    def __init__(self, *command, stdin=os.devnull, **environment):
        self.command, self.stdin, self.environment = command, stdin, environment

    def run(self):
        with open(self.stdin) as given:
            begin = time.perf_counter()
            subprocess.run(self.command, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                           env={**os.environ, **self.environment})
        return 1e3 * (time.perf_counter() - begin)


def steps(args, work, peers, own=(), options=(), count=None):
    """limbeck and variants of the peer at the same work; `own`: options that only limbeck has."""
    options = [work, "--threads", str(args.threads), "--steps", str(count or args.steps), "--warmup", "2", *options]
    programs = {"limbeck": Step(args.limbeck, "bench", *options, *own)}
    for peer in peers:
        programs[peer] = Step(sys.executable, args.peers, *options, "--variant", peer,
                              shows_memory=not peer.startswith(("ort", "openvino")))
    return programs


def step_rows(args):
    narrow, small, base = ("--precision", "bf16"), ("--batch", "1"), ("--size", "base")
    share = ("--profile", "--json")  # of the peak
    yield "msd", "MSD step", 3, steps(args, "msd", ["eager", "compile"])
    yield "kd", "KD step", 3, steps(args, "kd", ["eager", "compile"])
    yield "probe", "probe, BERT-base", 2.3, steps(args, "probe", ["eager", "compile"], share, base, 3)
    yield "meta", "learned weights' step", 4, steps(args, "meta", ["jvp", "create_graph"],
                                                    options=("--dropout", "0"), count=3)
    yield "infer1", "inference, batch 1", 2, steps(args, "infer", ["ort", "openvino-fp32", "torch"], options=small,
                                                   count=200)
    yield "infer1-int8", "inference, batch 1, int8", 2, steps(args, "infer", ["ort-int8"], ("--precision", "int8"),
                                                              small, 200)
    yield "infer32", "inference, batch 32", None, steps(args, "infer", ["ort", "openvino-fp32"])
    if not has_bf16():
        return
    yield "msd-bf16", "MSD step, bfloat16", 3.5, steps(args, "msd", ["bf16", "bf16+compile"], narrow)
    yield "kd-bf16", "KD step, bfloat16", 3.5, steps(args, "kd", ["bf16", "bf16+compile"], narrow)
    yield "probe-bf16", "probe, BERT-base, bfloat16", 2.3, steps(args, "probe", ["bf16", "bf16+compile"],
                                                                 narrow + share, base, 3)
    yield "infer1-bf16", "inference, batch 1, bfloat16", 2, steps(args, "infer", ["openvino"], narrow, small, 200)
    yield "infer32-bf16", "inference, batch 32, bfloat16", 1.5, steps(args, "infer", ["openvino"], narrow)


def quietly(*command, stdout=subprocess.DEVNULL):
    subprocess.run(command, check=True, stdout=stdout, stderr=subprocess.DEVNULL)


def tiny_model(args, folder, rows):
    """A student of two layers, hardly trained, as a model folder and as ONNX."""
    pack, run, onnx = (os.path.join(folder, name) for name in ("pack", "run", "model.onnx"))
    quietly(args.limbeck, "pack", rows, "--vocab", args.vocab, "--out", pack)
    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
    settings = [word for key, value in sizes.items() for word in ("--set", f"model.{key}={value}")]
    quietly(args.limbeck, "train", "--pack", pack, "--out", run, "--set", "train.epochs=1", *settings)
    quietly(args.limbeck, "export", run, onnx, "--format", "onnx")
    return run, onnx


def data_rows(args, folder):
    if not (args.data and args.vocab and os.path.isdir(args.data)):
        return
    me, peers = args.limbeck, (sys.executable, os.path.join(HERE, "peers.py"))
    plots = sorted(glob.glob(os.path.join(args.data, "movies", "dataset", "*.json")))
    if plots:
        texts = os.path.join(folder, "texts")
        with open(texts, "w") as out:
            for path in plots:
                with open(path) as file:
                    out.write(" ".join(json.load(file)["plot"]).replace("\n", " ") + "\n")
        yield "tokenize", "tokenizing `movies`, one thread", 1.5, {
            "limbeck": Whole(me, "tokenize", "--vocab", args.vocab, stdin=texts),
            "tokenizers": Whole(*peers, "tokenize", args.vocab, stdin=texts, TOKENIZERS_PARALLELISM="false")}

    rows = os.path.join(args.data, "openclipart", "data.jsonl")
    if not os.path.exists(rows):
        return
    yield "patches", "pictures of `openclipart` to patches", 1.5, {
        "limbeck": Whole(me, "pack", rows, "--vocab", args.vocab, "--out", os.path.join(folder, "packed"), "--threads", "2"),
        "Pillow": Whole(*peers, "patches", rows, os.path.join(folder, "packed.npy"))}

    if "start" not in (args.rows or ["start"]):
        return
    try:
        run, onnx = tiny_model(args, folder, rows)
    except subprocess.CalledProcessError as error:
        print(f"no model to start with: {error}", file=sys.stderr)
        return
    picture = os.path.join(args.data, "openclipart", "images", "00000.webp")
    yield "start", "program start to first prediction, 2 × 128", 10, {
        "limbeck": Whole(me, "predict", run, "--text", "a red car", "--image", picture),
        "ONNX Runtime": Whole(*peers, "start", onnx, args.vocab, picture, "a red car")}


def measure(rounds, programs):
    """Milliseconds of each round; none of a program that failed."""
    times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            try:
                times[name].append(program.run())
            except (subprocess.CalledProcessError, OSError, ValueError, KeyError, IndexError) as error:
                print(f"{name} failed: {error}", file=sys.stderr)
    return times


def lines_of(title, wanted, programs, times):
    ours = programs["limbeck"]
    for name, values in times.items():
        is_ours, program = name == "limbeck", programs[name]
        first = f"{title}; {100 * statistics.median(ours.shares):.0f} % of the peak" if is_ours and ours.shares else title
        cells = [first if is_ours else "", name, "failed", "", "", "", "", f"{wanted}" if wanted and is_ours else ""]
        if values:
            cells[2:4] = f"{statistics.median(values):.1f}", f"{min(values):.1f} to {max(values):.1f}"
        if values and times["limbeck"] and not is_ours:
            cells[4] = f"{statistics.median(values) / statistics.median(times['limbeck']):.2f}"
        if program.peaks:
            cells[5] = f"{max(program.peaks)}"
        if program.peaks and ours.peaks and not is_ours:
            cells[6] = f"{100 * max(ours.peaks) / max(program.peaks):.0f} %"
        yield "| " + " | ".join(cells) + " |"


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def peak(args, precision):
    """GF/s of a large product."""
    done = subprocess.run([args.limbeck, "bench", "infer", "--size", "mini", "--steps", "1", "--threads", str(args.threads),
                           "--precision", precision, "--profile", "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["profile"]["peak_gflops"]


def head(args):
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    ours = subprocess.run([args.limbeck, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    packages = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
    precisions = ["fp32", "bf16"] if has_bf16() else ["fp32"]
    peaks = ", ".join(f"{peak(args, precision):.0f} GF/s in {precision}" for precision in precisions)
    return (f"{ours}; {packages}; {models[0] if models else 'unknown processor'}, {args.threads} threads, "
            f"{args.rounds} rounds in turns; peak of products: {peaks}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limbeck", default="build/src/cli/limbeck")
    parser.add_argument("--peers", default="../shared/peers/torch_msd.py")
    parser.add_argument("--data", default="../shared/data", help="folder with movies/ and openclipart/")
    parser.add_argument("--vocab", help="vocab.txt of BERT, for the rows on real data")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=lambda text: text.split(","), help="only these, by comma")
    args = parser.parse_args()

    print(head(args))
    print("| work | program | ms | lowest to highest | × limbeck's time | peak MiB | limbeck's memory by the peer's | wanted |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for rows in (step_rows(args), data_rows(args, folder)):
            for name, title, wanted, programs in rows:
                if args.rows and name not in args.rows:
                    continue
                times = measure(args.rounds, programs)
                print("\n".join(lines_of(title, wanted, programs, times)), flush=True)


if __name__ == "__main__":
    main()
