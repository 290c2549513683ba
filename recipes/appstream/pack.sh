#!/bin/sh
# pack.sh DATA INIT OUT: icons of 64 x 64 pixels as 16 patches; name, summary and the start of the description.
set -eu
exec "$LIMBECK" pack "$1" --source appstream --labels multi --image-size 64 --patch-size 16 --vocab "$2/vocab.txt" \
    --max-text-tokens 32 --out "$3"
