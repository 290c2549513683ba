#!/bin/sh
# distil.sh: pack → train → probe → distill → eval → compare → predict → info on a tiny set of data.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
golden=$(cd "$(dirname "$0")/../golden" && pwd)
make_tiny_data
cd "$work" || exit 1

pack_tiny_data
run "$LIMBECK" train --config tiny.yaml --pack pack --out teacher
expect_code 0
for file in config.yaml metrics.jsonl log.txt best/config.json best/model.safetensors best/vocab.txt; do
    [ -s "teacher/$file" ] || wrong "teacher/$file is missing"
done
run "$LIMBECK" probe --teacher teacher --pack pack --out cache
expect_code 0; expect_out '^accuracy +joint +text +image +samples$'; expect_out '^saliency +kl text +kl image'
for method in alone kd msd; do
    run "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --method $method --out $method
    expect_code 0
done
run "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --method msd --weights fixed \
    --set 'distill.fixed_weights=[0.5, 0.25, 0.25]' --set 'distill.unlabelled_splits=[extra]' --alpha 0.9 --temperature 3 \
    --out fixed
expect_code 0
grep -q 'alpha: 0.9' fixed/config.yaml || wrong '--alpha did not arrive in config.yaml'
run "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --weights learned --set distill.meta_fraction=0.25 \
    --out learned
expect_code 0; expect_err 'weights are learned on a meta split of 14 samples'
for file in meta_split.json weight_network.safetensors; do
    [ -s "learned/$file" ] || wrong "learned/$file is missing"
done
run "$LIMBECK" info learned/weight_network.safetensors
expect_code 0; expect_out '^kind +weight_network'
run "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --weights learned --meta-split extra --out bad
expect_code 2; expect_err 'the meta split "extra" is empty'
unused() { run "$LIMBECK" distill --config tiny.yaml --pack pack --cache cache --out bad "$@"; expect_code 2; }
unused --method kd --weights uniform; expect_err '\-\-weights goes with --method msd'
unused --weights instance --meta-split dev; expect_err '\-\-meta-split goes with'
run "$LIMBECK" distill --pack pack --cache cache --meta-split dev --out bad # the default is instance
expect_code 2; expect_err '\-\-meta-split goes with'
unused --method alone --temperature 2; expect_err '\-\-alpha and --temperature go with'
run "$LIMBECK" distill --config tiny.yaml --pack pack --method alone --out without-cache
expect_code 0
run "$LIMBECK" distill --config tiny.yaml --pack pack --teacher-logits "$golden/teacher_logits/texts.npz" --out elsewhere
expect_code 4; expect_err 'has no logits of sample "s1"'
run "$LIMBECK" distill --pack pack --cache cache --teacher-logits "$golden/teacher_logits/texts.npz" --out elsewhere
expect_code 2; expect_err 'not both'

run "$LIMBECK" eval --model msd --teacher teacher --pack pack --cache cache --timing
expect_code 0
expect_out '^test +model joint +model text +model image +teacher joint +teacher text +teacher image$'
expect_out '^accuracy +[01]\.[0-9]+'; expect_out '^kl +[0-9]'
run "$LIMBECK" eval --model msd --pack pack --cache cache --json
expect_code 0
cp "$out" msd.json
run "$LIMBECK" compare msd=msd.json
expect_code 0; expect_out '^msd +[01]\.[0-9]'

run "$LIMBECK" predict --model teacher --text a --projection none.h5
expect_code 2; expect_err '\-\-projection FILE goes with --weights FILE'
run "$LIMBECK" predict --model teacher --text 'a picture of the sun' --image pictures/2.tif
expect_code 0; expect_out '^label +joint +text +image$'
[ "$(sed -n 2p "$out" | cut -d' ' -f1)" = warm ] || wrong 'a warm picture with the word sun should be warm'
run "$LIMBECK" predict --model msd --text 'a picture' --json
expect_code 0; expect_out '"joint": \{"label": "(cool|warm)", "probabilities": \{"(cool|warm)": [01]\.'; expect_out '"sentence"'
printf '{"id": 1, "text": "a picture of the sun", "image": "pictures/2.tif"}\n{"text": 1}\n' >records.jsonl
(cd / && run "$LIMBECK" predict "$work/teacher" --lines "$work/records.jsonl"; exit "$code")
code=$?
expect_code 3; expect_out '^\{"id": 1, "joint": \{"label": "warm"'; expect_out '^\{"error": ".*records.jsonl, line 2'
expect_err '^limbeck: 1 record could not be answered; its line'
run_in records.jsonl "$LIMBECK" predict teacher --lines -
expect_code 3; expect_out '^\{"error": "standard input, line 2'
for path in cache teacher teacher/best; do
    run "$LIMBECK" info $path
    expect_code 0
done

# What does not belong together, or is not there.
sed 's/sun/sea/' data.jsonl >other.jsonl
run "$LIMBECK" pack other.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out other
expect_code 0
run "$LIMBECK" distill --config tiny.yaml --pack other --cache cache --out mismatch
expect_code 4; expect_err '^limbeck: '
# Words of another vocabulary have other ids.
sed 's/^sun$/moon/' vocab.txt >moon.txt
run "$LIMBECK" pack data.jsonl --vocab moon.txt --image-size 32 --patch-size 16 --out moon
expect_code 0
run "$LIMBECK" probe --teacher teacher --pack moon --out bad
expect_code 4; expect_err 'token 7 is "moon" in the pack and "sun" for the model'
run "$LIMBECK" train --config tiny.yaml --pack moon --set model.init_from=teacher --out bad
expect_code 4; expect_err 'model.init_from: token 7 is "moon" in the pack'
run "$LIMBECK" pack data.jsonl --vocab vocab.txt --cased --image-size 32 --patch-size 16 --out cased
expect_code 0
run "$LIMBECK" eval --model teacher --pack cased
expect_code 4; expect_err 'lower-cased, .* pack without --cased'
run "$LIMBECK" distill --config tiny.yaml --pack pack --method kd --out without-cache-kd
expect_code 2; expect_err 'limbeck probe makes \(--cache\), .* \(--teacher-logits\)'
run "$LIMBECK" train tiny.yaml --pack pack --out bad
expect_code 2; expect_err 'tiny.yaml: a configuration is given by --config'
run "$LIMBECK" train --config tiny.yaml --out without-pack
expect_code 2; expect_err 'names no pack: give one \(--pack\)'
run "$LIMBECK" train --config tiny.yaml --pack pack --set train.epoch=3 --out bad
expect_code 2; expect_err 'did you mean train.epochs'
run "$LIMBECK" train --config tiny.yaml --pack pack --set train.dev_split=validation --out bad-split
expect_code 2; expect_err 'train.dev_split: pack: has no sample in a split "validation"; its splits:'
run "$LIMBECK" train --config tiny.yaml --pack pack --set train.epochs=9 --set seed=8 --out teacher --resume
expect_code 4; expect_err 'teacher/config.yaml says otherwise: seed is 8, there 7; train.epochs is 9, there 4$'
run "$LIMBECK" train --config teacher/config.yaml --out teacher
expect_code 2; expect_err 'teacher/config.yaml: is where the run in teacher keeps its own'
run "$LIMBECK" distill --config tiny.yaml --pack pack --teacher-logits data.jsonl --out bad
expect_code 3; expect_err 'data.jsonl: is neither safetensors nor .npz nor HDF5'
run "$LIMBECK" probe --teacher teacher --pack pack --out pictures --force
expect_code 5; expect_err 'pictures: is a folder; name a file'
run "$LIMBECK" train --config none.yaml --out bad
expect_code 5; expect_err '^limbeck: none.yaml'
run "$LIMBECK" train --config tiny.yaml --pack none --out bad
expect_code 5; expect_err '^limbeck: .*none'
run "$LIMBECK" eval --model msd --pack pack --split nowhere
expect_code 2; expect_err 'has no sample in a split "nowhere"'
run "$LIMBECK" predict --model teacher
expect_code 2; expect_err 'text TEXT, --image FILE or --lines FILE is missing'
finish
