"""What the golden scripts share: cases (a model, samples, rule-made numbers), transformers' model run on them, files.

A sequence is run alone, without padding: position and segment ids stay those of the joint view. The model is
transformers' VisualBertForVisualReasoning or, with pooling "last_word", VisualBertForQuestionAnswering as it is; only its
dropout modules are replaced, by ones that draw the engine's masks.
"""
import os
from dataclasses import dataclass, field

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import VisualBertConfig, VisualBertForQuestionAnswering, VisualBertForVisualReasoning

import philox

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")
JOINT, TEXT, IMAGE = range(3)
CLS, SEP = 2, 3
torch.set_num_threads(int(os.environ.get("ORACLE_THREADS", "1")))


@dataclass
class Case:
    """Everything that the C side needs to rebuild a model and its batch; `texts` are lengths without [CLS] and [SEP]."""

    vocab: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    visual_dim: int
    classes: int
    scale: float  # standard deviation of matrices
    texts: list
    rows: list
    seed: int
    hidden_dropout: float = 0.0
    attention_dropout: float = 0.0
    dropout_seed: int = 0
    dropout_step: int = -1  # -1: off
    pooling: str = "cls"
    tokens: list = field(init=False)

    def __post_init__(self):
        draw = philox.uniform(self.seed, philox.SYNTHETIC, philox.step_of("tokens"), sum(self.texts))
        words = (4 + np.floor(draw * (self.vocab - 4)).astype(int)).clip(4, self.vocab - 1).tolist()
        self.tokens = []
        for n in self.texts:
            self.tokens.append([CLS] + words[:n] + [SEP])
            words = words[n:]

    def visual(self):
        """Rows of every sample, [R, D], as float16 holds them."""
        return half_normal(self.seed, "visual", (sum(self.rows), self.visual_dim))

    def tensors(self):
        start = lambda lengths: np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        type_vocab = 2
        return {
            "config": np.array(
                [self.vocab, self.hidden, self.layers, self.heads, self.intermediate, self.positions, type_vocab,
                 self.visual_dim, self.classes] + [1] * (self.pooling == "last_word"), np.int32),  # fmt: skip
            "rates": np.array([self.hidden_dropout, self.attention_dropout, self.scale]),
            "seeds": np.array([self.seed, self.dropout_seed, self.dropout_step], np.int64),
            "tokens": np.concatenate(self.tokens).astype(np.int32),
            "token_start": start([len(t) for t in self.tokens]),
            "row_start": start(self.rows),
        }


def half_normal(seed, name, shape):
    x = philox.normal(seed, philox.SYNTHETIC, philox.step_of(name), int(np.prod(shape)))
    return x.astype(np.float32).astype(np.float16).astype(np.float64).reshape(shape)


def normal(seed, name, shape, scale=1.0):
    """scale * lbk__normal under the name, rounded to float32, as float64."""
    x = scale * philox.normal(seed, philox.SYNTHETIC, philox.step_of(name), int(np.prod(shape)))
    return x.astype(np.float32).astype(np.float64).reshape(shape)


def parameter(name, shape, seed, scale):
    """A parameter by the rule: matrices scale * n, biases 0.1 * n, norms 1 + 0.1 * n; n by seed, name, element."""
    x = philox.normal(seed, philox.INIT, philox.step_of(name), int(np.prod(shape)))
    if name.endswith("LayerNorm.weight"):
        x = 1 + 0.1 * x
    else:
        x *= 0.1 if name.endswith(".bias") else scale
    return torch.from_numpy(x.astype(np.float32).reshape(shape))


def op_of(kind, layer, layers, pooling="cls"):
    """Index of a dropping op on the engine's tape, as src/model/encoder.c records it: visual rows, projection, embed,
    norm, dropout; per layer qkv, attention, dense, norm, up, down, norm; in the last layer [CLS] or last word, q,
    absorbed keys, pooled attention, ...; then pooler for [CLS], dropout, classifier."""
    if kind == "embeddings":
        return 4
    last = layer == layers - 1
    first = 5 + 7 * layer
    if kind == "pooled":
        return 5 + 7 * (layers - 1) + 9 + (pooling == "cls")
    return first + {"attention": 1, "attention.output": 3, "output": 6}[kind] + (2 if last else 0)


class RuleDropout(torch.nn.Module):
    """Dropout by the engine's masks. `where` (shared by all) says which sequence runs; `one`: the engine computes one
    token alone here, and what happens to the others does not matter, so all get what row 0 of theirs would."""

    def __init__(self, op, p, where, attention, one):
        super().__init__()
        self.op, self.p, self.where, self.attention, self.one = op, p, where, attention, one

    def forward(self, x):
        w = self.where
        if w["step"] < 0 or self.p == 0:
            return x
        s, lengths = w["sequence"], w["lengths"]
        if self.attention:
            element = philox.attention_elements(lengths, s, x.shape[1], self.one)[None]
        else:
            rows = x.numel() // x.shape[-1]
            element = philox.row_elements(s if self.one else sum(lengths[:s]), 1 if self.one else rows, x.shape[-1])
            element = np.broadcast_to(element, (rows, x.shape[-1]))
        scale = philox.dropout_scale(w["seed"], self.op, w["step"], element, self.p)
        return x * torch.from_numpy(scale).to(x.dtype).view(x.shape)


class Model:
    def __init__(self, case, dtype=torch.float64):
        self.case, self.dtype = case, dtype
        config = VisualBertConfig(
            vocab_size=case.vocab, hidden_size=case.hidden, num_hidden_layers=case.layers,
            num_attention_heads=case.heads, intermediate_size=case.intermediate,
            max_position_embeddings=case.positions, visual_embedding_dim=case.visual_dim, num_labels=case.classes,
            hidden_dropout_prob=case.hidden_dropout, attention_probs_dropout_prob=case.attention_dropout,
            layer_norm_eps=1e-12, hidden_act="gelu", pad_token_id=0, special_visual_initialize=False)  # fmt: skip
        with torch.device("meta"):
            module = {"cls": VisualBertForVisualReasoning, "last_word": VisualBertForQuestionAnswering}[case.pooling](config)
        state = {n: parameter(n, tuple(p.shape), case.seed, case.scale).to(dtype) for n, p in module.named_parameters()}
        module.load_state_dict(state, assign=True)
        positions = module.visual_bert.embeddings
        positions.position_ids = torch.arange(case.positions).expand(1, -1)
        self.where = {"seed": case.dropout_seed, "step": case.dropout_step}
        self._put_dropout(module)
        self.module = module.eval()
        self.names = list(state)
        self.visual = torch.from_numpy(case.visual()).to(dtype)

    def _put_dropout(self, module):
        c, bert = self.case, module.visual_bert
        last = c.layers - 1
        make = lambda kind, layer, p, one, attention=False: RuleDropout(
            op_of(kind, layer, c.layers, c.pooling), p, self.where, attention, one)  # fmt: skip
        bert.embeddings.dropout = make("embeddings", 0, c.hidden_dropout, False)
        for i, layer in enumerate(bert.encoder.layer):
            layer.attention.self.dropout = make("attention", i, c.attention_dropout, i == last, True)
            layer.attention.output.dropout = make("attention.output", i, c.hidden_dropout, i == last)
            layer.output.dropout = make("output", i, c.hidden_dropout, i == last)
        module.dropout = make("pooled", last, c.hidden_dropout, True)

    def sequence(self, view, i):
        """Arguments of sample i under a view."""
        c, tokens = self.case, self.case.tokens[i]
        position = list(range(len(tokens)))
        if view == IMAGE:
            tokens, position = [tokens[0], tokens[-1]], [0, position[-1]]
        first = sum(c.rows[:i])
        rows = self.visual[first : first + c.rows[i]]
        return dict(
            input_ids=torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.long), position_ids=torch.tensor([position]),
            visual_embeds=None if view == TEXT or not len(rows) else rows[None])  # fmt: skip

    def logits(self, parameters=None, samples=None):
        """[3, B, C] of all samples or those listed; `parameters` (a dict) in place of the module's own, for tangents."""
        samples = range(len(self.case.tokens)) if samples is None else samples
        calls = [self.sequence(v, i) for v in (JOINT, TEXT, IMAGE) for i in samples]
        count = lambda x: 0 if x is None else x.shape[1]
        lengths = [count(a["input_ids"]) + count(a["visual_embeds"]) for a in calls]
        out = []
        for s, arguments in enumerate(calls):
            self.where.update(sequence=s, lengths=lengths)
            if parameters is None:
                out.append(self.module(**arguments).logits)
            else:
                out.append(torch.func.functional_call(self.module, parameters, (), arguments).logits)
        return torch.cat(out).view(3, len(samples), -1)

    def masked_logits(self):
        """[3, B, C] again, another way: all samples as one padded joint batch, and what a view lacks is masked."""
        c = self.case
        n, r, b = max(map(len, c.tokens)), max(c.rows), len(c.tokens)
        ids = torch.tensor([t + [0] * (n - len(t)) for t in c.tokens])
        visual = torch.zeros(b, r, c.visual_dim, dtype=self.dtype)
        text_mask, visual_mask = torch.zeros(3, b, n, dtype=torch.long), torch.zeros(3, b, r)
        for i, tokens in enumerate(c.tokens):
            first, rows = sum(c.rows[:i]), c.rows[i]
            visual[i, :rows] = self.visual[first : first + rows]
            text_mask[[JOINT, TEXT], i, : len(tokens)] = 1
            text_mask[IMAGE, i, [0, len(tokens) - 1]] = 1
            visual_mask[[JOINT, IMAGE], i, :rows] = 1
        run = lambda t, v: self.module(ids, attention_mask=t, visual_embeds=visual, visual_attention_mask=v).logits
        return torch.stack([run(t, v) for t, v in zip(text_mask, visual_mask)])


def save(name, tensors, **metadata):
    os.makedirs(DATA, exist_ok=True)
    path = os.path.join(DATA, name + ".safetensors")
    tensors = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
    save_file(tensors, path, {k: str(v) for k, v in metadata.items()} or None)
    os.chmod(path, 0o644)
    print(f"{name}: {os.path.getsize(path)} bytes")
