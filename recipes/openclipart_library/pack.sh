#!/bin/sh
# pack.sh DATA INIT OUT: drawings as 9 rows of EfficientNet-Lite2, as `make demo` packs them; three cannot be rendered.
set -eu
exec "$LIMBECK" pack "$1" --source openclipart --visual efficientnet-lite2 --weights "$1"/encoder/*.pth --image-size 224 \
    --vocab "$2/vocab.txt" --max-text-tokens 48 --skip-bad --out "$3"
