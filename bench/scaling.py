#!/usr/bin/env python3
"""How time and memory of limbeck's steps depend on the work: one thing is varied, the rest stays as `limbeck bench` has it.

Prints a markdown table a thing; with --svg FOLDER, gnuplot draws milliseconds and peak memory against it, one file each.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

# name: what its unit is, values, options for a value, work
THINGS = {
    "batch": ("samples a step", [4, 8, 16, 32, 64], lambda v: ["--batch", str(v)], "msd"),
    "tokens": ("tokens of every text", [8, 16, 32, 64, 128, 256], lambda v: ["--lengths", f"{v},{v}", "--batch", "8"], "msd"),
    "regions": ("visual rows a sample", [0, 9, 18, 36, 72], lambda v: ["--regions", str(v), "--batch", "8"], "msd"),
    "size": ("layers × hidden size", ["mini", "small", "tiny312", "minilm6", "minilm12"],
             lambda v: ["--size", v, "--batch", "8"], "msd"),
    "layers": ("layers of width 384", [1, 2, 4, 8, 12], lambda v: ["--layers", str(v), "--hidden", "384", "--batch", "8"], "msd"),
    "hidden": ("hidden size, 4 layers, heads of 32", [128, 256, 384, 512, 768],
               lambda v: ["--layers", "4", "--hidden", str(v), "--batch", "8"], "msd"),
    "views": ("work", ["kd", "msd", "meta"], lambda v: ["--batch", "8"], None),
    "threads": ("threads", [1, 2], lambda v: ["--threads", str(v)], "msd"),
}


def measure(args, work, options):
    """Milliseconds and MiB."""
    command = [args.limbeck, "bench", work, "--steps", str(args.steps), "--warmup", "1", *options]
    done = [subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
            for _ in range(args.rounds)]
    reports = [json.loads(text.strip().splitlines()[-1]) for text in done]
    return statistics.median(r["ms_per_step"] for r in reports), max(r["peak_mib"] for r in reports)


def draw(folder, name, unit, rows):
    """Numbers where they belong on the axis, names side by side."""
    path = os.path.join(folder, f"scaling_{name}.svg")
    lines = "\n".join(f"{value} {ms} {mib}" for value, ms, mib in rows)
    place = "1:{0}" if isinstance(rows[0][0], int) else "0:{0}:xtic(1)"
    style = "with linespoints pt {1} lc rgb '{2}' title '{3}'"
    script = (f"set encoding utf8\nset terminal svg size 480,320 background 'white'\nset output '{path}'\nset xlabel '{unit}'\n"
              "set ylabel 'ms a step'\nset y2label 'peak MiB'\nset yrange [0:*]\nset y2range [0:*]\n"
              f"set ytics nomirror\nset y2tics\nset offsets graph 0.05, graph 0.05\nset key top left\n$d << E\n{lines}\nE\n"
              + ("plot $d using " + place + " " + style).format(2, 7, "#3366aa", "ms")
              + (", $d using " + place + " axes x1y2 " + style).format(3, 6, "#cc7722", "MiB") + "\n")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limbeck", default="build/src/cli/limbeck")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--things", type=lambda text: text.split(","), default=list(THINGS), help="only these, by comma")
    parser.add_argument("--svg", help="folder for plots")
    args = parser.parse_args()
    for name in args.things:
        unit, values, options, work = THINGS[name]
        print(f"| {unit} | ms a step | peak MiB |\n| --- | --- | --- |")
        rows = []
        for value in values:
            ms, peak = measure(args, work or value, options(value))
            rows.append((value, ms, peak))
            print(f"| {value} | {ms:.1f} | {peak} |", flush=True)
        print()
        if args.svg:
            draw(args.svg, name, unit, rows)


if __name__ == "__main__":
    sys.exit(main())
