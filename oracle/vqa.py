#!/usr/bin/env python3
"""The official scorer of VQA v2, from its published behaviour: tests/golden/vqa/.

  oracle/vqa.py

A data set in the published layout (train2014 and val2014 with annotations, test2015 without), with answers that try the
normalisation; `answers.json`: [answer, as it is compared] on hard and random ones; `expected.json`: the classes, and for
each question the accuracy that the scorer gives each class when it is submitted as the result.

The scorer (GT-Vision-Lab/VQA, vqaEval.py) compares a result with the answers of ten annotators. If these are not all the
same, result and answers are normalised first: its regular expressions and dictionaries are followed here.
"""
import json
import pathlib
import random
import re

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "vqa"
MARKS = list(";/[]\"{}()=+\\_-><@`,?!")
NUMBERS = dict(zip("none zero one two three four five six seven eight nine ten".split(), [0, 0, *range(1, 11)]))
# Pairs of the scorer's dictionary whose key can occur in lower-cased text.
CONTRACTIONS = dict(pair.split("=") for pair in """
aint=ain't arent=aren't cant=can't couldve=could've couldnt=couldn't couldn'tve=couldn't've couldnt've=couldn't've
didnt=didn't doesnt=doesn't dont=don't hadnt=hadn't hadnt've=hadn't've hadn'tve=hadn't've hasnt=hasn't havent=haven't
hed=he'd hed've=he'd've he'dve=he'd've hes=he's howd=how'd howll=how'll hows=how's isnt=isn't itd=it'd itd've=it'd've
it'dve=it'd've itll=it'll let's=let's maam=ma'am mightnt=mightn't mightnt've=mightn't've mightn'tve=mightn't've
mightve=might've mustnt=mustn't mustve=must've neednt=needn't notve=not've oclock=o'clock oughtnt=oughtn't
ow's'at='ow's'at 'ows'at='ow's'at 'ow'sat='ow's'at shant=shan't shed've=she'd've she'dve=she'd've she's=she's
shouldve=should've shouldnt=shouldn't shouldnt've=shouldn't've shouldn'tve=shouldn't've somebody'd=somebodyd
somebodyd've=somebody'd've somebody'dve=somebody'd've somebodyll=somebody'll somebodys=somebody's someoned=someone'd
someoned've=someone'd've someone'dve=someone'd've someonell=someone'll someones=someone's somethingd=something'd
somethingd've=something'd've something'dve=something'd've somethingll=something'll thats=that's thered=there'd
thered've=there'd've there'dve=there'd've therere=there're theres=there's theyd=they'd theyd've=they'd've
they'dve=they'd've theyll=they'll theyre=they're theyve=they've twas='twas wasnt=wasn't wed've=we'd've we'dve=we'd've
weve=we've werent=weren't whatll=what'll whatre=what're whats=what's whatve=what've whens=when's whered=where'd
wheres=where's whereve=where've whod=who'd whod've=who'd've who'dve=who'd've wholl=who'll whos=who's whove=who've
whyll=why'll whyre=why're whys=why's wont=won't wouldve=would've wouldnt=wouldn't wouldnt've=wouldn't've
wouldn'tve=wouldn't've yall=y'all yall'll=y'all'll y'allll=y'all'll yall'd've=y'all'd've y'alld've=y'all'd've
y'all'dve=y'all'd've youd=you'd youd've=you'd've you'dve=you'd've youll=you'll youre=you're youve=you've""".split())


def strip(answer):
    return answer.replace("\n", " ").replace("\t", " ").strip()


def normalize(answer):
    out = answer
    for mark in MARKS:
        near = mark + " " in answer or " " + mark in answer or re.search(r"[0-9],[0-9]", answer)
        out = out.replace(mark, "" if near else " ")
    out = re.sub(r"\.(?![0-9])", "", out, count=32)
    words = [str(NUMBERS.get(w, w)) for w in out.lower().split()]
    return " ".join(CONTRACTIONS.get(w, w) for w in words if w not in ("a", "an", "the"))


def accuracy(result, answers):
    result, answers = strip(result), [strip(a) for a in answers]
    if len(set(answers)) > 1:
        result, answers = normalize(result), [normalize(a) for a in answers]
    total = 0.0
    for left_out in range(len(answers)):
        others = answers[:left_out] + answers[left_out + 1:]
        total += min(1.0, others.count(result) / 3)
    return total / len(answers)


def classes_of(annotations):
    """Answers of nine or more questions; named by the most frequent spelling, of equals the first by bytes."""
    spellings = {}
    for item in annotations:
        spelling = strip(item["multiple_choice_answer"])
        counts = spellings.setdefault(normalize(spelling), {})
        counts[spelling] = counts.get(spelling, 0) + 1
    frequent = [counts for answer, counts in spellings.items() if answer and sum(counts.values()) >= 9]
    return sorted((min(c, key=lambda s: (-c[s], s.encode())) for c in frequent), key=lambda s: s.encode())


# Spellings of one answer side by side; the last ones are too rare to become classes.
FAMILIES = [["yes", "Yes.", "yes "], ["no"], ["2", "two", "Two"], ["t-shirt", "t shirt", "T-shirt"],
            ["dont know", "don't know"], ["red, white", "red white"], ["1,000", "1000"], ["the tree", "tree"],
            ["a", "the"], ["0", "none"], ["2:50 pm"], ["caf\u00e9", "Caf\u00c9"]]
RARE = ["girl's bike", "o'clock", "99.5", "b&w"]


def subset(name, first, count, rng, annotated=True):
    questions, annotations = [], []
    for k in range(count):
        ids = {"image_id": 9 + 16 * (first + k // 3), "question_id": 9000 + 16000 * first + k}
        questions.append({"image_id": ids["image_id"], "question": f"What is number {first + k}?",
                          "question_id": ids["question_id"]})
        family = FAMILIES[k % len(FAMILIES)]
        pool = {0: family[:1], 1: family, 2: family + rng.choice(FAMILIES), 3: [rng.choice(RARE)]}[rng.choice([0, 1, 1, 2, 2, 2, 3])]
        answers = [rng.choice(pool) for _ in range(10)]
        annotations.append({"question_type": "what is", "multiple_choice_answer": max(answers, key=answers.count),
                            "answers": [{"answer": a, "answer_confidence": rng.choice(["yes", "maybe", "no"]), "answer_id": i + 1}
                                        for i, a in enumerate(answers)],
                            "image_id": ids["image_id"], "answer_type": "other", "question_id": ids["question_id"]})
    license = {"url": "http://creativecommons.org/licenses/by/4.0/", "name": "Creative Commons Attribution 4.0 International License"}
    info = {"description": "made by oracle/vqa.py", "version": "2.0", "year": 2017}
    rng.shuffle(annotations)
    write(f"v2_OpenEnded_mscoco_{name}_questions.json",
          {"info": info, "task_type": "Open-Ended", "data_type": "mscoco", "license": license, "data_subtype": name,
           "questions": questions})
    if annotated:
        write(f"v2_mscoco_{name}_annotations.json",
              {"info": info, "license": license, "data_subtype": name, "annotations": annotations, "data_type": "mscoco"})
    return annotations if annotated else []


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")


def hard_answers(rng):
    answers = ["", " ", "a", "The", "an apple.", "1,000 people", "1, 000", "red/white", "red / white", "3.5", "3.", ".5", "...",
               "." * 40 + "x", "..5", "yes!", "2:50 p.m.", "it's", "its", "Im", "somebody'd", "somebodyd", "none of these",
               "One", "ten four", "don`t", "caf\u00c9 \u00dcber", "x\u00a0the y", "a\u2003b", "100,978", "a,b", "a ,b", "2,3-4", "--",
               "- -", "who?what", "you_all", "{x}", "\\", "\"quoted\"", "rock'n'roll", "o'clock", "the a an", "Y'ALLLL", "she's",
               "1,2,3 / 4", "tab\there", "line\nbreak", "  ends  ", "5>4", "a@b.com", "b&w", "50%", "$5.00", "#1"]
    answers += sorted(CONTRACTIONS) + sorted(set(CONTRACTIONS.values())) + sorted(NUMBERS)
    pieces = MARKS + list("  ..'':&%09 12") + ["a", "the", "dont", "two", "Tree", "\u00e9", "'s", "1,5", ".5"]
    return answers + ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 9))) for _ in range(600)]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20)
    train = subset("train2014", 1, 150, rng)
    val = subset("val2014", 100, 40, rng)
    subset("test2015", 200, 4, rng, annotated=False)
    classes = classes_of(train)
    scores = {str(item["question_id"]): [accuracy(c, [a["answer"] for a in item["answers"]]) for c in classes]
              for item in train + val}
    write("expected.json", {"classes": classes, "accuracy": scores})
    write("answers.json", [[a, normalize(strip(a))] for a in hard_answers(rng)])
    print(len(classes), "classes:", classes)


if __name__ == "__main__":
    main()
