#!/bin/bash
# run.sh PROGRAM SECONDS FOLDER [TARGET…]: fuzzes every target for so many seconds, as many at a time as there are processors
# (JOBS). In FOLDER: seeds/, corpus/ (grows, is used again), found/ (inputs that must not do what they do), log/. Exit 1: some
# were found.
set -u
program=$(realpath "$1") seconds=$2 folder=$3
shift 3
mkdir -p "$folder"/{corpus,found,log}
for target in "$@"; do
    "$program" --list | grep -qx -- "$target" || { echo "run.sh: there is no target $target: $program --list" >&2; exit 2; }
done
rm -rf "$folder/seeds.part"
"$program" --seeds="$folder/seeds.part" || exit 1
rm -rf "$folder/seeds" && mv "$folder/seeds.part" "$folder/seeds" || exit 1

# One target until its time is over, going on after what it finds. -timeout counts the clock of the wall, on a machine that may be
# busy; the second of processor time that an input may take is counted by the program.
fuzz() {
    local target=$1 end=$((SECONDS + seconds)) left leaks=1 before
    # What libvips and GLib keep looks like a leak after every input, and looking for it takes a third of the time; the replay
    # of all inputs looks once, at its end.
    case $target in image | drawing) leaks=0 ;; esac
    mkdir -p "$folder/corpus/$target"
    while left=$((end - SECONDS)) && [ $left -gt 0 ] && [ "$(ls "$folder/found" | grep -c "^$target-")" -lt 20 ]; do
        before=$(stat -c %s "$folder/log/$target" 2>/dev/null || echo 0)
        { TIMEFORMAT="processor seconds: %U %S"
          time "$program" --target="$target" -max_total_time=$left -timeout=${TIMEOUT:-30} -report_slow_units=100000 -rss_limit_mb=1500 -malloc_limit_mb=256 \
              -max_len=20000 -detect_leaks=$leaks \
              -artifact_prefix="$folder/found/$target-" -print_final_stats=1 "$folder/corpus/$target" "$folder/seeds/$target"
        } >> "$folder/log/$target" 2>&1 < /dev/null
        tail -c +$((before + 1)) "$folder/log/$target" | grep -q number_of_executed_units ||
            { echo "run.sh: $target did not run: see $folder/log/$target" >&2; return 255; } # ends xargs, which says so
    done
}
export -f fuzz
export program seconds folder
printf '%s\n' "${@:-$("$program" --list)}" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'fuzz {}' || exit 1
for target in $(ls "$folder/log"); do
    awk -v target="$target" '/^processor seconds/ {time += $3 + $4} /number_of_executed_units/ {runs += $2}
        / cov: / {cover = $4; inputs = $8} END {printf "%-14s %8.1f min of processor time  %10d inputs  coverage %s  corpus %s\n", target, time / 60, runs, cover, inputs}' \
        "$folder/log/$target"
done
ls "$folder/found" | sed 's/^/found: /'
[ -z "$(ls "$folder/found")" ]
