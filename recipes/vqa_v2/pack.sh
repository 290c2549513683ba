#!/bin/sh
# pack.sh DATA INIT OUT: bottom-up-attention features of train and val beside the questions and annotations.
set -eu
exec "$LIMBECK" pack "$1" --source vqa-v2 --visual tsv \
    --features "$1/trainval_resnet101_faster_rcnn_genome_36.tsv" --vocab "$2/vocab.txt" --max-text-tokens 32 --skip-bad --out "$3"
