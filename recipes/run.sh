#!/bin/sh
# run.sh: a recipe from its data to its table: pack, teacher, probe, students.
#
#   recipes/run.sh RECIPE OUT [DATA [SEEDS [METHODS]]]      INIT=a-bert-like-folder  LIMBECK=build/src/cli/limbeck
#
# RECIPE is a folder here: teacher.yaml, student.yaml, and pack.sh, which says what its pack is made of. DATA is where the
# data set lies; without it, or empty, RECIPE/fetch.sh gets it, where there is one. README.md says where data and INIT are
# from; without INIT the teacher starts from all-MiniLM-L6-v2 of PyPI. A second run goes on where the first one stopped.
set -eu
[ $# -ge 2 ] || { echo "usage: recipes/run.sh RECIPE OUT [DATA [SEEDS [METHODS]]]" >&2; exit 2; }
recipe=${1%/} out=$2 data=${3:-} seeds=${4:-1 2 3} methods=${5:-}
here=$(dirname "$0")
[ -f "$recipe/pack.sh" ] || { echo "run.sh: $recipe is no recipe: it has no pack.sh" >&2; exit 2; }
export LIMBECK="${LIMBECK:-build/src/cli/limbeck}"
mkdir -p "$out"

if [ -z "$data" ]; then
    data=$out/data
    [ -f "$recipe/fetch.sh" ] || { echo "run.sh: DATA is needed: recipes/README.md says where it is from" >&2; exit 2; }
    if [ ! -d "$data" ]; then
        rm -rf "$data.part"
        "$recipe/fetch.sh" "$data.part"
        mv "$data.part" "$data"
    fi
fi
init=${INIT:-$out/init}
[ -n "${INIT:-}" ] || [ -d "$init" ] || "$here/fetch_minilm.sh" "$init"
[ -f "$out/pack" ] || "$recipe/pack.sh" "$data" "$init" "$out/pack"
if [ -n "$methods" ]; then
    exec "$here/compare.sh" "$recipe" "$out/pack" "$init" "$out" "$seeds" "$methods"
fi
exec "$here/compare.sh" "$recipe" "$out/pack" "$init" "$out" "$seeds"
