#!/bin/sh
# pack.sh DATA INIT OUT: DATA is the shared set snli_ve_mini, which has the file and the region features.
set -eu
exec "$LIMBECK" pack "$1/flickr8k_match.jsonl" --visual hdf5 --features "$1/features.h5" --vocab "$2/vocab.txt" \
    --max-text-tokens 40 --out "$3"
