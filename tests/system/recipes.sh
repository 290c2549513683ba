#!/bin/sh
# Every recipe is accepted as it is, and its scripts are sound; run.sh goes from a pack to a report.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
recipes=$(dirname "$0")/../../recipes

for file in "$recipes"/*/*.yaml; do
    case $file in
    */study.yaml) set -- study "$file" ;;
    */teacher.yaml) set -- train --config "$file" ;;
    *) set -- distill --method kd --cache none --config "$file" ;;
    esac
    run "$LIMBECK" "$@" --pack no-such-pack --out "$work/out"
    expect_code 5
    expect_err 'no-such-pack' # all that is wrong is that there is no pack
done
for script in "$recipes"/*.sh "$recipes"/*/*.sh; do
    run sh -n "$script"
    expect_code 0
done

# run.sh says what it lacks.
run "$recipes/run.sh" "$recipes/nowhere" "$work/out"
expect_code 2; expect_err 'is no recipe'
run "$recipes/run.sh" "$recipes/snli_ve" "$work/out"
expect_code 2; expect_err 'DATA is needed'

# pack.sh of a benchmark, on a row in its layout.
mkdir -p "$work/snli/features" "$work/init"
cp "$(dirname "$0")/../golden/tokenizer/vocab.txt" "$work/init"
cp "$(dirname "$0")/../golden/regions/npy/2.npy" "$work/snli/features/7.npy"
echo '{"Flickr30K_ID": "7", "sentence2": "A dog.", "gold_label": "neutral", "pairID": "7.jpg#0r1n"}' >"$work/snli/snli_ve_train.jsonl"
run "$recipes/snli_ve/pack.sh" "$work/snli" "$work/init" "$work/pack"
expect_code 0; expect_out '^visual rows +5$'

# From a pack that is there to the report; the second time nothing is left to do.
make_tiny_data
pack_tiny_data
run "$LIMBECK" train --config "$work/tiny.yaml" --pack "$work/pack" --out "$work/teacher"
expect_code 0
mkdir -p "$work/recipe" "$work/all"
mv "$work/pack" "$work/all/pack"
touch "$work/recipe/pack.sh"
cat >"$work/recipe/study.yaml" <<END
name: tiny
teacher: {}
students:
  - name: small
    set: [train.epochs=1, train.batch_size=8, model.hidden_size=8, model.num_hidden_layers=1,
          model.num_attention_heads=2, model.intermediate_size=16]
methods: [kd]
seeds: [1]
END
export INIT="$work/none"
picture="src='data:image/jpeg;base64,/9j/" report=$work/all/study/report.html
run "$recipes/run.sh" "$work/recipe" "$work/all" "$work" --teacher "$work/teacher"
expect_code 0; expect_out '^small, kd'
! grep -q '<p class=down>' "$report" || wrong "nothing of test was known before"
grep -q "$picture" "$report" || wrong "the report lacks the pictures of DATA"
mkdir "$work/empty"
run "$recipes/run.sh" "$work/recipe" "$work/all" "$work" --teacher "$work/teacher" --images "$work/empty"
expect_code 0; expect_out '^small, kd'
! grep -q "$picture" "$report" || wrong "--images does not go before DATA"
finish
