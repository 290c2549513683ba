#!/bin/sh
# pack.sh DATA INIT OUT: pictures of 64 x 64 pixels as 16 patches.
set -eu
exec "$LIMBECK" pack "$1" --source easy-vqa --image-size 64 --patch-size 16 --vocab "$2/vocab.txt" \
    --max-text-tokens 24 --out "$3"
