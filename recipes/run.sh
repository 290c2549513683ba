#!/bin/sh
# run.sh: a recipe from its data to its report: pack, then `limbeck study`.
#
#   recipes/run.sh RECIPE OUT [DATA [OPTION...]]      INIT=a-bert-like-folder  LIMBECK=build/src/cli/limbeck
#
# RECIPE is a folder here: study.yaml, and pack.sh, which says what its pack is made of. DATA is where the data set lies;
# without it, or empty, RECIPE/fetch.sh gets it, where there is one. README.md says where data and INIT are from; without INIT
# the teacher starts from all-MiniLM-L6-v2 of PyPI. OPTIONs are those of `limbeck study`; with --teacher nothing is started
# from INIT but its vocabulary; without --images the report's pictures are those of DATA, a folder. A second run goes on where the first
# one stopped.
set -eu
[ $# -ge 2 ] || { echo "usage: recipes/run.sh RECIPE OUT [DATA [OPTION...]]" >&2; exit 2; }
recipe=${1%/} out=$2 data=${3:-}
if [ $# -gt 3 ]; then shift 3; else shift $#; fi
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
. "$here/made_from.sh"
keep_made_from "$out/made-from" "$out/pack" \
    "$(about recipe "$recipe/pack.sh"; [ "$data" = "$out/data" ] || about DATA "$data"; about vocabulary "$init/vocab.txt")" \
    "run.sh: $out/pack was made from another recipe, DATA or INIT, or these have changed: take another OUT"
[ -f "$out/pack" ] || "$recipe/pack.sh" "$data" "$init" "$out/pack"
case " $* " in
*" --images"*) ;;
*) [ ! -d "$data" ] || set -- --images "$data" "$@" ;; # a file has its pictures within
esac
case " $* " in
*" --teacher"*) exec "$LIMBECK" study "$recipe/study.yaml" --pack "$out/pack" --out "$out/study" "$@" ;;
esac
exec "$LIMBECK" study "$recipe/study.yaml" --pack "$out/pack" --init "$init" --out "$out/study" "$@"
