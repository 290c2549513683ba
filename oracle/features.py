#!/usr/bin/env python3
"""Small HDF5 feature files as h5py makes them: tests/golden/features/.

  oracle/features.py

`half.h5`: float16, contiguous, names of fixed length; image i, row v, column d is ((7 i + 3 v + d) mod 61 - 30) / 8.
`float.h5`: float32 big endian, chunked in all dimensions, shuffled and deflated, names of variable length; `bits` holds
numpy's float16 of the same values as integers.
"""
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "features"


def half():
    n, v, d = 5, 3, 4
    i, r, c = np.meshgrid(np.arange(n), np.arange(v), np.arange(d), indexing="ij")
    with h5py.File(FOLDER / "half.h5", "w") as file:
        names = [f"a/{k}.webp" for k in range(n - 1)] + ["é.webp"]
        file["image"] = np.array([x.encode() for x in names], dtype=h5py.string_dtype("utf-8", 12))
        file["features"] = (((7 * i + 3 * r + c) % 61 - 30) / 8).astype("<f2")
        file["boxes"] = (np.arange(v * 4).reshape(v, 4) / 16).astype(np.float32)
        file.attrs["extractor"] = np.bytes_("made by a rule")
        file.attrs["comment"] = "variable length, ü"
        file.attrs["input_size"] = np.int32(224)
        file.attrs["variance"] = np.float32(0.5)
        file.attrs["scales"] = np.array([1.0, 0.25])
        file.attrs["flag"] = True


def single():
    random = np.random.default_rng(7)
    values = random.standard_normal((17, 2, 5)) * 10.0 ** random.integers(-9, 4, (17, 2, 5))
    values[3, 1] = [65504, -65519.996, 2.0**-24, 2.0**-25, -0.0]
    values = values.astype(">f4")
    with h5py.File(FOLDER / "float.h5", "w") as file:
        names = [f"{'long ' * (k % 3)}{k}" for k in range(17)][::-1]
        file.create_dataset("image", data=names, dtype=h5py.string_dtype())
        file.create_dataset("features", data=values, chunks=(4, 1, 3), compression="gzip", shuffle=True)
        file["bits"] = values.astype("<f2").view("<u2")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    half()
    single()
