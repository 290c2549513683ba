#!/bin/sh
# models.sh: models from elsewhere into a model folder.
set -u
. "$(dirname "$0")/lib.sh"
golden=$(dirname "$0")/../golden/import

run "$LIMBECK" import "$golden/tinybert" "$work/tiny"
expect_code 0
expect_out '^taken +visual_bert.embeddings.LayerNorm.weight <- bert.embeddings.LayerNorm.gamma$'
expect_out '^left +fit_denses.0.weight$'
expect_out '^initialised +cls.weight$'
expect_out '^architecture +BertForPreTraining$'
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
finish
