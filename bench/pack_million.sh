#!/bin/sh
# pack_million.sh: packs synthetic rows, a million by default, on a thousand pictures that they share. All must be there, and
# the program's own memory must stay below MIB (128): not counted are the pages of mapped files, most of them the new pack's, which
# the kernel takes back as it needs them.
#
#   bench/pack_million.sh [ROWS [jsonl | snli-ve [MIB]]]        LIMBECK=build/src/cli/limbeck
set -eu
cd "$(dirname "$0")/.."
limbeck=${LIMBECK:-build/src/cli/limbeck}
rows=${1:-1000000} source=${2:-jsonl} most=${3:-128}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
lines=$folder/snli_ve_train.jsonl
case $source in
jsonl) data=$lines samples=$rows ;;
*) data=$folder samples=$((rows - rows / 11)) ;;
esac

mkdir "$folder/flickr30k_images"
for i in $(seq 0 999); do cp tests/golden/images/smooth.png "$folder/flickr30k_images/$i.png"; done
awk -v n="$rows" 'BEGIN { # the keys of both layouts in each row; every eleventh one has no gold label
    split("a the red small dog cat tree house runs sleeps on under with old new car sky river bright slow", word)
    split("entailment neutral contradiction", gold)
    srand(1)
    for (i = 0; i < n; i++) {
        text = "sample"
        for (k = int(rand() * 24); k >= 0; k--) text = text " " word[1 + int(rand() * 20)]
        image = int(rand() * 1000)
        printf "{\"id\":\"%d\",\"text\":\"%s\",\"image\":\"flickr30k_images/%d.png\",\"label\":\"class %d\",", i, text, image, i % 100
        printf "\"pairID\":\"%d\",\"sentence2\":\"%s\",\"Flickr30K_ID\":\"%d\",\"gold_label\":\"%s\"}\n", i, text, image,
            i % 11 == 10 ? "-" : gold[1 + i % 3]
    }
}' >"$lines"

begun=$(date +%s)
"$limbeck" pack "$data" --source "$source" --vocab tests/golden/tokenizer/vocab.txt --out "$folder/pack" --image-size 64 \
    --json >"$folder/summary.json" &
peak=0
while kill -0 $! 2>/dev/null; do
    now=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$!/status" 2>/dev/null || true)
    [ "${now:-0}" -le "$peak" ] || peak=$now
    sleep 0.1
done
wait $!
echo "$rows rows, $(($(wc -c <"$lines") >> 20)) MiB of JSON lines, pack of $(($(wc -c <"$folder/pack") >> 20)) MiB"
echo "$(($(date +%s) - begun)) s, at most $((peak >> 10)) MiB of its own"
grep -q "\"samples\": $samples,\$" "$folder/summary.json" || { echo "the pack must have $samples samples"; exit 1; }
[ "$peak" -gt 0 ] && [ "$peak" -lt $((most << 10)) ] || { echo "must be below $most MiB"; exit 1; }
