#!/usr/bin/env python3
"""One tiny encoder saved by transformers in every way that limbeck imports: tests/golden/import/NAME/, and its weights
under VisualBERT's names: tests/golden/import/base.safetensors. Numbers are multiples of 1/64 below 2, so that float16 and
bfloat16 hold the ones up to 2 with 8 bits exactly."""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers
from transformers import (BertConfig, BertForPreTraining, BertForSequenceClassification, BertModel, DistilBertConfig,
                          DistilBertForSequenceClassification, DistilBertModel, VisualBertConfig,
                          VisualBertForMultipleChoice, VisualBertForPreTraining, VisualBertForQuestionAnswering,
                          VisualBertForRegionToPhraseAlignment, VisualBertForVisualReasoning)

GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "import"
SIZES = dict(vocab_size=7, max_position_embeddings=6, id2label={0: "cat", 1: "dog", 2: "owl"},
             label2id={"cat": 0, "dog": 1, "owl": 2})
BERT = SIZES | dict(hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=6)
DISTIL = SIZES | dict(dim=4, n_layers=2, n_heads=2, hidden_dim=6)
DISTIL_PARTS = {"attention.q_lin": "attention.self.query", "attention.k_lin": "attention.self.key",
                "attention.v_lin": "attention.self.value", "attention.out_lin": "attention.output.dense",
                "sa_layer_norm": "attention.output.LayerNorm", "ffn.lin1": "intermediate.dense",
                "ffn.lin2": "output.dense", "output_layer_norm": "output.LayerNorm"}


def base():
    torch.manual_seed(5)
    model = VisualBertForVisualReasoning(VisualBertConfig(**BERT, visual_embedding_dim=3))
    return {name: torch.randint(-64, 64, value.shape) / 64 for name, value in model.state_dict().items()}


def fill(model, weights):
    """Gives a transformers model the base's weights, module by module; what it has beyond keeps its own."""
    for name, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            own = name.removeprefix("distilbert.").removeprefix("bert.").removeprefix("visual_bert.")
            if own.startswith("transformer.layer."):
                layer, part = own.removeprefix("transformer.layer.").split(".", 1)
                own = f"encoder.layer.{layer}.{DISTIL_PARTS[part]}"
            if name == "classifier":
                own = "cls"
            for candidate in (f"visual_bert.{own}.{leaf}", f"{own}.{leaf}"):
                if candidate in weights and weights[candidate].shape == parameter.shape:
                    parameter.data.copy_(weights[candidate])
    return model.eval()


def save(name, model, container, dtype=torch.float32, rename=lambda name: name, extra=None):
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    state = model.state_dict()  # tied tensors stay one
    state = {rename(key): value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    state |= extra or {}
    if container == "safetensors":
        unique = {key: value.clone() for key, value in state.items()}
        save_file(unique, folder / "model.safetensors", {"format": "pt"})
    elif container in ("zip", "older"):
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=container == "zip")
    else:
        keys = sorted(state)
        ending = container.removeprefix("sharded ")
        stem = "model" if ending == "safetensors" else "pytorch_model"
        shards = [f"{stem}-{i + 1:05}-of-00002.{ending}" for i in range(2)]
        index = {key: shards[i % 2] for i, key in enumerate(keys)}
        for shard in shards:
            part = {key: state[key].clone() for key in keys if index[key] == shard}
            save_file(part, folder / shard) if ending == "safetensors" else torch.save(part, folder / shard)
        (folder / f"{stem}.{ending}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def gamma_beta(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def main():
    weights = base()
    GOLDEN.mkdir(exist_ok=True)
    save_file(weights, GOLDEN / "base.safetensors")
    bert, distil = BertConfig(**BERT), DistilBertConfig(**DISTIL)
    visual = VisualBertConfig(**BERT, visual_embedding_dim=3)
    save("bert", fill(BertForSequenceClassification(bert), weights), "safetensors")
    save("minilm", fill(BertModel(bert), weights), "zip", torch.float16)
    save("tinybert", fill(BertForPreTraining(bert), weights), "older", rename=gamma_beta,
         extra={"fit_denses.0.weight": torch.zeros(2, 2)})
    save("distilbert", fill(DistilBertForSequenceClassification(distil), weights), "zip")
    save("distilbert_bare", fill(DistilBertModel(distil), weights), "safetensors", torch.bfloat16)
    save("visual_pretraining", fill(VisualBertForPreTraining(visual), weights), "sharded bin")
    save("visual_reasoning", fill(VisualBertForVisualReasoning(visual), weights), "sharded safetensors")
    save("visual_choice", fill(VisualBertForMultipleChoice(visual), weights), "zip")
    save("visual_answers", fill(VisualBertForQuestionAnswering(visual), weights), "zip", torch.bfloat16)
    save("visual_phrases", fill(VisualBertForRegionToPhraseAlignment(visual), weights), "older")

    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "##b"])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.save(str(GOLDEN / "bert" / "tokenizer.json"))


if __name__ == "__main__":
    main()
