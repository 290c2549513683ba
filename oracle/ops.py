"""Forward, backward and tangent of each op of src/tape/ops/ in float64: tests/golden/ops.safetensors.

An op is a function of one vector, `point` = its inputs, then its parameters, each flattened. Case k of the file has under
"k/": `spec` I32 (fields of op_spec in tests/op_case.h), `probability` F32 of dropout, `start` I32 of the sequences and, for
embed, `tokens`, `position`, `segment` I32; and the results at rule-made point, v and u: `y` = f(point), `gradient` = J^T v,
`tangent` = J u, all F64.
"""
import numpy as np
import torch

import golden
import philox

LINEAR, LAYERNORM, ATTENTION, ABSORB_KEYS, POOLED_ATTENTION, DROPOUT, EMBED, FIRST = range(8)
IDENTITY, GELU, TANH = range(3)
SEED, STEP = 500, 9
EPSILON = float(np.float32(1e-12))


def op(kind, rows=0, cols=0, out=0, activation=0, form=0, heads=0, lengths=(), visual=0, vocab=0, positions=0, p=0.0):
    return dict(kind=kind, rows=sum(lengths) if lengths else rows, cols=cols, out=out, activation=activation, form=form,
                heads=heads, lengths=list(lengths), visual=visual, vocab=vocab, positions=positions,
                p=float(np.float32(p)))  # fmt: skip


CASES = (
    [op(LINEAR, n, i, o, a) for a in (IDENTITY, GELU, TANH) for n, i, o in ((1, 1, 1), (7, 13, 5), (0, 3, 2), (17, 31, 19))]
    + [op(LINEAR, 3, 33, 67, GELU), op(LINEAR, 53, 2, 1, TANH)]
    + [op(LAYERNORM, n, c, form=r, p=p) for n, c, r, p in (
        (1, 3, 0, 0), (1, 2, 1, 0), (5, 13, 0, 0), (7, 30, 1, 0), (7, 30, 1, 0.1), (3, 61, 1, 0.5), (0, 8, 1, 0.1),
        (11, 16, 0, 0.3))]
    + [op(k, cols=h, heads=n, lengths=l, p=p) for h, n, l in (
        (1, 1, (1,)), (6, 2, (2, 1, 5)), (30, 3, (7, 17, 1)), (5, 5, (13,)), (26, 1, (3, 8)), (34, 17, (2, 18)), (6, 3, (4, 1, 2, 9, 3, 1)), (4, 2, ()))
       for k, p in ((ATTENTION, 0), (ATTENTION, 0.2), (ABSORB_KEYS, 0), (POOLED_ATTENTION, 0), (POOLED_ATTENTION, 0.2))]
    + [op(DROPOUT, n, c, p=p) for n, c, p in ((1, 1, 0.5), (5, 13, 0), (5, 13, 0.1), (3, 64, 0.9), (0, 4, 0.1), (1, 1031, 0.3))]
    + [op(EMBED, cols=c, form=1, lengths=l, visual=r, vocab=11, positions=7) for c, l, r in (
        (1, (1,), 1), (13, (5, 9, 2), 3), (67, (11,), 2), (3, (), 1))]
    + [op(EMBED, cols=13, form=0, lengths=(5, 2), vocab=11, positions=7)]
    + [op(FIRST, cols=c, lengths=l) for c, l in ((1, (1,)), (13, (3, 1, 7)), (4, ()))]
)  # fmt: skip


def shapes(c):
    """Of the inputs and parameters that make up the point."""
    n, h, s = c["rows"], c["cols"], len(c["lengths"])
    if c["kind"] == LINEAR:
        return [(n, h), (c["out"], h), (c["out"],)]
    if c["kind"] == LAYERNORM:
        return [(n, h)] * (1 + c["form"]) + [(h,), (h,)]
    if c["kind"] == ATTENTION:
        return [(n, 3 * h)]
    if c["kind"] == ABSORB_KEYS:
        return [(s, h), (h, h)]
    if c["kind"] == POOLED_ATTENTION:
        return [(s, c["heads"] * h), (n, h), (h, h), (h,)]
    if c["kind"] == EMBED:
        tables = [(c["vocab"], h), (c["positions"], h), (2, h), (c["positions"], h), (2, h)]
        return [(c["visual"], h)] * c["form"] + tables
    return [(n, h)]


def mask(element, c):
    return torch.from_numpy(philox.dropout_scale(SEED, 0, STEP, element, c["p"]))


def attention(c, queries, keys, values, one):
    """Of each sequence's n queries, or the `one`, to its n tokens: queries [T or S, heads, k], keys [T, heads, k], values
    [T, heads, d]; to [T or S, heads * d]."""
    heads, lengths = c["heads"], c["lengths"]
    out, first = [values[:0].reshape(0, c["cols"])], 0
    for s, n in enumerate(lengths):
        all = slice(first, first + n)
        q, k, v = (x.transpose(0, 1) for x in (queries[s : s + 1] if one else queries[all], keys[all], values[all]))
        p = torch.softmax(q @ k.transpose(1, 2) / (c["cols"] // heads) ** 0.5, -1)
        if c["p"]:
            p = p * mask(philox.attention_elements(lengths, s, heads, one)[:, : p.shape[1]], c)
        out.append((p @ v).transpose(0, 1).reshape(-1, c["cols"]))
        first += n
    return torch.cat(out)


def function(c, ids):
    def run(point):
        parts = [x.view(s) for x, s in zip(point.split([int(np.prod(s)) for s in shapes(c)]), shapes(c))]
        drop = lambda x: x * mask(philox.row_elements(0, *x.shape), c) if c["p"] else x
        if c["kind"] == LINEAR:
            z = torch.nn.functional.linear(*parts)
            return (z, torch.nn.functional.gelu(z), torch.tanh(z))[c["activation"]]
        if c["kind"] == LAYERNORM:
            x = drop(parts[0]) + (parts[1] if c["form"] else 0)
            return torch.nn.functional.layer_norm(x, x.shape[1:], *parts[-2:], EPSILON)
        by_head = lambda x: x.unflatten(1, (c["heads"], -1))
        if c["kind"] == ATTENTION:
            return attention(c, *map(by_head, parts[0].chunk(3, 1)), one=False)
        if c["kind"] == ABSORB_KEYS:
            return torch.einsum("shd,hdc->shc", by_head(parts[0]), parts[1].unflatten(0, (c["heads"], -1))).flatten(1)
        if c["kind"] == POOLED_ATTENTION:  # each token is what its keys are absorbed into, for all heads
            asking, x, weight, bias = parts
            tokens = x[:, None].expand(-1, c["heads"], -1)
            return attention(c, by_head(asking), tokens, by_head(torch.nn.functional.linear(x, weight, bias)), one=True)
        if c["kind"] == DROPOUT:
            return drop(parts[0])
        if c["kind"] == EMBED:
            word, position, segment, visual_position, visual_segment = parts[-5:]
            p, g = torch.from_numpy(ids["position"]), torch.from_numpy(ids["segment"])
            t = torch.from_numpy(ids["tokens"])
            rows = word[t.clamp(min=0)] + position[p] + segment[g]
            if not c["form"]:
                return rows
            seen = parts[0][(-1 - t).clamp(min=0)] + visual_position[p] + visual_segment[g]
            return torch.where((t < 0)[:, None], seen, rows)
        return parts[0][np.cumsum([0] + c["lengths"][:-1]) if c["lengths"] else []]

    return run


def ids_of(c, k):
    """Tokens, of which about a third are visual where there are visual rows; every id of the tables' ends among them."""
    draw = lambda name: philox.uniform(SEED + k, philox.SYNTHETIC, philox.step_of(name), c["rows"])
    below = lambda name, n: np.minimum(draw(name) * n, n - 1).astype(np.int32)
    tokens = below("tokens", c["vocab"])
    if c["form"]:
        tokens = np.where(draw("kind") < 0.4, -1 - below("rows", c["visual"]), tokens).astype(np.int32)
    return {"tokens": tokens, "position": below("position", c["positions"]), "segment": below("segment", 2)}


if __name__ == "__main__":
    tensors = {}
    for k, c in enumerate(CASES):
        ids = ids_of(c, k) if c["kind"] == EMBED else {}
        f = function(c, ids)
        vector = lambda name, count: torch.from_numpy(golden.normal(SEED + k, name, (count,)))
        count = sum(int(np.prod(s)) for s in shapes(c))
        point = vector("point", count)
        y, back = torch.func.vjp(f, point)
        (gradient,) = back(vector("v", y.numel()).view(y.shape))
        _, tangent = torch.func.jvp(f, (point,), (vector("u", count),))
        spec = [c[n] for n in "kind rows cols out activation form heads visual vocab positions".split()]
        start = np.concatenate([[0], np.cumsum(c["lengths"])])
        tensors |= {f"{k}/{n}": np.asarray(a, t) for n, a, t in (
            ("spec", spec, np.int32), ("probability", [c["p"]], np.float32), ("start", start, np.int32),
            ("y", y, np.float64), ("gradient", gradient, np.float64), ("tangent", tangent, np.float64))}  # fmt: skip
        tensors |= {f"{k}/{n}": a for n, a in ids.items()}
    golden.save("ops", tensors, cases=len(CASES))
