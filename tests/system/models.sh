#!/bin/sh
# models.sh: models from elsewhere into a model folder, and out again.
set -u
. "$(dirname "$0")/lib.sh"
golden=$(dirname "$0")/../golden/import

run "$LIMBECK" import "$golden/tinybert" "$work/not/yet/there/tiny"
expect_code 0
[ -f "$work/not/yet/there/tiny/config.json" ] || wrong 'no model where folders were missing'
run "$LIMBECK" import "$golden/tinybert" "$work/tiny"
expect_code 0
expect_out '^taken +visual_bert.embeddings.LayerNorm.weight <- bert.embeddings.LayerNorm.gamma$'
expect_out '^left +fit_denses.0.weight$'
expect_out '^initialised +cls.weight$'
expect_out '^architecture +BertForPreTraining$'
run "$LIMBECK" import "$golden/visual_phrases" "$work/phrases"
expect_out '^left +attention.query.weight$'; expect_out '^head +its head scores the regions'
run "$LIMBECK" info "$work/tiny"
expect_code 0; expect_out 'BertForPreTraining'
run "$LIMBECK" import "$golden/bert" "$work/bert"
run "$LIMBECK" predict --model "$work/bert" --text 'Ab A'
expect_code 0; expect_out '^owl '
run "$LIMBECK" import "$golden/bert" "$work/bert"
expect_code 2; expect_err 'is a model already'
run "$LIMBECK" import "$golden/bert"
expect_code 2; expect_err 'OUT is missing'
run "$LIMBECK" import "$golden" "$work/none"
expect_code 5; expect_err 'no model folder'
# Whose label kind nobody has told takes that of the pack; whose is told, not.
grep -q '"label_kind"\|"problem_type"' "$work/bert/config.json" && wrong 'the label kind is not known, and yet it is told'
cp -r "$golden/bert" "$work/source"
sed -i 's/"problem_type": null/"problem_type": "multi_label_classification"/' "$work/source/config.json"
run "$LIMBECK" import "$work/source" "$work/several"
expect_code 0; grep -q '"problem_type": "multi_label_classification"' "$work/several/config.json" || wrong 'the problem type is lost'
run "$LIMBECK" predict "$work/several" --text 'Ab A' --json
expect_code 0; expect_out '"labels": \['
run "$LIMBECK" import google-bert/bert-base-uncased "$work/none"
expect_code 5; expect_err 'no such folder: .* none is downloaded'
run "$LIMBECK" predict --model "$golden/visual_pretraining" --text a
expect_code 3; expect_err 'has no classifier, "cls.weight"; `limbeck import`'
run "$LIMBECK" predict --model "$golden/bert" --text a
expect_code 3; expect_err 'it is a text encoder, to start from by model.init_from'
run "$LIMBECK" export "$work/bert" "$work/hf" --dtype float16
expect_code 0; expect_out '^dtype +float16$'
[ -s "$work/hf/tokenizer.json" ] || wrong 'no tokenizer.json'
run "$LIMBECK" predict --model "$work/hf" --text 'Ab A'
expect_code 0; expect_out '^owl '
run "$LIMBECK" export "$work/bert" "$work/bert.onnx" --format onnx
expect_code 0; expect_out '^format +onnx$'
run "$LIMBECK" info "$work/bert.onnx"
expect_code 0; expect_out '^kind +ONNX file$'
run "$LIMBECK" export "$work/bert" "$work/named.onnx"
expect_code 0; cmp -s "$work/bert.onnx" "$work/named.onnx" || wrong 'a file named .onnx is another than with --format onnx'
run "$LIMBECK" export "$work/bert" "$work/out.safetensors"
expect_code 2; expect_err 'out.safetensors: OUT is a folder'
run "$LIMBECK" export "$work/bert" "$work/folder.onnx" --format hf
expect_code 0; [ -s "$work/folder.onnx/config.json" ] || wrong '--format hf should be what decides'
run "$LIMBECK" export "$work/bert" "$work/hf"
expect_code 2; expect_err 'is a model already'
cp "$work/bert/vocab.txt" "$work/tiny/vocab.txt"
run "$LIMBECK" predict --model "$work/tiny" --text 'Ab A'
expect_code 3; expect_err 'classifier is random, .* \(model.init_from\)'
(mkdir "$work/here" && cd "$work/here" && "$LIMBECK" export "$work/bert" .) >"$out" 2>"$err" || wrong 'no export into "."'
run "$LIMBECK" export "$work/bert" "$work/x" --format pb
expect_code 2; expect_err 'hf, onnx'
finish
