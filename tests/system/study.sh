#!/bin/sh
# study.sh: a study from a recipe; killed at random ten times it ends with the same table; what is wrong with a recipe.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
sed -i 's/"text": "a picture of the thing"/"text": "a <script>thing<\/script> of the sea"/' data.jsonl
sed -i '1s/"label": "[a-z]*"/"label": "hot"/' data.jsonl # a class that test does not have
sed -i '73,74s/"split": "test"/"split": "dull"/' data.jsonl # of one class
sed -i 's/74.tif/2.tif/' data.jsonl # a test sample with a picture of train
pack_tiny_data

cat >student.yaml <<END
train:
  epochs: 3
  batch_size: 8
  learning_rate: 0.01
  logging_steps: 1
END
cat >study.yaml <<END
name: warm & <cool>
pack: pack
images: .
teacher:
  config: tiny.yaml
students:
  - name: half of it
    config: student.yaml
    from_teacher: [1]
  - name: out of fold
    config: student.yaml
    set: [model.hidden_size=8, model.num_hidden_layers=1, model.num_attention_heads=2, model.intermediate_size=16,
          model.max_position_embeddings=16]
    folds: 2
methods: [alone, kd, msd-uniform, msd-instance]
seeds: [1, 2]
tuning_seeds: [2]
grid:
  distill.alpha: [0.3, 0.9]
  distill.saliency: [kl, js]
END
study() { run "$LIMBECK" study "$@" --threads 2; }

begun=$(date +%s%N)
study study.yaml --out parts
expect_code 0; expect_out '^half of it, msd-instance'; expect_out "no number here is the paper's"
duration=$(($(date +%s%N) - begun)) # nanoseconds
mv parts whole
# alone has no teacher to be told of, kd no saliency: 1 + 2 + 2 + 4 points are tuned for each student.
[ "$(ls whole/cells | grep -c seed2)" = 18 ] || wrong 'wanted 18 runs with seed 2'
[ "$(ls whole/cells | grep -c seed1)" = 8 ] || wrong 'wanted 8 runs with seed 1: what dev chose'
[ "$(ls whole/test | wc -l)" = 17 ] || wrong 'wanted test predictions of the teacher and of what dev chose alone'
! ls -d whole/teacher-*/checkpoint whole/cells/*/checkpoint 2>/dev/null || wrong 'a run that is done keeps its checkpoint'
cp whole/results.csv table.csv
for table in whole/*.csv; do
    awk -F, 'NR == 1 { fields = NF } NF != fields { exit 1 } END { exit NR < 3 }' $table || wrong "$table is no table"
done
[ "$(ls whole/*.csv | wc -l)" = 8 ] || wrong 'wanted eight tables'
[ "$(cut -d, -f1-2 whole/probes.csv | sort | uniq -c | tr -s ' \n' ' ')" = ' 3 dev,0 1 split,folds 3 train,0 3 train,2 ' ] ||
    wrong 'the teacher is told of on dev, on train and on train out of fold'
# Every test sample is of one class: the classes' means, and percentiles in order, are the split's.
awk -F, 'NR > 1 && ($6 > $7 || $7 > $8 || $8 > $9 || $9 > $10) { unsorted = 1 }
    $1 == "class" { sum[$4] += $3 * $5 } $1 == "split" && $2 == "test" { sum[$4] -= $3 * $5; lines++ }
    END { exit (unsorted || lines != 2 || sum["text"]^2 > 1e-12 || sum["image"]^2 > 1e-12) }' whole/saliency.csv ||
    wrong 'saliency by class is not that of the test samples'
for link in $(grep -o "<a href='#[a-z]*" whole/report.html | cut -c11-); do
    grep -q "<section id=$link>" whole/report.html || wrong "the page links to $link, which it lacks"
done
for section in $(grep -o '<section id=[a-z]*' whole/report.html | cut -c13-); do
    grep -q "href='#$section'" whole/report.html || wrong "the page does not link to its section $section"
done
study study.yaml --out whole
expect_code 0; cmp -s table.csv whole/results.csv || wrong 'another table when little was to be done'
rm whole/results.*
run "$LIMBECK" info whole
expect_code 0; expect_out '^kind +study'; expect_out '^name +warm & <cool>'; expect_out '^pack sha256 +[0-9a-f]{64}'
run "$LIMBECK" report whole --json
expect_code 0; cmp -s table.csv whole/results.csv || wrong 'report makes another table'

run sh -c "cd whole && '$LIMBECK' report ."
expect_code 5; expect_err "study.json: the study's pack, by its path where the study was run: pack: cannot open.*--pack"
run sh -c "cd whole && '$LIMBECK' report . --pack ../pack --images .."
expect_code 0; cmp -s table.csv whole/results.csv || wrong 'report makes another table when the pack is elsewhere'
grep -q "src='data:image/jpeg;base64,/9j/" whole/report.html || wrong 'no picture in the page of a study whose images are elsewhere'
! grep -q 'without pictures' "$err" || wrong 'there are pictures'
mkdir bare
run "$LIMBECK" report whole --images bare
expect_code 0; expect_err '^limbeck: warning: bare/pictures/[0-9]+.tif, the first, .*the report is without pictures'
run "$LIMBECK" report whole --images nofolder
expect_code 5; expect_err 'nofolder: is no folder: `images` is'
run "$LIMBECK" report whole --pack vocab.txt
expect_code 3
sed '1s/ of the / of a /; s/"dev"/"val"/' data.jsonl >other.jsonl
run "$LIMBECK" pack other.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out otherpack
run "$LIMBECK" report whole --pack otherpack
expect_code 4; expect_err 'otherpack: is not the pack that the study was made with'
run "$LIMBECK" report whole

# A teacher from elsewhere: nothing is trained for it, and its scores are those of the model that was given.
cat >given.yaml <<END
name: given
pack: pack
teacher:
  config: tiny.yaml
students:
  - name: half of it
    config: student.yaml
    from_teacher: [1]
methods: [kd]
seeds: [1]
END
cp -r "$(ls -d whole/teacher-* | grep -v folds | head -1)" given
study given.yaml --out taken --teacher given
expect_code 0
[ "$(grep '"",teacher' taken/results.csv)" = "$(grep '"",teacher' whole/results.csv)" ] || wrong 'another teacher than the given one'
[ ! -e "$(ls -d taken/teacher-*)/metrics.jsonl" ] || wrong 'a given teacher was trained'
# A run's folder, a model's and a study's are not mixed.
study given.yaml --out given --teacher given
expect_code 2; expect_err 'given: holds a run, its best: name another folder for the study'
study given.yaml --out given/best --teacher given
expect_code 2; expect_err 'given/best: is a model already'
for mark in names study; do
    mkdir -p half-$mark; cp taken/$mark.json half-$mark
    run "$LIMBECK" train --config tiny.yaml --pack pack --out half-$mark
    expect_code 2; expect_err "half-$mark: holds a study or a run of one, its $mark.json: take another folder"
    [ "$(ls half-$mark)" = $mark.json ] || wrong 'a refused training left something in the study'
done
run "$LIMBECK" train --config tiny.yaml --pack pack --out "$(echo whole/cells/alone-seed1-* | cut -d' ' -f1)"
expect_code 2; expect_err 'holds a study or a run of one, its done.json'
# As a shell completes the folder's name. Then another test split than before: only that is done again.
study given.yaml --out taken/ --teacher given
expect_code 0
sed 's/^pack/test_split: train\npack/; /^teacher/d; /^  config: tiny/d' given.yaml >other.yaml # none is to be trained
study other.yaml --out taken --teacher given
expect_code 0; expect_err 'The test split, train, also taught the students'
grep -q '<p class=down>The test split, train,' taken/report.html || wrong 'no warning in the page'
grep -q '"num_samples": 56' taken/results.json || wrong 'results are not of the split that the recipe names now'
[ "$(ls taken/cells | wc -l)" = 1 ] || wrong 'another test split is another training'
# A test split that teaches without its labels.
sed 's/^pack/test_split: dull\npack/; s/from_teacher/set: ["distill.unlabelled_splits=[dull]"]\n    from_teacher/' given.yaml >seen.yaml
study seen.yaml --out seen --teacher given
expect_code 0; expect_err 'The test split, dull, also taught the students'
# One that its learned weights are judged by, and one that chose its teacher; kd learns no weights.
sed 's/^pack/test_split: extra2\npack/; s/methods: \[kd\]/methods: [kd, msd-learned]/
    s/from_teacher/set: [distill.meta_split=extra2]\n    from_teacher/' given.yaml >judged.yaml
sed 's/"split": "test"/"split": "extra2"/' data.jsonl >judged.jsonl
run "$LIMBECK" pack judged.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out judged
study judged.yaml --pack judged --out judging --teacher given
expect_code 0; expect_err 'The test split, extra2, also taught the students'
sed 's/^pack/test_split: dull\npack/; s/  config: tiny.yaml/&\n  set: [train.dev_split=dull]/' given.yaml >chosen.yaml
mkdir choosing; touch choosing/log.txt # of the user's, who keeps the output there
study chosen.yaml --out choosing
expect_code 0; expect_err 'The test split, dull, also chose the teacher'
[ -f choosing/names.json ] || wrong 'a file that lies in a new study is not an older study'
# A metric that the bootstrap does not know, and a name longer than most.
long=$(printf 'é%.0s' $(seq 300))
sed "s/half of it/$long/; s/\[kd\]/[kd, msd-uniform]/; s/from_teacher/set: [train.metric=f1_macro, distill.saliency=label]\n    from_teacher/" given.yaml >long.yaml
study long.yaml --out taken --teacher given
expect_code 0; expect_out "^$long, kd"
grep -A99 '"name": "extra"' taken/results.json | grep -m1 '"num_samples"' | grep -q ': 0$' || wrong 'what has no label has no saliency by label'
grep -q ' to KD</span></div></div>' taken/report.html || wrong 'a difference that was not tested should be told as such'

# Of a study that was made before study.json named the splits, nothing is told of them; its pack has no "dev".
sed 's/^pack: pack/pack: otherpack/; s/from_teacher/set: [train.dev_split=val]\n    from_teacher/' given.yaml >val.yaml
study val.yaml --out val --teacher given
expect_code 0
sed -i 's/"dev_split"/"was"/; s/"train_split"/"had"/' val/study.json
run "$LIMBECK" report val
expect_code 0
# What only a run finds out names its student.
sed 's/from_teacher/set: [train.batch_size=4096, train.memory_limit=1]\n    from_teacher/' given.yaml >large.yaml
study large.yaml --out large --teacher given
expect_code 6; expect_err 'kd-seed1-[0-9a-f]+: student half of it: the plan needs'

# What was trained leaves no usable line: the page has its tables all the same. And gnuplot writes nowhere else.
rm -rf silent; cp -r whole silent
for file in silent/cells/*/metrics.jsonl; do : >"$file"; done
echo mine >victim
rm -f silent/plots/*.svg; ln -s ../../victim silent/plots/saliency.svg
run "$LIMBECK" report silent
expect_code 0
[ "$(cat victim)" = mine ] || wrong 'a link in plots/ was followed'
rm -rf silent/plots; mkdir elsewhere; ln -s ../elsewhere silent/plots
run "$LIMBECK" report silent
expect_code 5; expect_err 'plots: is a link'
[ -z "$(ls elsewhere)" ] || wrong 'a link for plots/ was followed'
rm -rf silent victim elsewhere

# study.json is a file like others.
broken() { # SED-COMMAND
    rm -rf broken
    cp -r taken broken
    sed -i "$1" broken/study.json
    run "$LIMBECK" report broken
}
broken 's/"students": \[/"students": [], "were": [/'
expect_code 3; expect_err 'study.json: has no student'
broken 's/"methods": \[/"methods": [], "were": [/'
expect_code 3; expect_err 'has no method'
broken 's/"name": "given"/"nme": "given"/'
expect_code 3; expect_err 'study.json:.*name'
broken 's/"parameters": [0-9]*/"parameters": 0/; s/"latency_ms": [0-9.e-]*/"latency_ms": 1e308/'
expect_code 0
broken 's/"dev_split": "dev"/"dv_split": "dev"/; s/"train_split": "train"/"train_split": "nosuch"/'
expect_code 0
broken 's/"name": "kd"/"name": "k,d\\n"/'
expect_code 0; grep -q '","k,d$' broken/results.csv || wrong 'a name breaks the table'

study given.yaml --out taken --teacher given --init given
expect_code 2; expect_err 'leave out either the teacher given or given'
study study.yaml --out taken2 --teacher given
expect_code 2; expect_err 'student out of fold learns out of fold'
study given.yaml --out taken2 --teacher whole
expect_err 'no model folder'

# Students against the first; the teacher on train and dev, by itself and out of fold.
[ "$(grep -c '"against_first"' whole/results.json)" = 12 ] || wrong 'wanted four methods of the second student under three views against the first'
awk -F, 'NR == 1 { c = NF - 4 } /^"half of it"/ && $c != "" { wrong = 1 } /^"out of fold"/ && $c == "" { wrong = 1 }
    END { exit wrong || c < 10 }' whole/results.csv || wrong 'the second student should be compared with the first'
grep -q '<h2>Students against the first</h2>' whole/report.html || wrong 'no table of the students against the first'
! grep -q 'Students against the first' taken/report.html || wrong 'there is one student only'
grep -q 'by heart if .*this one does not' whole/report.html || wrong 'does the teacher know its training samples by heart?'
for row in train dev 'train, out of 2 folds'; do
    grep -q "<th scope=row>$row</th><td>[01]\.[0-9]*</td>" whole/report.html || wrong "how good is the teacher on $row?"
done

# The page: complete in itself, and nothing of the data is taken for markup.
page=whole/report.html
grep -q '<h1>warm &amp; &lt;cool&gt;</h1>' $page || wrong 'the name is not escaped'
grep -q 'no clear difference</span>, p over samples 1.00' $page || wrong 'the head should tell the test of its difference'
grep -q '<p class=down>Pictures of train, which taught the students, are shown by 1 of the 14 test' $page || wrong 'no warning'
for fact in "recipe&#39;s SHA-256</dt><dd>$(sha256sum <study.yaml | cut -c1-64)" 'oneDNN</dt><dd>[23]\.' \
    'compiler</dt><dd>[a-zA-Z]' 'seeds: \[1, 2\]'; do
    grep -q "$fact" $page || wrong "the page does not tell: $fact"
done
! grep -q '<script' $page || wrong 'markup of the data is markup of the page'
grep -q '&lt;script&gt;' $page || wrong 'a sample of the data should be shown, escaped'
[ "$(grep -oE "(src|href)='?[a-z]+:[^,]{0,24}" $page | grep -v "src='data:image/jpeg;base64" | wc -l)" = 0 ] || wrong 'the page needs the network'
grep -q "src='data:image/jpeg;base64,/9j/" $page || wrong 'no picture in the page'
grep -q "no number here is the paper" $page || wrong 'the page should say whose numbers these are'
grep -q '<th scope=row>hot</th><td>–</td><td>–</td><td>0</td>' $page || wrong 'a class without samples has no mean saliency'
mkdir home
echo 'exit status 1' >home/.gnuplot
HOME=$work/home run "$LIMBECK" report whole
expect_code 0
[ "$(grep -o '<th scope=col>p Wilcoxon</th>' $page | wc -l)" = 6 ] || wrong 'every view of both students should be tested'
if command -v gnuplot >/dev/null; then
    [ -z "$(grep -oE " id=['\"][^'\"]*" $page | sort | uniq -d)" ] || wrong 'an id stands twice in the page'
    grep -q 'plots</dt><dd>GNUPLOT [0-9]' $page || wrong 'the page does not tell the version of gnuplot'
    ! grep -q '<title>\$d' $page || wrong "lines of gnuplot's script are tooltips"
    grep -q '<figure><figcaption>score against size</figcaption><svg ' $page || wrong 'a plot is missing'
fi
PATH=/nowhere run "$LIMBECK" report whole
expect_code 0; expect_err 'no gnuplot'
grep -q 'gnuplot was not found' $page || wrong 'a page without plots should say so'
! grep -q '<svg' $page || wrong 'plots without gnuplot'
run /bin/sh -c "trap '' CHLD; PATH=/nowhere; exec '$LIMBECK' report whole" # waitpid has nothing to tell
expect_code 0; expect_err 'no gnuplot'

# In the folder of the same name, since a student's configuration names the teacher's. Kills come within a third of
# the time that it all takes, so that they fall into every stage. A round that ends unkilled is compared, and the next
# begins anew.
compare_parts() {
    cmp -s whole/results.csv parts/results.csv || wrong "the table differs from that of a study that was not killed ($killed times)"
    for model in whole/cells/*/best/model.safetensors; do
        cmp -s "$model" "parts/${model#whole/}" || wrong "$model differs from that of the killed study"
    done
}
killed=0 rounds=0
while [ $killed -lt 10 ] && [ $rounds -lt 50 ]; do
    rounds=$((rounds + 1))
    "$LIMBECK" study study.yaml --out parts --threads 2 >/dev/null 2>&1 &
    process=$!
    sleep "$(od -An -N1 -tu1 /dev/urandom | awk "{ print 0.02 + \$1 / 256 * $duration / 3e9 }")"
    kill -KILL $process 2>/dev/null # also one that ended, until it is waited for: its code tells
    wait $process 2>/dev/null
    case $? in
    137) killed=$((killed + 1)) ;;
    0) compare_parts; rm -rf parts ;;
    *) wrong 'a study that goes on after a kill fails' ;;
    esac
done
[ $killed -eq 10 ] || wrong "killed $killed times in $rounds rounds"
study study.yaml --out parts
expect_code 0
compare_parts

# Begun by an older limbeck, whose checkpoints cannot be gone on with: such runs begin anew, to the same end. And one that
# was killed when it was done, before its checkpoint was removed.
run "$LIMBECK" train --config tiny.yaml --pack pack --set train.epochs=1 --out older
sed -i 's/\\"version\\":3/\\"version\\":2/' older/checkpoint/state.safetensors
for folder in "$(ls -d parts/teacher-* | grep -v folds | head -1)" $(ls -d parts/cells/*seed1* | head -2); do
    cp -r older/checkpoint "$folder"
done
rm parts/teacher-*/done.json "$(ls -d parts/cells/*seed1* | head -1)/done.json"
study study.yaml --out parts
expect_code 0
! ls -d parts/teacher-*/checkpoint parts/cells/*/checkpoint 2>/dev/null || wrong 'a checkpoint is left'
[ "$(grep -c 'an older limbeck wrote it.*it begins anew' "$err")" = 2 ] || wrong 'two runs should begin anew'
cmp -s whole/results.csv parts/results.csv || wrong 'the table is another after runs that began anew'

# Somebody else is working there.
sed 's/  config: tiny.yaml/&\n  set: [train.epochs=100000]/' study.yaml >busy.yaml # longer than any test
"$LIMBECK" study busy.yaml --out other --threads 1 >/dev/null 2>&1 &
process=$!
tries=0
until [ -e other/teacher-*/checkpoint ] || [ $tries -ge 200 ]; do sleep 0.05; tries=$((tries + 1)); done
study busy.yaml --out other
expect_code 8; expect_err 'another process is working'
kill -INT $process
wait $process
[ $? -eq 130 ] || wrong 'an interrupted study should end with 130'

# Stopped, moved and gone on with: the student that starts from the teacher finds it in its new place.
sed 's/from_teacher/set: [train.epochs=150, train.batch_size=2]\n    from_teacher/' given.yaml >moved.yaml
"$LIMBECK" study moved.yaml --out here --teacher given >/dev/null 2>&1 &
process=$!
tries=0
until [ -e here/cells/*/checkpoint/state.safetensors ] || [ $tries -ge 200 ]; do sleep 0.05; tries=$((tries + 1)); done
kill -INT $process
wait $process
[ $? -eq 130 ] || wrong 'an interrupted study should end with 130'
mv here there
study moved.yaml --out there --teacher given
expect_code 0; expect_out '^half of it, kd'

# Recipes that are wrong.
bad() { # SED-COMMAND FOLDER EXPECTED
    sed "$1" study.yaml >bad.yaml
    study bad.yaml --out "$2"
    expect_code "${4:-2}"; expect_err "$3"
}
bad 's/seeds: \[1, 2\]/seeds: [1, 1]/' bad 'bad.yaml: seeds: "1": stands there twice'
bad 's/seeds: \[1, 2\]/seeds: 2/' bad 'line [0-9]+: seeds: a list is wanted'
bad 's/kd, msd-uniform/msd-uniform/' bad 'kd must be among them'
bad 's/msd-uniform/msd-unifrom/' bad '"msd-unifrom": alone, kd, or msd-'
bad 's/distill.alpha:/distill.alhpa:/' bad 'no key distill.alhpa; did you mean distill.alpha'
bad '/^name:/d' bad 'bad.yaml: the key name is missing'
bad 's/name: half of it/folds: 3/' bad 'line [0-9]+: the key students.name is missing'
bad 's/methods:/metods:/' bad 'metods.*did you mean methods'
bad 's/folds: 2/folds: 1/' bad 'folds: "1": a whole number from 2'
bad 's/name: half of it/name: teacher/' bad 'students: "teacher": is what the report calls the teacher'
bad 's/\[0.3, 0.9\]/[0.3, 0.30]/' whole 'the same value twice'
bad '/from_teacher/d; s/\[0.3, 0.9\]/[0.3, 9]/' bad 'distill.alpha is "9"'
bad 's/\[0.3, 0.9\]/[0.3, 9]/' bad 'student half of it: .*distill.alpha is "9"'
bad 's/set: \[model/set: [train.dev_split=validation, model/' bad 'student out of fold: .*no sample in a split "validation"'
half() { bad "s/    from_teacher/    set: [$1]\n    from_teacher/" bad "$2" "${3:-2}"; } # the student that starts from the teacher
half train.metric=acuracy 'student half of it: .*"acuracy"; did you mean accuracy'
half train.metric=f1_macro 'student out of fold: its train.metric is accuracy, another student.s f1_macro'
half model.hidden_size=24 'starts from the teacher, whose hidden_size is [0-9]+.*leave model.hidden_size out'
half model.num_hidden_layers=2 'init_layers names 1 layers, model.num_hidden_layers is 2'
bad 's/folds: 2/folds: 60/' bad 'student out of fold: 60 folds cannot be made of 5[0-9] training samples with different images'
bad 's/set: \[model/set: [model.init_from=given, model/' bad 'student out of fold: starts from given, whose hidden_size is [0-9]+; its configuration says 8'
bad 's/from_teacher: \[1\]/from_teacher: [9]/' bad 'there is no layer 9'
bad 's/msd-uniform/msd-learned/; s/set: \[model/set: [distill.meta_split=nosuch, model/' bad 'distill.meta_split: .*no sample in a split "nosuch"'
bad 's/\(  distill.saliency:.*\)/\1\n  train.metric: [accuracy, auroc]/' bad 'grid: "train.metric": is not chosen on dev'
bad 's/\(  distill.saliency:.*\)/\1\n  model.init_from: [given]/' bad 'grid: "model.init_from": is not chosen on dev: .*from_teacher'
half seed=3 'set: "seed=3": would not be used: the recipe itself says it'
half distill.weights=uniform 'set: "distill.weights=uniform": would not be used'
half model.init_from=given 'set: "model.init_from=given": would not be used: from_teacher says it'
bad 's/  config: tiny.yaml/  config: tiny.yaml\n  set: [pack=other]/' bad 'set: "pack=other": would not be used'
cp -r given words
sed -i '$s/$/x/' words/best/vocab.txt # another word than the pack's
sed 's/from_teacher: \[1\]/set: [model.init_from=words]/' given.yaml >bad.yaml
study bad.yaml --out bad
expect_code 4; expect_err 'student half of it: .*vocab'
{ sed /from_teacher/d given.yaml; printf 'grid:\n  model.init_from: [given, words]\n'; } >bad.yaml
study bad.yaml --out bad
expect_code 4; expect_err 'student half of it: [^s].*vocab'
bad 's/set: \[model/set: [distill.alpha=9, model/' bad '^limbeck: student out of fold: override'
# A given teacher of several labels that has no thresholds gets those that dev gives its students.
sed 's/"label": \("[a-z]*"\)/"labels": [\1]/' data.jsonl >several.jsonl
run "$LIMBECK" pack several.jsonl --labels multi --vocab vocab.txt --image-size 32 --patch-size 16 --out several
run "$LIMBECK" train --config tiny.yaml --pack several --set precision=fp32 --out deciding # as probabilities are asked of the copy
expect_code 0
cp -r deciding/best undecided
tr -d '\n' <deciding/best/config.json | sed 's/"thresholds": *\[[^]]*\],*//' >undecided/config.json
sed 's/^pack: pack/pack: several/' given.yaml >deciding.yaml
study deciding.yaml --out decided --teacher undecided
expect_code 0; expect_err 'its copy has those with the best F1 on the split dev'
run "$LIMBECK" eval --model undecided --pack several
expect_code 0; expect_err 'undecided has no thresholds'
cmp decided/teacher-*/best/config.json deciding/best/config.json || wrong 'other thresholds than those of its training'
sed 's/from_teacher/set: [train.dev_split=test]\n    from_teacher/; s/^pack/test_split: dev\npack/' deciding.yaml >elsewhere.yaml
study elsewhere.yaml --out decided --teacher undecided
expect_code 0; expect_err 'the best F1 on the split test'
[ "$(ls -d decided/teacher-* | wc -l)" = 2 ] || wrong 'thresholds of another split are another teacher'
# What each run would find out for itself is found out before the first.
half '"distill.unlabelled_splits=[dev]"' 'student half of it: split "dev" is named twice'
half train.unimodal_weight=0.5 'student half of it: train.unimodal_weight is for learning from labels alone'
half train.train_split=extra 'student half of it: .*no sample of the training split "extra" has a label'
half 'train.dev_split=dull, train.metric=auroc' 'auroc is not defined on the dev split "dull"'
half model.max_position_embeddings=3 'student half of it: sample 0 has [0-9]+ tokens, the model has positions for 3' 4
bad 's/  config: tiny.yaml/  config: tiny.yaml\n  set: [model.max_position_embeddings=3]/' bad 'teacher: sample 0 has [0-9]+ tokens' 4
learned() { bad "s/msd-uniform/msd-learned/; s/    from_teacher/    set: [$1]\n    from_teacher/" bad "student half of it: $2"; }
learned distill.meta_split=extra 'the meta split "extra" is empty'
learned distill.meta_fraction=0.001 'the meta split is empty'
sed 's/config: student.yaml/config: nowhere.yaml/' study.yaml >bad.yaml
study bad.yaml --out bad
expect_code 5; expect_err 'student half of it: nowhere.yaml: cannot open'
bad '/^pack/d' bad 'names no pack'
bad '/^teacher/d; /^  config: tiny/d' bad 'bad.yaml: has no `teacher`, and none was given beside it'
bad 's/^images/test_split: tset\nimages/' bad 'test_split: .*no sample in a split "tset"'
bad 's/^images: ./images: nofolder/' bad 'nofolder: is no folder' 5
many=$(seq -s, 101)
bad "s/\[0.3, 0.9\]/[$many]/; s/\[kl, js\]/[$many]/" bad 'grid: has more than 10000 points'
[ -z "$(ls bad)" ] || wrong 'what is wrong with a recipe should be said before anything is trained'
study none.yaml --out bad
expect_code 5; expect_err 'none.yaml'
run "$LIMBECK" report none
expect_code 5; expect_err 'none: has no study.json'
finish
