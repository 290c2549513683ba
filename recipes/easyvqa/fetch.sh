#!/bin/sh
# fetch.sh FOLDER: easy-VQA (PyPI package easy-vqa, MIT, 3 MB) into FOLDER: train/ and test/; nothing is installed.
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/easyvqa/fetch.sh FOLDER" >&2; exit 2; }
mkdir -p "$1/wheel"
python3 -m pip download --quiet --no-deps --dest "$1/wheel" easy-vqa
unzip -q -o "$1"/wheel/easy_vqa-*.whl 'easy_vqa/data/*' -d "$1/wheel"
rm -rf "$1/train" "$1/test"
mv "$1/wheel/easy_vqa/data/train" "$1/wheel/easy_vqa/data/test" "$1"
rm -rf "$1/wheel"
