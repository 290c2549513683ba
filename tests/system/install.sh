#!/bin/sh
# install.sh BUILD-FOLDER SOURCE-ROOT: installs into a fresh prefix, builds the example there by pkg-config and runs it.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
build=$1 source=$2
make_tiny_data
pack_tiny_data
run "$LIMBECK" train --config "$work/tiny.yaml" --pack "$work/pack" --out "$work/teacher"
expect_code 0

run env DESTDIR="$work/root" meson install -C "$build" --no-rebuild
expect_code 0
prefix=$(find "$work/root" -name include -type d | head -n 1)
prefix=${prefix%/include}
pc=$(find "$prefix" -name limbeck.pc | head -n 1)
export PKG_CONFIG_PATH="${pc%/limbeck.pc}" PKG_CONFIG_SYSROOT_DIR="$work/root"

run env -u LD_LIBRARY_PATH "$prefix/bin/limbeck" --version
expect_code 0
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name 'liblimbeck.so.0' | head -n 1)")
export LD_LIBRARY_PATH
run pkg-config --modversion limbeck
expect_code 0; expect_out '^[0-9]+\.[0-9]+\.[0-9]+$'
# shellcheck disable=SC2046
run cc -o "$work/distil" "$source/examples/distil.c" $(pkg-config --cflags --libs limbeck)
expect_code 0
run "$work/distil" "$work/tiny.yaml" "$work/teacher" "$work/pack" "$work/student" 'a picture of the sun'
expect_code 0; expect_out '^[01]\.[0-9]{4} warm$'
finish
