#!/bin/sh
# pack.sh DATA INIT OUT: DATA is the shared set, with its region features.
set -eu
exec "$LIMBECK" pack "$1" --source mmimdb --visual hdf5 --features "$1/features.h5" --vocab "$2/vocab.txt" \
    --max-text-tokens 48 --out "$3"
