#!/bin/sh
# fetch.sh FOLDER: the software catalogue of this Debian release into FOLDER (12 MB): components.yml.gz and icons/. It is what
# `apt-get update` fetches for software centres; here into lists of its own, as a plain user, with nothing installed.
set -eu
[ $# -eq 1 ] || { echo "usage: recipes/appstream/fetch.sh FOLDER" >&2; exit 2; }
mkdir -p "$1/apt/lists/partial" "$1/apt/cache"
folder=$(cd "$1" && pwd)

# Read after the system's own configuration, which may have these files switched off, or a hook after each update.
cat >"$folder/apt/apt.conf" <<END
Dir::State::Lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Catalogue {
    MetaKey "\$(COMPONENT)/dep11/Components-\$(NATIVE_ARCHITECTURE).yml";
    ShortDescription "Components-\$(NATIVE_ARCHITECTURE)";
    Description "\$(RELEASE)/\$(COMPONENT) software catalogue";
    KeepCompressed "true";
    KeepCompressedAs "gz";
};
Acquire::IndexTargets::deb::Icons {
    MetaKey "\$(COMPONENT)/dep11/icons-64x64.tar";
    ShortDescription "icons-64x64";
    Description "\$(RELEASE)/\$(COMPONENT) icons of 64x64 pixels";
    KeepCompressed "true";
    KeepCompressedAs "gz";
};
END
apt-get -q -c "$folder/apt/apt.conf" update

# The largest catalogue, where several releases are configured, and the icons beside it.
# shellcheck disable=SC2012 # names are apt's own
components=$(ls -S "$folder"/apt/lists/*_main_dep11_Components-*.yml.gz 2>/dev/null | head -n 1)
icons=${components%_Components-*}_icons-64x64.tar.gz
[ -n "$components" ] && [ -f "$icons" ] || {
    echo "fetch.sh: the package archives of this system have no software catalogue (DEP-11)" >&2
    exit 1
}
rm -rf "$folder/icons.part"
mkdir "$folder/icons.part"
tar -xzf "$icons" -C "$folder/icons.part"
cp "$components" "$folder/components.yml.gz"
rm -rf "$folder/icons" "$folder/apt"
mv "$folder/icons.part" "$folder/icons"
