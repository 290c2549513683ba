# lib.sh: what the system tests start from: run a program, then say what was expected of it. $LIMBECK is the program.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/stdout err=$work/stderr code=0 failures=0 command=

run() { run_in /dev/null "$@"; }
run_in() { # FILE PROGRAM ARGUMENT...: FILE is its standard input
    input=$1; shift
    command=$*
    "$@" <"$input" >"$out" 2>"$err"; code=$?
}
wrong() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n  %s\n  standard output: %s\n  standard error: %s\n' \
        "$command" "$1" "$(head -c 2000 "$out")" "$(tail -c 2000 "$err")"
}
expect_code() { [ "$code" -eq "$1" ] || wrong "exit code $1 wanted, got $code"; }
expect_out() { grep -qE -- "$1" "$out" || wrong "standard output lacks: $1"; }
expect_err() { grep -qE -- "$1" "$err" || wrong "standard error lacks: $1"; }
expect_same() { # LINE...: standard output is these lines
    if [ $# -eq 0 ]; then : >"$work/wanted"; else printf '%s\n' "$@" >"$work/wanted"; fi
    cmp -s "$work/wanted" "$out" || wrong "standard output should be: $*"
}
finish() { [ "$failures" -eq 0 ] || exit 1; }
