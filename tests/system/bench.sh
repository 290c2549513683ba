#!/bin/sh
# bench.sh: every kind of work prints one JSON line with the fields that its peers print.
set -u
. "$(dirname "$0")/lib.sh"
small='--size mini --batch 4 --lengths 4,8 --regions 3 --visual-dim 16 --classes 5 --steps 2 --warmup 1 --threads 1'
for kind in kd msd meta probe infer; do
    # shellcheck disable=SC2086 # a list of options
    run "$LIMBECK" bench $kind $small
    expect_code 0
    expect_out "^\{\"work\": \"$kind\", \"variant\": \".*\", \"size\": \"mini\", \"batch\": 4, \"samples_per_s\": [0-9.]+, \"ms_per_step\": [0-9.]+, \"peak_mib\": [0-9]+\}$"
    [ "$(wc -l <"$out")" -eq 1 ] || wrong 'one line is wanted'
done
# shellcheck disable=SC2086 # a list of options
run "$LIMBECK" bench meta $small --profile
expect_code 0
expect_out '^peak gflops +[0-9.]*[1-9]'; expect_out '^memory gb s +[0-9.]*[1-9]'; expect_out '^reached gflops +[0-9.]*[1-9]'
expect_out '^linear 128 to 384 +1 +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$'
expect_out '^optimizer +[0-9.]+$'
expect_out '^look-ahead +[0-9.]+$'; expect_out '^tangent +[0-9.]+$'
sed '1,/look_ahead_ops/d' "$out" | grep -qE '^linear 128 to 384 +1 +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' || wrong 'the ops of the look-ahead are missing'
# 66 steps: rows of the word table that wait are due once within them, and at the end.
# shellcheck disable=SC2086 # a list of options
run "$LIMBECK" bench msd $small --steps 66 --profile
expect_code 0; expect_out '^waiting rows +[0-9.]+$'
# shellcheck disable=SC2086 # a list of options
run "$LIMBECK" bench probe $small --profile --json
expect_code 0; expect_out '"profile": \{"peak_gflops": [0-9.]+, "reached_gflops": [0-9.]+,'
for precision in bf16 int8; do
    # shellcheck disable=SC2086 # a list of options
    run "$LIMBECK" bench infer $small --precision $precision --profile
    expect_code 0; expect_out '^peak gflops +[0-9.]*[1-9]'
done
# shellcheck disable=SC2086 # a list of options
run "$LIMBECK" bench infer $small --layers 3 --hidden 64
expect_code 0; expect_out '"size": "3x64"'
# shellcheck disable=SC2086 # a list of options
run "$LIMBECK" bench infer $small --layers 3
expect_code 0; expect_out '"size": "3x128"'
run "$LIMBECK" bench infer --hidden 100
expect_code 2; expect_err 'hidden a multiple of 32'
run "$LIMBECK" bench
expect_code 2; expect_err 'WORK .* is missing'
run "$LIMBECK" bench sleep
expect_code 2; expect_err ': WORK [a-z]+: one of kd, msd, meta, probe, infer is wanted'
run "$LIMBECK" bench kd --size huge
expect_code 2; expect_err 'one of mini, small'
run "$LIMBECK" bench kd --lengths 9,5
expect_code 2; expect_err 'a whole number from 9 to 512'
finish
