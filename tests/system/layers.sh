#!/bin/sh
# layers.sh SOURCE-ROOT LIBRARY: includes go down the list of rooms or stay; what the library exports is public.
set -u
cd "$1" || exit 1
failed=0
complain() { echo "$*"; failed=1; }

level() {
    case $1 in
    base) echo 0 ;; format) echo 1 ;; kernel) echo 2 ;; tape | vision) echo 3 ;; data) echo 4 ;; model) echo 5 ;;
    distill | eval) echo 6 ;; train) echo 7 ;; bench | study) echo 8 ;; cli) echo 9 ;;
    *) echo 99 ;;
    esac
}

for folder in src/*/; do
    room=$(basename "$folder")
    [ "$(level "$room")" != 99 ] || complain "src/$room is not in the list of rooms"
done

# "FILE ROOM" for each #include "ROOM/…" that goes up.
upward=$(grep -rnoE '^ *# *include "[a-z]+/' src --include='*.[ch]' | sed 's/^src\///; s/:.*"/ /; s/\/$//' | sort -u |
    while read -r file other; do
        [ "$(level "$other")" -le "$(level "${file%%/*}")" ] || echo "src/$file includes $other/, which is above it"
    done)
[ -z "$upward" ] || complain "$upward"

# The command line knows the public header only; oneDNN and SLEEF are called from kernel/ alone.
grep -nE '^ *# *include "' src/cli/*.[ch] | grep -v '"cli.h"' && complain "src/cli includes more than the public header"
grep -nE '^ *# *include <limbeck/' src/cli/*.[ch] | grep -v '<limbeck/limbeck.h>' &&
    complain "src/cli includes a private header"
grep -rnE '^ *# *include <(dnnl|sleef)' src | grep -v '^src/kernel/' && complain "oneDNN or SLEEF outside src/kernel"

# Public functions that can fail leave the program's thread as it was (base/guest.h); one that only looks has nothing to.
unguarded=$(grep -rhoE '^lbk_status lbk_[a-z0-9_]+\(' src --include='*.c' -A 4 | grep -oE 'lbk_[a-z0-9_]+\(' |
    grep -vE '^(lbk_status|lbk__|lbk_context_create|lbk_pack_sample)' | tr -d '(' | sort -u | while read -r name; do
        grep -rhE "^lbk_status $name\(" src --include='*.c' -A 3 | grep -q 'LBK__GUEST(' || echo "$name lacks LBK__GUEST"
    done)
[ -z "$unguarded" ] || complain "$unguarded"

# But for what gcov adds where coverage is measured.
nm -D --defined-only "$2" | awk '{ print $3 }' | grep -vE '^(lbk_[a-z]|__gcov_|mangle_path$)' && complain "exported, but not public"
nm -D --defined-only "$2" | grep -q ' lbk_context_create$' || complain "lbk_context_create is not exported"
exit $failed
