#!/bin/sh
# kill.sh [MOMENTS [STEPS]]: SIGKILL at random MOMENTS of each long command, and at STEPS of its steps to disk; what it
# left is whole, and run to its end it is what an undisturbed run leaves. $KILL is kill.c, $WATCH watch_files.c,
# $ENCODER_WEIGHTS encoder_weights.c. ONLY: the name of the one command to kill.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
moments=${1:-2} steps=${2:-1}
make_tiny_data
cd "$work" || exit 1
if [ -n "${WATCH:-}" ]; then ln -s "$WATCH" watch.so; export WATCH="$work/watch.so"; fi # no spaces for LD_PRELOAD
pack_tiny_data
run "$LIMBECK" train --config tiny.yaml --pack pack --out teacher
expect_code 0
run "$LIMBECK" probe --teacher teacher --pack pack --out cache
expect_code 0
"$ENCODER_WEIGHTS" encoder.safetensors || exit 1
cat >study.yaml <<END
name: killed
pack: pack
teacher:
  config: tiny.yaml
students:
  - name: half
    config: tiny.yaml
    set: [train.epochs=2]
methods: [alone, kd, msd-learned]
seeds: [1, 2]
END

killed() { # NAME COMMAND...: writes into the folder "now"
    name=$1; shift
    [ "${ONLY:-$name}" = "$name" ] || return
    "$KILL" "$moments" "$steps" "$name" now "$@" || failures=$((failures + 1))
    rm -rf now now.whole now.log
}
killed pack "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out now/pack
killed features "$LIMBECK" features pictures now/rows.h5 --encoder efficientnet-lite0 --weights encoder.safetensors \
    --image-size 32 --grid 1 --threads 1
killed train "$LIMBECK" train --config tiny.yaml --pack pack --out now --threads 1 --set train.eval_steps=5 \
    --set train.save_seconds=0
killed probe "$LIMBECK" probe --teacher teacher --pack pack --out now/cache --threads 1
killed 'probe, 2 folds' "$LIMBECK" probe --teacher teacher --pack pack --out now/cache --folds 2 --threads 1
killed distill "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --weights learned --out now --threads 1 \
    --set distill.meta_fraction=0.25 --set train.eval_steps=3
killed study "$LIMBECK" study study.yaml --out now --threads 2
finish
