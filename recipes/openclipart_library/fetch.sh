#!/bin/sh
# fetch.sh FOLDER: the Open Clip Art library into FOLDER, and in FOLDER/encoder the image encoder's weights (48 MB).
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/openclipart_library/fetch.sh FOLDER" >&2; exit 2; }
here=$(dirname "$0")/..
"$here/fetch_openclipart.sh" "$1"
"$here/fetch_efficientnet.sh" "$1/encoder"
