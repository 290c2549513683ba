#!/bin/sh
# compare.sh: a recipe on a pack: teacher, probe, students alone / by KD / by MSD over seeds, one table on test.
#
#   recipes/compare.sh RECIPE PACK INIT OUT [SEEDS [METHODS]]
#
# RECIPE is a folder with teacher.yaml and student.yaml, INIT a BERT-like model folder that the teacher starts from, SEEDS a
# list (default "1 2 3"), METHODS a list of alone, kd and msd-WEIGHTS. A second run goes on where the first one stopped.
set -eu
limbeck=${LIMBECK:-build/src/cli/limbeck}
[ $# -ge 4 ] || { echo "usage: recipes/compare.sh RECIPE PACK INIT OUT [SEEDS [METHODS]]" >&2; exit 2; }
recipe=$1 pack=$2 init=$3 out=$4 seeds=${5:-1 2 3}
methods=${6:-alone kd msd-uniform msd-population msd-instance}
mkdir -p "$out/reports"

step() { # NAME COMMAND...: standard output becomes OUT/reports/NAME.json; skipped when that is there
    name=$1; shift
    [ ! -f "$out/reports/$name.json" ] || return 0
    echo "== $name" >&2
    "$@" >"$out/reports/$name.part"
    mv "$out/reports/$name.part" "$out/reports/$name.json"
}

resume() { [ ! -d "$out/$1/checkpoint" ] || echo --resume; }

# shellcheck disable=SC2046 # nothing, or one word
step teacher "$limbeck" train --config "$recipe/teacher.yaml" --pack "$pack" --set "model.init_from=$init" \
    --out "$out/teacher" --json $(resume teacher)
step probe "$limbeck" probe --teacher "$out/teacher" --pack "$pack" --out "$out/cache" --json
step teacher-eval "$limbeck" eval --model "$out/teacher" --pack "$pack" --timing --json

student() { # METHOD SEED
    run=$1-seed$2 seed=$2
    case $1 in
        msd-*) set -- --method msd --weights "${1#msd-}" ;;
        *) set -- --method "$1" ;;
    esac
    # shellcheck disable=SC2046
    step "$run" "$limbeck" distill --config "$recipe/student.yaml" --pack "$pack" --cache "$out/cache" \
        --set "seed=$seed" "$@" --out "$out/$run" --json $(resume "$run")
    step "$run-eval" "$limbeck" eval --model "$out/$run" --pack "$pack" --cache "$out/cache" --timing --json
}

for seed in $seeds; do
    for method in $methods; do student "$method" "$seed"; done
done

set -- teacher="$out/reports/teacher-eval.json"
for method in $methods; do
    for seed in $seeds; do set -- "$@" "$method=$out/reports/$method-seed$seed-eval.json"; done
done
"$limbeck" compare --json "$@" >"$out/table.json"
"$limbeck" compare "$@"
