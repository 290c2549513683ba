#!/bin/sh
# resume.sh: Ctrl-C saves, --resume ends with the bytes of an uninterrupted run.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
pack_tiny_data

# Stops FOLDER's run by SIGINT once it has logged a few steps.
interrupt() { # FOLDER COMMAND...
    folder=$1; shift
    command=$*
    "$@" >"$out" 2>"$err" &
    process=$!
    tries=0
    until [ "$(cat "$folder/metrics.jsonl" 2>/dev/null | wc -l)" -ge 3 ] || [ $tries -ge 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -INT $process
    wait $process; code=$?
}

check() { # COMMAND...: the same run twice
    run "$@" --out whole
    expect_code 0
    interrupt parts "$@" --out parts
    expect_code 130; expect_err '--resume'
    [ -d parts/checkpoint ] || wrong 'parts/checkpoint is missing'
    run "$@" --out parts --resume
    expect_code 0
    for file in best/model.safetensors metrics.jsonl; do
        cmp -s "whole/$file" "parts/$file" || wrong "$file differs from that of an uninterrupted run"
    done
    rm -rf whole parts
}

check "$LIMBECK" train --config tiny.yaml --pack pack --set train.epochs=200 --set train.logging_steps=1 --threads 1
run "$LIMBECK" train --config tiny.yaml --pack pack --out teacher
run "$LIMBECK" probe --teacher teacher --pack pack --out cache
check "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --method msd --set train.epochs=150 --threads 1 \
    --set train.logging_steps=1
finish
