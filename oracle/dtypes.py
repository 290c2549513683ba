#!/usr/bin/env python3
"""A file of the Python package safetensors with every type that limbeck reads: tests/golden/dtypes.safetensors.

  oracle/dtypes.py          writes it
  oracle/dtypes.py FILE     checks that the package reads the same tensors from FILE

Value k of each tensor is k - 2 (BOOL: k odd; U8: k), the shape [2, 3]; `empty` is F32 [0, 4], `scalar` F64 [] = 0.1.
"""
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "dtypes.safetensors"
TYPES = {"F64": torch.float64, "I64": torch.int64, "F32": torch.float32, "I32": torch.int32, "F16": torch.float16,
         "BF16": torch.bfloat16, "I16": torch.int16, "I8": torch.int8}


def tensors():
    k = torch.arange(6).reshape(2, 3)
    made = {name: (k - 2).to(dtype) for name, dtype in TYPES.items()}
    return made | {"U8": k.to(torch.uint8), "BOOL": k % 2 == 1, "empty": torch.zeros(0, 4),
                   "scalar": torch.tensor(0.1, dtype=torch.float64)}


def check(path):
    expected = tensors()
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(expected), file.keys()
        for name, tensor in expected.items():
            got = file.get_tensor(name)
            assert got.dtype == tensor.dtype and torch.equal(got, tensor), name
        print(len(expected), "tensors as expected; metadata", file.metadata())


if __name__ == "__main__":
    check(sys.argv[1]) if len(sys.argv) > 1 else save_file(tensors(), GOLDEN, {"made_by": 'a "rule", ü'})
