#!/bin/sh
# tokenize.sh: ids of lines from standard input.
set -u
. "$(dirname "$0")/lib.sh"

printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' hello world '##s' , >"$work/vocab.txt"
printf 'Hello, worlds\n\nh\303\251llo xyz' >"$work/in"
run_in "$work/in" "$LIMBECK" tokenize --vocab "$work/vocab.txt"
expect_code 0; expect_same '[2,4,7,5,6,3]' '[2,3]' '[2,4,1,3]'
run_in "$work/in" "$LIMBECK" tokenize --vocab "$work/vocab.txt" --cased
expect_code 0; expect_same '[2,1,7,5,6,3]' '[2,3]' '[2,1,1,3]'
run_in /dev/null "$LIMBECK" tokenize --vocab "$work/vocab.txt"
expect_code 0; expect_same
run_in /dev/null "$LIMBECK" tokenize
expect_code 2; expect_err 'vocab FILE is missing'
run_in /dev/null "$LIMBECK" tokenize --vocab "$work/none.txt"
expect_code 5; expect_err '^limbeck: .*none.txt'
printf 'hello\nbad \377\n' >"$work/in"
run_in "$work/in" "$LIMBECK" tokenize --vocab "$work/vocab.txt"
expect_code 3; expect_same '[2,4,3]'; expect_err '^limbeck: line 2: '
finish
