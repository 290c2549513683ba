#!/bin/sh
# fetch_openclipart.sh FOLDER: drawings of the Open Clip Art library (public domain, Debian package openclipart-svg, 25 MB),
# unpacked as a plain user, with nothing installed; by package lists of its own where those of the system are empty.
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/fetch_openclipart.sh FOLDER" >&2; exit 2; }
rm -rf "$1.part"
mkdir -p "$1.part/lists/partial" "$1.part/cache"
folder=$(cd "$1.part" && pwd)
cd "$folder"
own_apt() { apt-get -q -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" "$@"; }
apt-get -q download openclipart-svg 2>/dev/null || { own_apt update && own_apt download openclipart-svg; }
dpkg -x openclipart-svg_*.deb library
cd "$OLDPWD"
mv "$folder/library" "$1"
rm -rf "$folder"
