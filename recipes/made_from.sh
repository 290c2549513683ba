# made_from.sh, sourced: what results were made from stands in a file beside them, so that those of one data set do not stand
# for another's.

# A line on NAME: a file by its content, a folder by its name, since results may lie there; nothing for an empty PATH.
about() { # NAME PATH
    if [ -f "$2" ]; then echo "$1 $(cksum <"$2")"; elif [ -n "$2" ]; then echo "$1 $(realpath -m --relative-to=. "$2")"; fi
}

# Writes LINES to FILE; says WHAT and ends where RESULT is there and was made from others.
keep_made_from() { # FILE RESULT LINES WHAT
    if [ -f "$2" ] && [ -f "$1" ] && [ "$(cat "$1")" != "$3" ]; then
        echo "$4" >&2
        exit 1
    fi
    printf '%s\n' "$3" >"$1"
}
