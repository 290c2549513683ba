#!/usr/bin/env python3
"""What `limbeck export` must write, byte for byte: tests/golden/export/. The files are limbeck's own, kept only after
onnx.checker and onnxruntime, transformers and tokenizers agreed with them.

  oracle/exports.py PATH-OF-LIMBECK      (made from tests/golden/import/)"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from tokenizers import Tokenizer
from transformers import VisualBertForQuestionAnswering, VisualBertForVisualReasoning

TESTS = pathlib.Path(__file__).parent.parent / "tests" / "golden"
BOUND = {"float32": 1e-5, "float16": 1e-5}  # the tiny encoder's weights are exact in float16


def check_onnx(path, model, bound):
    onnx.checker.check_model(str(path), full_check=True)
    torch.manual_seed(1)
    ids, visual = torch.randint(0, 7, (4, 5)), torch.randn(4, 6, 3)
    text_mask = torch.tensor([[1] * n + [0] * (5 - n) for n in (5, 2, 3, 4)])
    mask = torch.tensor([[1] * n + [0] * (6 - n) for n in (0, 6, 1, 3)])
    segments = torch.zeros_like(ids)
    with torch.no_grad():
        expected = model(ids, attention_mask=text_mask, token_type_ids=segments, visual_embeds=visual,
                         visual_attention_mask=mask.float()).logits.numpy()
    session = onnxruntime.InferenceSession(str(path))
    found = session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": text_mask.numpy(),
                                     "token_type_ids": segments.numpy(), "visual_embeds": visual.numpy(),
                                     "visual_attention_mask": mask.numpy()})[0]
    assert np.abs(expected - found).max() <= bound, np.abs(expected - found).max()


def main():
    limbeck, golden = sys.argv[1], TESTS / "export"
    golden.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)

        def run(*arguments):
            subprocess.run([limbeck, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

        run("import", TESTS / "import" / "visual_reasoning", work / "visual")
        run("import", TESTS / "import" / "bert", work / "bert")
        run("export", work / "visual", work / "hf")
        model = VisualBertForVisualReasoning.from_pretrained(work / "hf").eval()
        for dtype, bound in BOUND.items():
            file = work / f"{dtype}.onnx"
            run("export", work / "visual", file, "--format", "onnx", "--dtype", dtype)
            check_onnx(file, model, bound)
            shutil.copy(file, golden)
        run("import", TESTS / "import" / "visual_answers", work / "answers")
        run("export", work / "answers", work / "hf-answers")
        run("export", work / "answers", work / "last_word.onnx", "--format", "onnx")
        answers = VisualBertForQuestionAnswering.from_pretrained(work / "hf-answers").eval()
        check_onnx(work / "last_word.onnx", answers, 1e-5)
        shutil.copy(work / "last_word.onnx", golden)
        run("export", work / "bert", work / "hf-bert")
        tokenizer = Tokenizer.from_file(str(work / "hf-bert" / "tokenizer.json"))
        assert tokenizer.encode("Ab A x").ids == [2, 5, 6, 5, 1, 3]
        shutil.copy(work / "hf-bert" / "tokenizer.json", golden)


if __name__ == "__main__":
    main()
