#!/bin/sh
# cli.sh: what every command has in common: help, version, unknown names and options, exit codes.
set -u
. "$(dirname "$0")/lib.sh"

run "$LIMBECK" --version
expect_code 0; expect_out '^limbeck [0-9]+\.[0-9]+\.[0-9]+$'
run "$LIMBECK" --help
expect_code 0; expect_out '^Usage: limbeck COMMAND'
cp "$out" "$work/help"
run "$LIMBECK" -h
cmp -s "$out" "$work/help" || wrong '-h is not --help'
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$out")
[ -n "$commands" ] || wrong "the list of commands is empty"
for command_name in $commands; do
    run "$LIMBECK" "$command_name" --help
    cp "$out" "$work/long"
    run "$LIMBECK" help "$command_name"
    cmp -s "$out" "$work/long" || wrong "help $command_name is not $command_name --help"
    run "$LIMBECK" "$command_name" -h
    cmp -s "$out" "$work/long" || wrong "$command_name -h is not $command_name --help"
    expect_code 0; expect_out "^Usage: limbeck $command_name"
    run "$LIMBECK" "$command_name" --no-such-option
    expect_code 2; expect_err "unrecognized option '--no-such-option'"
done
run "$LIMBECK"
expect_code 2; expect_err '^limbeck: which command'
run "$LIMBECK" tokenise
expect_code 2; expect_err 'there is no command "tokenise"; did you mean "tokenize"\?'
run "$LIMBECK" qqqqqqqqqq
expect_code 2; expect_err '`limbeck --help` lists them'
# A full disk is an error.
command='limbeck --help >/dev/full'
"$LIMBECK" --help >/dev/full 2>"$err"; code=$?
expect_code 5; expect_err 'cannot write to standard output'
finish
