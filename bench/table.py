#!/usr/bin/env python3
"""Everything that limbeck wants to be fast at, beside what a user could pick instead, as one markdown table.

Programs of a row run in turns, A B A B …, since a machine's clock and neighbours drift; each figure is a median over the
rounds, in milliseconds, with its spread. A ratio is the peer's median by limbeck's. The peers are a script with `limbeck
bench`'s options (--peers) and bench/peers.py, both run by the interpreter that runs this. Rows of bfloat16 are left out where
the processor has no instructions for it, those on real data (--data, --vocab) where there is none.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def has_bf16():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    return "avx512_bf16" in text or "amx_bf16" in text


class Step:
    """A program that times its own steps and prints a JSON line."""

    def __init__(self, *command):
        self.command, self.peak = command, []

    def run(self):
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        report = json.loads(done.stdout.strip().splitlines()[-1])
        self.peak.append(report["peak_mib"])
        return report["ms_per_step"]


class Whole:
    """A program timed from its start to its end."""

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
        programs[peer] = Step(sys.executable, args.peers, *options, "--variant", peer)
    return programs


def step_rows(args):
    narrow, small = ("--precision", "bf16"), ("--batch", "1")
    yield "msd", "MSD step", 3, steps(args, "msd", ["eager", "compile"])
    yield "kd", "KD step", 3, steps(args, "kd", ["eager", "compile"])
    yield "probe", "probe, BERT-base", 2.3, steps(args, "probe", ["eager"], options=("--size", "base"), count=3)
    yield "meta", "learned weights' step", 4, steps(args, "meta", ["jvp", "create_graph"],
                                                    options=("--dropout", "0"), count=3)
    yield "infer1", "inference, batch 1", 2, steps(args, "infer", ["ort", "openvino-fp32", "torch"], options=small,
                                                   count=200)
    yield "infer1-int8", "inference, batch 1, int8", 2, steps(args, "infer", ["ort-int8"], ("--precision", "int8"),
                                                              small, 200)
    yield "infer32", "inference, batch 32", None, steps(args, "infer", ["ort", "openvino-fp32"])
    if not has_bf16():
        return
    yield "msd-bf16", "MSD step, bfloat16", 3.5, steps(args, "msd", ["bf16"], narrow)
    yield "kd-bf16", "KD step, bfloat16", 3.5, steps(args, "kd", ["bf16"], narrow)
    yield "probe-bf16", "probe, BERT-base, bfloat16", 2.3, steps(args, "probe", ["bf16"], narrow, ("--size", "base"), 3)
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
    texts = os.path.join(folder, "texts")
    with open(texts, "w") as out:
        for path in sorted(glob.glob(os.path.join(args.data, "movies", "dataset", "*.json"))):
            with open(path) as file:
                out.write(" ".join(json.load(file)["plot"]).replace("\n", " ") + "\n")
    yield "tokenize", "tokenizing `movies`, one thread", 1.5, {
        "limbeck": Whole(me, "tokenize", "--vocab", args.vocab, stdin=texts),
        "tokenizers": Whole(*peers, "tokenize", args.vocab, stdin=texts, TOKENIZERS_PARALLELISM="false")}

    rows = os.path.join(args.data, "openclipart", "data.jsonl")
    yield "patches", "pictures of `openclipart` to patches", 1.5, {
        "limbeck": Whole(me, "pack", rows, "--vocab", args.vocab, "--out", os.path.join(folder, "packed"), "--threads", "2"),
        "Pillow": Whole(*peers, "patches", rows, os.path.join(folder, "packed.npy"))}

    if "start" not in (args.rows or ["start"]):
        return
    run, onnx = tiny_model(args, folder, rows)
    picture = os.path.join(args.data, "openclipart", "images", "00000.webp")
    yield "start", "program start to first prediction, 2 × 128", 10, {
        "limbeck": Whole(me, "predict", run, "--text", "a red car", "--image", picture),
        "ONNX Runtime": Whole(*peers, "start", onnx, args.vocab, picture, "a red car")}


def measure(rounds, programs):
    times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            try:
                times[name].append(program.run())
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                print(f"{name} failed: {error}", file=sys.stderr)
    return {name: values for name, values in times.items() if values}


def lines_of(title, wanted, programs, times):
    base = statistics.median(times["limbeck"])
    for name, values in times.items():
        median = statistics.median(values)
        peak = getattr(programs[name], "peak", None)
        memory = f"{max(peak)}" if peak else ""
        ratio = "" if name == "limbeck" else f"{median / base:.2f}"
        goal = f"{wanted}" if wanted and name == "limbeck" else ""
        yield (f"| {title if name == 'limbeck' else ''} | {name} | {median:.1f} | {min(values):.1f} to {max(values):.1f} "
               f"| {memory} | {ratio} | {goal} |")


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

    print("| work | program | ms | lowest to highest | peak MiB | × limbeck's time | wanted |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for rows in (step_rows(args), data_rows(args, folder)):
            for name, title, wanted, programs in rows:
                if args.rows and name not in args.rows:
                    continue
                times = measure(args.rounds, programs)
                print("\n".join(lines_of(title, wanted, programs, times)), flush=True)


if __name__ == "__main__":
    main()
