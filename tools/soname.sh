#!/bin/sh
# soname.sh MODULE COMPILER…: the name by which the dynamic linker knows the first library of a pkg-config module.
set -eu
module=$1
shift
library=$(pkg-config --libs-only-l "$module" | cut -d ' ' -f 1)
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
echo 'int main(void) { return 0; }' > "$folder/main.c"
# shellcheck disable=SC2046 # a list of options
"$@" -o "$folder/main" "$folder/main.c" -Wl,--no-as-needed $(pkg-config --libs-only-L "$module") "$library"
readelf -d "$folder/main" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | head -1
