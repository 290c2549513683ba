#!/bin/sh
# setup.sh FOLDER OPTION...: meson's build folder, made, or told options that are new to it.
set -eu
folder=$1
given=$folder/options-given
if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$@"
elif [ $# -gt 1 ] && [ "$(cat "$given" 2>/dev/null)" != "$*" ]; then
    meson configure "$@"
fi
[ $# -eq 1 ] || printf '%s\n' "$*" >"$given"
