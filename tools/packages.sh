#!/bin/sh
# packages.sh NAME...: installs those Debian packages that are missing; with sudo unless run as root.
set -eu
missing=
for name in "$@"; do
    # A line for each architecture that it is there for.
    dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "packages.sh: as root, run: apt-get install$missing" >&2; exit 1; }
    root=sudo
fi
echo "installing:$missing"
$root apt-get update -q
# shellcheck disable=SC2086 # a list of names
$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
