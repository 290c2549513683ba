#!/usr/bin/env python3
"""One step of limbeck beside the same step in PyTorch, in turns: A B A B …; prints a markdown table.

The peer is a script with `limbeck bench`'s options and --variant (see --peers). Rounds in turns, since a machine's clock
and neighbours drift: each program runs once a round, and the table gives the median over the rounds, their spread
(lowest to highest) and how many times as fast as limbeck each is.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def milliseconds(command):
    """Median milliseconds a step, as the program reports them."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])["ms_per_step"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limbeck", default="build/src/cli/limbeck")
    parser.add_argument("--peers", default="../shared/peers/torch_msd.py")
    parser.add_argument("--work", default="msd", choices=["kd", "msd", "meta", "probe", "infer"])
    parser.add_argument("--size", default="tiny312")
    parser.add_argument("--batch", default="32")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--dropout", default="0.1")
    parser.add_argument("--steps", default="20")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", default="eager,concat,compile,concat+compile",
                        help="of the peer, for its --variant")
    args = parser.parse_args()

    common = [args.work, "--size", args.size, "--batch", args.batch, "--threads", args.threads, "--steps", args.steps,
              "--dropout", args.dropout]
    programs = {"limbeck": [args.limbeck, "bench"] + common}
    if os.path.exists(args.peers):
        for variant in args.variants.split(","):
            programs[variant] = [sys.executable, args.peers] + common + ["--variant", variant]
    else:
        print(f"{args.peers} is not there: PyTorch skipped", file=sys.stderr)

    times = {name: [] for name in programs}
    for turn in range(args.rounds):
        for name, command in programs.items():
            times[name].append(milliseconds(command))
            print(f"round {turn + 1}: {name} {times[name][-1]:.1f} ms", file=sys.stderr)

    base = statistics.median(times["limbeck"])
    print(f"{args.work}, size {args.size}, batch {args.batch}, {args.threads} threads, float32; "
          f"{args.rounds} rounds of {args.steps} steps\n")
    print("| | ms per step | lowest to highest | limbeck is … times as fast |\n| --- | --- | --- | --- |")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.1f} | {min(values):.1f} to {max(values):.1f} | {median / base:.2f} |")


if __name__ == "__main__":
    main()
