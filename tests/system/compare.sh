#!/bin/sh
# compare.sh: reports of several runs in one table.
set -u
. "$(dirname "$0")/lib.sh"

report() { # FILE ACCURACY KL PARAMETERS SPLIT
    cat >"$work/$1" <<END
{"split": "$5", "metric": "accuracy", "pack_sha256": "ab",
 "models": {"model": {"path": "x", "parameters": $4, "file_bytes": 1048576}},
 "views": {"joint": {"model": {"accuracy": $2, "kl": $3}}, "text": {"model": {"accuracy": 0.25}}, "image": {}}}
END
}
report a 0.5 0.1 2000000 test
report b 0.6 0.2 2000000 test
report c 0.75 null 30000000 test
report d 0.75 0.1 1 dev
cd "$work" || exit 1

run "$LIMBECK" compare teacher=c kd=a kd=b
expect_code 0
# Means and the sample standard deviation: of 0.5 and 0.6 it is 0.0707.
expect_out '^accuracy +joint +text +KL joint +parameters +size$'
expect_out '^teacher +0\.750 +0\.250 +30\.00M +1\.0 MiB$'
expect_out '^kd +0\.550 ± 0\.071 +0\.250 ± 0\.000 +0\.150 ± 0\.071 +2\.00M +1\.0 MiB$'
expect_out 'own reading of the paper'
run "$LIMBECK" compare --json teacher=c kd=a kd=b
expect_code 0
expect_out '"sd": 0\.0707107'
run "$LIMBECK" compare kd=a kd=d
expect_code 3; expect_err '^limbeck: d: its split is not that of the first report'
run "$LIMBECK" compare a
expect_code 2; expect_err 'NAME=FILE is wanted'
for half in =a kd=; do
    run "$LIMBECK" compare $half
    expect_code 2; expect_err "$half: NAME=FILE is wanted"
done
run "$LIMBECK" compare kd=a kd=b kd=./a
expect_code 2; expect_err 'kd=./a: the same file twice'
run "$LIMBECK" compare kd=a again=a
expect_code 0
printf 'accuracy 0.5\n' >e
run "$LIMBECK" compare kd=e
expect_code 3; expect_err 'e: is no JSON of `limbeck eval --json`: line 1'
run "$LIMBECK" compare kd=none
expect_code 5; expect_err '^limbeck: none: cannot open: No such file'
echo '{}' >e
run "$LIMBECK" compare kd=e
expect_code 3; expect_err 'is no report of `limbeck eval --json`'
echo '{"views": {}, "split": "test"}' >e
run "$LIMBECK" compare kd=e
expect_code 3; expect_err 'it has no "metric"'
echo '{"views": {}, "metric": "accuracy", "split": 1}' >e
run "$LIMBECK" compare kd=e
expect_code 3; expect_err 'it has no "split"'
report long 1e100 0.1 1 test
run "$LIMBECK" compare kd=long kd=a
expect_code 0; expect_out '^kd +5000'
run "$LIMBECK" compare "$(printf '\377')=a" kd=b
expect_code 2; expect_err 'a NAME is not UTF-8'
finish
