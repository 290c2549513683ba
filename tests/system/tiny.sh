# tiny.sh: a data set and a configuration that train in a second. Sourced after lib.sh; everything lands in $work.
#
# Two classes, warm and cool. The picture's colour tells them apart; so does one word in two of three texts.

# A TIFF of 32 × 32 RGB pixels, uncompressed: header, bits per sample, ten entries (tag, type, count, value), pixels.
tiff_entry() { printf "\\$(printf %o $(($1 % 256)))\\$(printf %o $(($1 / 256)))\\$2\\0\\$3\\0\\0\\0\\$4\\0\\0"; }
tiff_head() {
    printf 'II*\0\016\0\0\0\010\0\010\0\010\0\012\0'
    tiff_entry 256 3 1 '40\0'; tiff_entry 257 3 1 '40\0'; tiff_entry 258 3 3 '10\0'; tiff_entry 259 3 1 '1\0'
    tiff_entry 262 3 1 '2\0'; tiff_entry 273 4 1 '214\0'; tiff_entry 277 3 1 '3\0'; tiff_entry 278 3 1 '40\0'
    tiff_entry 279 4 1 '0\14'; tiff_entry 284 3 1 '1\0'
    printf '\0\0\0\0'
}

make_tiny_data() {
    mkdir -p "$work/pictures"
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' a picture of sun sea thing the near far >"$work/vocab.txt"
    awk -v pixels="$work/pixels" 'BEGIN {
        for (i = 0; i < 96; i++) {
            warm = int(i / 2) % 2
            split_name = i < 56 ? "train" : i < 72 ? "dev" : i < 88 ? "test" : "extra"
            word = i % 3 == 2 ? "thing" : warm ? "sun" : "sea"
            label = split_name == "extra" ? "" : sprintf("\"label\": \"%s\", ", warm ? "warm" : "cool")
            printf "{\"id\": \"s%d\", \"text\": \"a picture of the %s\", \"image\": \"pictures/%d.tif\", %s\"split\": \"%s\"}\n",
                i, word, i, label, split_name
            for (p = 0; p < 1024; p++) {
                tone = (p * 7 + i * 31) % 97
                printf "\\%03o\\%03o\\%03o", warm ? 200 - tone : tone, 60 + tone, warm ? tone : 200 - tone >pixels
            }
            print "" >pixels
        }
    }' >"$work/data.jsonl"
    i=0
    tiff_head >"$work/head"
    while read -r line; do
        { cat "$work/head"; printf "$line"; } >"$work/pictures/$i.tif"
        i=$((i + 1))
    done <"$work/pixels"
    cat >"$work/tiny.yaml" <<END
seed: 7
model:
  hidden_size: 16
  num_hidden_layers: 2
  num_attention_heads: 2
  intermediate_size: 32
  max_position_embeddings: 16
train:
  epochs: 4
  batch_size: 8
  learning_rate: 0.01
END
}

pack_tiny_data() {
    run "$LIMBECK" pack "$work/data.jsonl" --vocab "$work/vocab.txt" --image-size 32 --patch-size 16 --out "$work/pack"
    expect_code 0
}
