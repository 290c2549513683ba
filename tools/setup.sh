#!/bin/sh
# setup.sh FOLDER OPTION...: meson's build folder, made, or told options that are new to it.
set -eu
folder=$1
given=$folder/options-given
if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$@"
elif [ "$(cat "$given" 2>/dev/null)" != "$*" ]; then
    meson configure "$@"
fi
printf '%s\n' "$*" >"$given"
