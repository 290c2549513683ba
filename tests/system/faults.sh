#!/bin/sh
# faults.sh: a full disk, a folder that cannot be written, files that vanish, too little memory: what is said, the exit code, and
# that the run goes on from its last checkpoint when the trouble is over.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
pack_tiny_data
no_temporary() { [ -z "$(find "$1" -name '*.tmp-*')" ] || wrong "a temporary file is left in $1"; }
train() { run "$LIMBECK" train --config tiny.yaml --pack pack --threads 1 "$@"; }

cat >study.yaml <<END
name: faults
pack: pack
teacher:
  config: tiny.yaml
students:
  - name: half
    config: tiny.yaml
    set: [train.epochs=2]
methods: [kd, msd-uniform]
seeds: [1, 2]
END
study() { run "$LIMBECK" study study.yaml --threads 2 "$@"; }
same_table() { # FOLDER: a study that was stopped by a fault ends with the table of one that was not
    expect_code 0
    cmp -s whole-study/results.csv "$1/results.csv" || wrong 'another table than that of an undisturbed study'
}
study --out whole-study
expect_code 0

long='--set train.epochs=8 --set train.eval_steps=1' # with a checkpoint after each step
train --out whole $long
expect_code 0
run "$LIMBECK" probe --teacher whole --pack pack --out cache --threads 1
expect_code 0

# ---- a disk that fills up, where one may be mounted ----

mkdir disk
if mount -t tmpfs -o size=800k limbeck-test disk 2>/dev/null; then
    trap 'umount "$work/disk"; rm -rf "$work"' EXIT

    # Fills what is left of the disk but for so many KiB.
    fill() { dd if=/dev/zero of=disk/filler bs=1k count=$(($(df -k --output=avail disk | tail -1) - $1)) 2>/dev/null; }

    for left in 0 8 32 64; do
        rm -rf disk/*
        fill $left
        run "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out disk/pack
        expect_code 5; expect_err 'No space left on device'
        [ "$(ls disk)" = filler ] || wrong 'something is left on the disk'
        run "$LIMBECK" probe --teacher whole --pack pack --out disk/cache --threads 1
        if [ $left -le 8 ]; then expect_code 5; expect_err 'No space left on device'; fi
        run "$LIMBECK" export whole disk/model.onnx --format onnx
        if [ $left -le 32 ]; then expect_code 5; expect_err 'No space left on device'; fi
        no_temporary disk
    done

    # A run whose disk is full at its second checkpoint, then has room again.
    rm -rf disk/*
    command='train on a disk that fills up'
    "$LIMBECK" train --config tiny.yaml --pack pack --threads 1 --out disk/run $long >"$out" 2>"$err" &
    process=$!
    tries=0
    until [ -f disk/run/checkpoint/state.safetensors ] || [ $tries -ge 1000 ]; do sleep 0.01; tries=$((tries + 1)); done
    kill -STOP $process
    fill 0
    kill -CONT $process
    wait $process; code=$?
    expect_code 5; expect_err 'No space left on device'
    no_temporary disk
    rm disk/filler
    train --out disk/run $long --resume
    expect_code 0
    for file in best/model.safetensors metrics.jsonl; do
        cmp -s "whole/$file" "disk/run/$file" || wrong "$file differs from that of an uninterrupted run"
    done

    # ---- a study on such a disk: in the teacher, in students, in its report, in the plots, which gnuplot draws ----

    mount -o remount,size=3m disk
    for left in 300 600 800 900; do # KiB; at its end it has 1,060
        rm -rf disk/study disk/filler
        fill $left
        study --out disk/study
        expect_code 5; expect_err 'No space left on device'
        no_temporary disk
        rm disk/filler
        study --out disk/study
        same_table disk/study
    done
    command -v gnuplot >/dev/null && plots=100 # too little for the plots, enough for the tables
    for left in 0 ${plots:-}; do
        rm -rf disk/study/report.html disk/study/results.* disk/study/plots
        fill $left
        run "$LIMBECK" report disk/study
        expect_code 5; expect_err 'No space left on device|gnuplot did not draw it whole'
        rm disk/filler
        run "$LIMBECK" report disk/study
        same_table disk/study
    done

    # ---- a folder that cannot be written ----

    rm disk/study/report.html
    mount -o remount,ro disk
    study --out disk/study
    expect_code 5; expect_err 'disk/study.*Read-only file system'
    train --out disk/run $long --resume
    expect_code 5; expect_err 'disk/run.*Read-only file system'
    run "$LIMBECK" pack data.jsonl --vocab vocab.txt --out disk/pack
    expect_code 5; expect_err 'disk/pack.*Read-only file system'
    run "$LIMBECK" probe --teacher disk/run --pack pack --out cache2 --threads 1
    expect_code 0 # reading is all that it does there
else
    echo 'skipped: no disk may be mounted here; files of limited size instead'
fi

# ---- files that may not grow: SIGXFSZ is ignored, as a service would ----

limited() { # KIB COMMAND...
    limit=$1; shift
    run sh -c 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"' sh "$limit" "$@"
}
limited 4 "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out small.pack
expect_code 5; expect_err 'File too large'
[ ! -e small.pack ] || wrong 'small.pack is there'
limited 20 "$LIMBECK" train --config tiny.yaml --pack pack --threads 1 --out small
expect_code 5; expect_err 'File too large'
no_temporary small

# ---- files that are not there, or are cut ----

mv pack gone
train --out none
expect_code 5; expect_err 'pack: cannot open: No such file or directory'
head -c 5000 gone >pack
train --out none
expect_code 3; expect_err 'pack: '
mv gone pack
rm pictures/7.tif
run "$LIMBECK" pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out other.pack
expect_code 3; expect_err 'line 8: .*pictures/7.tif: no such image'
head -c 1000 whole/checkpoint/state.safetensors >cut && mv cut whole/checkpoint/state.safetensors
train --out whole $long --resume
expect_code 3; expect_err 'state.safetensors'

# A study whose files vanished, or were cut: named, and gone on with when they are back; what it can make anew is made.
study --out study
cell=$(ls -d study/cells/kd-seed1-*)
mv pack gone
study --out study
expect_code 5; expect_err 'pack: cannot open: No such file or directory'
mv gone pack
rm -r study/test study/cache-* "$cell"
study --out study
same_table study
rm -r study/test
mv "$cell/best/model.safetensors" kept
study --out study
expect_code 5; expect_err "$cell/best: has neither model.safetensors"
head -c 1000 kept >"$cell/best/model.safetensors"
study --out study
expect_code 3; expect_err "$cell/best/model.safetensors: "
mv kept "$cell/best/model.safetensors"
study --out study
same_table study

# ---- memory: an address space that the plan does not fit, and a limit that the user set ----

large='--set model.hidden_size=512 --set model.num_attention_heads=8 --set model.intermediate_size=2048 --set model.num_hidden_layers=6'
run sh -c 'ulimit -v 350000; exec "$@"' sh "$LIMBECK" train --config tiny.yaml --pack pack --threads 1 --out none $large
expect_code 6; expect_err 'out of memory'
[ ! -e none/checkpoint/state.safetensors ] || wrong 'a checkpoint of nothing'
rm -rf none
train --out none $large --set train.memory_limit=100
expect_code 6; expect_err 'train.memory_limit|memory limit'
sed 's/train.epochs=2/train.epochs=2, model.hidden_size=512, train.memory_limit=10/' study.yaml >large.yaml
run "$LIMBECK" study large.yaml --out whole-study --threads 2
expect_code 6; expect_err '(kd|msd-uniform)-seed.*memory'
study --out whole-study
expect_code 0
finish
