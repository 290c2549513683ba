#!/bin/sh
# pack.sh DATA INIT OUT: features/ID.npy beside the five files.
set -eu
exec "$LIMBECK" pack "$1" --source hateful-memes --visual npy --features "$1/features" --vocab "$2/vocab.txt" \
    --max-text-tokens 128 --skip-bad --out "$3"
