#!/usr/bin/env python3
"""Logits of five samples as users may write them, by safetensors, NumPy and h5py: tests/golden/teacher_logits/.
Value of view v, sample i, class c: 100 v + 10 i + c + 0.5; ids are "s0", "ü1", "s2", … (or 0, 1, 2, …)."""
import json
import pathlib

import h5py
import numpy as np
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "teacher_logits"
V, N, C = 3, 5, 2


def main():
    GOLDEN.mkdir(exist_ok=True)
    v, i, c = np.ogrid[:V, :N, :C]
    logits = (100 * v + 10 * i + c + 0.5).astype(np.float32)
    ids = ["ü1" if n == 1 else f"s{n}" for n in range(N)]
    save_file({"logits": logits}, GOLDEN / "texts.safetensors", {"ids": json.dumps(ids)})
    save_file({"logits": logits[0].astype(np.float16)}, GOLDEN / "joint.safetensors", {"ids": json.dumps(list(range(N)))})
    np.savez(GOLDEN / "texts.npz", ids=np.array(ids), logits=logits.astype(np.float64))
    np.savez_compressed(GOLDEN / "bytes.npz", ids=np.array([text.encode() for text in ids]), logits=logits)
    np.savez(GOLDEN / "joint.npz", ids=np.arange(N), logits=logits[0])
    np.savez(GOLDEN / "fortran.npz", ids=np.arange(N), logits=np.asfortranarray(logits))
    np.savez(GOLDEN / "objects.npz", ids=np.array(ids, dtype=object), logits=logits)
    with h5py.File(GOLDEN / "texts.h5", "w") as file:
        file["ids"], file["logits"] = ids, logits
    with h5py.File(GOLDEN / "joint.h5", "w") as file:
        file["ids"] = np.arange(N, dtype=np.int32)
        file.create_dataset("logits", data=logits[0].astype(np.float64), chunks=(2, 1), compression="gzip")


if __name__ == "__main__":
    main()
