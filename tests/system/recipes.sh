#!/bin/sh
# Every recipe is accepted as it is, those of docs/results.md among them, and its scripts are sound; pack.sh of the benchmarks; run.sh from a pack to a report.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
recipes=$(dirname "$0")/../../recipes

for file in "$recipes"/*/*.yaml "$recipes"/../docs/results/*.yaml "$recipes"/../docs/results/earlier/*.yaml; do
    case $file in
    */study.yaml) set -- study "$file" ;;
    */docs/results/*)
        set -- study "$file"
        grep -q '^teacher:' "$file" || set -- "$@" --teacher no-such-teacher
        ;;
    */teacher.yaml) set -- train --config "$file" ;;
    *) set -- distill --method kd --cache none --config "$file" ;;
    esac
    run "$LIMBECK" "$@" --pack no-such-pack --out "$work/out"
    expect_code 5
    expect_err 'no-such-pack' # all that is wrong is that there is no pack
done
for script in "$recipes"/*.sh "$recipes"/*/*.sh; do
    run sh -n "$script"
    expect_code 0
done

# run.sh says what it lacks.
run "$recipes/run.sh" "$recipes/nowhere" "$work/out"
expect_code 2; expect_err 'is no recipe'
run "$recipes/run.sh" "$recipes/snli_ve" "$work/out"
expect_code 2; expect_err 'DATA is needed'

# pack.sh of each benchmark, on a small set in its layout; a record without its picture or features is skipped.
golden=$(dirname "$0")/../golden
mkdir -p "$work/init"
cp "$golden/tokenizer/vocab.txt" "$work/init"
expect_pack() { # RECIPE ROWS SPLITS: the set is $work/RECIPE; SPLITS as `info --json` has them, without blanks
    run "$recipes/$1/pack.sh" "$work/$1" "$work/init" "$work/pack"
    expect_code 0; expect_out "^visual rows +$2\$"; expect_out '^skipped records +1$'
    run "$LIMBECK" info --json "$work/pack"
    expect_code 0
    splits=$(sed -n '/^  "splits": {$/,/^  },$/p' "$out" | tr -d ' \n')
    [ "$splits" = "\"splits\":{$3}," ] || wrong "splits should be $3, are $splits"
}
split() { # NAME SAMPLES LABELLED LABELS
    printf '"%s":{"samples":%d,"labelled":%d,"labels":{%s}}' "$@"
}

mkdir -p "$work/snli_ve/features"
cp "$golden/regions/npy/2.npy" "$work/snli_ve/features/7.npy"
snli() { # ID LABEL
    printf '{"Flickr30K_ID": "%s", "sentence2": "A dog.", "gold_label": "%s", "pairID": "%s.jpg#0r1%s"}\n' "$1" "$2" "$1" "$2"
}
{ snli 7 neutral; snli 8 neutral; } >"$work/snli_ve/snli_ve_train.jsonl"
snli 7 entailment >"$work/snli_ve/snli_ve_dev.jsonl"
{ snli 7 contradiction; snli 7 -; } >"$work/snli_ve/snli_ve_test.jsonl"
expect_pack snli_ve 5 "$(split train 1 1 '"contradiction":0,"entailment":0,"neutral":1'),$(
    split dev 1 1 '"contradiction":0,"entailment":1,"neutral":0'),$(split test 1 1 '"contradiction":1,"entailment":0,"neutral":0')"

mkdir -p "$work/mmimdb/dataset"
echo '{"train": ["01", "02"], "dev": ["03"], "test": ["04"]}' >"$work/mmimdb/split.json"
film() { # ID GENRES
    printf '{"title": "A", "plot": ["A dog."], "genres": [%s]}' "$2" >"$work/mmimdb/dataset/$1.json"
    cp "$golden/images/turned.jpg" "$work/mmimdb/dataset/$1.jpeg"
}
film 01 '"Drama", "War"'; film 02 '"Drama"'; film 03 '"War", "News"'; film 04 '"Drama"'
rm "$work/mmimdb/dataset/02.jpeg"
expect_pack mmimdb 147 "$(split train 1 1 '"Drama":1,"War":1'),$(split dev 1 1 '"Drama":0,"War":1'),$(split test 1 1 '"Drama":1,"War":0')"

mkdir -p "$work/hateful_memes/features"
meme() { # ID LABEL
    printf '{"id": %d, "img": "img/%05d.png", "text": "a dog"%s}\n' "$1" "$1" "${2:+, \"label\": $2}"
}
{ meme 1 0; meme 2 1; meme 3 1; } >"$work/hateful_memes/train.jsonl"
meme 4 1 >"$work/hateful_memes/dev_seen.jsonl"; meme 4 1 >"$work/hateful_memes/dev_unseen.jsonl"
meme 5 >"$work/hateful_memes/test_seen.jsonl"; meme 6 >"$work/hateful_memes/test_unseen.jsonl"
for i in 1 2 4 5 6; do cp "$golden/regions/npy/2.npy" "$work/hateful_memes/features/0000$i.npy"; done
expect_pack hateful_memes 25 "$(split train 2 2 '"hateful":1,"not-hateful":1'),$(split dev 1 1 '"hateful":1,"not-hateful":0'),$(
    split test 1 0 '"hateful":0,"not-hateful":0'),$(split dev_unseen 1 1 '"hateful":1,"not-hateful":0'),$(
    split test_unseen 1 0 '"hateful":0,"not-hateful":0')"

mkdir "$work/vqa_v2"
cp "$golden/regions/table.tsv" "$work/vqa_v2/trainval_resnet101_faster_rcnn_genome_36.tsv" # of images 1 to 4
vqa() { # SUBSET [QUESTION IMAGE ANSWER]...: all ten annotators give the answer
    subset=$1 questions='' annotations=''; shift
    while [ $# -gt 0 ]; do
        questions="$questions${questions:+,}{\"question_id\": $1, \"image_id\": $2, \"question\": \"Is it?\"}"
        answers=$(printf ',{"answer": "%s"}' "$3" "$3" "$3" "$3" "$3" "$3" "$3" "$3" "$3" "$3")
        annotations="$annotations${annotations:+,}{\"question_id\": $1, \"multiple_choice_answer\": \"$3\", \"answers\": [${answers#,}]}"
        shift 3
    done
    echo "{\"questions\": [$questions]}" >"$work/vqa_v2/v2_OpenEnded_mscoco_${subset}_questions.json"
    echo "{\"annotations\": [$annotations]}" >"$work/vqa_v2/v2_mscoco_${subset}_annotations.json"
}
# shellcheck disable=SC2046 # words
vqa train2014 $(for i in 1 2 3 4 5 6 7 8 9; do echo "$i 1 yes $((i + 10)) 2 no"; done) 20 3 maybe 21 99 yes
vqa val2014 30 4 yes 31 4 maybe
expect_pack vqa_v2 11 "$(split train 19 19 '"no":9,"yes":9'),$(split dev 2 2 '"no":0,"yes":1')"

# From a pack that is there to the report; the second time nothing is left to do.
make_tiny_data
pack_tiny_data
run "$LIMBECK" train --config "$work/tiny.yaml" --pack "$work/pack" --out "$work/teacher"
expect_code 0
mkdir -p "$work/recipe" "$work/all"
mv "$work/pack" "$work/all/pack"
touch "$work/recipe/pack.sh"
cat >"$work/recipe/study.yaml" <<END
name: tiny
teacher: {}
students:
  - name: small
    set: [train.epochs=1, train.batch_size=8, model.hidden_size=8, model.num_hidden_layers=1,
          model.num_attention_heads=2, model.intermediate_size=16]
methods: [kd]
seeds: [1]
END
export INIT="$work/none"
picture="src='data:image/jpeg;base64,/9j/" report=$work/all/study/report.html
run "$recipes/run.sh" "$work/recipe" "$work/all" "$work" --teacher "$work/teacher"
expect_code 0; expect_out '^small, kd'
! grep -q '<p class=down>' "$report" || wrong "nothing of test was known before"
grep -q "$picture" "$report" || wrong "the report lacks the pictures of DATA"
mkdir "$work/empty"
run "$recipes/run.sh" "$work/recipe" "$work/all" "$work" --teacher "$work/teacher" --images "$work/empty"
expect_code 0; expect_out '^small, kd'
! grep -q "$picture" "$report" || wrong "--images does not go before DATA"
finish
