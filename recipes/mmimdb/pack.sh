#!/bin/sh
# pack.sh DATA INIT OUT: DATA is the folder edition; posters as 49 patches of 32 x 32 pixels.
set -eu
exec "$LIMBECK" pack "$1" --source mmimdb --image-size 224 --patch-size 32 --vocab "$2/vocab.txt" \
    --max-text-tokens 256 --skip-bad --out "$3"
