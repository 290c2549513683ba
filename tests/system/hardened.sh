#!/bin/sh
# hardened.sh PROGRAM LIBRARY [fortified]: what compiler and linker were asked for is in the files. Exit code 77: skipped.
set -u
command -v readelf >/dev/null || { echo 'readelf is missing'; exit 77; }
failed=0
has() { # FILE PATTERN WHAT READELF-OPTION...
    file=$1 pattern=$2 what=$3; shift 3
    readelf -W "$@" "$file" | grep -qE "$pattern" || { echo "$file: $what"; failed=1; }
}
has_not() { # FILE PATTERN WHAT READELF-OPTION...
    file=$1 pattern=$2 what=$3; shift 3
    ! readelf -W "$@" "$file" | grep -qE "$pattern" || { echo "$file: $what"; failed=1; }
}
for file in "$1" "$2"; do
    has "$file" 'Type: +DYN' 'cannot be loaded anywhere' -h
    has "$file" 'GNU_RELRO' 'relocated data stay writable' -l
    has "$file" '(BIND_NOW|FLAGS_1.* NOW)' 'functions are bound late, so their table stays writable' -d
    has "$file" 'GNU_STACK .* RW ' 'has no mark of its stack, or one that allows code' -l
    has_not "$file" ' RWE ' 'has a segment that is both written and run' -l
    has_not "$file" 'TEXTREL' 'writes into its code when it is loaded' -d
    has "$file" '__stack_chk_fail' 'has no stack protector' --dyn-syms
    [ "${3:-}" != fortified ] || has "$file" ' __[a-z]+_chk@' 'no call of libc is checked for its sizes' --dyn-syms
done
has "$1" 'FLAGS_1.* PIE' 'is no position-independent program' -d
# Debian's own start files are not marked for indirect branch tracking, so the program is not; its functions are ready.
case $(uname -m) in
x86_64)
    objdump -d --disassemble=lbk_context_create "$2" | grep -q endbr64 || { echo "$2: has no landing marks"; failed=1; }
    ;;
esac
exit $failed
