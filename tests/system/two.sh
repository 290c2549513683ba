#!/bin/sh
# two.sh: a second process in a place where one is at work already is told so; a killed one holds nothing. The first is
# stopped (by watch_files.c, $WATCH) as soon as it has its lock.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
ln -s "$WATCH" watch.so

is_stopped() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = T ]; }
second() { # LOCK MESSAGE PROGRAM ARGUMENT...
    lock=$1 message=$2; shift 2
    WATCH_STOP=$lock WATCH_LOG=$work/watched LD_PRELOAD=$work/watch.so "$@" >/dev/null 2>&1 &
    first=$!
    tries=0
    until is_stopped $first || [ $tries -ge 400 ]; do sleep 0.05; tries=$((tries + 1)); done
    command=$*
    is_stopped $first || wrong "was not stopped at $lock"
    run "$@"
    expect_code 8; expect_err "^limbeck: $message"
    kill -KILL $first
    { wait $first; } 2>/dev/null
    [ -e "$lock" ] || wrong 'the killed process should have left its lock file'
    run "$@"
    expect_code 0
    [ ! -e "$lock" ] || wrong "$lock should be gone"
}

second pack.lock 'pack: another process is writing it; wait for it or name another place' \
    "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out pack
second teacher/lock 'teacher: another process is working in this folder; wait for it or take another folder' \
    "$LIMBECK" train --config tiny.yaml --pack pack --out teacher
second cache.lock 'cache: another process is writing it' "$LIMBECK" probe --teacher teacher --pack pack --out cache
second folded.lock 'folded: another process is writing it' "$LIMBECK" probe --teacher teacher --pack pack --folds 2 --out folded
second student/lock 'student: another process is working in this folder' \
    "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --out student
second hf.lock 'hf: another process is writing it' "$LIMBECK" export student hf
second onnx.lock 'onnx: another process is writing it' "$LIMBECK" export student onnx --format onnx
second imported.lock 'imported: another process is writing it' "$LIMBECK" import hf imported
"$ENCODER_WEIGHTS" encoder.safetensors || exit 1
second rows.h5.lock 'rows.h5: another process is writing it' "$LIMBECK" features pictures rows.h5 --encoder efficientnet-lite0 \
    --weights encoder.safetensors --image-size 32 --grid 1
cat >study.yaml <<END
name: two
pack: pack
teacher:
  config: tiny.yaml
students:
  - name: one
    config: tiny.yaml
methods: [kd, msd-uniform]
seeds: [1, 2]
END
second study/lock 'study: another process is working in this folder' "$LIMBECK" study study.yaml --out study --threads 1
second study/lock 'study: another process is working in this folder' "$LIMBECK" report study

# A cache that is there and fits is no reason to wait.
: >cache.lock
flock cache.lock "$LIMBECK" probe --teacher teacher --pack pack --out cache >"$out" 2>"$err"; code=$?
expect_code 0
finish
