#!/bin/sh
# pack.sh DATA INIT OUT: features/ID.npy beside the three files; of the pictures only the names are needed.
set -eu
exec "$LIMBECK" pack "$1" --source snli-ve --visual npy --features "$1/features" --vocab "$2/vocab.txt" \
    --max-text-tokens 64 --skip-bad --out "$3"
