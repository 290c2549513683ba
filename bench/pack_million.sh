#!/bin/sh
# pack_million.sh: packs synthetic JSON lines and shows the largest resident memory, which must stay below 1 GiB whatever
# the number of samples: a million by default, on a thousand pictures that they share.
#
#   bench/pack_million.sh [SAMPLES]        LIMBECK=build/src/cli/limbeck
set -eu
cd "$(dirname "$0")/.."
limbeck=${LIMBECK:-build/src/cli/limbeck}
samples=${1:-1000000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for i in $(seq 0 999); do cp tests/golden/images/smooth.png "$folder/$i.png"; done
awk -v n="$samples" 'BEGIN {
    split("a the red small dog cat tree house runs sleeps on under with old new car sky river bright slow", word)
    srand(1)
    for (i = 0; i < n; i++) {
        text = "sample"
        for (k = int(rand() * 24); k >= 0; k--) text = text " " word[1 + int(rand() * 20)]
        printf "{\"id\":\"synthetic-%d\",\"text\":\"%s\",\"image\":\"%d.png\",\"label\":\"class %d\",\"split\":\"%s\"}\n",
            i, text, int(rand() * 1000), int(rand() * 100), rand() < 0.9 ? "train" : "test"
    }
}' >"$folder/data.jsonl"

begun=$(date +%s)
"$limbeck" pack "$folder/data.jsonl" --vocab tests/golden/tokenizer/vocab.txt --out "$folder/pack" --image-size 64 \
    --json >"$folder/summary.json" &
peak=0
while kill -0 $! 2>/dev/null; do # the kernel's own high-water mark; a finished process has none
    now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$!/status" 2>/dev/null || true)
    [ "${now:-0}" -le "$peak" ] || peak=$now
    sleep 0.1
done
wait $!
echo "$samples samples, $(($(wc -c <"$folder/data.jsonl") >> 20)) MiB of JSON lines, pack of $(($(wc -c <"$folder/pack") >> 20)) MiB"
echo "$(($(date +%s) - begun)) s, at most $((peak >> 10)) MiB resident"
[ "$peak" -lt 1048576 ]
