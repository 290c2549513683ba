#!/usr/bin/env python3
"""What a user of Python would run instead of a command of limbeck: bench/table.py times both from start to end.

  peers.py tokenize VOCAB              Hugging Face tokenizers: lines of standard input to lines of ids
  peers.py patches ROWS.jsonl OUT.npy  Pillow and NumPy, two processes: pictures to rows of patches, float16
  peers.py start MODEL.onnx VOCAB PICTURE TEXT   ONNX Runtime: one prediction of a program that has just started
"""
import json
import os
import sys

SIDE, PATCH = 128, 32  # limbeck's defaults


def tokenize(vocab):
    from tokenizers import BertWordPieceTokenizer
    tokenizer = BertWordPieceTokenizer(vocab, lowercase=True)
    lines = sys.stdin.read().splitlines()
    for at in range(0, len(lines), 1024):
        for encoded in tokenizer.encode_batch(lines[at:at + 1024]):
            print(json.dumps(encoded.ids, separators=(",", ":")))


def patches_of(path):
    import numpy as np
    from PIL import Image
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)
    n = SIDE // PATCH
    rows = pixels.reshape(n, PATCH, n, PATCH, 3).transpose(0, 2, 1, 3, 4).reshape(n * n, -1)
    return (rows / 127.5 - 1).astype(np.float16)


def patches(rows, out):
    import multiprocessing
    import numpy as np
    with open(rows) as file:
        paths = [os.path.join(os.path.dirname(rows), json.loads(line)["image"]) for line in file]
    with multiprocessing.Pool(2) as pool:
        np.save(out, np.stack(pool.map(patches_of, paths, chunksize=32)))


def start(model, vocab, picture, text):
    import numpy as np
    import onnxruntime as ort
    from tokenizers import BertWordPieceTokenizer
    ids = BertWordPieceTokenizer(vocab, lowercase=True).encode(text).ids
    rows = patches_of(picture).astype(np.float32)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64),
             "token_type_ids": np.zeros((1, len(ids)), np.int64), "visual_embeds": rows[None],
             "visual_attention_mask": np.ones((1, len(rows)), np.int64),
             "visual_token_type_ids": np.ones((1, len(rows)), np.int64)}
    print(session.run(None, {i.name: given[i.name] for i in session.get_inputs()})[0])


if __name__ == "__main__":
    {"tokenize": tokenize, "patches": patches, "start": start}[sys.argv[1]](*sys.argv[2:])
