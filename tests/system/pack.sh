#!/bin/sh
# pack.sh: JSON lines into a pack; what info says of it; bad records, damaged and foreign files.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
pack() { run "$LIMBECK" pack --vocab vocab.txt --image-size 32 --patch-size 16 "$@"; }

pack data.jsonl --out pack
expect_code 0; expect_out '^samples +96$'; expect_out '^samples +56 +16 +16 +8$'; expect_out '^warm +28 +8 +8'
pack data.jsonl --out again --threads 1
cmp -s pack again || wrong 'two packs of the same data differ'
pack data.jsonl --out pack --json
expect_code 0; expect_out '"sha256": "[0-9a-f]{64}"'
run "$LIMBECK" info pack
expect_code 0; expect_out '^samples +96$'; expect_out '^warm +28 +8 +8'; expect_out '^verified +yes$'

printf 'warm\ncool\n' >classes.txt
pack data.jsonl --classes classes.txt --out classes
expect_code 0
run "$LIMBECK" info classes
expect_out '^classes +warm, cool$'
printf '\357\273\277warm \r\nnone\r\ncool\t\r\n\r\n' >classes.txt # as an editor leaves it
pack data.jsonl --labels single --classes classes.txt --out classes
expect_code 0; expect_out '^warm +28 +8 +8'; expect_out '^none +0 +0 +0'
run "$LIMBECK" info classes
expect_out '^classes +warm, none, cool$'; expect_out '^none +0 +0 +0'
printf 'warm\n\ncool\n' >classes.txt
pack data.jsonl --classes classes.txt --out classes
expect_code 3; expect_err 'classes.txt, line 2: is empty'
echo warm >classes.txt
pack data.jsonl --classes classes.txt --out classes
expect_code 3; expect_err 'line 1: .*"cool"'
: >classes.txt
pack data.jsonl --classes classes.txt --out classes
expect_code 3; expect_err 'classes.txt: names no class'

# What is said about labels holds wherever it is said.
pack . --labels single --source mmimdb --out other
expect_code 2; expect_err 'label kind must be multi'

# A bad record.
{ cat data.jsonl; echo '{"id": "x", "text": "a", "image": "pictures/none.tif", "label": "warm", "split": "train"}'; } >bad.jsonl
pack bad.jsonl --out bad
expect_code 3; expect_err '^limbeck: .*line 97'
[ ! -e bad ] || wrong 'a failed pack left a file'
pack bad.jsonl --skip-bad --out bad
expect_code 0; expect_err 'line 97'; expect_out '^skipped records +1$'
head -n 1 data.jsonl >>data.jsonl
pack data.jsonl --out bad
expect_code 3; expect_err 'line 97: .*"s0"'

# Damaged, foreign, missing; no place to write.
head -c 5000 pack >cut
run "$LIMBECK" info cut
expect_code 3; expect_err '^limbeck: cut: '
run "$LIMBECK" info vocab.txt
expect_code 3; expect_err '^limbeck: vocab.txt: '
run "$LIMBECK" info none
expect_code 5; expect_err '^limbeck: none: '
pack pack --out bad
expect_code 3

# A picture outside of the folder; a user may let it.
mkdir inner
echo '{"id": "x", "text": "a", "image": "../pictures/0.tif", "label": "warm", "split": "train"}' >inner/data.jsonl
pack inner/data.jsonl --out bad
expect_code 3; expect_err '"../pictures/0.tif" leads out of inner/?,'; expect_err '--allow-outside'
pack inner/data.jsonl --out outside --allow-outside
expect_code 0

# Names that would command a terminal: ESC as such, CSI as U+009B, BEL.
printf '{"id": "a\\u001b[2J", "text": "x", "label": "warm\\u001b[31m"}\n{"id": "b", "text": "x", "label": "\\u009b31m\\u0007"}\n%s\n' \
    '{"id": "\u001b]0;c", "text": "x", "image": "/\u001b[2J", "label": "y"}' >hostile.jsonl
quiet() { LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177\233]')" "$out" "$err" && wrong 'a control character was printed'; }
pack hostile.jsonl --skip-bad --out hostile
expect_code 0; quiet; expect_err '\\x1b]0;c'; expect_out '\\x1b\[31m'
for form in '' --json; do
    run "$LIMBECK" info hostile $form
    expect_code 0; quiet
done
pack hostile.jsonl --out bad
expect_code 3; quiet
pack none.jsonl --out bad
expect_code 5; expect_err 'none.jsonl'
pack data.jsonl --out nowhere/pack
expect_code 5; expect_err 'nowhere/pack'
expect_err 'nowhere/pack: cannot create: no such folder'
pack data.jsonl --out pictures
expect_code 5; expect_err 'pictures: is a folder; name a file'
pack . --out bad
expect_code 5; expect_err 'is a folder, JSON lines are a file'
pack data.jsonl --labels multi --out bad
expect_code 3; expect_err '"label", but .* asks for "labels"; --labels single is for "label"'
pack data.jsonl --patch-size 15 --out bad
expect_code 2; expect_err '15'
head -n 96 data.jsonl | sed 's/"label"/"Label"/' >unlabelled.jsonl
pack unlabelled.jsonl --out unlabelled
expect_code 0; expect_err 'warning: no record has a label'
! grep -q 'has an image' "$work/stderr" || wrong 'there are images'
head -n 96 data.jsonl | sed 's/"image"/"img"/' >blind.jsonl
pack blind.jsonl --out blind
expect_code 0; expect_err 'warning: no record has an image'
# Options that would be read without being used.
pack data.jsonl --features features.h5 --out bad
expect_code 2; expect_err 'features goes with --visual hdf5, npy or tsv'
pack data.jsonl --weights encoder.pth --out bad
expect_code 2; expect_err 'go with --visual efficientnet-lite0'
run "$LIMBECK" pack data.jsonl --vocab vocab.txt --visual none --image-size 32 --out bad
expect_code 2; expect_err 'image-size goes with --visual patches'
run "$LIMBECK" pack data.jsonl --vocab vocab.txt --visual none --patch-size 16 --out bad
expect_code 2; expect_err 'patch-size goes with --visual patches'
run "$LIMBECK" pack data.jsonl --vocab vocab.txt --visual hdf5 --features pictures --out bad
expect_code 5; expect_err 'pictures: is a folder, not an HDF5 file'
finish
