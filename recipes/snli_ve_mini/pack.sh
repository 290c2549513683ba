#!/bin/sh
# pack.sh DATA INIT OUT: DATA is the shared set snli_ve_mini, with its region features.
set -eu
exec "$LIMBECK" pack "$1" --source snli-ve --visual hdf5 --features "$1/features.h5" --vocab "$2/vocab.txt" \
    --max-text-tokens 40 --out "$3"
