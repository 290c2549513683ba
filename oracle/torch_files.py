#!/usr/bin/env python3
"""Files that torch.save writes, in both containers: tests/golden/torch/. Value k of each tensor is k - 2 (BOOL: k odd;
U8: k), as in dtypes.py."""
import collections
import pathlib

import torch

from dtypes import tensors

GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "torch"


def state_dict():
    made = collections.OrderedDict(tensors())
    made["transposed"] = (torch.arange(6.0) - 2).reshape(2, 3).t()      # [3, 2], strides 1, 3
    made["middle"] = (torch.arange(24.0) - 2).reshape(2, 3, 4)[:, 1:, ::2]  # [2, 2, 2], offset 4
    made["parameter"] = torch.nn.Parameter(torch.arange(3.0) - 2)
    made["tied"] = made["parameter"]
    norm = torch.nn.BatchNorm1d(2)
    made.update({f"norm.{name}": value for name, value in norm.state_dict().items()})
    made._metadata = {"": {"version": 2}}
    return made


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    torch.save(state_dict(), GOLDEN / "zip.bin")
    torch.manual_seed(0)
    torch.save(state_dict(), GOLDEN / "older.bin", _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        for container in ("zip", "older"):
            torch.save(state_dict(), GOLDEN / f"{container}_{protocol}.bin", pickle_protocol=protocol,
                       _use_new_zipfile_serialization=container == "zip")
    torch.save({"epoch": 3, "rate": 0.1, "best": torch.tensor(0.7), "state_dict": state_dict()}, GOLDEN / "checkpoint.pth")
    torch.save(torch.nn.Linear(1, 1), GOLDEN / "whole_model.bin")
