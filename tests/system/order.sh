#!/bin/sh
# order.sh: the order in which files come to disk, for a cut of the power: content, name, folder. watch_files.c ($WATCH)
# has the rules; here, that every file got its name in that way.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
ln -s "$WATCH" watch.so
export WATCH_LOG="$work/watched"

# Files below FOLDER that were not renamed into place; of those that may, what grows is synced with its checkpoint, and
# what gnuplot draws is drawn again for each report.
unnamed() { # FOLDER
    find "$1" -type f | while read -r file; do
        case $file in
        */log.txt | */metrics.jsonl | */events.out.* | */plots/*.svg | */gnuplot.log) ;;
        *) grep -qxF "renamed $file" "$WATCH_LOG" || echo "$file" ;;
        esac
    done
}
watched() { # FOLDER PROGRAM ARGUMENT...
    folder=$1; shift
    : >"$WATCH_LOG"
    LD_PRELOAD=$work/watch.so run "$@" # a list parted by spaces, which the path of a checkout may have
    expect_code 0
    grep -q '^watched [1-9]' "$WATCH_LOG" || wrong 'was not watched'
    faults=$(grep '^wrong' "$WATCH_LOG" | head -5)
    [ -z "$faults" ] || wrong "$faults"
    others=$(unnamed "$folder" | head -5)
    [ -z "$others" ] || wrong "not written whole and renamed: $others"
}

mkdir one other rows
watched one "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out one/pack
"$ENCODER_WEIGHTS" encoder.safetensors || exit 1
watched rows "$LIMBECK" features pictures rows/rows.h5 --encoder efficientnet-lite0 --weights encoder.safetensors \
    --image-size 32 --grid 1
watched teacher "$LIMBECK" train --config tiny.yaml --pack one/pack --out teacher --set train.save_seconds=0
watched other "$LIMBECK" probe --teacher teacher --pack one/pack --out other/cache
watched student "$LIMBECK" distill --config tiny.yaml --pack one/pack --cache other/cache --weights learned \
    --set distill.meta_fraction=0.25 --out student
watched onnx "$LIMBECK" export student onnx --format onnx
watched hf "$LIMBECK" export student hf
watched imported "$LIMBECK" import hf imported
cat >study.yaml <<END
name: watched
pack: one/pack
teacher:
  config: tiny.yaml
students:
  - name: half
    config: tiny.yaml
    folds: 2
methods: [kd, msd-uniform]
seeds: [1, 2]
END
watched study "$LIMBECK" study study.yaml --out study --threads 2
finish
