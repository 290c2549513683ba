"""Philox 4x32-10 and what src/base/random.c draws from it, in numpy.

Weights, directions, visual rows and dropout masks of the golden tests are functions of (seed, stream, step, element):
both sides compute them, so that nothing large is committed. Run this file to check it against Random123's known answers.
"""
import zlib

import numpy as np

INIT, SYNTHETIC, DROPOUT = 1, 4, 0x10000  # streams, as in src/base/random.h
CHUNK = 1 << 20


def philox(seed, stream, step, element):
    """Four uint32 words, [n, 4], for elements [n] of type uint64."""
    element = np.asarray(element, np.uint64)
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [element & low, element >> shift, np.full_like(element, step), np.full_like(element, stream)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k[0]), p1 & low, (p0 >> shift) ^ c[3] ^ np.uint64(k[1]), p0 & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, -1)


def _unit(high, low):
    return (((high << np.uint64(21)) ^ (low >> np.uint64(11))).astype(np.float64) + 1.0) * 2.0**-53


def uniform(seed, stream, step, count):
    w = philox(seed, stream, step, np.arange(count, dtype=np.uint64))
    return _unit(w[:, 0], w[:, 1])


def normal(seed, stream, step, count):
    """Elements 0 ... count - 1 of lbk__normal."""
    out = np.empty(count)
    for start in range(0, count, CHUNK):
        w = philox(seed, stream, step, np.arange(start, min(start + CHUNK, count), dtype=np.uint64))
        out[start : start + CHUNK] = np.sqrt(-2 * np.log(_unit(w[:, 0], w[:, 1]))) * np.cos(
            6.283185307179586476925 * _unit(w[:, 2], w[:, 3])
        )
    return out


def step_of(name):
    """The step under which numbers called `name` are drawn."""
    return zlib.crc32(name.encode())


def round_up(n, multiple=8):
    return (n + multiple - 1) // multiple * multiple


def dropout_scale(seed, op, step, element, p):
    """What dropout multiplies elements by: 0, or 1 / (1 - p) with p rounded to 1/65536. `element` has any shape."""
    threshold = int(np.floor(p * 65536 + 0.5))
    element = np.asarray(element, np.uint64)
    words = philox(seed, DROPOUT + op, step, element.ravel() // np.uint64(8))
    lane = (element.ravel() % np.uint64(8)).astype(np.int64)
    word = words[np.arange(lane.size), lane // 2]
    u16 = (word >> (16 * (lane % 2)).astype(np.uint64)) & np.uint64(0xFFFF)
    keep = u16 >= threshold
    return np.where(keep, 65536.0 / (65536 - threshold), 0.0).reshape(element.shape)


def row_elements(first_row, rows, cols):
    """Elements of rows first_row ... of a row-wise op, [rows, cols]."""
    return (first_row + np.arange(rows))[:, None] * round_up(cols) + np.arange(cols)[None]


def attention_elements(lengths, s, heads, cls_only=False):
    """Elements of sequence s's attention probabilities, [heads, n, n]; `lengths` are those of all sequences. `cls_only`:
    the engine computes one query alone, and the rows of all get its masks."""
    queries = lambda n: 1 if cls_only else n
    before = sum(heads * queries(n) * round_up(n) for n in lengths[:s])
    n = lengths[s]
    h, i, j = np.ogrid[:heads, :n, :n]
    return before + (h * queries(n) + (0 * i if cls_only else i)) * round_up(n) + j


if __name__ == "__main__":
    hexes = lambda *a: [f"{int(w):08x}" for w in philox(*a[:3], [a[3]])[0]]
    assert hexes(0, 0, 0, 0) == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    assert hexes(0x299F31D0A4093822, 0x03707344, 0x13198A2E, 0x85A308D3243F6A88) == [
        "d16cfe09", "94fdcceb", "5001e420", "24126ea1"]  # fmt: skip
    print("philox: known answers hold")
