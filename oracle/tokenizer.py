#!/usr/bin/env python3
"""Token ids from Hugging Face's `tokenizers`: golden files, and a comparison with `limbeck tokenize`.

  oracle/tokenizer.py golden VOCAB [--shared ../shared/data]   writes tests/golden/tokenizer/
  oracle/tokenizer.py compare LIMBECK VOCAB [--shared ../shared/data]

`golden` needs an uncased BERT vocab.txt, of which it keeps a part. It writes

  vocab.txt    the part, and characters of many scripts
  texts.jsonl  {"text", "uncased": ids, "cased": ids}: texts that are hard for a tokenizer
  unicode.txt  a line for each 4,096 code points: the first of them, and the start of the SHA-256 of, for each c but the
               surrogates: "a" c "b" normalised uncased, LF, cased, LF, then "P" or "-": whether c is split off, LF
  shared.txt   a line for each set of texts under --shared: name, number of texts, SHA-256 of all ids (int32, little
               endian) uncased and cased

`compare` feeds LIMBECK tokenize the hard texts and the shared sets with VOCAB, every code point between two letters,
and random mixtures of difficult characters with a vocabulary of all characters, uncased and cased; it prints the
counts and fails on any difference.
"""
import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import BertWordPieceTokenizer, normalizers, pre_tokenizers

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "tokenizer"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SURROGATES = range(0xD800, 0xE000)


def chars(*ranges):
    return [chr(c) for first, last in ranges for c in range(first, last + 1)]


# What NFD may reorder although accent stripping leaves it, marks, and characters whose class changed with Unicode.
MOVABLE = [chr(c) for c in (0x8D4, 0x8E1, 0x1B44, 0x1BAA, 0x1BF3, 0x1DFB, 0x302E, 0x302F, 0xA953, 0xA9C0, 0x111C0,
                            0x11235, 0x1134D, 0x11442, 0x11446, 0x116B6, 0x11C3F, 0x1D165, 0x1D16D, 0x1D16E,
                            0x1D172, 0x1E000, 0x1E02A, 0x1E944, 0x1E94A)]
MARKS = [chr(c) for c in (0x300, 0x301, 0x323, 0x327, 0x345, 0x34F, 0x5B0, 0x64B, 0x651, 0x93C, 0x94D, 0xE38, 0x20D0,
                          0x3099, 0xFE0F, 0xFE20, 0x1D167, 0xE0100)]
CHANGED = [chr(c) for c in (0x61D, 0x7FD, 0x890, 0x898, 0x8E2, 0x9FD, 0xAFA, 0xC04, 0xC77, 0x166D, 0x1734, 0x1715,
                            0x180F, 0x1885, 0x1ABF, 0x1B7D, 0x1DF6, 0x2E43, 0x2E52, 0xA8FF, 0x10EAC, 0x10F46, 0x10F55,
                            0x11070, 0x110CD, 0x111C9, 0x1133B, 0x1145A, 0x11660, 0x11938, 0x1193D, 0x11A34, 0x11F41,
                            0x13430, 0x16FE2, 0x16FF0, 0x1CF00, 0x1E130, 0x1E95E, 0xA7CB, 0x10D50, 0x16EA0, 0x1C89)]
SPLIT = list(" \t\r!.'-[]#$^~`|") + [chr(c) for c in (0x85, 0xA0, 0xAD, 0xB, 0x1680, 0x180E, 0x200B, 0x200D, 0x2028,
                                                      0x3000, 0xFEFF, 0xFFFD, 0xE000, 0x2014, 0x3002, 0x37E, 0x1FEF,
                                                      0x226E, 0x2260, 0x4E2D, 0xF900, 0x2F804, 0x20000, 0x2B920)]
LETTERS = list("aZé") + [chr(c) for c in (0x130, 0x131, 0x1E9E, 0x3A3, 0x3C2, 0x390, 0x1F82, 0x212A, 0x212B, 0xAC01,
                                          0xD55C, 0x439, 0x623, 0x958, 0x304C, 0x1100, 0x1161, 0x11A8, 0x23A, 0x10400,
                                          0x1E900, 0x1F600, 0x1D15E, 0x10FFFF, 0x378)]


def mixtures(count, seed):
    rng = random.Random(seed)
    pools = [MOVABLE, MOVABLE, MARKS, MARKS, CHANGED, SPLIT, LETTERS, LETTERS, SPECIAL]
    return ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 14))) for _ in range(count)]


HARD = [
    "", " ", "\t\n\r ", "a", "A", "Hello, world!", "unaffable", "don't stop-me now...", "U.S.A. $5.00 50%",
    "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "e\u0301" * 100, "ﾊ" * 101, "x" * 5000, "." * 150,
    "the " + "y" * 101 + " end", "한" * 33, "한" * 34, "\u0301" * 500, "a" + "\u302e\U0001d16d" * 60,
    "[CLS] a [SEP] b [PAD][UNK][MASK]", "[cls] [Sep] [MASK", "the[MASK]ing", "[[SEP]]", "[SEP]\u0301a", "[SE\u0301P]",
    "[S\u200bEP]", "[ SEP ]", "[SEP][SEP]", "a[SEP", "[", "]", "[CLS", "##ing", "## ing", "#", "##", "it##s",
    "[unused0]", "the\u0000end", "\ufffdthe\ufffd", "a\u200bb\u200cc\u200dd\ufeffe", "soft\u00adhyphen", "a\u0085b\u000bc\u000cd",
    "a\u00a0b\u2003c\u3000d\u1680e\u180ef\u2028g\u2029h\u202fi\u205fj", "tab\tnew\nline\rreturn", "\u0001\u001f\u007f\u009f",
    "Ünïcödé ÀÉÎÕÜ àéîõü ÇçÑñ ŠšŽž Øø Łł ßẞ Þþ Ææ", "ÅÅÅ K K", "e\u0301 vs é", "q\u0307\u0323 q\u0323\u0307", "naïve café résumé",
    "İstanbul ISPARTA ıI", "ΣΊΣΥΦΟΣ ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ ᾳᾼ ΐ", "МОСКВА Йошкар-Ола ёЁ", "שָׁלוֹם עולם", "السَّلامُ عليكم، كيف؟ ٣٤٥",
    "हिन्दी में। क़ख़ग़", "ภาษาไทย น้ำ กำ", "བོད་ཡིག", "မြန်မာ", "ខ្មែរ", "தமிழ் கொ", "বাংলা ৎ", "മലയാളം",
    "中文字符。日本語のテキスト、ガギグ ｶﾞ", "我love你", "豈更車", "丽丸𠀀𪜀𫝀𫠝", "〇〆々〡", "㐀㿿䶵䶿䷀鿿ꀀ",
    "한국어 조선말", "ᄒᆞᆫ글", "ｆｕｌｌ　ｗｉｄｔｈ！", "ﬁ ﬂ ﬀ ﬃ", "½ ² ₃ № ™ ℃ Ⅳ ⅷ ①", "𝔘𝔫𝔦 𝒞 𝟘",
    "😀😀 👩‍👩‍👧 🇩🇪 ❤️ 👍🏽", "emoji😀word", "“quoted” ‘single’ «guillemets» „low‟", "dash–dash—dash―dash‐dash−minus",
    "ellipsis… bullet• §¶†‡", "¡Hola! ¿Qué?", "a·b•c‧d・e", "≠≮≯ =\u0338", ";\u037e`\u1fef·\u0387", "€£¥₹₿ $¢", "+−×÷=<>~^|`",
    "𐐀𐐁 𞤀𞤁 𑢠 Ა ᏸꭰ Ꮿ", "ǅ ǈ ǋ ǲ", "ŉ ǰ ẖ ẗ ẘ ẙ ẚ", "\u0390\u03b0\u1fd2\u1fd3", "a\u20dd b\u20e3 1\ufe0f\u20e3",
    "\ue000private\uf8ff", "\U000f0000\U0010fffd", "\u0378\u0380\U0010ffff\ufdd0", "\U000e0001\U000e0041",
    "\u1734\u1735 \u166d \U000111c9", "e-mail: a.b@c.org http://x.y/z?q=1#f", "C++ C# F# .NET", "3.14159 1,000,000 1e-5",
    "snake_case camelCase kebab-case", "The QUICK brown Fox's 2nd jump; (it's) \"over\" [the] {lazy} dog...",
    "a\u0308\u0301o\u0308u\u0308 A\u030a", "\u0344\u0345 \u0340\u0341", "a\U0001d16d\u034f\u302e a\U0001d16d\u302e",
    *("a\U0001e000" + m + "\U00011446" for m in MOVABLE),
    " ".join("a" + x + y for x in "\u1b44\u302e\U0001d165\U0001d16d\u08d4" for y in "\u1b44\u302e\U0001d165\U0001d16d\u08d4"),
    "\U0001d15e\U0001d160\U0001d1bb", "\ud7a3\uac00", "\u0f43\u0f4d\u0f73\u0f81",
]


def derive(vocab):
    """Special tokens, common words and endings, some capitalised, and characters with and without "##"."""
    words = [w for w in vocab if w.isascii() and w.isalpha()]
    endings = [w for w in vocab if w.startswith("##") and w.isascii() and len(w) > 3]
    single = chars((0x21, 0x7E), (0xA1, 0x17F), (0x1CD, 0x1DC), (0x250, 0x2AF), (0x386, 0x3CE), (0x400, 0x45F),
                   (0x5D0, 0x5EA), (0x621, 0x64A), (0x905, 0x939), (0xE01, 0xE45), (0x1100, 0x1112), (0x1161, 0x1175),
                   (0x11A8, 0x11C2), (0x2010, 0x2026), (0x3041, 0x3093), (0x30A1, 0x30F3))
    single += [c for c in vocab if len(c) == 1 and ord(c) > 0x4DFF][:150] + MOVABLE + CHANGED + LETTERS
    single += list("豈更車丽丸𠀀𪜀𫝀" "豈更車" "한국어조선글말" "😀👩👍❤𞤢𐐨𝔘")
    single = [c for c in single if not c.isspace() and c.isprintable()]
    kept = SPECIAL + ["[unused0]"] + single + ["##" + c for c in single]
    kept += words[:1800] + [w.capitalize() for w in words[:200]] + endings[:300] + ["naïve", "café", "Café", "##é́"]
    return list(dict.fromkeys(kept))


def shared_sets(root):
    """Name and texts of each set, in the order in which tests/unit/test_tokenizer.c reads them."""
    def lines(path, key):
        return [json.loads(line)[key] for line in open(root / path, encoding="utf-8")]

    movies = []
    for part in json.load(open(root / "movies/split.json")).values():
        for film in part:
            record = json.load(open(root / f"movies/dataset/{film}.json", encoding="utf-8"))
            movies += [record["title"], *record["plot"]]
    yield "movies", movies
    yield "openclipart", lines("openclipart/data.jsonl", "text")
    parts = ("train", "dev", "test")
    yield "snli_ve_mini", [t for p in parts for t in lines(f"snli_ve_mini/snli_ve_{p}.jsonl", "sentence2")]
    yield "flickr8k_match", lines("snli_ve_mini/flickr8k_match.jsonl", "text")
    yield "vqa_yesno", [q["question"] for p in parts
                        for q in json.load(open(root / f"vqa_yesno/v2_OpenEnded_mscoco_{p}_questions.json"))["questions"]]


def reference(vocab, cased):
    return BertWordPieceTokenizer({piece: i for i, piece in enumerate(vocab)}, lowercase=not cased)


def encode(tokenizer, texts):
    return [e.ids for e in tokenizer.encode_batch(texts)]


def unicode_lines():
    uncased, cased = normalizers.BertNormalizer(lowercase=True), normalizers.BertNormalizer(lowercase=False)
    splitter = pre_tokenizers.BertPreTokenizer()
    for block in range(0, 0x110000, 4096):
        digest = hashlib.sha256()
        for c in map(chr, (c for c in range(block, block + 4096) if c not in SURROGATES)):
            text = f"a{c}b"
            punctuation = len(splitter.pre_tokenize_str(text)) == 3
            digest.update(f"{uncased.normalize_str(text)}\n{cased.normalize_str(text)}\n{'-P'[punctuation]}\n".encode())
        yield f"{block:06X} {digest.hexdigest()[:16]}\n"


def ids_hash(batch):
    return hashlib.sha256(b"".join(i.to_bytes(4, "little") for ids in batch for i in ids)).hexdigest()


def golden(vocab, root):
    from transformers import BertTokenizerFast
    GOLDEN.mkdir(parents=True, exist_ok=True)
    vocab = derive(vocab)
    (GOLDEN / "vocab.txt").write_text("".join(piece + "\n" for piece in vocab), encoding="utf-8")
    tokenizers = [reference(vocab, False), reference(vocab, True)]
    texts = HARD + mixtures(100, 1)
    with open(GOLDEN / "texts.jsonl", "w") as out:
        ids = [encode(t, texts) for t in tokenizers]
        for cased in (0, 1):  # both of Hugging Face's ways to this tokenizer agree
            fast = BertTokenizerFast(vocab=str(GOLDEN / "vocab.txt"), do_lower_case=not cased)
            assert fast(texts)["input_ids"] == ids[cased]
        for text, uncased, cased in zip(texts, *ids):
            out.write(json.dumps({"text": text, "uncased": uncased, "cased": cased}, separators=(",", ":")) + "\n")
    (GOLDEN / "unicode.txt").write_text("".join(unicode_lines()))
    with open(GOLDEN / "shared.txt", "w") as out:
        for name, texts in shared_sets(root):
            out.write(" ".join([name, str(len(texts))] + [ids_hash(encode(t, texts)) for t in tokenizers]) + "\n")


def limbeck(program, vocab, cased, texts):
    """Ids by `PROGRAM tokenize`, one text a line."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", newline="\n", encoding="utf-8") as file:
        file.write("".join(piece + "\n" for piece in vocab))
        file.flush()
        run = subprocess.run([program, "tokenize", "--vocab", file.name] + ["--cased"] * cased,
                             input="".join(text + "\n" for text in texts).encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(program, vocab, root):
    every = [chr(c) for c in range(0x110000) if c not in SURROGATES and c not in (10, 13)]
    all_pieces = SPECIAL + every + ["##" + c for c in every]
    sets = [("hard texts", vocab, HARD + mixtures(1000, 2)), ("every code point", all_pieces, [f"a{c}b" for c in every]),
            ("mixtures", all_pieces, mixtures(100000, 3))]
    sets += [(name, vocab, texts) for name, texts in shared_sets(root)] if root.is_dir() else []
    failures = 0
    for name, pieces, texts in sets:
        texts = [text.replace("\n", " ").replace("\r", " ") for text in texts]
        for cased in (False, True):
            expected = encode(reference(pieces, cased), texts)
            got = limbeck(program, pieces, cased, texts)
            wrong = [i for i in range(len(texts)) if i >= len(got) or got[i] != expected[i]]
            print(f"{name}, {'cased' if cased else 'uncased'}: {len(texts)} texts, {sum(map(len, expected))} tokens, "
                  f"{len(wrong)} differ", flush=True)
            for i in wrong[:5]:
                print(f"  {texts[i]!r}: expected {expected[i]}, got {got[i] if i < len(got) else None}")
            failures += len(wrong)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["golden", "compare"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--shared", type=Path, default=GOLDEN.parents[3] / "shared" / "data")
    options = parser.parse_args()
    vocab = open(options.files[-1], encoding="utf-8", newline="\n").read().removesuffix("\n").split("\n")
    if options.mode == "golden":
        return golden(vocab, options.shared)
    return bool(compare(options.files[0], vocab, options.shared))


if __name__ == "__main__":
    sys.exit(main())
